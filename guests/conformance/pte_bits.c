/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which bits of an entry are refused, and which the hypervisor adds. Kernel and user mode both run
 * in ring 3, so the user bit cannot tell kernel pages from user pages: bit 52 and the global bit
 * do. A hypervisor that leaves a kernel page global lets user mode read it from the TLB.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

/* Store an L1 entry and read it back. */
static uint64_t stored_as(uint64_t pte)
{
    EXPECT_RESULT(va_set(SCRATCH_VA, pte), 0);
    return pte_of(SCRATCH_VA);
}

TEST(kernel_leaf_gets_user_and_bit_52)
{
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_WRITE);
    EXPECT_EQUAL(stored_as(pte), pte | PTE_USER | PTE_GUEST_KERNEL);
}

TEST(user_leaf_gets_global)
{
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_WRITE | PTE_USER);
    EXPECT_EQUAL(stored_as(pte), pte | PTE_GLOBAL);
}

TEST(kernel_leaf_read_back_and_written_again_does_not_change)
{
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY | PTE_USER | PTE_GUEST_KERNEL);
    EXPECT_EQUAL(stored_as(pte), pte);
}

TEST(non_present_leaf_gets_nothing)
{
    EXPECT_EQUAL(stored_as(0xfffffffffffffffe), 0xfffffffffffffffe);
    EXPECT_EQUAL(stored_as(PTE_USER), PTE_USER);
}

TEST(available_bits_and_no_execute_of_a_leaf_are_kept)
{
    uint64_t kept = PTE_AVAILABLE | PTE_NO_EXECUTE | PTE_ACCESSED | PTE_DIRTY;
    kept |= UINT64_C(0x3ff) << 53;
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_WRITE | kept);
    EXPECT_EQUAL(stored_as(pte), pte | PTE_USER | PTE_GUEST_KERNEL);
}

TEST(no_execute_leaf_cannot_be_executed)
{
    uint8_t *page = page_alloc();
    page[0] = 0xc3; /* ret */
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_ONLY)), 0);
    EXPECT_NO_TRAP(trap_try_execute(SCRATCH_VA));
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_ONLY | PTE_NO_EXECUTE)), 0);
    EXPECT_PAGE_FAULT(trap_try_execute(SCRATCH_VA), PAGE_FAULT_PRESENT | PAGE_FAULT_FETCH,
                      SCRATCH_VA);
}

TEST(upper_level_entries_get_user)
{
    uint64_t flags = PTE_READ_WRITE;
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(table_new(1)), flags)), 0);
    EXPECT_EQUAL(pool_l2[FREE_L2_INDEX] & (flags | PTE_USER), flags | PTE_USER);
    EXPECT_RESULT(entry_set(pool_l3, 5, pte_make(mfn_of(table_new(2)), flags)), 0);
    EXPECT_EQUAL(pool_l3[5] & (flags | PTE_USER), flags | PTE_USER);
}

TEST(l4_entry_gets_user_and_accessed)
{
    EXPECT_RESULT(entry_set(boot_l4(), 300, pte_make(mfn_of(table_new(3)), PTE_READ_WRITE)), 0);
    EXPECT_EQUAL(boot_l4()[300] & (PTE_USER | PTE_ACCESSED), PTE_USER | PTE_ACCESSED);
}

TEST(bits_refused_in_upper_levels_are_refused_one_by_one)
{
    static const uint64_t refused[] = {PTE_WRITE_THROUGH, PTE_CACHE_DISABLE, PTE_LARGE, PTE_GLOBAL};
    uint64_t *tables[] = {NULL, table_new(1), table_new(2), table_new(3)};
    uint64_t *parents[] = {NULL, NULL, pool_l2, pool_l3, boot_l4()};
    size_t slots[] = {0, 0, FREE_L2_INDEX, 5, 300};
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t good = pte_make(mfn_of(tables[level - 1]), PTE_TABLE);
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
            EXPECT_RESULT(entry_set(parents[level], slots[level], good | refused[i]), -XEN_EINVAL);
            EXPECT_EQUAL(parents[level][slots[level]], 0);
        }
    }
}

TEST(bits_refused_in_upper_levels_cannot_be_added_to_a_live_entry)
{
    static const uint64_t refused[] = {PTE_WRITE_THROUGH, PTE_CACHE_DISABLE, PTE_LARGE, PTE_GLOBAL};
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(table_new(1)), PTE_TABLE)), 0);
    uint64_t live = pool_l2[FREE_L2_INDEX];
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, live | refused[i]), -XEN_EINVAL);
        EXPECT_EQUAL(((volatile uint64_t *)pool_l2)[FREE_L2_INDEX], live);
    }
}

TEST(available_bits_of_upper_levels_are_kept)
{
    uint64_t kept = PTE_AVAILABLE | PTE_NO_EXECUTE | (UINT64_C(0x7ff) << 52);
    uint64_t value = pte_make(mfn_of(table_new(1)), PTE_TABLE | kept);
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, value), 0);
    EXPECT_EQUAL(pool_l2[FREE_L2_INDEX], value);
}

TEST(no_execute_in_an_upper_level_holds_for_all_below)
{
    uint8_t *page = page_alloc();
    uint64_t *l1 = page_alloc();
    page[0] = 0xc3; /* ret */
    l1[0] = pte_make(mfn_of(page), PTE_READ_ONLY);
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, l1), 0);
    EXPECT_NO_TRAP(trap_try_execute(FREE_VA));
    EXPECT_RESULT(
        entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(l1), PTE_TABLE | PTE_NO_EXECUTE)), 0);
    EXPECT_PAGE_FAULT(trap_try_execute(FREE_VA), PAGE_FAULT_PRESENT | PAGE_FAULT_FETCH, FREE_VA);
}

TEST(read_only_in_an_upper_level_holds_for_all_below)
{
    uint64_t *l1 = page_alloc();
    l1[0] = pte_make(mfn_of(page_alloc()), PTE_READ_WRITE);
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, l1), 0);
    EXPECT_NO_TRAP(trap_try_write(FREE_VA, 1));
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(l1), PTE_PRESENT)), 0);
    EXPECT_PAGE_FAULT(trap_try_write(FREE_VA, 1), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE, FREE_VA);
}

TEST(pin_adjusts_the_entries_of_a_table)
{
    uint64_t *table = page_alloc();
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_WRITE);
    table[0] = pte;
    table[1] = pte | PTE_USER;
    table[511] = 0xfe;

    EXPECT_RESULT(table_pin(1, table), 0);
    const volatile uint64_t *pinned = table;
    EXPECT_EQUAL(pinned[0], pte | PTE_USER | PTE_GUEST_KERNEL);
    EXPECT_EQUAL(pinned[1], pte | PTE_USER | PTE_GLOBAL);
    EXPECT_EQUAL(pinned[511], 0xfe);
}
