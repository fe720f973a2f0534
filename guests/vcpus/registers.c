/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs that share a CPU must not see each other's registers: a switch saves and loads all of them
 * (hazards M12), selectors too, which may not be loadable any more when the vCPU comes back.
 */
#include "guests/vcpus/other.h"

#include "lib/string.h"

#define MARK_VALUE(seed, n) ((seed)*UINT64_C(0x0101010101010101) + (n))

/* Everything that a test of a switch looks at. */
struct state {
    uint64_t general[13]; /* rbx rbp r8-r15 rdx rsi rdi */
    uint8_t xmm[16][16];
    uint32_t mxcsr;
    uint16_t x87_control;
    uint8_t x87_top[10];
    uint64_t fs_base, gs_base_user;
    uint64_t debug[4];
};

struct yielding_state {
    struct state before, after;
};

/* Loads what `before` has, yields so often, and stores what it finds in `after`: rax = the record,
 * rcx = how often. The yields' own argument registers are not compared. */
__asm__(".pushsection .text\n"
        "switch_test:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "push %rdi; push %rsi\n" /* record, count */
        "mov %rdi, %rax\n"
        ".set n, 0\n"
        ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "movdqu 104+16*\\r(%rax), %xmm\\r\n"
        ".endr\n"
        "ldmxcsr 360(%rax)\n"
        "fninit\n"
        "fldt 366(%rax)\n"
        "fldcw 364(%rax)\n"
        "mov 0(%rax), %rbx; mov 8(%rax), %rbp; mov 16(%rax), %r8; mov 24(%rax), %r9\n"
        "mov 32(%rax), %r10; mov 48(%rax), %r12; mov 56(%rax), %r13\n"
        "mov 64(%rax), %r14; mov 72(%rax), %r15; mov 80(%rax), %rdx\n"
        "1: mov $29, %eax; xor %edi, %edi; xor %esi, %esi\n" /* sched_op(yield) */
        "syscall\n"
        "decq (%rsp)\n"
        "jnz 1b\n"
        "mov 8(%rsp), %rax\n"
        "add $424, %rax\n"
        "mov %rbx, 0(%rax); mov %rbp, 8(%rax); mov %r8, 16(%rax); mov %r9, 24(%rax)\n"
        "mov %r10, 32(%rax); mov %r12, 48(%rax); mov %r13, 56(%rax)\n"
        "mov %r14, 64(%rax); mov %r15, 72(%rax); mov %rdx, 80(%rax)\n"
        ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "movdqu %xmm\\r, 104+16*\\r(%rax)\n"
        ".endr\n"
        "stmxcsr 360(%rax)\n"
        "fnstcw 364(%rax)\n"
        "fstpt 366(%rax)\n"
        "fninit\n"
        "pop %rsi; pop %rdi\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        ".popsection\n");
void switch_test(struct yielding_state *states, uint64_t count);

_Static_assert(offsetof(struct state, xmm) == 104, "switch_test");
_Static_assert(offsetof(struct state, mxcsr) == 360, "switch_test");
_Static_assert(offsetof(struct state, x87_control) == 364, "switch_test");
_Static_assert(offsetof(struct state, x87_top) == 366, "switch_test");
_Static_assert(offsetof(struct yielding_state, after) == 424, "switch_test");

#define YIELDS 50U

static uint64_t read_msr(uint32_t number)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}

static void load_system_state(const struct state *state)
{
    hypercall_set_segment_base(SEGBASE_FS, state->fs_base);
    hypercall_set_segment_base(SEGBASE_GS_USER, state->gs_base_user);
    for (unsigned int i = 0; i < 4; i++) {
        hypercall_set_debugreg(i, state->debug[i]);
    }
}

static void store_system_state(struct state *state)
{
    state->fs_base = read_msr(0xc0000100);
    state->gs_base_user = read_msr(0xc0000102);
    for (unsigned int i = 0; i < 4; i++) {
        state->debug[i] = (uint64_t)hypercall_get_debugreg(i);
    }
}

static void fill(struct yielding_state *states, uint64_t seed)
{
    memset(states, 0, sizeof(*states));
    struct state *state = &states->before;
    for (unsigned int i = 0; i < 11; i++) {
        state->general[i] = i == 5 ? 0 : MARK_VALUE(seed, i); /* r11 is SYSCALL's */
    }
    memset(state->xmm, (int)(0x40 + seed), sizeof(state->xmm));
    state->mxcsr = seed % 2 == 0 ? 0x1f80 : 0x7f80;       /* rounding */
    state->x87_control = seed % 2 == 0 ? 0x037f : 0x0f7f; /* rounding */
    memset(state->x87_top, (int)(0x20 + seed), sizeof(state->x87_top));
    state->fs_base = 0x10000 * seed;
    state->gs_base_user = 0x2000000 * seed;
    for (unsigned int i = 0; i < 4; i++) {
        state->debug[i] = 0x1000 * seed + 8 * i;
    }
}

static void run_states(struct yielding_state *states)
{
    load_system_state(&states->before);
    switch_test(states, YIELDS);
    store_system_state(&states->after);
    static const struct state none;
    load_system_state(&none);
}

static void job_states(struct other *other)
{
    other->turns = 1;
    run_states((struct yielding_state *)other->argument);
}

TEST(registers_of_vcpus_that_take_turns_stay_their_own)
{
    static struct yielding_state mine, others[2];
    struct other *other[2] = {other_start(), other_start()};
    fill(&mine, 3);
    for (unsigned int i = 0; i < 2; i++) {
        fill(&others[i], 4 + i);
        other[i]->argument = pointer_value(&others[i]);
        other[i]->job = job_states;
    }
    run_states(&mine);
    for (unsigned int i = 0; i < 2; i++) {
        other_wait(other[i]);
        EXPECT(memcmp(&others[i].before, &others[i].after, sizeof(struct state)) == 0);
    }
    EXPECT(memcmp(&mine.before, &mine.after, sizeof(struct state)) == 0);
}

/* Nothing of others in the registers that it has not been given. */
static volatile uint64_t first_registers[15];
static volatile uint64_t first_xmm[2];
void first_entry(void);
__asm__(
    ".pushsection .text\n"
    "first_entry:\n"
    "mov %rax, first_registers\n mov %rbx, first_registers+8\n mov %rcx, first_registers+16\n"
    "mov %rdx, first_registers+24\n mov %rsi, first_registers+32\n mov %rbp, first_registers+40\n"
    "mov %r8, first_registers+48\n mov %r9, first_registers+56\n mov %r10, first_registers+64\n"
    "mov %r12, first_registers+72\n mov %r13, first_registers+80\n mov %r14, first_registers+88\n"
    "mov %r15, first_registers+96\n movups %xmm7, first_xmm\n"
    "jmp other_entry\n"
    ".popsection\n");

TEST(vcpu_starts_with_the_registers_of_its_state_and_a_fresh_fpu)
{
    struct other *other = other_new();
    static uint8_t pattern[16] = {[0 ... 15] = 0x5a};
    struct vcpu_guest_context *context = other_context(other);
    context->user_regs.rip = (uint64_t)first_entry;
    context->user_regs.rbx = 0x1234;
    context->user_regs.r15 = 0x5678;
    first_xmm[0] = 1;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_initialise, other->id, context), 0);
    __asm__ volatile("movups %0, %%xmm7" ::"m"(pattern));
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_up, other->id, NULL), 0);
    other_begin(other, job_count);
    EXPECT_EQUAL(first_registers[1], 0x1234);
    EXPECT_EQUAL(first_registers[12], 0x5678);
    for (unsigned int i = 0; i < 13; i++) {
        EXPECT(i == 1 || i == 12 || first_registers[i] == 0);
    }
    EXPECT_EQUAL(first_xmm[0], 0);
    EXPECT_EQUAL(first_xmm[1], 0);
    other->stop = true;
}

/* ---- selectors that are gone --------------------------------------------------------------- */

#define SELECTOR(index) ((uint64_t)(index)*8 + 3)
#define DATA_DESCRIPTOR UINT64_C(0x00cff3000000ffff) /* flat, writable, ring 3 */

/* Loads its selector into DS and ES, and turns until it is told to stop. */
static void job_select(struct other *other)
{
    register struct other *self __asm__("rdi") = other;
    __asm__ volatile("mov %k1, %%ds\n\tmov %k1, %%es\n\tmov %k1, %%fs" ::"r"(self),
                     "r"((uint32_t)other->argument));
    while (!other->stop) {
        other->turns++;
        /* Without a hypercall: rdi must stay, and whatever comes is an interrupt. */
        for (unsigned int i = 0; i < 1000; i++) {
            __asm__ volatile("pause" : "+r"(self));
        }
    }
    uint16_t ds;
    __asm__ volatile("mov %%ds, %0" : "=r"(ds));
    other->result = ds;
    __asm__ volatile("mov %k0, %%ds\n\tmov %k0, %%es\n\tmov %k0, %%fs" ::"r"(0));
}

/* Its first state has a GDT; we change that in between. */
TEST(selectors_that_cannot_be_loaded_any_more_go_to_the_failsafe_callback)
{
    struct other *other = other_new();
    static uint64_t gdt[512] ALIGNED(4096);
    gdt[5] = DATA_DESCRIPTOR;
    EXPECT_RESULT(page_read_only(gdt), 0);
    struct vcpu_guest_context *context = other_context(other);
    context->gdt_frames[0] = mfn_of(gdt).value;
    context->gdt_ents = 512;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_initialise, other->id, context), 0);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_up, other->id, NULL), 0);
    other->argument = SELECTOR(5);
    other_begin(other, job_select);
    EXPECT_EQUAL(other->failsafes, 0);
    uint64_t turns = other->turns;
    WAIT_FOR(other->turns > turns + 2);
    EXPECT_EQUAL(other->failsafes, 0);

    EXPECT_RESULT(hypercall_update_descriptor((mfn_of(gdt).value << PAGE_SHIFT) + 5 * 8, 0), 0);
    WAIT_FOR(other->failsafes == 1);
    EXPECT_EQUAL(other->selectors[0] & 0xffff, SELECTOR(5));
    EXPECT_EQUAL(other->selectors[1] & 0xffff, SELECTOR(5));
    EXPECT_EQUAL(other->selectors[2] & 0xffff, SELECTOR(5));
    turns = other->turns;
    WAIT_FOR(other->turns > turns + 2);
    EXPECT_EQUAL(other->failsafes, 1); /* they are null now */
    other->stop = true;
    other_wait(other);
    EXPECT_EQUAL(other->result, 0);
}
