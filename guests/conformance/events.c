/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event channels, upcalls, the scheduler's calls and time. A lost upcall hangs a kernel in its idle
 * loop, one too many makes it spin; both only show under load, so each rule is checked alone here.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"

static evtchn_port_t ipi_bind(void)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), 0);
    return bind.port;
}

static int64_t port_send(evtchn_port_t port)
{
    struct evtchn_send send = {.port = port};
    return hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static int64_t port_unmask(evtchn_port_t port)
{
    struct evtchn_unmask unmask = {.port = port};
    return hypercall_event_channel_op(EVTCHNOP_unmask, &unmask);
}

static evtchn_port_t timer_bind(void)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
    event_port_unmask_bit(bind.port);
    return bind.port;
}

static uint64_t port_bit(evtchn_port_t port)
{
    return UINT64_C(1) << port;
}

#define TURNS 1000000U

/* Until so many upcalls came, but not for ever. A machine that was stopped for a while by its host
 * finds all that time gone before the timer's interrupt comes: so it is given turns as well. */
static void wait_for_upcalls(uint64_t count)
{
    int64_t end = system_time() + 1000 * MILLISECOND;
    for (unsigned int turn = 0; event_upcalls() < count && (turn < TURNS || system_time() < end);
         turn++) {
        __asm__ volatile("pause" : : : "memory");
    }
}

TEST(event_sent_to_self_is_delivered_before_send_returns)
{
    evtchn_port_t port = ipi_bind();
    event_port_unmask_bit(port);
    event_enable();
    EXPECT_RESULT(port_send(port), 0);
    EXPECT_EQUAL(event_upcalls(), 1);
    EXPECT_EQUAL(event_seen(), port_bit(port));
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 0);
}

TEST(masked_port_becomes_pending_without_an_upcall)
{
    evtchn_port_t port = ipi_bind();
    event_enable();
    EXPECT_RESULT(port_send(port), 0);
    EXPECT_EQUAL(event_upcalls(), 0);
    EXPECT(event_port_pending(port));
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_pending, 0);
    EXPECT_EQUAL(vcpu_info()->evtchn_pending_sel, 0);
}

TEST(unmask_of_a_pending_port_delivers_it)
{
    evtchn_port_t port = ipi_bind();
    event_enable();
    EXPECT_RESULT(port_send(port), 0);
    EXPECT_RESULT(port_unmask(port), 0);
    EXPECT_EQUAL(event_upcalls(), 1);
    EXPECT_EQUAL(event_seen(), port_bit(port));
    EXPECT_EQUAL(shared_info()->evtchn_mask[0] & port_bit(port), 0);
}

TEST(unmask_of_an_idle_port_only_clears_the_mask)
{
    evtchn_port_t port = ipi_bind();
    event_enable();
    EXPECT_RESULT(port_unmask(port), 0);
    EXPECT_EQUAL(event_upcalls(), 0);
    EXPECT_EQUAL(shared_info()->evtchn_mask[0] & port_bit(port), 0);
}

TEST(event_waits_while_upcalls_are_masked)
{
    evtchn_port_t port = ipi_bind();
    event_port_unmask_bit(port);
    EXPECT_RESULT(port_send(port), 0);
    EXPECT_EQUAL(event_upcalls(), 0);
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_pending, 1);
    EXPECT_EQUAL(vcpu_info()->evtchn_pending_sel, 1);
    event_enable();
    EXPECT_EQUAL(event_upcalls(), 1);
}

TEST(event_sent_twice_while_pending_is_one_event)
{
    evtchn_port_t port = ipi_bind();
    event_port_unmask_bit(port);
    EXPECT_RESULT(port_send(port), 0);
    EXPECT_RESULT(port_send(port), 0);
    event_enable();
    EXPECT_EQUAL(event_upcalls(), 1);
    EXPECT_RESULT(port_send(port), 0);
    EXPECT_EQUAL(event_upcalls(), 2);
}

static uint64_t upcall_cs;
static uint64_t upcall_mask;
static uint64_t upcall_rax;

static bool note_upcall(struct trap_frame *frame)
{
    if (frame->vector == TRAP_EVENT) {
        upcall_cs = frame->cs;
        upcall_rax = frame->rax;
        upcall_mask = vcpu_info()->evtchn_upcall_mask;
    }
    return false;
}

TEST(upcall_runs_masked_and_sees_the_result_of_the_hypercall)
{
    evtchn_port_t port = ipi_bind();
    event_port_unmask_bit(port);
    EXPECT_RESULT(port_send(port), 0);
    trap_hook = note_upcall;
    upcall_cs = upcall_mask = 0;
    vcpu_info()->evtchn_upcall_mask = 0;
    int64_t version = hypercall_xen_version(XENVER_version, NULL);
    EXPECT_EQUAL(event_upcalls(), 1);
    EXPECT_EQUAL(upcall_mask, 1);
    EXPECT_EQUAL(upcall_cs, 0xe030);
    EXPECT_EQUAL(upcall_rax, version);
}

SNIPPET(wait_in_user_mode, "1: pause\n jmp 1b");

static bool end_at_upcall(struct trap_frame *frame)
{
    if (frame->vector == TRAP_EVENT && (frame->cs & 3) == 3) {
        event_dispatch();
        frame->rip = 0; /* the user loop ends in a page fault */
        return true;
    }
    return false;
}

TEST(timer_interrupts_user_mode)
{
    user_space_create();
    evtchn_port_t port = timer_bind();
    trap_hook = end_at_upcall;
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns =
                                                  (uint64_t)(system_time() + MILLISECOND)};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
    EXPECT_TRAP(user_run(wait_in_user_mode, NULL), TRAP_PAGE_FAULT,
                PAGE_FAULT_USER | PAGE_FAULT_FETCH);
    EXPECT_EQUAL(event_seen(), port_bit(port));
}

TEST(pending_event_is_delivered_by_iret_before_user_mode_runs)
{
    user_space_create();
    evtchn_port_t port = ipi_bind();
    event_port_unmask_bit(port);
    EXPECT_RESULT(port_send(port), 0);
    trap_hook = end_at_upcall;
    EXPECT_TRAP(user_run(wait_in_user_mode, NULL), TRAP_PAGE_FAULT,
                PAGE_FAULT_USER | PAGE_FAULT_FETCH);
    EXPECT_EQUAL(event_upcalls(), 1);
}

TEST(timer_fires_at_its_time_and_once)
{
    evtchn_port_t port = timer_bind();
    int64_t deadline = system_time() + 2 * MILLISECOND;
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = (uint64_t)deadline};
    event_enable();
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
    wait_for_upcalls(1);
    EXPECT_EQUAL(event_upcalls(), 1);
    EXPECT_EQUAL(event_seen(), port_bit(port));
    EXPECT(system_time() >= deadline);
}

TEST(timer_whose_time_has_passed_fires_at_once)
{
    timer_bind();
    static const uint64_t times[] = {1, 1000000};
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = times[i]};
        event_enable();
        uint64_t before = event_upcalls();
        EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
        wait_for_upcalls(before + 1);
        EXPECT_EQUAL(event_upcalls(), before + 1);
    }
}

TEST(stopped_timer_does_not_fire)
{
    timer_bind();
    event_enable();
    uint64_t before;
    int64_t deadline;
    unsigned int rounds = 0;
    do { /* where the host stopped the machine in between, it may rightly have fired */
        EXPECT(rounds++ < 100);
        before = event_upcalls();
        deadline = system_time() + 100 * MILLISECOND;
        struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = (uint64_t)deadline};
        EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
        EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    } while (system_time() >= deadline);
    while (event_upcalls() == before && system_time() < deadline + 20 * MILLISECOND) {
        __asm__ volatile("pause" : : : "memory");
    }
    EXPECT_EQUAL(event_upcalls(), before);
}

TEST(periodic_timer_fires_until_it_is_stopped)
{
    timer_bind();
    struct vcpu_set_periodic_timer timer = {.period_ns = 2 * (uint64_t)MILLISECOND};
    event_enable();
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer), 0);
    wait_for_upcalls(3);
    EXPECT(event_upcalls() >= 3);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    timer.period_ns = 1;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer), -XEN_EINVAL);
}

TEST(set_timer_op_fires_too)
{
    timer_bind();
    event_enable();
    EXPECT_RESULT(hypercall_set_timer_op((uint64_t)(system_time() + MILLISECOND)), 0);
    wait_for_upcalls(1);
    EXPECT_EQUAL(event_upcalls(), 1);
    EXPECT_RESULT(hypercall_set_timer_op(0), 0);
}

TEST(block_waits_for_the_timer_and_unmasks)
{
    timer_bind();
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns =
                                                  (uint64_t)(system_time() + 2 * MILLISECOND)};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
    EXPECT_RESULT(hypercall_sched_op(SCHEDOP_block, NULL), 0);
    EXPECT_EQUAL(event_upcalls(), 1);
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 0);
}

TEST(block_with_a_pending_event_returns_at_once)
{
    evtchn_port_t port = ipi_bind();
    event_port_unmask_bit(port);
    EXPECT_RESULT(port_send(port), 0);
    EXPECT_RESULT(hypercall_sched_op(SCHEDOP_block, NULL), 0);
    EXPECT_EQUAL(event_upcalls(), 1);
}

TEST(yield_returns)
{
    EXPECT_RESULT(hypercall_sched_op(SCHEDOP_yield, NULL), 0);
}

static int64_t poll_for(evtchn_port_t port, uint64_t timeout)
{
    struct sched_poll poll = {.nr_ports = 1, .timeout = timeout};
    set_xen_guest_handle(poll.ports, &port);
    return hypercall_sched_op(SCHEDOP_poll, &poll);
}

TEST(poll_returns_when_its_port_is_pending_though_masked)
{
    evtchn_port_t port = ipi_bind();
    EXPECT_RESULT(port_send(port), 0);
    EXPECT_RESULT(poll_for(port, 0), 0);
    EXPECT_EQUAL(event_upcalls(), 0);
    EXPECT(event_port_pending(port));
}

TEST(poll_ends_at_its_timeout)
{
    evtchn_port_t port = ipi_bind();
    int64_t deadline = system_time() + 2 * MILLISECOND;
    EXPECT_RESULT(poll_for(port, (uint64_t)deadline), 0);
    EXPECT(system_time() >= deadline);
}

TEST(poll_of_too_many_or_unknown_ports_is_refused)
{
    EXPECT_RESULT(poll_for(0xffffff, 0), -XEN_EINVAL);
    struct sched_poll poll = {.nr_ports = 129};
    EXPECT_RESULT(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
}

TEST(unknown_scheduler_operation_is_refused)
{
    EXPECT_RESULT(hypercall_sched_op(99, NULL), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall_event_channel_op(99, NULL), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall_vcpu_op(99, 0, NULL), -XEN_ENOSYS);
}

TEST(ports_that_are_not_bound_cannot_be_used)
{
    EXPECT_RESULT(port_send(0), -XEN_EINVAL);
    EXPECT_RESULT(port_send(60), -XEN_EINVAL);
    EXPECT_RESULT(port_send(0xffffffff), -XEN_EINVAL);
    EXPECT_RESULT(port_unmask(0xffffffff), -XEN_EINVAL);
    struct evtchn_close close = {.port = 60};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), -XEN_EINVAL);
}

TEST(virq_can_be_bound_once_and_again_after_close)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
    struct evtchn_close close = {.port = bind.port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), -XEN_EEXIST);
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
    bind.virq = NR_VIRQS;
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), -XEN_EINVAL);
    bind.virq = VIRQ_DEBUG;
    bind.vcpu = 0x1000;
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), -XEN_ENOENT);
}

TEST(status_tells_what_a_port_is)
{
    struct evtchn_status status = {.dom = DOMID_SELF, .port = ipi_bind()};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQUAL(status.status, EVTCHNSTAT_ipi);
    status.port = 60;
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQUAL(status.status, EVTCHNSTAT_closed);
}

TEST(port_of_the_own_domain_can_be_bound_to_another)
{
    struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &unbound), 0);
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF, .remote_port = unbound.port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
    EXPECT_RESULT(port_send(bind.local_port), 0);
    EXPECT(event_port_pending(unbound.port));
    EXPECT_RESULT(port_send(unbound.port), 0);
    EXPECT(event_port_pending(bind.local_port));
}

TEST(time_record_is_in_force_and_time_moves)
{
    const volatile struct vcpu_time_info *time = &vcpu_info()->time;
    EXPECT(time->version % 2 == 0);
    EXPECT(time->tsc_to_system_mul != 0);
    int64_t first = system_time();
    int64_t second = system_time();
    EXPECT(first > 0);
    EXPECT(second >= first);
    EXPECT(shared_info()->wc_version % 2 == 0);
}

/* At 0 it is given up; else the test's page would be written to for ever. */
TEST(time_record_can_be_had_at_another_place)
{
    static struct vcpu_time_info area;
    const volatile struct vcpu_time_info *time = &area;
    struct vcpu_register_time_memory_area place = {.addr.p = HOLE_VA};
    area.version = 1;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &place), -XEN_EFAULT);
    EXPECT_EQUAL(time->version, 1);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, (void *)HOLE_VA),
                  -XEN_EFAULT);
    set_xen_guest_handle(place.addr.h, &area);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &place), 0);
    EXPECT(time->version % 2 == 0);
    EXPECT(time->tsc_to_system_mul != 0);
    int64_t before = system_time();
    int64_t there = system_time_by(time);
    EXPECT(there >= before - MILLISECOND && there <= system_time() + MILLISECOND);
    place.addr.p = 0;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &place), 0);
}

TEST(vcpu_is_up_answers_for_each_id)
{
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_is_up, 0x2000, NULL), -XEN_ENOENT);
}

TEST(runstate_says_running)
{
    struct vcpu_runstate_info runstate = {0};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &runstate), 0);
    EXPECT_EQUAL(runstate.state, RUNSTATE_running);
    EXPECT(runstate.state_entry_time > 0);
    static struct vcpu_runstate_info area;
    struct vcpu_register_runstate_memory_area place;
    set_xen_guest_handle(place.addr.h, &area);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &place), 0);
    EXPECT_EQUAL(((volatile struct vcpu_runstate_info *)&area)->state, RUNSTATE_running);
}

/* The record cannot be moved back: the page is the vCPU's from here on. */
TEST(vcpu_info_can_be_moved_once_and_works_at_its_new_place)
{
    static uint8_t page[PAGE_SIZE] ALIGNED(4096);
    struct vcpu_register_vcpu_info place = {.mfn = mfn_of(page).value, .offset = 0x3c4};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &place), -XEN_ENXIO);
    place.offset = PAGE_SIZE - 8;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &place), -XEN_ENXIO);
    place = (struct vcpu_register_vcpu_info){.mfn = mfn_of(pool_l2).value, .offset = 0x3c0};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &place), -XEN_EINVAL);
    place.mfn = 0xa0;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &place), -XEN_EINVAL);

    place.mfn = mfn_of(page).value;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &place), 0);
    vcpu_info_moved((volatile struct vcpu_info *)(page + 0x3c0));
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &place), -XEN_EINVAL);
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 1);
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_pending, 1);
    EXPECT(vcpu_info()->time.tsc_to_system_mul != 0);
    event_reset();
    evtchn_port_t port = ipi_bind();
    event_port_unmask_bit(port);
    event_enable();
    EXPECT_RESULT(port_send(port), 0);
    EXPECT_EQUAL(event_seen(), port_bit(port));
    EXPECT_PAGE_FAULT(trap_try_read(FREE_VA, NULL), 0, FREE_VA);
}
