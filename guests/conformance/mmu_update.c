/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmu_update: the commands, the batch, the frames it may write. A hypervisor that mistakes an
 * untyped frame for a table refuses stores that kernels rely on; one that mistakes a table for an
 * untyped frame lets the guest write any entry it likes.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

/* A value that no table may hold: present, with every bit that is refused somewhere. */
#define REFUSED_VALUE (~UINT64_C(0) & ~PTE_USER)

static int64_t update(uint64_t pointer, uint64_t value)
{
    mmu_update_t request = {.ptr = pointer, .val = value};
    return hypercall_mmu_update(&request, 1, NULL, DOMID_SELF);
}

TEST(mmu_update_sets_and_clears_an_entry_of_a_live_l1)
{
    uint64_t *table = table_new(1);
    uint64_t *page = page_alloc();

    EXPECT_RESULT(entry_set(table, 7, pte_make(mfn_of(page), PTE_READ_ONLY)), 0);
    EXPECT(pte_mfn(table[7]).value == mfn_of(page).value);
    EXPECT_RESULT(entry_set(table, 7, 0), 0);
    EXPECT_EQUAL(((volatile uint64_t *)table)[7], 0);
}

TEST(mmu_update_no_translate_acts_like_normal)
{
    uint64_t *table = table_new(1);
    mfn_t mfn = mfn_of(page_alloc());

    EXPECT_RESULT(
        update(entry_address(table, 0) | MMU_PT_UPDATE_NO_TRANSLATE, pte_make(mfn, PTE_READ_WRITE)),
        0);
    EXPECT_EQUAL(pte_mfn(table[0]).value, mfn.value);
}

TEST(mmu_update_commands_4_to_7_are_unknown)
{
    uint64_t *table = table_new(1);
    for (uint64_t command = 4; command <= 7; command++) {
        EXPECT_RESULT(update(entry_address(table, 0) | command, 0), -XEN_ENOSYS);
    }
}

TEST(mmu_update_normal_stores_accessed_and_dirty_as_given)
{
    uint64_t *page = page_alloc();
    uint64_t plain = pte_make(mfn_of(page), PTE_READ_WRITE);
    EXPECT_RESULT(va_set(SCRATCH_VA, plain), 0);
    *(volatile uint64_t *)SCRATCH_VA = 1;
    EXPECT((pte_of(SCRATCH_VA) & PTE_DIRTY) != 0);

    EXPECT_RESULT(update(entry_address(scratch_l1, 0), plain), 0);
    EXPECT_EQUAL(pte_of(SCRATCH_VA) & (PTE_ACCESSED | PTE_DIRTY), 0);
}

TEST(mmu_update_preserve_ad_keeps_what_the_processor_set)
{
    uint64_t *page = page_alloc();
    uint64_t plain = pte_make(mfn_of(page), PTE_READ_WRITE);
    EXPECT_RESULT(va_set(SCRATCH_VA, plain), 0);
    *(volatile uint64_t *)SCRATCH_VA = 1;

    EXPECT_RESULT(update(entry_address(scratch_l1, 0) | MMU_PT_UPDATE_PRESERVE_AD,
                         pte_make(mfn_of(page), PTE_READ_ONLY)),
                  0);
    EXPECT_EQUAL(pte_of(SCRATCH_VA) & (PTE_ACCESSED | PTE_DIRTY | PTE_WRITABLE),
                 PTE_ACCESSED | PTE_DIRTY);
}

TEST(batch_stops_at_the_second_element_and_reports_one_done)
{
    uint64_t *table = table_new(1);
    mfn_t mfn = mfn_of(page_alloc());
    mmu_update_t requests[3] = {
        {.ptr = entry_address(table, 0), .val = pte_make(mfn, PTE_READ_ONLY)},
        {.ptr = entry_address(table, 1) | 5, .val = 0},
        {.ptr = entry_address(table, 2), .val = pte_make(mfn, PTE_READ_ONLY)},
    };
    uint32_t done = 99;

    EXPECT_RESULT(hypercall_mmu_update(requests, 3, &done, DOMID_SELF), -XEN_ENOSYS);
    EXPECT_EQUAL(done, 1);
    EXPECT(table[0] != 0);
    EXPECT_EQUAL(table[2], 0);
}

TEST(batch_that_succeeds_reports_all_done)
{
    uint64_t *table = table_new(1);
    mmu_update_t requests[40];
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        requests[i] = (mmu_update_t){
            .ptr = entry_address(table, i),
            .val = pte_make(mfn_of(table), PTE_READ_ONLY),
        };
    }
    uint32_t done = 0;

    EXPECT_RESULT(hypercall_mmu_update(requests, ARRAY_SIZE(requests), &done, DOMID_SELF), 0);
    EXPECT_EQUAL(done, ARRAY_SIZE(requests));
    EXPECT_EQUAL(pte_mfn(table[39]).value, mfn_of(table).value);
}

TEST(empty_batch_succeeds_with_zero_done)
{
    mmu_update_t request = {0};
    uint32_t done = 99;
    EXPECT_RESULT(hypercall_mmu_update(&request, 0, &done, DOMID_SELF), 0);
    EXPECT_EQUAL(done, 0);
}

TEST(batch_at_an_unreadable_address_changes_nothing)
{
    uint32_t done = 99;
    EXPECT_RESULT(hypercall_mmu_update((mmu_update_t *)SCRATCH_VA, 1, &done, DOMID_SELF),
                  -XEN_EFAULT);
    EXPECT_EQUAL(done, 0);
}

TEST(batch_in_the_hole_is_refused_before_done_is_written)
{
    uint32_t done = 99;
    mmu_update_t *hole = (mmu_update_t *)HYPERVISOR_VIRT_START;
    EXPECT_RESULT(hypercall_mmu_update(hole, 1, &done, DOMID_SELF), -XEN_EFAULT);
    EXPECT_EQUAL(done, 99);
}

TEST(batch_that_runs_into_an_unmapped_page_keeps_what_came_before)
{
    uint64_t *table = table_new(1);
    uint8_t *page = page_alloc();
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_WRITE)), 0);
    mmu_update_t *last = (mmu_update_t *)(SCRATCH_VA + PAGE_SIZE) - 1;
    *last = (mmu_update_t){.ptr = entry_address(table, 3), .val = 0xabc0};
    uint32_t done = 99;

    EXPECT_RESULT(hypercall_mmu_update(last, 2, &done, DOMID_SELF), -XEN_EFAULT);
    EXPECT_EQUAL(done, 1);
    EXPECT_EQUAL(table[3], 0xabc0);
}

TEST(own_numeric_id_is_not_a_foreign_domain)
{
    test_needs_first_domain();
    mmu_update_t request = {0};
    uint32_t done = 99;
    EXPECT_RESULT(hypercall_mmu_update(&request, 0, &done, 0), -XEN_ESRCH);
}

TEST(unknown_foreign_domain_is_refused)
{
    uint64_t *table = table_new(1);
    mmu_update_t request = {.ptr = entry_address(table, 0), .val = 0};
    EXPECT_RESULT(hypercall_mmu_update(&request, 1, NULL, 0x1234), -XEN_ESRCH);
    EXPECT_RESULT(hypercall_mmu_update(&request, 1, NULL, DOMID_COW), -XEN_ESRCH);
    EXPECT_RESULT(hypercall_mmu_update(&request, 1, NULL, DOMID_INVALID), -XEN_ESRCH);
}

TEST(unknown_owner_of_the_tables_is_refused)
{
    uint64_t *table = table_new(1);
    mmu_update_t request = {.ptr = entry_address(table, 0), .val = 0};
    uint64_t domains = DOMID_SELF | ((UINT64_C(0x1234) + 1) << 16);
    EXPECT_RESULT(hypercall_mmu_update(&request, 1, NULL, domains), -XEN_ESRCH);
}

TEST(upper_level_update_with_a_foreign_domain_is_refused)
{
    mmu_update_t request = {
        .ptr = entry_address(pool_l2, FREE_L2_INDEX),
        .val = pte_make(mfn_of(table_new(1)), PTE_TABLE),
    };
    EXPECT_RESULT(hypercall_mmu_update(&request, 1, NULL, DOMID_IO), -XEN_EINVAL);
    EXPECT_EQUAL(pool_l2[FREE_L2_INDEX], 0);
}

TEST(store_to_a_frame_without_a_type_is_plain)
{
    volatile uint64_t *page = page_alloc();
    EXPECT_RESULT(page_read_only(page), 0);

    EXPECT_RESULT(update(entry_address((uint64_t *)(uint64_t)page, 9), REFUSED_VALUE), 0);
    EXPECT_EQUAL(page[9], REFUSED_VALUE);
}

TEST(store_to_a_writable_frame_is_plain)
{
    volatile uint64_t *page = page_alloc();
    EXPECT_RESULT(update(entry_address((uint64_t *)(uint64_t)page, 9), REFUSED_VALUE), 0);
    EXPECT_EQUAL(page[9], REFUSED_VALUE);
}

TEST(store_to_a_descriptor_frame_is_refused)
{
    uint64_t *gdt = page_alloc();
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);

    EXPECT_RESULT(update(entry_address(gdt, 9), 0), -XEN_EINVAL);
}

TEST(store_to_a_frame_of_another_owner_is_refused)
{
    EXPECT_RESULT(update(0xa0000, 0), -XEN_EINVAL);           /* video memory */
    EXPECT_RESULT(update(UINT64_C(1) << 51, 0), -XEN_EINVAL); /* no such frame */
    EXPECT_RESULT(update(~UINT64_C(0xfff), 0), -XEN_EINVAL);  /* the last frame number */
}

TEST(non_present_entries_are_stored_as_they_are)
{
    static const uint64_t value = UINT64_C(0xfffffffffffffffe);
    uint64_t *tables[] = {NULL, table_new(1), table_new(2), table_new(3), table_new(4)};
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_RESULT(entry_set(tables[level], 1, value), 0);
        EXPECT_EQUAL(((volatile uint64_t *)tables[level])[1], value);
    }
}

TEST(writable_entry_for_a_table_is_busy)
{
    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t *table = table_new(level);
        EXPECT_RESULT(entry_set(scratch_l1, 0, pte_make(mfn_of(table), PTE_READ_WRITE)),
                      -XEN_EBUSY);
        EXPECT_EQUAL(pte_of(SCRATCH_VA), 0);
        EXPECT_RESULT(entry_set(scratch_l1, 0, pte_make(mfn_of(table), PTE_READ_ONLY)), 0);
        EXPECT_RESULT(entry_set(scratch_l1, 0, pte_make(mfn_of(table), PTE_READ_WRITE)),
                      -XEN_EBUSY);
        EXPECT_EQUAL(pte_of(SCRATCH_VA) & PTE_WRITABLE, 0);
        EXPECT_RESULT(entry_set(scratch_l1, 0, 0), 0);
    }
}

TEST(entry_can_map_the_frame_of_its_own_table_read_only)
{
    EXPECT_RESULT(entry_set(scratch_l1, 5, pte_make(mfn_of(scratch_l1), PTE_READ_ONLY)), 0);
    uint64_t through_itself = ((volatile uint64_t *)(SCRATCH_VA + 5 * PAGE_SIZE))[5];
    EXPECT_EQUAL(pte_mfn(through_itself).value, mfn_of(scratch_l1).value);
    EXPECT_RESULT(entry_set(scratch_l1, 6, pte_make(mfn_of(scratch_l1), PTE_READ_WRITE)),
                  -XEN_EBUSY);
}

TEST(linked_l1_translates_and_unlinked_it_does_not_without_a_flush)
{
    uint64_t *table = page_alloc();
    volatile uint64_t *page = page_alloc();
    page[0] = 0x1122334455667788;
    table[0] = pte_make(mfn_of((void *)(uint64_t)page), PTE_READ_ONLY);
    uint64_t value = 0;

    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, table), 0);
    EXPECT_NO_TRAP(trap_try_read(FREE_VA, &value));
    EXPECT_EQUAL(value, page[0]);
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, 0), 0);
    EXPECT_PAGE_FAULT(trap_try_read(FREE_VA, NULL), 0, FREE_VA);
    EXPECT_RESULT(page_writable(table), 0);
}

TEST(tree_of_three_tables_is_validated_by_one_l4_update)
{
    uint64_t *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc(), *page = page_alloc();
    page[0] = 0x42;
    l1[3] = pte_make(mfn_of(page), PTE_READ_WRITE);
    l2[2] = pte_make(mfn_of(l1), PTE_TABLE);
    l3[1] = pte_make(mfn_of(l2), PTE_TABLE);
    EXPECT_RESULT(page_read_only(l1), 0);
    EXPECT_RESULT(page_read_only(l2), 0);
    EXPECT_RESULT(table_link(boot_l4(), 300, l3), 0);
    uint64_t va = UINT64_C(0xffff000000000000) | (UINT64_C(300) << 39) | (UINT64_C(1) << 30) |
                  (UINT64_C(2) << 21) | (UINT64_C(3) << 12);
    uint64_t value = 0;

    EXPECT_NO_TRAP(trap_try_read(va, &value));
    EXPECT_EQUAL(value, 0x42);
    EXPECT_RESULT(page_writable(l1), -XEN_EBUSY);
    EXPECT_RESULT(entry_set(boot_l4(), 300, 0), 0);
    EXPECT_RESULT(page_writable(l1), 0);
    EXPECT_RESULT(page_writable(l2), 0);
    EXPECT_RESULT(page_writable(l3), 0);
    EXPECT_PAGE_FAULT(trap_try_read(va, NULL), 0, va);
}

TEST(replacing_a_table_releases_the_old_one)
{
    uint64_t *old = page_alloc(), *new = page_alloc();
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, old), 0);
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, new), 0);
    EXPECT_RESULT(page_writable(old), 0);
    EXPECT_RESULT(page_writable(new), -XEN_EBUSY);
}

TEST(upper_level_entry_needs_a_table_of_the_next_level)
{
    uint64_t *tables[] = {NULL, table_new(1), table_new(2), table_new(3), table_new(4)};
    uint64_t *parents[] = {NULL, NULL, pool_l2, pool_l3, boot_l4()};
    size_t slots[] = {0, 0, FREE_L2_INDEX, 5, 300};
    for (unsigned int level = 2; level <= 4; level++) {
        for (unsigned int child = 1; child <= 4; child++) {
            if (child == level) {
                continue; /* entries of the same level: documented differences */
            }
            uint64_t value = pte_make(mfn_of(tables[child]), PTE_TABLE);
            int64_t wanted = child == level - 1 ? 0 : -XEN_EINVAL;
            EXPECT_RESULT(entry_set(parents[level], slots[level], value), wanted);
            EXPECT_RESULT(entry_set(parents[level], slots[level], 0), 0);
        }
    }
}

TEST(writable_frame_cannot_become_a_table)
{
    uint64_t *page = page_alloc();
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(page), PTE_TABLE)),
                  -XEN_EINVAL);
    EXPECT_EQUAL(pool_l2[FREE_L2_INDEX], 0);
}

TEST(upper_level_entry_to_a_frame_of_another_owner_is_refused)
{
    static const uint64_t frames[] = {0, 0xa0, 0xfee00, UINT64_C(0xffffffffff)};
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_make(frames[i]), PTE_TABLE)),
                      -XEN_EINVAL);
        EXPECT_EQUAL(pool_l2[FREE_L2_INDEX], 0);
    }
}

TEST(table_with_a_bad_leaf_cannot_be_linked_and_stays_plain_memory)
{
    uint64_t *table = page_alloc();
    table[0] = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    table[511] = pte_make(mfn_of(pool_l2), PTE_READ_WRITE);

    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, table), -XEN_EBUSY);
    EXPECT_EQUAL(pool_l2[FREE_L2_INDEX], 0);
    EXPECT_RESULT(page_writable(table), 0);
}

TEST(l4_slots_of_the_hypervisor_cannot_be_updated)
{
    uint64_t *l3 = table_new(3);
    for (size_t slot = L4_HOLE_FIRST; slot <= L4_HOLE_LAST; slot++) {
        uint64_t before = ((volatile uint64_t *)boot_l4())[slot];
        EXPECT_RESULT(entry_set(boot_l4(), slot, 0), -XEN_EINVAL);
        EXPECT_RESULT(entry_set(boot_l4(), slot, pte_make(mfn_of(l3), PTE_TABLE)), -XEN_EINVAL);
        EXPECT_EQUAL(((volatile uint64_t *)boot_l4())[slot], before);
    }
}

TEST(machphys_update_changes_what_m2p_says)
{
    mfn_t mfn = mfn_of(page_alloc());
    uint64_t before = m2p_get(mfn);
    static const uint64_t values[] = {0, 0x12345, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        EXPECT_RESULT(update((mfn.value << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, values[i]), 0);
        EXPECT_EQUAL(m2p_get(mfn), values[i]);
    }
    EXPECT_RESULT(update((mfn.value << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, before), 0);
    EXPECT_EQUAL(m2p_get(mfn), before);
}

TEST(machphys_update_of_a_frame_of_another_owner_is_refused)
{
    EXPECT_RESULT(update(0xa0000 | MMU_MACHPHYS_UPDATE, 1), -XEN_EINVAL);
    EXPECT_RESULT(update((UINT64_C(1) << 51) | MMU_MACHPHYS_UPDATE, 1), -XEN_EINVAL);
    EXPECT_RESULT(update(~PAGE_MASK | MMU_MACHPHYS_UPDATE, 1), -XEN_EINVAL);
}
