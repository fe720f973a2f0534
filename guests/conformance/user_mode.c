/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User mode: how the kernel gets there, what comes back, and what user mode can reach. Kernel and
 * user mode share ring 3, so only the second L4, the global bits and the hypervisor's own record
 * of the mode stand between them.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"

#define FLAGS_STATUS     UINT64_C(0x8d5)
#define FLAGS_RF_VIF_VIP UINT64_C(0x190000)

SNIPPET(user_syscall, "syscall");
SNIPPET(user_hypercall, "movl $17, %eax\n xorl %edi, %edi\n xorl %esi, %esi\n syscall");
SNIPPET(user_undefined, "ud2");
SNIPPET(user_read, "movq (%rdi), %rax\n syscall");
SNIPPET(user_write, "movq %rax, (%rdi)\n syscall");
SNIPPET(user_jump, "jmp *%rdi");
SNIPPET(user_read_gs, "movq %gs:0, %rax\n syscall");
SNIPPET(user_read_fs, "movq %fs:0, %rax\n syscall");
SNIPPET(user_forced_cpuid, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e\n cpuid\n syscall");
SNIPPET(user_breakpoint, "int3\n syscall");
SNIPPET(user_flags, "std\n stc\n syscall");
SNIPPET(user_popf, "pushq $0x3202\n popfq\n pushfq\n popq %rax\n syscall");

TEST(iret_enters_user_mode_with_all_registers)
{
    user_space_create();
    struct registers registers = registers_marked();
    struct trap trap = user_run(user_undefined, &registers);
    EXPECT_TRAP(trap, TRAP_INVALID_OPCODE, 0);
    EXPECT(trap_has_registers(&trap, &registers));
    EXPECT_EQUAL(trap.frame.rsp, USER_STACK_VA + PAGE_SIZE);
    EXPECT_EQUAL(trap.frame.cs & 0xffff, FLAT_USER_CS);
    EXPECT_EQUAL(trap.frame.ss & 0xffff, FLAT_USER_SS);
    EXPECT_EQUAL(trap.frame.rip, user_address(user_undefined));
}

TEST(syscall_of_user_mode_comes_to_the_syscall_callback)
{
    user_space_create();
    struct registers registers = {.rax = 0x1234, .rdi = 0x5678, .r10 = 0x9abc};
    struct trap trap = user_run(user_syscall, &registers);
    EXPECT_TRAP(trap, TRAP_SYSCALL, 0);
    EXPECT_EQUAL(trap.frame.rax, 0x1234);
    EXPECT_EQUAL(trap.frame.rdi, 0x5678);
    EXPECT_EQUAL(trap.frame.r10, 0x9abc);
    EXPECT_EQUAL(trap.frame.rip, user_address(user_syscall) + 2);
    EXPECT_EQUAL(trap.frame.rcx, user_address(user_syscall) + 2);
    EXPECT_EQUAL(trap.frame.r11, trap.frame.rflags);
    EXPECT_EQUAL(trap.frame.rsp, USER_STACK_VA + PAGE_SIZE);
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 1);
}

TEST(kernel_is_entered_from_user_mode_on_the_switched_stack)
{
    user_space_create();
    static uint64_t stack[512] ALIGNED(16);
    uint64_t top = (uint64_t)(stack + ARRAY_SIZE(stack));
    EXPECT_RESULT(hypercall_stack_switch(FLAT_KERNEL_SS, top), 0);
    struct trap trap = user_run(user_undefined, NULL);
    EXPECT_EQUAL(trap.frame_bottom + 7 * 8, top);
    EXPECT_EQUAL(stack[ARRAY_SIZE(stack) - 5], user_address(user_undefined));
}

TEST(hypercall_of_user_mode_is_a_syscall_to_its_kernel)
{
    user_space_create();
    struct trap trap = user_run(user_hypercall, NULL);
    EXPECT_TRAP(trap, TRAP_SYSCALL, 0);
    EXPECT_EQUAL(trap.frame.rax, __HYPERVISOR_xen_version);
}

TEST(page_faults_of_user_mode_have_the_user_bit)
{
    struct user_space space = user_space_create();
    uint64_t read_only = USER_DATA_VA + PAGE_SIZE, no_execute = USER_DATA_VA + 2 * PAGE_SIZE;
    uint64_t missing = USER_DATA_VA + 3 * PAGE_SIZE;
    size_t index = table_index(read_only, 1);
    uint64_t frame = pte_make(mfn_of(space.data), PTE_PRESENT | PTE_USER);
    EXPECT_RESULT(entry_set(space.l1, index, frame), 0);
    EXPECT_RESULT(entry_set(space.l1, index + 1, frame | PTE_NO_EXECUTE), 0);

    struct registers registers = {.rdi = missing};
    EXPECT_PAGE_FAULT(user_run(user_read, &registers), PAGE_FAULT_USER, missing);
    EXPECT_PAGE_FAULT(user_run(user_write, &registers), PAGE_FAULT_USER | PAGE_FAULT_WRITE,
                      missing);
    EXPECT_PAGE_FAULT(user_run(user_jump, &registers), PAGE_FAULT_USER | PAGE_FAULT_FETCH, missing);
    registers.rdi = read_only;
    EXPECT_PAGE_FAULT(user_run(user_write, &registers),
                      PAGE_FAULT_PRESENT | PAGE_FAULT_USER | PAGE_FAULT_WRITE, read_only);
    registers.rdi = no_execute;
    EXPECT_PAGE_FAULT(user_run(user_jump, &registers),
                      PAGE_FAULT_PRESENT | PAGE_FAULT_USER | PAGE_FAULT_FETCH, no_execute);
}

TEST(user_mode_reads_and_writes_its_own_pages)
{
    struct user_space space = user_space_create();
    struct registers registers = {.rdi = USER_DATA_VA, .rax = 0x8642};
    EXPECT_TRAP(user_run(user_write, &registers), TRAP_SYSCALL, 0);
    EXPECT_EQUAL(((volatile uint64_t *)space.data)[0], 0x8642);
    space.data[0] = 0x1133;
    struct trap trap = user_run(user_read, &registers);
    EXPECT_EQUAL(trap.frame.rax, 0x1133);
}

TEST(user_mode_cannot_reach_the_kernel)
{
    user_space_create();
    static const uint64_t somewhere = 0;
    uint64_t addresses[] = {pointer_value(&somewhere), pointer_value(pool_l2), POOL_VA,
                            pointer_value((const void *)(uint64_t)shared_info())};
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        /* The kernel has just used it: it is in the TLB if anything is. */
        EXPECT_NO_TRAP(trap_try_read(addresses[i], NULL));
        struct registers registers = {.rdi = addresses[i]};
        EXPECT_PAGE_FAULT(user_run(user_read, &registers), PAGE_FAULT_USER, addresses[i]);
    }
}

TEST(user_mode_cannot_read_m2p_through_a_user_only_table)
{
    user_space_create();
    uint64_t va = MACH2PHYS_VIRT_START + 8 * mfn_of(pool_l2).value;
    struct registers registers = {.rdi = va};
    struct trap trap = user_run(user_read, &registers);
    EXPECT_EQUAL(trap.vector, TRAP_PAGE_FAULT);
    EXPECT_EQUAL(trap.error & ~PAGE_FAULT_PRESENT, PAGE_FAULT_USER);
    EXPECT_EQUAL(trap.cr2, va);
}

TEST(gs_base_is_exchanged_with_the_mode)
{
    struct user_space space = user_space_create();
    uint64_t *kernel_page = page_alloc();
    kernel_page[0] = 0x1111;
    space.data[0] = 0x2222;
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_KERNEL, pointer_value(kernel_page)), 0);
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_USER, USER_DATA_VA), 0);
    struct trap trap = user_run(user_read_gs, NULL);
    EXPECT_TRAP(trap, TRAP_SYSCALL, 0);
    EXPECT_EQUAL(trap.frame.rax, 0x2222);
    uint64_t value;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(value));
    EXPECT_EQUAL(value, 0x1111);
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_USER, 0), 0);
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_KERNEL, 0), 0);
}

TEST(fs_base_is_shared_by_both_modes)
{
    struct user_space space = user_space_create();
    space.data[0] = 0x4444;
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_FS, USER_DATA_VA), 0);
    struct trap trap = user_run(user_read_fs, NULL);
    EXPECT_TRAP(trap, TRAP_SYSCALL, 0);
    EXPECT_EQUAL(trap.frame.rax, 0x4444);
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_FS, 0), 0);
}

TEST(forced_emulation_of_cpuid_works_in_user_mode_too)
{
    user_space_create();
    struct registers registers = {.rax = 0x40000000};
    struct trap trap = user_run(user_forced_cpuid, &registers);
    EXPECT_TRAP(trap, TRAP_SYSCALL, 0);
    EXPECT_EQUAL(trap.frame.rbx, 0x566e6558);
}

TEST(int3_of_user_mode_is_a_breakpoint_behind_the_instruction)
{
    user_space_create();
    struct trap trap = user_run(user_breakpoint, NULL);
    EXPECT_TRAP(trap, TRAP_BREAKPOINT, 0);
    EXPECT_EQUAL(trap.frame.rip, user_address(user_breakpoint) + 1);
}

TEST(flags_of_user_mode_reach_the_kernel_and_not_its_execution)
{
    user_space_create();
    struct trap trap = user_run(user_flags, NULL);
    EXPECT_EQUAL(trap.frame.rflags & (RFLAGS_DF | RFLAGS_CF | RFLAGS_IF),
                 RFLAGS_DF | RFLAGS_CF | RFLAGS_IF);
    EXPECT_EQUAL(trap.frame.r11 & (RFLAGS_DF | RFLAGS_CF), RFLAGS_DF | RFLAGS_CF);
}

TEST(user_mode_cannot_raise_its_io_privilege)
{
    user_space_create();
    struct trap trap = user_run(user_popf, NULL);
    EXPECT_TRAP(trap, TRAP_SYSCALL, 0);
    EXPECT_EQUAL(trap.frame.rax & RFLAGS_IOPL, 0);
}

TEST(iret_sanitises_the_flags)
{
    user_space_create();
    struct iret_frame frame = {
        .rip = user_address(user_undefined),
        .cs = FLAT_USER_CS,
        .rflags = UINT64_C(0xffffffffffffffff) & ~(RFLAGS_TF | RFLAGS_AC | RFLAGS_NT),
        .rsp = USER_STACK_VA + PAGE_SIZE,
        .ss = FLAT_USER_SS,
    };
    struct trap trap = iret_try(&frame, NULL);
    EXPECT_TRAP(trap, TRAP_INVALID_OPCODE, 0);
    /* Of these, RF is the fault's own, and VIF and VIP mean nothing in ring 3. */
    uint64_t kept = FLAGS_STATUS | RFLAGS_DF | RFLAGS_ID | FLAGS_RF_VIF_VIP;
    EXPECT_EQUAL(trap.frame.rflags & ~kept, RFLAGS_IF | RFLAGS_FIXED);
}

TEST(iret_sets_the_mask_from_the_interrupt_flag_of_user_mode)
{
    user_space_create();
    struct trap trap = user_run(user_undefined, NULL);
    EXPECT_EQUAL(trap.frame.cs >> 32, 0); /* user mode ran with events unmasked */
    EXPECT_EQUAL(trap.frame.rflags & RFLAGS_IF, RFLAGS_IF);
}

TEST(selector_0x33_of_the_own_gdt_works_for_user_mode)
{
    user_space_create();
    uint64_t *gdt = page_alloc();
    gdt[5] = UINT64_C(0x00cff3000000ffff); /* 0x2b: data */
    gdt[6] = UINT64_C(0x00affb000000ffff); /* 0x33: 64-bit code */
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t gdt_frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&gdt_frame, 512), 0);
    struct iret_frame frame = {
        .rip = user_address(user_undefined),
        .cs = 0x33,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = USER_STACK_VA + PAGE_SIZE,
        .ss = 0x2b,
    };
    struct trap trap = iret_try(&frame, NULL);
    EXPECT_TRAP(trap, TRAP_INVALID_OPCODE, 0);
    EXPECT_EQUAL(trap.frame.cs & 0xffff, 0x33);
    EXPECT_EQUAL(trap.frame.ss & 0xffff, 0x2b);
}

TEST(iret_to_a_selector_that_names_nothing_is_a_protection_fault)
{
    user_space_create();
    struct iret_frame frame = {
        .rip = user_address(user_undefined),
        .cs = 0x33,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = USER_STACK_VA + PAGE_SIZE,
        .ss = FLAT_USER_SS,
    };
    struct trap trap = iret_try(&frame, NULL);
    EXPECT_TRAP(trap, TRAP_PROTECTION, 0x30);
    EXPECT_EQUAL(trap.frame.cs & 3, 3);
    EXPECT_EQUAL(trap.frame.rip, user_address(user_undefined));
}

TEST(iret_to_an_address_that_is_not_canonical_is_a_protection_fault)
{
    user_space_create();
    struct iret_frame frame = {
        .rip = UINT64_C(1) << 47,
        .cs = FLAT_USER_CS,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = USER_STACK_VA + PAGE_SIZE,
        .ss = FLAT_USER_SS,
    };
    struct trap trap = iret_try(&frame, NULL);
    EXPECT_TRAP(trap, TRAP_PROTECTION, 0);
    EXPECT_EQUAL(trap.frame.cs & 3, 3);
    EXPECT_EQUAL(trap.frame.rip, UINT64_C(1) << 47);
}

SNIPPET(iret_on_stack, "movq %rdx, %rsp\n movl $23, %eax\n syscall\n ud2");

TEST(sysret_form_of_iret_returns_too)
{
    user_space_create();
    struct iret_context context = {
        .rax = 0x77,
        .flags = VGCF_in_syscall,
        .rip = user_address(user_undefined),
        .cs = FLAT_USER_CS,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = USER_STACK_VA + PAGE_SIZE - 64,
        .ss = FLAT_USER_SS,
    };
    struct registers registers = {.rdx = pointer_value(&context), .rflags = RFLAGS_FIXED};
    struct trap trap = snippet_try(iret_on_stack, &registers);
    EXPECT_TRAP(trap, TRAP_INVALID_OPCODE, 0);
    EXPECT_EQUAL(trap.frame.cs & 3, 3);
    EXPECT_EQUAL(trap.frame.rax, 0x77);
    EXPECT_EQUAL(trap.frame.rsp, USER_STACK_VA + PAGE_SIZE - 64);
}
