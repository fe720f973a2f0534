/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Family E: same-level ("linear") tables, where the hypervisor accepts them (pv-linear-pt). An L4
 * that is used as an L3 shows the hypervisor's slots at addresses that are the guest's. They are
 * not for ring 3; the hypervisor must not go there on a guest's behalf either.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

#define SLOT        UINT64_C(300)
#define LARGE_PAGES 64U /* of 2 MiB, from address 0: all of them RAM, most of it not ours */

/* The address to which these indexes lead under the boot L4. */
static uint64_t address_of(uint64_t l3, uint64_t l2, uint64_t l1)
{
    return UINT64_C(0xffff) << 48 | SLOT << 39 | l3 << 30 | l2 << 21 | l1 << PAGE_SHIFT;
}

static void name_the_l4_in_itself(void)
{
    uint64_t entry = pte_make(mfn_of(boot_l4()), PTE_PRESENT | PTE_USER | PTE_ACCESSED);
    if (entry_set(boot_l4(), SLOT, entry) != 0) {
        test_skip("same-level entries are refused");
    }
}

static void expect_out_of_reach(uint64_t address)
{
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_send, (void *)address), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_update_va_mapping(address, 0, UVMF_NONE), -XEN_EINVAL);
}

TEST(e5_hypervisor_slots_of_an_l4_used_as_an_l3_are_out_of_reach)
{
    name_the_l4_in_itself();
    for (uint64_t slot = L4_HOLE_FIRST; slot <= L4_HOLE_LAST; slot++) {
        for (uint64_t page = 0; page < LARGE_PAGES; page++) {
            expect_out_of_reach(address_of(slot, 0, page));
        }
        expect_out_of_reach(address_of(SLOT, slot, 0));
        expect_out_of_reach(address_of(SLOT, SLOT, slot));
    }
}

TEST(e7_tables_behind_a_linear_entry_are_read_and_not_written)
{
    name_the_l4_in_itself();
    uint64_t self = address_of(SLOT, SLOT, SLOT);
    uint64_t value = 0;
    EXPECT_NO_TRAP(trap_try_read(self + SLOT * sizeof(uint64_t), &value));
    EXPECT_EQUAL(pte_mfn(value).value, mfn_of(boot_l4()).value);
    EXPECT_PAGE_FAULT(trap_try_write(self, 0), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE, self);
    EXPECT_RESULT(hypercall_update_va_mapping(self, 0, UVMF_NONE), -XEN_EINVAL);
    EXPECT_RESULT(entry_set(boot_l4(), SLOT, 0), 0);
    EXPECT_PAGE_FAULT(trap_try_read(self, NULL), 0, self);
}
