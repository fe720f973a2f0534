/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/vcpus/other.h"

#include "lib/string.h"

#define OTHERS_MAX          31U
#define TEST_FAILSAFE_MASKS VGCF_failsafe_disables_events

static struct other others[OTHERS_MAX];
static uint32_t last_number;

_Static_assert(offsetof(struct other, upcalls) == OTHER_UPCALLS, "other.S");
_Static_assert(offsetof(struct other, failsafes) == OTHER_FAILSAFES, "other.S");
_Static_assert(offsetof(struct other, selectors) == OTHER_SELECTORS, "other.S");
_Static_assert(offsetof(struct vcpu_info, evtchn_pending_sel) == 8, "other.S");

void other_main(struct other *other);

/* Those of earlier tests would take turns for ever. */
static void retire_others(void)
{
    static unsigned int test;
    if (test != test_number()) {
        test = test_number();
        for (uint32_t number = 1; number <= last_number; number++) {
            EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_down, number, NULL), 0);
        }
    }
}

uint32_t other_number(void)
{
    retire_others();
    uint32_t number = last_number + 1;
    if (number > OTHERS_MAX || hypercall_vcpu_op(VCPUOP_is_up, number, NULL) < 0) {
        test_skip("there are not enough vCPUs (dom0_max_vcpus=, vcpus=)");
    }
    last_number = number;
    return number;
}

struct vcpu_guest_context *other_context(struct other *other)
{
    static struct vcpu_guest_context context;
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel | TEST_FAILSAFE_MASKS;
    context.user_regs.rip = pointer_value((const void *)(uint64_t)other_entry);
    context.user_regs.rdi = pointer_value(other);
    context.user_regs.rsp = pointer_value(other->stack) + sizeof(other->stack);
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.user_regs.rflags = RFLAGS_IF | RFLAGS_FIXED;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = mfn_of(boot_l4()).value << PAGE_SHIFT;
    context.event_callback_eip = (uint64_t)other_event;
    context.failsafe_callback_eip = (uint64_t)other_failsafe;
    context.gs_base_kernel = pointer_value(other);
    return &context;
}

struct other *other_new(void)
{
    uint32_t number = other_number();
    struct other *other = &others[number - 1];
    other->id = number;
    other->info = &shared_info()->vcpu_info[number];
    other->info->evtchn_upcall_mask = 0;
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, number, NULL);
    return other;
}

struct other *other_start(void)
{
    struct other *other = other_new();
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_initialise, other->id, other_context(other)), 0);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_up, other->id, NULL), 0);
    return other;
}

void other_main(struct other *other)
{
    for (;;) {
        other_job_fn job = other->job;
        if (job != NULL) {
            job(other);
            other->job = NULL;
        }
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

void other_begin(struct other *other, other_job_fn job)
{
    other->turns = 0;
    other->stop = false;
    other->job = job;
    WAIT_FOR(other->turns > 0);
}

void other_wait(const struct other *other)
{
    WAIT_FOR(other->job == NULL);
}

void other_do(struct other *other, other_job_fn job)
{
    other->job = job;
    other_wait(other);
}

void job_count(struct other *other)
{
    while (!other->stop) {
        other->turns++;
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

evtchn_port_t ipi_for(uint32_t vcpu)
{
    struct evtchn_bind_ipi bind = {.vcpu = vcpu};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), 0);
    event_port_unmask_bit(bind.port);
    return bind.port;
}

int64_t port_send(evtchn_port_t port)
{
    struct evtchn_send send = {.port = port};
    return hypercall_event_channel_op(EVTCHNOP_send, &send);
}
