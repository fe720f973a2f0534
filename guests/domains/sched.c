/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains that want the CPU all at once: each gets its share, nobody more, and who sleeps wakes in
 * time. Where the machine is kept waiting itself, that can't be told from an unfair scheduler: the
 * option `exact` says that its clock counts instructions (tests/measured_machine). */
#include "guests/domains/child.h"

#include "guests/lib/event.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define SPINNERS_MAX 16U

static struct child spinners[SPINNERS_MAX];

/* ---- helpers ------------------------------------------------------------------------------- */

static void want_exact_clock(void)
{
    if (argument_find("exact") == NULL) {
        test_skip("the clock must count instructions");
    }
}

static void sleep_until(int64_t deadline)
{
    while (system_time() < deadline) {
        struct sched_poll poll = {.timeout = (uint64_t)deadline};
        hypercall_sched_op(SCHEDOP_poll, &poll);
    }
}

static void sleep_for(int64_t duration)
{
    sleep_until(system_time() + duration);
}

/* One that never gives up the CPU. */
static void spinner_start(unsigned int i)
{
    struct xen_domctl create = create_record();
    child_build_from(&spinners[i], &create, i, STEP_START);
    child_ask(&spinners[i], CHILD_SPIN, 0, 0, 0, 0);
}

static void spinners_start(unsigned int count)
{
    test_needs_first_domain();
    destroy_all();
    for (unsigned int i = 0; i < count; i++) {
        spinner_start(i);
    }
}

static void spinners_destroy(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        EXPECT_RESULT(foreign_map(i, spinners[i].id, spinners[i].frames[0], 0), 0);
        EXPECT_RESULT(destroy(spinners[i].id), 0);
    }
}

static void set_weight(unsigned int i, uint16_t weight)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2.weight = weight;
    EXPECT_RESULT(domctl(XEN_DOMCTL_scheduler_op, spinners[i].id, &op), 0);
}

static uint64_t cpu_time(unsigned int i)
{
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(spinners[i].id, &info), 0);
    return info.cpu_time;
}

/* How much of the CPU each gets while we sleep. */
static void measure(unsigned int count, int64_t duration, uint64_t times[])
{
    for (unsigned int i = 0; i < count; i++) {
        times[i] = cpu_time(i);
    }
    sleep_for(duration);
    for (unsigned int i = 0; i < count; i++) {
        times[i] = cpu_time(i) - times[i];
    }
}

/* `time` is part/whole of the duration, but for a tenth of it. */
static void expect_share(uint64_t time, int64_t duration, uint64_t part, uint64_t whole)
{
    uint64_t due = (uint64_t)duration * part / whole;
    uint64_t tolerance = due / 10;
    if (time < due - tolerance || time > due + tolerance) {
        test_fail(__FILE__, __LINE__, "%lu us of %lu us is not %lu/%lu", time / 1000,
                  (uint64_t)duration / 1000, part, whole);
    }
}

/* ---- shares -------------------------------------------------------------------------------- */

#define LONG (600 * MILLISECOND)

TEST(sched_cpu_is_shared_by_weight)
{
    want_exact_clock();
    uint64_t times[2];
    spinners_start(2);
    set_weight(1, 512);
    sleep_for(50 * MILLISECOND);
    measure(2, LONG, times);
    expect_share(times[0], LONG, 1, 3);
    expect_share(times[1], LONG, 2, 3);
    spinners_destroy(2);
}

TEST(sched_weight_can_be_changed_while_they_run)
{
    want_exact_clock();
    uint64_t times[2];
    spinners_start(2);
    measure(2, LONG, times);
    expect_share(times[0], LONG, 1, 2);
    set_weight(0, 768);
    sleep_for(50 * MILLISECOND);
    measure(2, LONG, times);
    expect_share(times[0], LONG, 3, 4);
    set_weight(0, 256);
    sleep_for(50 * MILLISECOND);
    measure(2, LONG, times);
    expect_share(times[0], LONG, 1, 2);
    spinners_destroy(2);
}

TEST(sched_domain_that_comes_late_gets_its_share_and_no_more)
{
    want_exact_clock();
    uint64_t times[2];
    spinners_start(1);
    sleep_for(LONG);
    spinner_start(1);
    sleep_for(50 * MILLISECOND);
    measure(2, LONG, times);
    expect_share(times[0], LONG, 1, 2);
    expect_share(times[1], LONG, 1, 2);
    spinners_destroy(2);
}

TEST(sched_domain_that_was_paused_saves_nothing_up)
{
    want_exact_clock();
    uint64_t times[2];
    spinners_start(2);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_pausedomain, spinners[0].id), 0);
    measure(2, LONG, times);
    EXPECT_EQUAL(times[0], 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_unpausedomain, spinners[0].id), 0);
    sleep_for(50 * MILLISECOND);
    measure(2, LONG, times);
    expect_share(times[0], LONG, 1, 2);
    spinners_destroy(2);
}

TEST(sched_many_domains_all_get_to_run)
{
    want_exact_clock();
    uint64_t times[SPINNERS_MAX];
    spinners_start(SPINNERS_MAX);
    measure(SPINNERS_MAX, 3 * LONG, times);
    for (unsigned int i = 0; i < SPINNERS_MAX; i++) {
        uint64_t due = 3 * LONG / SPINNERS_MAX;
        EXPECT(times[i] > due / 2 && times[i] < due * 3 / 2);
    }
    spinners_destroy(SPINNERS_MAX);
}

/* ---- waking -------------------------------------------------------------------------------- */

#define WAKES    100U
#define LATE_MAX (10 * MILLISECOND)

/* A few may be late where the machine itself is stopped now and then, by others on its host. */
TEST(sched_spinning_domains_do_not_keep_a_sleeper_from_waking)
{
    want_exact_clock();
    spinners_start(3);
    unsigned int late = 0;
    for (unsigned int i = 0; i < WAKES; i++) {
        int64_t deadline = system_time() + MILLISECOND + (int64_t)i * 10000;
        sleep_until(deadline);
        late += system_time() - deadline > LATE_MAX ? 1 : 0;
    }
    EXPECT_EQUAL(late, 0);
    spinners_destroy(3);
}

/* ---- doing nothing ------------------------------------------------------------------------- */

static uint64_t idle_time(void)
{
    struct xen_sysctl op;
    struct xen_sysctl_cpuinfo info;
    memset(&op, 0, sizeof(op));
    op.u.getcpuinfo.max_cpus = 1;
    set_xen_guest_handle_raw(op.u.getcpuinfo.info, &info);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_getcpuinfo, &op), 0);
    return info.idletime;
}

TEST(sched_machine_is_idle_while_all_domains_wait)
{
    want_exact_clock();
    struct child child = child_start();
    struct sched_poll forever = {.nr_ports = 0};
    child_ask(&child, __HYPERVISOR_sched_op, SCHEDOP_poll,
              child_record(&child, &forever, sizeof(forever)), 0, 0);
    sleep_for(20 * MILLISECOND);
    uint64_t before = idle_time();
    sleep_for(LONG);
    EXPECT(idle_time() - before > LONG * 95 / 100);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
}
