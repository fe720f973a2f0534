/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families K, L and M again: what a kernel or a user program can make the processor do in the
 * hypervisor's hands: instructions it emulates, registers it loads, frames it returns to.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"
#include "lib/string.h"

SNIPPET(save_fpu_state, "fxsave (%rdi)");
SNIPPET(save_gdt_pointer, "sgdt (%rdi)");
SNIPPET(store_task_register, "str (%rdi)");
SNIPPET(store_vector, "movups %xmm0, (%rdi)");
SNIPPET(store_locked_increment, "lock incq (%rdi)");
SNIPPET(read_register, "rdmsr");
SNIPPET(write_register, "wrmsr");
SNIPPET(set_xcr, "xsetbv");
SNIPPET(set_osxsave, "movq %cr4, %rax\n btsq $18, %rax\n movq %rax, %cr4");
SNIPPET(step_over_rdmsr, "pushfq\n orl $0x100, (%rsp)\n popfq\n rdmsr\n nop\n nop");
SNIPPET(step_over_read_cr0, "pushfq\n orl $0x100, (%rsp)\n popfq\n movq %cr0, %rax\n nop\n nop");
SNIPPET(ud2_in_user_mode, "ud2");
SNIPPET(load_fs_selector, "movl %eax, %fs");

/* Instructions that the processor lets a guest execute, with memory operands of odd sizes. */
TEST(l2_stores_of_other_kinds_do_not_reach_a_table)
{
    void (*const snippets[])(void) = {save_fpu_state, save_gdt_pointer, store_task_register,
                                      store_vector};
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    uint64_t *table = table_new(1);
    for (size_t i = 0; i < ARRAY_SIZE(snippets); i++) {
        struct registers registers = {.rdi = pointer_value(table), .rflags = RFLAGS_FIXED};
        struct trap trap = snippet_try(snippets[i], &registers);
        EXPECT(trap.raised);
        EXPECT(trap.vector == TRAP_PAGE_FAULT || trap.vector == TRAP_PROTECTION);
        for (size_t j = 0; j < 64; j++) {
            EXPECT_EQUAL(((volatile uint64_t *)table)[j], 0);
        }
    }
}

/* Each step to an entry that is present, by arithmetic. */
TEST(l8_arithmetic_on_an_entry_is_checked_as_any_store)
{
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    uint64_t *table = table_new(1);
    EXPECT_RESULT(entry_set(table, 0, pte_make(mfn_of(table), 0) | PTE_WRITABLE), 0);
    struct registers registers = {.rdi = pointer_value(table), .rflags = RFLAGS_FIXED};
    struct trap trap = snippet_try(store_locked_increment, &registers); /* makes it present */
    EXPECT_TRAP(trap, TRAP_PAGE_FAULT, PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
    EXPECT_EQUAL(((volatile uint64_t *)table)[0], pte_make(mfn_of(table), PTE_WRITABLE));
}

static void try_msr(uint32_t index)
{
    struct registers registers = {.rcx = index, .rflags = RFLAGS_FIXED};
    struct trap trap = snippet_try(read_register, &registers);
    if (trap.raised) {
        EXPECT_EQUAL(trap.vector, TRAP_PROTECTION);
        return;
    }
    EXPECT_EQUAL((registers.rax | registers.rdx) >> 32, 0);
    trap = snippet_try(write_register, &registers); /* its own value: no change */
    EXPECT(!trap.raised || trap.vector == TRAP_PROTECTION);
}

TEST(xsa_333_every_msr_is_a_value_or_a_fault)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x2000},
                  {0x40000000, 0x40000200},
                  {0xc0000000, 0xc0000200},
                  {0xc0010000, 0xc0010200},
                  {0xc0011000, 0xc0011100},
                  {0xffffff00, 0xfffffffe}};
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        for (uint32_t index = ranges[i].first; index <= ranges[i].last; index++) {
            try_msr(index);
        }
    }
}

TEST(l5_msrs_of_the_hypervisor_cannot_be_set)
{
    /* STAR, LSTAR, CSTAR, FMASK; SYSENTER's three; the debug control; EFER without long mode. */
    static const uint32_t indexes[] = {0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0x174,
                                       0x175,      0x176,      0x1d9,      0xc0000080, 0x1b};
    for (size_t i = 0; i < ARRAY_SIZE(indexes); i++) {
        struct registers registers = {
            .rcx = indexes[i], .rax = 0x41414000, .rdx = 0xffff8888, .rflags = RFLAGS_FIXED};
        struct trap trap = snippet_try(write_register, &registers);
        EXPECT(!trap.raised || trap.vector == TRAP_PROTECTION);
        EXPECT_RESULT(hypercall_xen_version(XENVER_version, NULL), 0x40011); /* SYSCALL works */
    }
    struct registers efer = {.rcx = 0xc0000080, .rflags = RFLAGS_FIXED};
    snippet_run(read_register, &efer);
    EXPECT((efer.rax & 0x501) == 0x501); /* LMA, LME, SCE */
}

static uint64_t xcr0_try(uint64_t value)
{
    struct registers registers = {
        .rax = (uint32_t)value, .rdx = value >> 32, .rflags = RFLAGS_FIXED};
    struct trap trap = snippet_try(set_xcr, &registers);
    return trap.raised ? trap.vector : UINT64_MAX;
}

static bool has_xsave(void)
{
    uint32_t eax = 1, ebx, ecx = 0, edx;
    __asm__ volatile("ud2\n .ascii \"xen\"\n cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return (ecx & UINT32_C(1) << 27) != 0; /* OSXSAVE */
}

TEST(xsa_54_extended_state_cannot_be_set_to_what_does_not_work)
{
    if (!has_xsave()) {
        uint64_t vector = xcr0_try(1);
        EXPECT(vector == TRAP_INVALID_OPCODE || vector == TRAP_PROTECTION);
        return;
    }
    struct registers registers = {.rflags = RFLAGS_FIXED};
    snippet_run(set_osxsave, &registers);
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    EXPECT_EQUAL(xcr0_try(0), TRAP_PROTECTION); /* without the x87 */
    EXPECT_EQUAL(xcr0_try(2), TRAP_PROTECTION); /* SSE without it */
    EXPECT_EQUAL(xcr0_try(5), TRAP_PROTECTION); /* AVX without SSE */
    EXPECT_EQUAL(xcr0_try(UINT64_C(1) << 63 | 1), TRAP_PROTECTION);
    for (unsigned int i = 0; i < 64; i++) {
        for (unsigned int j = i; j < 64; j++) {
            uint64_t result = xcr0_try(UINT64_C(1) << i | UINT64_C(1) << j);
            EXPECT(result == UINT64_MAX || result == TRAP_PROTECTION);
        }
    }
    EXPECT_EQUAL(xcr0_try((uint64_t)high << 32 | low), UINT64_MAX);
}

TEST(xsa_204_single_step_stops_behind_what_is_emulated)
{
    void (*const snippets[])(void) = {step_over_rdmsr, step_over_read_cr0};
    for (size_t i = 0; i < ARRAY_SIZE(snippets); i++) {
        struct registers registers = {.rcx = 0x10, .rflags = RFLAGS_FIXED}; /* the TSC */
        struct trap trap = snippet_try(snippets[i], &registers);
        EXPECT(trap.raised && trap.vector == TRAP_DEBUG);
        EXPECT_EQUAL(*(const uint8_t *)trap.frame.rip, 0x90);
        EXPECT_RESULT(hypercall_set_debugreg(6, 0xffff0ff0), 0);
    }
}

/* Values of all sorts in every field of the frame, in all their combinations of one round. */
TEST(m13_frames_of_any_value_end_in_a_trap_of_user_mode)
{
    static const uint64_t values[] = {0,
                                      1,
                                      0x33,
                                      0x2b,
                                      0xe033,
                                      0xffff,
                                      UINT64_C(0x7fffffffffff),
                                      UINT64_C(0x800000000000),
                                      UINT64_C(0x8000000000000000),
                                      HYPERVISOR_VIRT_START,
                                      HYPERVISOR_VIRT_END - 8,
                                      UINT64_MAX};
    user_space_create();
    uint64_t random = 42;
    for (unsigned int round = 0; round < 400; round++) {
        uint64_t drawn[5];
        for (size_t i = 0; i < ARRAY_SIZE(drawn); i++) {
            random = random * 6364136223846793005 + 1442695040888963407;
            drawn[i] = (random >> 62) == 0 ? random : values[(random >> 33) % ARRAY_SIZE(values)];
        }
        struct iret_frame frame = {
            .rip = (round % 3) == 0 ? user_address(ud2_in_user_mode) : drawn[0],
            .cs = (drawn[1] & 0xffff) | 3,
            .rflags = drawn[2] & ~RFLAGS_TF,
            .rsp = drawn[3],
            .ss = drawn[4],
        };
        struct trap trap = iret_try(&frame, NULL);
        EXPECT(trap.raised);
        EXPECT_EQUAL(trap.frame.rflags & RFLAGS_IOPL, 0);
    }
}

/* An LDT page mapped with every attribute that a leaf can have: none may get into the hypervisor's
 * own mapping of it, where NX or a cache bit would be the least of it. */
TEST(a9_attributes_of_an_ldt_page_do_not_matter)
{
    static const uint64_t attributes[] = {PTE_AVAILABLE, PTE_NO_EXECUTE, PTE_DIRTY | PTE_ACCESSED,
                                          PTE_USER | PTE_GLOBAL, UINT64_C(0x7ff) << 52};
    uint64_t *ldt = page_alloc();
    ldt[1] = UINT64_C(0x00cff3000000ffff);
    EXPECT_RESULT(page_read_only(ldt), 0);
    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(ldt), PTE_READ_ONLY | attributes[i])), 0);
        struct mmuext_op load = {
            .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = SCRATCH_VA, .arg2.nr_ents = 512};
        EXPECT_RESULT(hypercall_mmuext_op(&load, 1, NULL, DOMID_SELF), 0);
        struct registers registers = {.rax = 0xf, .rflags = RFLAGS_FIXED};
        EXPECT_NO_TRAP(snippet_try(load_fs_selector, &registers));
        registers.rax = 0;
        EXPECT_NO_TRAP(snippet_try(load_fs_selector, &registers));
        load.arg2.nr_ents = 0;
        EXPECT_RESULT(hypercall_mmuext_op(&load, 1, NULL, DOMID_SELF), 0);
    }
}

TEST(k5_ldt_page_in_use_cannot_become_writable)
{
    uint64_t *ldt = page_alloc();
    ldt[1] = UINT64_C(0x00cff3000000ffff);
    EXPECT_RESULT(page_read_only(ldt), 0);
    struct mmuext_op load = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = pointer_value(ldt), .arg2.nr_ents = 512};
    EXPECT_RESULT(hypercall_mmuext_op(&load, 1, NULL, DOMID_SELF), 0);
    struct registers registers = {.rax = 0xf, .rflags = RFLAGS_FIXED};
    EXPECT_NO_TRAP(snippet_try(load_fs_selector, &registers));
    EXPECT_RESULT(page_writable(ldt), -XEN_EBUSY);
    EXPECT_RESULT(pin(1, ldt), -XEN_EINVAL);
    registers.rax = 0;
    EXPECT_NO_TRAP(snippet_try(load_fs_selector, &registers));
    load.arg2.nr_ents = 0;
    EXPECT_RESULT(hypercall_mmuext_op(&load, 1, NULL, DOMID_SELF), 0);
    EXPECT_RESULT(page_writable(ldt), 0);
}
