/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries that name a table of their own level. Xen allows read-only ones, Pinnace with
 * the option pv-linear-pt=; without it they are refused, and what else is here is skipped. Through
 * such an entry of the L4, its tables are pages, at addresses of the guest's; and so are, by the
 * slots that are the hypervisor's in every L4, the hypervisor's own.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/trap.h"

#define SLOT 300U /* of the L4, where it names itself */

static uint64_t same_level_entry(const void *table)
{
    return pte_make(mfn_of(table), PTE_PRESENT | PTE_USER | PTE_ACCESSED);
}

static void l4_names_itself(void)
{
    if (entry_set(boot_l4(), SLOT, same_level_entry(boot_l4())) != 0) {
        test_skip("entries that name a table of their own level are refused");
    }
}

static uint64_t window_address(uint64_t l3, uint64_t l2, uint64_t l1)
{
    return UINT64_C(0xffff000000000000) | (uint64_t)SLOT << 39 | l3 << 30 | l2 << 21 |
           l1 << PAGE_SHIFT;
}

TEST(xsa_182_same_level_entry_is_read_only_or_refused)
{
    uint64_t *tables[] = {pool_l2, pool_l3, boot_l4()};
    size_t slots[] = {FREE_L2_INDEX, 5, SLOT};
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        uint64_t entry = same_level_entry(tables[i]);
        int64_t answer = entry_set(tables[i], slots[i], entry);
        EXPECT(answer == 0 || answer == -XEN_EINVAL);
        EXPECT_EQUAL(((volatile uint64_t *)tables[i])[slots[i]], answer == 0 ? entry : 0);
        EXPECT_RESULT(entry_set(tables[i], slots[i], entry | PTE_WRITABLE), -XEN_EINVAL);
        EXPECT_RESULT(entry_set(tables[i], slots[i], 0), 0);
    }
}

TEST(xsa_182_tables_behind_a_same_level_entry_cannot_be_written)
{
    l4_names_itself();
    volatile uint64_t *l4 = (volatile uint64_t *)window_address(SLOT, SLOT, SLOT);
    EXPECT_EQUAL(pte_mfn(l4[SLOT]).value, mfn_of(boot_l4()).value);
    size_t pool_slot = table_index(POOL_VA, 4);
    volatile uint64_t *l3 = (volatile uint64_t *)window_address(SLOT, SLOT, pool_slot);
    EXPECT_EQUAL(pte_mfn(l3[0]).value, mfn_of(pool_l2).value);
    const uint64_t addresses[] = {
        (uint64_t)l4, (uint64_t)l3, window_address(SLOT, pool_slot, 0), /* the pool's L2 */
        window_address(pool_slot, 0, 0),                                /* its first L1 */
    };
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        uint64_t value;
        EXPECT_NO_TRAP(trap_try_read(addresses[i], &value));
        EXPECT_TRAP(trap_try_write(addresses[i], pte_make(mfn_of(pool_l2), PTE_READ_WRITE)),
                    TRAP_PAGE_FAULT, PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
    }
}

TEST(xsa_240_same_level_entries_form_no_chain)
{
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t *first = table_new(level);
        uint64_t *second = table_new(level);
        uint64_t *third = table_new(level);
        if (entry_set(first, 0, same_level_entry(second)) != 0) {
            test_skip("entries that name a table of their own level are refused");
        }
        EXPECT_RESULT(entry_set(third, 0, same_level_entry(first)), -XEN_EINVAL);
        EXPECT_RESULT(entry_set(second, 0, same_level_entry(third)), -XEN_EINVAL);
        EXPECT_RESULT(entry_set(second, 0, same_level_entry(first)), -XEN_EINVAL);
        EXPECT_RESULT(entry_set(first, 0, 0), 0);
        EXPECT_RESULT(entry_set(third, 0, same_level_entry(first)), 0);
        EXPECT_RESULT(entry_set(third, 0, 0), 0);
    }
}

TEST(same_level_entry_does_not_lead_a_call_to_an_upper_table)
{
    l4_names_itself();
    uint64_t entry = pte_make(mfn_of(page_alloc()), PTE_READ_WRITE);
    size_t pool_slot = table_index(POOL_VA, 4);
    const struct {
        uint64_t address;
        uint64_t *table;
        size_t index;
    } ends[] = {
        {window_address(pool_slot, 0, FREE_L2_INDEX), pool_l2, FREE_L2_INDEX},
        {window_address(SLOT, pool_slot, 5), pool_l3, 5},
        {window_address(SLOT, SLOT, 301), boot_l4(), 301},
        {window_address(SLOT, SLOT, SLOT), boot_l4(), SLOT},
    };
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        uint64_t before = ((volatile uint64_t *)ends[i].table)[ends[i].index];
        EXPECT_RESULT(va_set(ends[i].address, entry), -XEN_EINVAL);
        EXPECT_RESULT(va_set(ends[i].address, 0), -XEN_EINVAL);
        EXPECT_EQUAL(((volatile uint64_t *)ends[i].table)[ends[i].index], before);
    }
}

/* The guest's own access faults; the hypervisor, which could, must not read there for it. */
TEST(same_level_entry_does_not_show_the_hypervisors_tables)
{
    l4_names_itself();
    static const uint64_t indices[] = {0, 1, 2, 256, 510, 511};
    for (uint64_t slot = L4_HOLE_FIRST + 1; slot <= L4_HOLE_LAST; slot++) {
        for (size_t i = 0; i < ARRAY_SIZE(indices); i++) {
            const uint64_t addresses[] = {
                window_address(slot, indices[i], 0),
                window_address(SLOT, slot, indices[i]),
                window_address(SLOT, SLOT, slot),
            };
            for (size_t j = 0; j < ARRAY_SIZE(addresses); j++) {
                uint64_t value;
                struct trap trap = trap_try_read(addresses[j], &value);
                EXPECT(trap.raised && trap.vector == TRAP_PAGE_FAULT);
                const struct mmu_update *updates = (const struct mmu_update *)addresses[j];
                EXPECT_RESULT(hypercall_mmu_update(updates, 1, NULL, DOMID_SELF), -XEN_EFAULT);
            }
        }
    }
}
