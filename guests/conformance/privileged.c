/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Privileged instructions of the kernel: some are carried out for it, the others are protection
 * faults. One that is neither runs in ring 3 with an effect that the guest must not have.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"

SNIPPET(do_hlt, "hlt");
SNIPPET(do_cli, "cli");
SNIPPET(do_sti, "sti");
SNIPPET(do_clts, "clts");
SNIPPET(do_invd, "invd");
SNIPPET(do_wbinvd, "wbinvd");
SNIPPET(do_invlpg, "invlpg (%rdi)");
SNIPPET(do_lgdt, "lgdt (%rdi)");
SNIPPET(do_lidt, "lidt (%rdi)");
SNIPPET(do_lldt, "lldt %ax");
SNIPPET(do_ltr, "ltr %ax");
SNIPPET(do_lmsw, "lmsw %ax");
SNIPPET(do_swapgs, "swapgs");
SNIPPET(do_sysret, "sysretq");
SNIPPET(do_sysexit, "sysexit");
SNIPPET(do_in, "inb %dx, %al");
SNIPPET(do_out, "outb %al, %dx");
SNIPPET(do_rdmsr, "rdmsr");
SNIPPET(do_wrmsr, "wrmsr");
SNIPPET(do_xsetbv, "xsetbv");
SNIPPET(read_cr0, "movq %cr0, %rax");
SNIPPET(read_cr2, "movq %cr2, %rax");
SNIPPET(read_cr3, "movq %cr3, %rax");
SNIPPET(read_cr4, "movq %cr4, %rax");
SNIPPET(read_cr8, "movq %cr8, %rax");
SNIPPET(write_cr0, "movq %rax, %cr0");
SNIPPET(write_cr2, "movq %rax, %cr2");
SNIPPET(write_cr3, "movq %rax, %cr3");
SNIPPET(write_cr4, "movq %rax, %cr4");
SNIPPET(write_cr8, "movq %rax, %cr8");
SNIPPET(read_dr0, "movq %dr0, %rax");
SNIPPET(read_dr6, "movq %dr6, %rax");
SNIPPET(read_dr7, "movq %dr7, %rax");
SNIPPET(write_dr0, "movq %rax, %dr0");
SNIPPET(write_dr7, "movq %rax, %dr7");
SNIPPET(forced_cpuid, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e\n cpuid");
SNIPPET(forced_nop, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e\n nop");
SNIPPET(forced_but_misspelt, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6f\n cpuid");

struct instruction {
    const char *name;
    void (*snippet)(void);
};

#define INSTRUCTION(name)                                                                          \
    {                                                                                              \
#name, do_##name                                                                           \
    }

static struct trap try_with(void (*snippet)(void), uint64_t rax, uint64_t rcx)
{
    struct registers registers = {
        .rax = rax, .rcx = rcx, .rdi = SCRATCH_VA, .rflags = RFLAGS_FIXED};
    return snippet_try(snippet, &registers);
}

static int64_t set_iopl(uint32_t iopl)
{
    struct physdev_set_iopl argument = {.iopl = iopl};
    return hypercall_physdev_op(PHYSDEVOP_set_iopl, &argument);
}

TEST(instructions_that_are_not_emulated_are_protection_faults)
{
    static const struct instruction instructions[] = {
        INSTRUCTION(hlt),  INSTRUCTION(invd),   INSTRUCTION(invlpg),
        INSTRUCTION(lgdt), INSTRUCTION(lidt),   INSTRUCTION(lldt),
        INSTRUCTION(ltr),  INSTRUCTION(swapgs), INSTRUCTION(sysret),
    };
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
        struct trap trap = try_with(instructions[i].snippet, 0, 0);
        if (!trap.raised || trap.vector != TRAP_PROTECTION || trap.error != 0) {
            test_fail(__FILE__, __LINE__, "%s: raised %d vector %u error %#lx",
                      instructions[i].name, trap.raised, (unsigned int)trap.vector, trap.error);
        }
        EXPECT_EQUAL(trap.frame.rip, (uint64_t)instructions[i].snippet);
    }
}

TEST(cli_and_sti_are_ignored_with_iopl_1)
{
    EXPECT_RESULT(set_iopl(1), 0);
    EXPECT_NO_TRAP(try_with(do_cli, 0, 0));
    EXPECT_NO_TRAP(try_with(do_sti, 0, 0));
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 1);
    event_enable();
    EXPECT_NO_TRAP(try_with(do_cli, 0, 0));
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 0);
    EXPECT_RESULT(set_iopl(0), 0);
}

TEST(cli_and_port_access_are_protection_faults_with_iopl_0)
{
    EXPECT_RESULT(set_iopl(0), 0);
    EXPECT_TRAP(try_with(do_cli, 0, 0), TRAP_PROTECTION, 0);
    EXPECT_TRAP(try_with(do_sti, 0, 0), TRAP_PROTECTION, 0);
    EXPECT_TRAP(try_with(do_in, 0, 0), TRAP_PROTECTION, 0);
    EXPECT_TRAP(try_with(do_out, 0, 0), TRAP_PROTECTION, 0);
}

TEST(port_access_works_with_iopl_1)
{
    test_needs_first_domain();
    EXPECT_RESULT(set_iopl(1), 0);
    struct registers registers = {.rdx = 0x80, .rflags = RFLAGS_FIXED};
    snippet_run(do_out, &registers);
    registers.rdx = 0x61;
    snippet_run(do_in, &registers);
    EXPECT_RESULT(set_iopl(0), 0);
}

TEST(iopl_above_3_is_refused)
{
    EXPECT_RESULT(set_iopl(4), -XEN_EINVAL);
}

TEST(cr0_reads_as_protected_paging_and_only_ts_can_change)
{
    struct registers registers = {.rflags = RFLAGS_FIXED};
    snippet_run(read_cr0, &registers);
    uint64_t cr0 = registers.rax;
    EXPECT_EQUAL(cr0 & 0x80010001, 0x80010001); /* PG WP PE */
    EXPECT_NO_TRAP(try_with(write_cr0, cr0 | 8, 0));
    snippet_run(read_cr0, &registers);
    EXPECT_EQUAL(registers.rax, cr0 | 8);
    EXPECT_NO_TRAP(try_with(do_clts, 0, 0));
    snippet_run(read_cr0, &registers);
    EXPECT_EQUAL(registers.rax, cr0 & ~UINT64_C(8));
    EXPECT_TRAP(try_with(write_cr0, cr0 & ~UINT64_C(0x10000), 0), TRAP_PROTECTION, 0);
    EXPECT_TRAP(try_with(write_cr0, cr0 & ~UINT64_C(0x80000000), 0), TRAP_PROTECTION, 0);
    EXPECT_TRAP(try_with(write_cr0, 0, 0), TRAP_PROTECTION, 0);
}

TEST(cr2_reads_the_last_fault_address_and_can_be_written)
{
    EXPECT_PAGE_FAULT(trap_try_read(FREE_VA + 0x555, NULL), 0, FREE_VA + 0x555);
    struct registers registers = {.rflags = RFLAGS_FIXED};
    snippet_run(read_cr2, &registers);
    EXPECT_EQUAL(registers.rax, FREE_VA + 0x555);
    registers.rax = 0x123456789abc;
    snippet_run(write_cr2, &registers);
    EXPECT_EQUAL(vcpu_info()->arch.cr2, 0x123456789abc);
}

TEST(cr3_reads_the_base_and_a_write_loads_it)
{
    uint64_t *l4 = page_alloc();
    for (size_t slot = 0; slot < TABLE_ENTRIES; slot++) {
        l4[slot] = boot_l4()[slot];
    }
    EXPECT_RESULT(page_read_only(l4), 0);
    struct registers registers = {.rflags = RFLAGS_FIXED};
    snippet_run(read_cr3, &registers);
    EXPECT_EQUAL(registers.rax, mfn_of(boot_l4()).value << PAGE_SHIFT);
    registers.rax = mfn_of(l4).value << PAGE_SHIFT;
    snippet_run(write_cr3, &registers);
    snippet_run(read_cr3, &registers);
    EXPECT_EQUAL(registers.rax, mfn_of(l4).value << PAGE_SHIFT);
    EXPECT_RESULT(page_writable(l4), -XEN_EBUSY);
}

TEST(write_of_cr3_that_is_no_l4_is_a_protection_fault)
{
    EXPECT_TRAP(try_with(write_cr3, mfn_of(page_alloc()).value << PAGE_SHIFT, 0), TRAP_PROTECTION,
                0);
    EXPECT_TRAP(try_with(write_cr3, 0, 0), TRAP_PROTECTION, 0);
}

TEST(cr4_hides_the_hypervisors_bits_and_ignores_writes_to_them)
{
    struct registers registers = {.rflags = RFLAGS_FIXED};
    snippet_run(read_cr4, &registers);
    uint64_t cr4 = registers.rax;
    EXPECT_EQUAL(cr4 & 0x620, 0x620); /* OSXMMEXCPT OSFXSR PAE */
    /* VME PVI PSE PGE UMIP LA57 VMXE SMXE PCIDE SMEP SMAP PKE CET */
    EXPECT_EQUAL(cr4 & 0xf27893, 0);
    EXPECT_NO_TRAP(try_with(write_cr4, cr4 | 0x80, 0)); /* PGE */
    snippet_run(read_cr4, &registers);
    EXPECT_EQUAL(registers.rax, cr4);
}

TEST(xsetbv_is_undefined_while_cr4_says_so)
{
    struct registers registers = {.rflags = RFLAGS_FIXED};
    snippet_run(read_cr4, &registers);
    uint64_t cr4 = registers.rax;
    EXPECT_NO_TRAP(try_with(write_cr4, cr4 & ~UINT64_C(0x40000), 0)); /* OSXSAVE */
    EXPECT_TRAP(try_with(do_xsetbv, 1, 0), TRAP_INVALID_OPCODE, 0);
    EXPECT_NO_TRAP(try_with(write_cr4, cr4, 0));
}

TEST(control_registers_that_do_not_exist_for_guests_fault)
{
    struct trap trap = try_with(read_cr8, 0, 0);
    EXPECT(trap.raised);
    trap = try_with(write_cr8, 0, 0);
    EXPECT(trap.raised);
}

TEST(debug_registers_can_be_read_and_written)
{
    struct registers registers = {.rax = SCRATCH_VA, .rflags = RFLAGS_FIXED};
    snippet_run(write_dr0, &registers);
    registers.rax = 0;
    snippet_run(read_dr0, &registers);
    EXPECT_EQUAL(registers.rax, SCRATCH_VA);
    EXPECT_RESULT(hypercall_get_debugreg(0), (int64_t)SCRATCH_VA);
    registers.rax = 0;
    snippet_run(write_dr0, &registers);
    EXPECT_TRAP(try_with(write_dr0, HYPERVISOR_VIRT_START, 0), TRAP_PROTECTION, 0);
    EXPECT_TRAP(try_with(write_dr7, UINT64_C(1) << 32, 0), TRAP_PROTECTION, 0);
}

TEST(wbinvd_of_the_first_domain_runs)
{
    test_needs_first_domain();
    EXPECT_NO_TRAP(try_with(do_wbinvd, 0, 0));
}

static struct registers msr_read(uint32_t msr)
{
    struct registers registers = {.rcx = msr, .rflags = RFLAGS_FIXED};
    snippet_run(do_rdmsr, &registers);
    return registers;
}

static struct trap msr_write(uint32_t msr, uint64_t value)
{
    struct registers registers = {
        .rcx = msr, .rax = value & 0xffffffff, .rdx = value >> 32, .rflags = RFLAGS_FIXED};
    return snippet_try(do_wrmsr, &registers);
}

#define MSR_PAT            0x277
#define MSR_EFER           0xc0000080
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

SNIPPET(read_fs_0, "movq %fs:0, %rax");
SNIPPET(read_gs_0, "movq %gs:0, %rax");

TEST(segment_bases_can_be_set_by_msr)
{
    uint64_t *page = page_alloc();
    page[0] = 0x3333;
    struct registers registers = {.rflags = RFLAGS_FIXED};
    EXPECT_NO_TRAP(msr_write(MSR_FS_BASE, pointer_value(page)));
    snippet_run(read_fs_0, &registers);
    EXPECT_EQUAL(registers.rax, 0x3333);
    EXPECT_NO_TRAP(msr_write(MSR_FS_BASE, 0));
    EXPECT_NO_TRAP(msr_write(MSR_GS_BASE, pointer_value(page)));
    snippet_run(read_gs_0, &registers);
    EXPECT_EQUAL(registers.rax, 0x3333);
    EXPECT_EQUAL(msr_read(MSR_GS_BASE).rax, pointer_value(page) & 0xffffffff);
    EXPECT_EQUAL(msr_read(MSR_GS_BASE).rdx, pointer_value(page) >> 32);
    EXPECT_NO_TRAP(msr_write(MSR_GS_BASE, 0));
}

TEST(segment_bases_that_are_not_canonical_are_protection_faults)
{
    static const uint32_t msrs[] = {MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE};
    for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
        EXPECT_TRAP(msr_write(msrs[i], UINT64_C(1) << 47), TRAP_PROTECTION, 0);
        EXPECT_TRAP(msr_write(msrs[i], UINT64_C(1) << 63), TRAP_PROTECTION, 0);
    }
}

TEST(pat_reads_as_the_abi_says_and_cannot_be_changed)
{
    EXPECT_EQUAL(msr_read(MSR_PAT).rax, 0x00070406);
    EXPECT_EQUAL(msr_read(MSR_PAT).rdx, 0x00000501);
    EXPECT_TRAP(msr_write(MSR_PAT, 0x0007040600070406), TRAP_PROTECTION, 0);
}

TEST(forced_emulation_of_cpuid_shows_the_hypervisor_and_hides_what_guests_lack)
{
    struct registers registers = {.rax = 0x40000000, .rflags = RFLAGS_FIXED};
    snippet_run(forced_cpuid, &registers);
    EXPECT_EQUAL(registers.rbx, 0x566e6558); /* XenVMMXenVMM */
    EXPECT_EQUAL(registers.rcx, 0x65584d4d);
    EXPECT_EQUAL(registers.rdx, 0x4d4d566e);

    registers = (struct registers){.rax = 1, .rflags = RFLAGS_FIXED};
    snippet_run(forced_cpuid, &registers);
    EXPECT_EQUAL(registers.rdx & 0x0002200a, 0);          /* PSE36 PGE PSE VME */
    EXPECT_EQUAL(registers.rdx & 0x40, 0x40);             /* PAE */
    EXPECT_EQUAL(registers.rcx & 0x80220000, 0x80000000); /* a hypervisor; no x2APIC, no PCID */

    registers = (struct registers){.rax = 7, .rflags = RFLAGS_FIXED};
    snippet_run(forced_cpuid, &registers);
    EXPECT_EQUAL(registers.rbx & 0x00100480, 0); /* SMAP INVPCID SMEP */
    EXPECT_EQUAL(registers.rcx & 0x0001000c, 0); /* LA57 PKU UMIP */

    registers = (struct registers){.rax = 0x80000001, .rflags = RFLAGS_FIXED};
    snippet_run(forced_cpuid, &registers);
    EXPECT_EQUAL(registers.rdx & 0x20100800, 0x20100800); /* LM NX SYSCALL */
    EXPECT_EQUAL(registers.rdx & 0x04000000, 0);          /* 1 GiB pages */
}

TEST(forced_emulation_of_anything_else_is_an_invalid_opcode)
{
    EXPECT_TRAP(try_with(forced_nop, 0, 0), TRAP_INVALID_OPCODE, 0);
    EXPECT_TRAP(try_with(forced_but_misspelt, 0, 0), TRAP_INVALID_OPCODE, 0);
}

TEST(user_mode_may_do_none_of_it)
{
    static const struct instruction instructions[] = {
        INSTRUCTION(hlt),         INSTRUCTION(cli),         INSTRUCTION(sti),
        INSTRUCTION(clts),        INSTRUCTION(invd),        INSTRUCTION(wbinvd),
        INSTRUCTION(invlpg),      INSTRUCTION(lgdt),        INSTRUCTION(lidt),
        INSTRUCTION(lldt),        INSTRUCTION(ltr),         INSTRUCTION(lmsw),
        INSTRUCTION(swapgs),      INSTRUCTION(sysret),      INSTRUCTION(in),
        INSTRUCTION(out),         INSTRUCTION(rdmsr),       INSTRUCTION(wrmsr),
        {"read_cr0", read_cr0},   {"read_cr2", read_cr2},   {"read_cr3", read_cr3},
        {"read_cr4", read_cr4},   {"write_cr0", write_cr0}, {"write_cr2", write_cr2},
        {"write_cr3", write_cr3}, {"write_cr4", write_cr4}, {"read_dr7", read_dr7},
        {"write_dr7", write_dr7}, {"read_dr6", read_dr6},
    };
    user_space_create();
    EXPECT_RESULT(set_iopl(1), 0);
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
        struct registers registers = {.rcx = MSR_FS_BASE, .rdi = USER_DATA_VA, .rdx = 0x80};
        struct trap trap = user_run(instructions[i].snippet, &registers);
        if (trap.vector != TRAP_PROTECTION || trap.error != 0) {
            test_fail(__FILE__, __LINE__, "%s: vector %u error %#lx", instructions[i].name,
                      (unsigned int)trap.vector, trap.error);
        }
        EXPECT_EQUAL(trap.frame.rip, user_address(instructions[i].snippet));
    }
    EXPECT_RESULT(set_iopl(0), 0);
}
