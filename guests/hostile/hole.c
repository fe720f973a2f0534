/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XSA-243, CVE-2010-4255: the hypervisor's own addresses. Kernel and user mode run in ring 3, so
 * any byte of the hole that is mapped for users is theirs. Only the machine-to-physical table may
 * be read, by the kernel, and nothing written or executed.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"

#define HOLE_STEP (UINT64_C(1) << 30)

static void expect_fault_in_hole(struct trap trap, uint64_t va, uint64_t wanted)
{
    uint64_t error = trap.error & ~PAGE_FAULT_PRESENT;
    if (!trap.raised || trap.vector != TRAP_PAGE_FAULT || error != wanted || trap.cr2 != va) {
        test_fail(__FILE__, __LINE__, "%#lx: raised %d vector %u error %#lx cr2 %#lx", va,
                  trap.raised, (unsigned int)trap.vector, trap.error, trap.cr2);
    }
}

TEST(xsa_243_kernel_cannot_read_write_or_execute_the_hole)
{
    for (uint64_t va = MACH2PHYS_VIRT_END; va != HYPERVISOR_VIRT_END; va += HOLE_STEP) {
        static const uint64_t offsets[] = {0, 0x1000, 0x200000, HOLE_STEP - 8};
        for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
            expect_fault_in_hole(trap_try_read(va + offsets[i], NULL), va + offsets[i], 0);
        }
        expect_fault_in_hole(trap_try_write(va, 0), va, PAGE_FAULT_WRITE);
        expect_fault_in_hole(trap_try_execute(va), va, PAGE_FAULT_FETCH);
    }
}

TEST(xsa_243_machine_to_physical_table_cannot_be_written_or_executed)
{
    for (uint64_t va = MACH2PHYS_VIRT_START; va != MACH2PHYS_VIRT_END; va += HOLE_STEP) {
        expect_fault_in_hole(trap_try_write(va, 0), va, PAGE_FAULT_WRITE);
        expect_fault_in_hole(trap_try_execute(va), va, PAGE_FAULT_FETCH);
    }
}

SNIPPET(user_read_memory, "movq (%rdi), %rax\n syscall");
SNIPPET(user_write_memory, "movq %rax, (%rdi)\n syscall");
SNIPPET(user_jump_to, "jmp *%rdi");

TEST(cve_2010_4255_user_mode_cannot_read_write_or_execute_the_hole)
{
    user_space_create();
    for (uint64_t va = HYPERVISOR_VIRT_START; va != HYPERVISOR_VIRT_END; va += 16 * HOLE_STEP) {
        struct registers registers = {.rdi = va};
        expect_fault_in_hole(user_run(user_read_memory, &registers), va, PAGE_FAULT_USER);
        expect_fault_in_hole(user_run(user_write_memory, &registers), va,
                             PAGE_FAULT_USER | PAGE_FAULT_WRITE);
        expect_fault_in_hole(user_run(user_jump_to, &registers), va,
                             PAGE_FAULT_USER | PAGE_FAULT_FETCH);
    }
}

/* What the L4 shows of the hole are the hypervisor's own tables: no frame of ours. */
TEST(l4_slots_of_the_hole_name_no_frame_that_we_can_map)
{
    for (size_t slot = L4_HOLE_FIRST; slot <= L4_HOLE_LAST; slot++) {
        uint64_t entry = boot_l4()[slot];
        if ((entry & PTE_PRESENT) == 0) {
            continue;
        }
        bool accepted = va_set(SCRATCH_VA, pte_make(pte_mfn(entry), PTE_READ_ONLY)) == 0;
        bool self = pte_mfn(entry).value == mfn_of(boot_l4()).value;
        EXPECT_EQUAL(accepted, self);
    }
}
