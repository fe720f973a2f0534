/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vcpus kernel has several vCPUs, and shows what they can do to each other. The machine may
 * have one CPU: each of them gets to run all the same.
 *
 * In this file: a vCPU is given its first state, comes up, and goes down.
 */
#include "guests/vcpus/other.h"

#include "lib/string.h"

#define NO_VCPU       4000U
#define ROUNDING_NS   1000U /* between the clock that we read and the hypervisor's */
#define NOT_CANONICAL UINT64_C(0x0000900000000000)

static int64_t vcpu_op(uint32_t command, const struct other *other, const void *argument)
{
    return hypercall_vcpu_op(command, other->id, argument);
}

TEST(vcpu_without_a_state_is_down_and_cannot_come_up)
{
    struct other *other = other_new();
    EXPECT_RESULT(vcpu_op(VCPUOP_is_up, other, NULL), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), -XEN_EINVAL);
    EXPECT_RESULT(vcpu_op(VCPUOP_is_up, other, NULL), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_down, other, NULL), 0);
    EXPECT_RESULT(vcpu_op(99, other, NULL), -XEN_ENOSYS);
}

TEST(vcpu_that_is_not_there_has_no_operations)
{
    static struct vcpu_guest_context context;
    static const uint32_t commands[] = {
        VCPUOP_initialise,        VCPUOP_up, VCPUOP_down, VCPUOP_is_up, VCPUOP_get_runstate_info,
        VCPUOP_register_vcpu_info};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        EXPECT_RESULT(hypercall_vcpu_op(commands[i], NO_VCPU, &context), -XEN_ENOENT);
    }
}

TEST(state_that_cannot_be_is_refused_and_leaves_nothing)
{
    struct other *other = other_new();
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, (void *)FREE_VA), -XEN_EFAULT);
    struct vcpu_guest_context *context = other_context(other);
    context->user_regs.rip = NOT_CANONICAL;
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, context), -XEN_EINVAL);
    context = other_context(other);
    context->gdt_ents = 8193;
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, context), -XEN_EINVAL);
    context = other_context(other);
    context->ctrlreg[3] = mfn_of(page_alloc()).value << PAGE_SHIFT; /* is mapped writable */
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, context), -XEN_EINVAL);
    EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), -XEN_EINVAL);
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, other_context(other)), 0);
}

TEST(vcpu_is_initialised_once_and_starts_when_it_is_brought_up)
{
    struct other *other = other_new();
    other->job = job_count;
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, other_context(other)), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, other_context(other)), -XEN_EEXIST);
    EXPECT_RESULT(vcpu_op(VCPUOP_is_up, other, NULL), 0);
    for (unsigned int i = 0; i < 100; i++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    EXPECT_EQUAL(other->turns, 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_is_up, other, NULL), 1);
    EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), 0);
    WAIT_FOR(other->turns > 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, other_context(other)), -XEN_EEXIST);
    other->stop = true;
}

/* On Xen it is up and does not run, until it has been taken down and brought up. */
TEST(vcpu_whose_state_says_online_is_up)
{
    struct other *other = other_new();
    other->job = job_count;
    struct vcpu_guest_context *context = other_context(other);
    context->flags |= VGCF_online;
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, context), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_is_up, other, NULL), 1);
    EXPECT_RESULT(vcpu_op(VCPUOP_down, other, NULL), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), 0);
    WAIT_FOR(other->turns > 0);
    other->stop = true;
}

TEST(vcpu_that_is_taken_down_stops_and_goes_on_where_it_was)
{
    struct other *other = other_start();
    other_begin(other, job_count);
    EXPECT_RESULT(vcpu_op(VCPUOP_down, other, NULL), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_is_up, other, NULL), 0);
    uint64_t turns = other->turns;
    for (unsigned int i = 0; i < 100; i++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    EXPECT_EQUAL(other->turns, turns);
    EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), 0);
    WAIT_FOR(other->turns > turns);
    other->stop = true;
    other_wait(other);
}

static void job_take_itself_down(struct other *other)
{
    other->turns = 1;
    other->result = hypercall_vcpu_op(VCPUOP_down, other->id, NULL);
    other->turns = 2;
}

/* As Linux does when a CPU is taken offline, and online again. */
TEST(vcpu_that_takes_itself_down_comes_back_behind_the_call)
{
    struct other *other = other_start();
    for (unsigned int round = 0; round < 3; round++) {
        other->result = -1;
        other_begin(other, job_take_itself_down);
        WAIT_FOR(vcpu_op(VCPUOP_is_up, other, NULL) == 0);
        EXPECT_EQUAL(other->turns, 1);
        EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), 0);
        other_wait(other);
        EXPECT_RESULT(other->result, 0);
        EXPECT_EQUAL(other->turns, 2);
    }
}

/* ---- the record that events go to ---------------------------------------------------------- */

TEST(vcpu_info_of_another_is_placed_before_it_runs_and_not_while)
{
    struct other *other = other_new();
    static uint8_t page[PAGE_SIZE] ALIGNED(4096), late_page[PAGE_SIZE] ALIGNED(4096);
    struct vcpu_register_vcpu_info place = {.mfn = mfn_of(page).value, .offset = 64};
    EXPECT_RESULT(vcpu_op(VCPUOP_register_vcpu_info, other, &place), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_register_vcpu_info, other, &place), -XEN_EINVAL);
    other->info = (volatile struct vcpu_info *)(page + 64);
    EXPECT_EQUAL(other->info->evtchn_upcall_pending, 1);
    EXPECT_EQUAL(other->info->evtchn_pending_sel, UINT64_MAX);
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, other_context(other)), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), 0);
    WAIT_FOR(other->upcalls == 1); /* what was marked pending */
    evtchn_port_t port = ipi_for(other->id);
    EXPECT_RESULT(port_send(port), 0);
    WAIT_FOR(other->upcalls == 2);

    struct other *running = other_start();
    place = (struct vcpu_register_vcpu_info){.mfn = mfn_of(late_page).value};
    EXPECT_RESULT(vcpu_op(VCPUOP_register_vcpu_info, running, &place), -XEN_EINVAL);
    EXPECT_RESULT(vcpu_op(VCPUOP_down, running, NULL), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_register_vcpu_info, running, &place), 0);
}

/* ---- runstates ----------------------------------------------------------------------------- */

static int state_of(const struct other *other)
{
    struct vcpu_runstate_info info;
    memset(&info, 0xff, sizeof(info));
    EXPECT_RESULT(vcpu_op(VCPUOP_get_runstate_info, other, &info), 0);
    return info.state;
}

static void job_block(struct other *other)
{
    other->turns = 1;
    other->result = hypercall_sched_op(SCHEDOP_block, NULL);
}

TEST(runstate_of_another_says_what_it_does)
{
    struct other *other = other_new();
    EXPECT_EQUAL(state_of(other), RUNSTATE_offline);
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, other_context(other)), 0);
    EXPECT_EQUAL(state_of(other), RUNSTATE_offline);
    EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), 0);
    evtchn_port_t port = ipi_for(other->id);
    other_begin(other, job_block);
    WAIT_FOR(state_of(other) == RUNSTATE_blocked);
    EXPECT_RESULT(port_send(port), 0);
    other_wait(other);
    EXPECT_RESULT(vcpu_op(VCPUOP_down, other, NULL), 0);
    WAIT_FOR(state_of(other) == RUNSTATE_offline);
}

TEST(time_of_another_adds_up)
{
    struct other *other = other_start();
    other_begin(other, job_count);
    struct vcpu_runstate_info first, second;
    int64_t before_first = system_time();
    EXPECT_RESULT(vcpu_op(VCPUOP_get_runstate_info, other, &first), 0);
    int64_t start = system_time();
    uint64_t turns = other->turns;
    while (system_time() - start < 20 * MILLISECOND) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    WAIT_FOR(other->turns > turns + 1);
    int64_t end = system_time();
    EXPECT_RESULT(vcpu_op(VCPUOP_get_runstate_info, other, &second), 0);
    int64_t after_second = system_time();
    EXPECT(second.time[RUNSTATE_running] > first.time[RUNSTATE_running]);
    uint64_t sum = 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(first.time); i++) {
        EXPECT(second.time[i] >= first.time[i]);
        sum += second.time[i] - first.time[i];
    }
    EXPECT(sum + ROUNDING_NS >= (uint64_t)(end - start));
    EXPECT(sum <= (uint64_t)(after_second - before_first) + ROUNDING_NS);
    other->stop = true;
}

TEST(runstate_area_of_another_is_written_at_once_and_kept)
{
    struct other *other = other_new();
    static volatile struct vcpu_runstate_info area;
    struct vcpu_register_runstate_memory_area record;
    area.state = 77;
    set_xen_guest_handle(record.addr.h, (struct vcpu_runstate_info *)(uint64_t)&area);
    EXPECT_RESULT(vcpu_op(VCPUOP_register_runstate_memory_area, other, &record), 0);
    EXPECT_EQUAL(area.state, RUNSTATE_offline);
    EXPECT_RESULT(vcpu_op(VCPUOP_initialise, other, other_context(other)), 0);
    EXPECT_RESULT(vcpu_op(VCPUOP_up, other, NULL), 0);
    other_begin(other, job_count);
    EXPECT(area.state == RUNSTATE_runnable || area.state == RUNSTATE_running);
    EXPECT(area.time[RUNSTATE_running] > 0 || area.time[RUNSTATE_offline] > 0);
    other->stop = true;
}
