/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmuext_op: pinning and unpinning tables. A frame that is pinned while it can be written, or that
 * keeps a type after a refused pin, breaks the one rule that all isolation rests on: a frame has
 * one use at a time.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "lib/string.h"

TEST(empty_page_can_be_pinned_and_unpinned_at_each_level)
{
    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t *table = page_alloc();
        EXPECT_RESULT(table_pin(level, table), 0);
        EXPECT_RESULT(page_writable(table), -XEN_EBUSY);
        EXPECT_RESULT(unpin(table), 0);
        EXPECT_RESULT(page_writable(table), 0);
    }
}

TEST(frame_mapped_writable_cannot_be_pinned)
{
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_RESULT(pin(level, page_alloc()), -XEN_EINVAL);
    }
}

TEST(frame_unmapped_without_a_flush_can_be_pinned_and_no_longer_written)
{
    uint64_t *table = page_alloc();
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(table), PTE_READ_WRITE)), 0);
    EXPECT_RESULT(page_read_only(table), 0);
    *(volatile uint64_t *)SCRATCH_VA = 0;
    EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, 0, UVMF_NONE), 0);

    EXPECT_RESULT(pin(1, table), 0);
    EXPECT_PAGE_FAULT(trap_try_write(SCRATCH_VA, 1), PAGE_FAULT_WRITE, SCRATCH_VA);
    EXPECT_EQUAL(table[0], 0);
}

TEST(second_pin_is_refused_and_one_unpin_is_enough)
{
    uint64_t *table = table_new(1);
    EXPECT_RESULT(pin(1, table), -XEN_EINVAL);
    EXPECT_RESULT(unpin(table), 0);
    EXPECT_RESULT(page_writable(table), 0);
}

TEST(pinned_table_cannot_be_pinned_at_another_level)
{
    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t *table = table_new(level);
        for (unsigned int other = 1; other <= 4; other++) {
            EXPECT_RESULT(pin(other, table), -XEN_EINVAL);
        }
        EXPECT_RESULT(unpin(table), 0);
    }
}

TEST(frame_that_is_not_pinned_cannot_be_unpinned)
{
    uint64_t *page = page_alloc();
    EXPECT_RESULT(unpin(page), -XEN_EINVAL);
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(unpin(page), -XEN_EINVAL);
}

TEST(linked_table_that_is_not_pinned_cannot_be_unpinned)
{
    uint64_t *table = page_alloc();
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, table), 0);
    EXPECT_RESULT(unpin(table), -XEN_EINVAL);
    EXPECT_RESULT(page_writable(table), -XEN_EBUSY);
}

TEST(linked_table_stays_a_table_when_it_is_unpinned)
{
    uint64_t *table = table_new(1);
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(table), PTE_TABLE)), 0);
    EXPECT_RESULT(unpin(table), 0);
    EXPECT_RESULT(page_writable(table), -XEN_EBUSY);
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, 0), 0);
    EXPECT_RESULT(page_writable(table), 0);
}

TEST(table_linked_many_times_is_released_by_the_last_unlink)
{
    uint64_t *table = page_alloc();
    for (size_t i = 0; i < 100; i++) {
        EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX + i, table), 0);
    }
    for (size_t i = 0; i < 100; i++) {
        EXPECT_RESULT(page_writable(table), -XEN_EBUSY);
        EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX + i, 0), 0);
    }
    EXPECT_RESULT(page_writable(table), 0);
}

/* Pin a table whose entry `index` is `bad`, and see that nothing is left of the attempt. */
static void expect_refused_with(unsigned int level, size_t index, uint64_t bad, int64_t wanted)
{
    uint64_t *table = page_alloc();
    table[index] = bad;
    EXPECT_RESULT(table_pin(level, table), wanted);
    EXPECT_RESULT(pin(level, table), wanted);
    EXPECT_RESULT(unpin(table), -XEN_EINVAL);
    EXPECT_RESULT(page_writable(table), 0);
    EXPECT_RESULT(page_read_only(table), 0);
    EXPECT_RESULT(pin(level == 1 ? 2 : level, table), wanted == -XEN_EBUSY ? -XEN_EINVAL : wanted);
}

TEST(l1_with_a_writable_entry_for_a_table_cannot_be_pinned)
{
    static const size_t positions[] = {0, 1, 255, 510, 511};
    for (size_t i = 0; i < ARRAY_SIZE(positions); i++) {
        expect_refused_with(1, positions[i], pte_make(mfn_of(pool_l2), PTE_READ_WRITE), -XEN_EBUSY);
    }
}

TEST(upper_table_with_a_writable_page_as_child_cannot_be_pinned)
{
    uint64_t *page = page_alloc();
    static const size_t positions[] = {0, 1, 255, 510, 511};
    for (size_t i = 0; i < ARRAY_SIZE(positions); i++) {
        for (unsigned int level = 2; level <= 4; level++) {
            if (level == 4 && positions[i] == 255) {
                continue; /* the slot next to the hole: see the test of the hole */
            }
            expect_refused_with(level, positions[i], pte_make(mfn_of(page), PTE_TABLE),
                                -XEN_EINVAL);
        }
    }
}

TEST(upper_table_with_a_refused_bit_cannot_be_pinned)
{
    static const uint64_t refused[] = {PTE_WRITE_THROUGH, PTE_CACHE_DISABLE, PTE_LARGE, PTE_GLOBAL};
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t *child = table_new(level - 1);
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
            expect_refused_with(level, 17, pte_make(mfn_of(child), PTE_TABLE | refused[i]),
                                -XEN_EINVAL);
        }
    }
}

TEST(refused_pin_of_a_tree_leaves_every_table_plain)
{
    uint64_t *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc();
    uint64_t *good = page_alloc(), *bad = page_alloc();
    bad[300] = pte_make(mfn_of(pool_l2), PTE_READ_WRITE);
    l2[0] = pte_make(mfn_of(good), PTE_TABLE);
    l2[400] = pte_make(mfn_of(bad), PTE_TABLE);
    l3[9] = pte_make(mfn_of(l2), PTE_TABLE);
    l4[9] = pte_make(mfn_of(l3), PTE_TABLE);
    uint64_t *all[] = {l4, l3, l2, good, bad};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        EXPECT_RESULT(page_read_only(all[i]), 0);
    }

    EXPECT_RESULT(pin(4, l4), -XEN_EBUSY);
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        EXPECT_RESULT(page_writable(all[i]), 0);
    }
}

TEST(pin_of_an_l4_ignores_what_the_guest_left_in_the_hole_slots)
{
    uint64_t *l4 = page_alloc();
    for (size_t slot = L4_HOLE_FIRST; slot <= L4_HOLE_LAST; slot++) {
        l4[slot] = ~UINT64_C(0);
    }
    EXPECT_RESULT(table_pin(4, l4), 0);
    for (size_t slot = L4_HOLE_FIRST; slot <= L4_HOLE_LAST; slot++) {
        EXPECT(l4[slot] != ~UINT64_C(0));
    }
}

TEST(copy_of_the_live_l4_can_be_pinned_and_loaded)
{
    uint64_t *l4 = page_alloc();
    for (size_t slot = 0; slot < TABLE_ENTRIES; slot++) {
        l4[slot] = boot_l4()[slot];
    }
    EXPECT_RESULT(table_pin(4, l4), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(l4)), 0);
    EXPECT_EQUAL(m2p_get(mfn_of(l4)), pfn_of(l4).value);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(boot_l4())), 0);
    EXPECT_RESULT(unpin(l4), 0);
    EXPECT_RESULT(page_writable(l4), 0);
}

TEST(frame_that_is_not_ours_cannot_be_pinned)
{
    static const uint64_t frames[] = {
        0, 0xa0, 0xfee00, 0xffffff, UINT64_C(0xffffffffff), UINT64_C(0xffffffffffffffff)};
    for (unsigned int level = 1; level <= 4; level++) {
        for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
            EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn_make(frames[i])),
                          -XEN_EINVAL);
            EXPECT_RESULT(mmuext(MMUEXT_UNPIN_TABLE, mfn_make(frames[i])), -XEN_EINVAL);
        }
    }
}

TEST(table_can_change_its_level_once_it_is_released)
{
    uint64_t *table = page_alloc();
    for (unsigned int round = 0; round < 8; round++) {
        EXPECT_RESULT(table_pin(1 + round % 4, table), 0);
        EXPECT_RESULT(unpin(table), 0);
        EXPECT_RESULT(page_writable(table), 0);
        memset(table, 0, PAGE_SIZE); /* an L4 may keep the hypervisor's entries */
    }
}

TEST(leaf_mapping_holds_a_writable_type_until_it_is_gone)
{
    uint64_t *table = page_alloc();
    uint64_t *page = page_alloc();
    table[0] = pte_make(mfn_of(page), PTE_READ_WRITE);
    EXPECT_RESULT(table_pin(1, table), 0);
    EXPECT_RESULT(page_read_only(page), 0);

    EXPECT_RESULT(pin(1, page), -XEN_EINVAL);
    EXPECT_RESULT(entry_set(table, 0, pte_make(mfn_of(page), PTE_READ_ONLY)), 0);
    EXPECT_RESULT(pin(1, page), 0);
}

TEST(unpin_of_a_table_releases_what_it_maps)
{
    uint64_t *table = page_alloc();
    uint64_t *page = page_alloc();
    table[0] = pte_make(mfn_of(page), PTE_READ_WRITE);
    EXPECT_RESULT(table_pin(1, table), 0);
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(unpin(table), 0);
    EXPECT_RESULT(pin(1, page), 0);
}

TEST(shared_info_cannot_become_a_table)
{
    mfn_t mfn = mfn_make(start_info->shared_info >> PAGE_SHIFT);
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn), -XEN_EINVAL);
    }
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn, PTE_TABLE)), -XEN_EINVAL);
}
