/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps bounced to the kernel: which vector, which error code, what is on the stack. A kernel's
 * handlers take this frame for the processor's own; a wrong word sends them astray in ways that
 * look like anything but a wrong word.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"

/* What the CS word of a frame from kernel mode holds: RPL 0 says "kernel". */
#define CS_WORD_KERNEL UINT64_C(0x0000e030)
#define CS_WORD_MASKED (UINT64_C(1) << 32)

SNIPPET(undefined, "ud2");
SNIPPET(breakpoint, "int3");
SNIPPET(breakpoint_long, ".byte 0xcd, 0x03");
SNIPPET(interrupt_0x80, "int $0x80");
SNIPPET(divide_by_zero, "xorl %ecx, %ecx\n movl $1, %eax\n xorl %edx, %edx\n divl %ecx");
SNIPPET(single_step, "pushfq\n orl $0x100, (%rsp)\n popfq\n nop\n nop");
SNIPPET(non_canonical_read, "movq (%rdi), %rax");
SNIPPET(non_canonical_stack, "movq %rsp, %rcx\n movq %rdi, %rsp\n popq %rax\n movq %rcx, %rsp");
SNIPPET(fault_with_odd_stack, "subq $8, %rsp\n ud2");
SNIPPET(fault_with_even_stack, "ud2\n nop");
SNIPPET(fault_with_byte_stack, "subq $3, %rsp\n ud2");
SNIPPET(fault_with_direction_flag, "std\n ud2");

static struct trap trap_of(void (*snippet)(void))
{
    struct registers registers = {.rflags = RFLAGS_FIXED};
    return snippet_try(snippet, &registers);
}

TEST(ud2_raises_invalid_opcode_at_the_instruction)
{
    struct trap trap = trap_of(undefined);
    EXPECT_TRAP(trap, TRAP_INVALID_OPCODE, 0);
    EXPECT_EQUAL(trap.frame.rip, (uint64_t)undefined);
}

TEST(int3_raises_breakpoint_behind_the_instruction)
{
    struct trap trap = trap_of(breakpoint);
    EXPECT_TRAP(trap, TRAP_BREAKPOINT, 0);
    EXPECT_EQUAL(trap.frame.rip, (uint64_t)breakpoint + 1);
    trap = trap_of(breakpoint_long);
    EXPECT_TRAP(trap, TRAP_BREAKPOINT, 0);
    EXPECT_EQUAL(trap.frame.rip, (uint64_t)breakpoint_long + 2);
}

TEST(int_0x80_goes_through_the_trap_table)
{
    struct trap trap = trap_of(interrupt_0x80);
    EXPECT_TRAP(trap, TRAP_SOFTWARE, 0);
    EXPECT_EQUAL(trap.frame.rip, (uint64_t)interrupt_0x80 + 2);
}

TEST(division_by_zero_is_a_divide_error)
{
    EXPECT_TRAP(trap_of(divide_by_zero), TRAP_DIVIDE_ERROR, 0);
}

TEST(trap_flag_raises_debug_after_one_instruction)
{
    struct trap trap = trap_of(single_step);
    EXPECT_TRAP(trap, TRAP_DEBUG, 0);
    EXPECT_EQUAL(*(const uint8_t *)trap.frame.rip, 0x90);
    EXPECT_EQUAL(trap.frame.rflags & RFLAGS_TF, RFLAGS_TF);
}

TEST(non_canonical_access_is_a_protection_fault)
{
    struct registers registers = {.rdi = UINT64_C(0x8000000000000000), .rflags = RFLAGS_FIXED};
    EXPECT_TRAP(snippet_try(non_canonical_read, &registers), TRAP_PROTECTION, 0);
}

TEST(page_fault_of_the_kernel_has_no_user_bit)
{
    uint64_t read_only = SCRATCH_VA, no_execute = SCRATCH_VA + PAGE_SIZE;
    uint64_t missing = SCRATCH_VA + 2 * PAGE_SIZE + 0x123;
    mfn_t mfn = mfn_of(page_alloc());
    EXPECT_RESULT(va_set(read_only, pte_make(mfn, PTE_READ_ONLY)), 0);
    EXPECT_RESULT(va_set(no_execute, pte_make(mfn, PTE_READ_ONLY | PTE_NO_EXECUTE)), 0);

    EXPECT_PAGE_FAULT(trap_try_read(missing, NULL), 0, missing);
    EXPECT_PAGE_FAULT(trap_try_write(missing, 0), PAGE_FAULT_WRITE, missing);
    EXPECT_PAGE_FAULT(trap_try_execute(missing), PAGE_FAULT_FETCH, missing);
    EXPECT_PAGE_FAULT(trap_try_write(read_only, 0), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE,
                      read_only);
    EXPECT_PAGE_FAULT(trap_try_execute(no_execute), PAGE_FAULT_PRESENT | PAGE_FAULT_FETCH,
                      no_execute);
}

TEST(frame_from_the_kernel_carries_the_segments_and_the_upcall_mask)
{
    struct trap trap = trap_of(undefined);
    EXPECT_EQUAL(trap.frame.cs, CS_WORD_KERNEL | CS_WORD_MASKED);
    EXPECT_EQUAL(trap.frame.ss, FLAT_KERNEL_SS);
    EXPECT_EQUAL(trap.frame.rflags & RFLAGS_IF, 0);

    event_enable();
    trap = trap_of(undefined);
    EXPECT_EQUAL(trap.frame.cs, CS_WORD_KERNEL);
    EXPECT_EQUAL(trap.frame.rflags & RFLAGS_IF, RFLAGS_IF);
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 0); /* as trap_dispatch() restored it */
}

TEST(frame_is_pushed_on_the_current_stack_aligned_to_16)
{
    void (*const snippets[])(void) = {fault_with_odd_stack, fault_with_even_stack,
                                      fault_with_byte_stack};
    for (size_t i = 0; i < ARRAY_SIZE(snippets); i++) {
        struct trap trap = trap_of(snippets[i]);
        EXPECT_TRAP(trap, TRAP_INVALID_OPCODE, 0);
        uint64_t frame_end = trap.frame_bottom + 7 * 8; /* rcx r11 rip cs rflags rsp ss */
        EXPECT_EQUAL(frame_end, trap.frame.rsp & ~UINT64_C(15));
    }
}

TEST(registers_are_what_they_were)
{
    struct registers registers = registers_marked();
    struct trap trap = snippet_try(undefined, &registers);
    EXPECT(trap_has_registers(&trap, &registers));
    EXPECT_EQUAL(trap.frame.rflags & ~(RFLAGS_IF | UINT64_C(0x10000)),
                 RFLAGS_FIXED | RFLAGS_CF | RFLAGS_ZF);
}

TEST(direction_flag_of_the_interrupted_code_is_kept)
{
    struct trap trap = trap_of(fault_with_direction_flag);
    EXPECT_EQUAL(trap.frame.rflags & RFLAGS_DF, RFLAGS_DF);
}

static bool skip_breakpoint(struct trap_frame *frame)
{
    frame->rax = 0x4242;
    return frame->vector == TRAP_BREAKPOINT;
}

TEST(handler_can_resume_the_kernel_with_iret)
{
    trap_hook = skip_breakpoint;
    struct registers registers = {.rcx = 0x1111, .r11 = 0x2222, .rflags = RFLAGS_FIXED | RFLAGS_CF};
    snippet_run(breakpoint, &registers);
    EXPECT_EQUAL(registers.rax, 0x4242);
    EXPECT_EQUAL(registers.rcx, 0x1111);
    EXPECT_EQUAL(registers.r11, 0x2222);
    EXPECT_EQUAL(registers.rflags & RFLAGS_CF, RFLAGS_CF);
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 1);
}

TEST(iret_to_the_kernel_sets_the_mask_from_the_interrupt_flag)
{
    trap_hook = skip_breakpoint;
    event_enable();
    struct registers registers = {.rflags = RFLAGS_FIXED};
    snippet_run(breakpoint, &registers);
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 0);
}

/* A frame whose CS says RPL 0: iret stays in the kernel. */
TEST(iret_with_rpl_0_stays_in_the_kernel)
{
    static uint64_t stack[64];
    struct iret_frame frame = {
        .rip = (uint64_t)undefined,
        .cs = CS_WORD_KERNEL,
        .rflags = RFLAGS_FIXED | RFLAGS_IF,
        .rsp = (uint64_t)(stack + ARRAY_SIZE(stack)),
        .ss = FLAT_KERNEL_SS,
    };
    struct registers registers = {.rax = 0xaaaa, .rcx = 0xcccc, .r11 = 0xbbbb};
    struct trap trap = iret_try(&frame, &registers);
    EXPECT_TRAP(trap, TRAP_INVALID_OPCODE, 0);
    EXPECT_EQUAL(trap.frame.cs & 0xffff, CS_WORD_KERNEL);
    EXPECT_EQUAL(trap.frame.rax, 0xaaaa);
    EXPECT_EQUAL(trap.frame.rcx, 0xcccc);
    EXPECT_EQUAL(trap.frame.r11, 0xbbbb);
    EXPECT_EQUAL(trap.frame.rsp, (uint64_t)(stack + ARRAY_SIZE(stack)));
}

SNIPPET(iretq_to_self, "movq %rsp, %rcx\n movl %ss, %eax\n pushq %rax\n pushq %rcx\n pushfq\n"
                       "movl %cs, %eax\n pushq %rax\n leaq 1f(%rip), %rax\n pushq %rax\n iretq\n"
                       "1: movl $0x600d, %eax");

TEST(native_iretq_within_the_kernel_just_works)
{
    struct registers registers = {.rflags = RFLAGS_FIXED};
    snippet_run(iretq_to_self, &registers);
    EXPECT_EQUAL(registers.rax, 0x600d);
}

TEST(trap_table_entries_are_merged)
{
    trap_info_t only_one[2] = {{
        .vector = TRAP_NO_SEGMENT,
        .flags = 4,
        .cs = FLAT_KERNEL_CS,
        .address = (unsigned long)undefined,
    }};
    EXPECT_RESULT(hypercall_set_trap_table(only_one), 0);
    EXPECT_TRAP(trap_of(undefined), TRAP_INVALID_OPCODE, 0);
}

TEST(trap_table_that_cannot_be_read_is_refused)
{
    EXPECT_RESULT(hypercall_set_trap_table((const trap_info_t *)FREE_VA), -XEN_EFAULT);
}

TEST(trap_address_that_is_not_canonical_is_refused)
{
    trap_info_t table[2] = {{
        .vector = TRAP_OVERFLOW,
        .cs = FLAT_KERNEL_CS,
        .address = 0x8000000000000000,
    }};
    EXPECT_RESULT(hypercall_set_trap_table(table), -XEN_EINVAL);
}

TEST(int_0x80_of_user_mode_goes_through_the_trap_table)
{
    user_space_create();
    struct trap trap = user_run(interrupt_0x80, NULL);
    EXPECT_TRAP(trap, TRAP_SOFTWARE, 0);
    EXPECT_EQUAL(trap.frame.rip, user_address(interrupt_0x80) + 2);
    EXPECT_EQUAL(trap.frame.cs & 3, 3);
}
