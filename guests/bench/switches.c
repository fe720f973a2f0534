/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways into the hypervisor and into the kernel, and back. */
#include "guests/bench/bench.h"
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"

void bench_stub_page_fault(void);
void bench_stub_event(void);
void bench_stub_syscall(void);

/* Where bench_stub_event finds what it clears. */
extern volatile void *bench_vcpu_info, *bench_pending_word;
volatile void *bench_vcpu_info, *bench_pending_word;

_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_pending) == 0, "see bench_stub_event");
_Static_assert(offsetof(struct vcpu_info, evtchn_pending_sel) == 8, "see bench_stub_event");

/* ticks() for user mode, with the result in a register of its own: the first one's costs one
 * instruction more than ticks() does. */
#define USER_TICKS(to) "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %" to "\n"

SNIPPET(user_fault_timed, USER_TICKS("r8") "movq (%rdi), %rsi\n" USER_TICKS("r9") "ud2");
SNIPPET(user_syscall_timed, USER_TICKS("r8") "syscall\n" USER_TICKS("r9") "ud2");

TEST(hypercall_that_does_nothing)
{
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        uint64_t start = ticks();
        int64_t result = hypercall_xen_version(XENVER_version, NULL);
        uint64_t end = ticks();
        EXPECT(result > 0);
        sample_add(&sample, start, end);
    }
    sample_print("hypercall_empty", &sample, 1);
}

static void page_fault_stub_set(void)
{
    static trap_info_t table[2];
    table[0] = (trap_info_t){
        .vector = TRAP_PAGE_FAULT,
        .flags = 4, /* events masked, as in trap.c */
        .cs = FLAT_KERNEL_CS,
        .address = (unsigned long)bench_stub_page_fault,
    };
    EXPECT_RESULT(hypercall_set_trap_table(table), 0);
}

static void callback_set(uint16_t type, void (*stub)(void))
{
    struct callback_register callback = {
        .type = type,
        .flags = CALLBACKF_mask_events,
        .address = (xen_callback_t)stub,
    };
    EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_register, &callback), 0);
}

TEST(page_fault_from_kernel)
{
    page_fault_stub_set();
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        uint64_t start = ticks();
        __asm__ volatile("movq (%0), %%rsi" ::"D"(FREE_VA) : "rsi", "memory");
        uint64_t end = ticks();
        sample_add(&sample, start, end);
    }
    sample_print("page_fault_kernel", &sample, 1);
}

/* Run it in user mode and take its own two times. */
static void user_measure(struct sample *sample, void (*snippet)(void))
{
    struct registers registers = {.rdi = USER_DATA_VA + PAGE_SIZE};
    struct trap trap = user_run(snippet, &registers);
    EXPECT_TRAP(trap, TRAP_INVALID_OPCODE, 0);
    uint64_t move = 1;
    sample_add(sample, trap.frame.r8 + move, trap.frame.r9);
}

TEST(page_fault_from_user)
{
    user_space_create();
    page_fault_stub_set();
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        user_measure(&sample, user_fault_timed);
    }
    sample_print("page_fault_user", &sample, 1);
}

TEST(syscall_from_user)
{
    user_space_create();
    callback_set(CALLBACKTYPE_syscall, bench_stub_syscall);
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        user_measure(&sample, user_syscall_timed);
    }
    sample_print("syscall_user", &sample, 1);
}

TEST(event_to_itself)
{
    bench_vcpu_info = vcpu_info();
    bench_pending_word = &shared_info()->evtchn_pending[0];
    callback_set(CALLBACKTYPE_event, bench_stub_event);
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
    event_port_unmask_bit(ipi.port);
    event_enable();
    struct evtchn_send send = {.port = ipi.port};
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        uint64_t start = ticks();
        int64_t result = hypercall_event_channel_op(EVTCHNOP_send, &send);
        uint64_t end = ticks();
        EXPECT_RESULT(result, 0);
        EXPECT(!event_port_pending(ipi.port));
        sample_add(&sample, start, end);
    }
    sample_print("event_to_self", &sample, 1);
}

TEST(timer_is_set)
{
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        uint64_t deadline = (uint64_t)system_time() + 1000 * MILLISECOND;
        uint64_t start = ticks();
        int64_t result = hypercall_set_timer_op(deadline);
        uint64_t end = ticks();
        EXPECT_RESULT(result, 0);
        sample_add(&sample, start, end);
    }
    hypercall_set_timer_op(0);
    sample_print("set_timer", &sample, 1);
}

#define NAP_NS UINT64_C(100000)

/* What of it is not the nap itself, where a tick is a nanosecond: setting the timer, blocking, the
 * timer's interrupt, the upcall, and how late the timer is. Events are off until the guest blocks:
 * on a slow machine the timer may expire before that. */
TEST(nap)
{
    bench_vcpu_info = vcpu_info();
    bench_pending_word = &shared_info()->evtchn_pending[0];
    callback_set(CALLBACKTYPE_event, bench_stub_event);
    struct evtchn_bind_virq timer = {.virq = VIRQ_TIMER, .vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &timer), 0);
    event_port_unmask_bit(timer.port);
    event_enable();
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        event_disable();
        uint64_t deadline = (uint64_t)system_time() + NAP_NS;
        uint64_t start = ticks();
        hypercall_set_timer_op(deadline);
        hypercall_sched_op(SCHEDOP_block, NULL);
        uint64_t end = ticks();
        sample_add(&sample, start + NAP_NS, end);
    }
    sample_print("nap", &sample, 1);
}
