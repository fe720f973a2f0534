/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families A, B, E and F: references. What is taken and what is dropped must be the same, in every
 * kind of entry and in every error path. Only a frame without any reference can be exchanged, so an
 * exchange at the end of a test counts them.
 */
#include "guests/hostile/references.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"

#define ROUNDS 2000

TEST(a4_leaves_made_and_unmade_leave_no_reference)
{
    static const uint64_t flags[] = {
        PTE_READ_ONLY,
        PTE_READ_WRITE,
        PTE_READ_ONLY | PTE_USER,
        PTE_READ_WRITE | PTE_USER,
        PTE_READ_WRITE | PTE_DIRTY | PTE_ACCESSED | PTE_NO_EXECUTE,
        PTE_READ_ONLY | PTE_GUEST_KERNEL | PTE_AVAILABLE,
    };
    void *page = page_alloc();
    for (unsigned int round = 0; round < ROUNDS; round++) {
        /* From every kind to the next, and by way of none. */
        uint64_t pte = pte_make(mfn_of(page), flags[round % ARRAY_SIZE(flags)]);
        EXPECT_RESULT(va_set(SCRATCH_VA, pte), 0);
        if (round % 7 == 0) {
            EXPECT_RESULT(va_set(SCRATCH_VA, pte & ~PTE_PRESENT), 0);
        }
    }
    EXPECT_RESULT(va_set(SCRATCH_VA, 0), 0);
    expect_no_reference_left(page);
}

TEST(a4_table_entries_made_and_unmade_leave_no_reference)
{
    uint64_t *parents[] = {pool_l2, pool_l3, boot_l4()};
    const size_t indexes[] = {FREE_L2_INDEX, 5, 300};
    for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
        uint64_t *table = page_alloc();
        EXPECT_RESULT(page_read_only(table), 0);
        uint64_t entry = pte_make(mfn_of(table), PTE_TABLE);
        for (unsigned int round = 0; round < ROUNDS / 10; round++) {
            EXPECT_RESULT(entry_set(parents[i], indexes[i], entry), 0);
            EXPECT_RESULT(entry_set(parents[i], indexes[i], entry ^ PTE_WRITABLE), 0);
            EXPECT_RESULT(entry_set(parents[i], indexes[i], 0), 0);
        }
        expect_no_reference_left(table);
    }
}

TEST(a4_pins_and_other_uses_made_and_unmade_leave_no_reference)
{
    /* An L4 is filled in by the hypervisor, so each use has a page of its own. */
    uint64_t *table = page_alloc(), *base = page_alloc(), *gdt = page_alloc();
    EXPECT_RESULT(page_read_only(table), 0);
    EXPECT_RESULT(page_read_only(base), 0);
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t frame = mfn_of(gdt).value;
    for (unsigned int round = 0; round < ROUNDS / 10; round++) {
        EXPECT_RESULT(pin(round % 3 + 1, table), 0);
        EXPECT_RESULT(unpin(table), 0);
        EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(base)), 0);
        EXPECT_RESULT(pin(4, base), 0);
        EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_make(0)), 0);
        EXPECT_RESULT(unpin(base), 0);
        EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);
        EXPECT_RESULT(hypercall_set_gdt(NULL, 0), 0);
    }
    expect_no_reference_left(table);
    expect_no_reference_left(base);
    expect_no_reference_left(gdt);
}

/* Every refusal that names the frame, over and over: an error path that keeps a reference makes a
 * page that can never be given back, and one that drops one too many makes it free while in use. */
TEST(xsa_113_refusals_leave_no_reference)
{
    uint64_t *page = page_alloc(), *table = table_new(1);
    uint64_t frame = mfn_of(page).value;
    EXPECT_RESULT(page_read_only(page), 0);
    uint64_t bad = pte_make(mfn_of(page), PTE_READ_ONLY);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_WRITE)), 0);
    for (unsigned int round = 0; round < ROUNDS / 4; round++) {
        for (unsigned int level = 1; level <= 4; level++) {
            EXPECT_RESULT(pin(level, page), -XEN_EINVAL);
        }
        EXPECT_RESULT(unpin(page), -XEN_EINVAL);
        EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(page)), -XEN_EINVAL);
        EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(page)), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_set_gdt(&frame, 512), -XEN_EINVAL);
        EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(page), PTE_TABLE)),
                      -XEN_EINVAL);
        EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, bad | PTE_LARGE), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_update_descriptor(entry_address(page, 0) + 1, 0), -XEN_EINVAL);
        struct mmuext_op copy = {
            .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = mfn_of(table).value, .arg2.src_mfn = frame};
        EXPECT_RESULT(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    }
    EXPECT_RESULT(va_set(SCRATCH_VA, 0), 0);
    expect_no_reference_left(page);
}

/* A table whose last entry is refused: all that the others took must be back. */
TEST(xsa_58_refused_pins_leave_no_reference)
{
    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t *table = page_alloc(), *child = page_alloc();
        EXPECT_RESULT(page_read_only(child), 0);
        uint64_t good = pte_make(mfn_of(child), level == 1 ? PTE_READ_ONLY : PTE_TABLE);
        for (size_t i = 0; i < 256; i++) {
            table[i] = good;
        }
        for (size_t i = 272; i < 511; i++) {
            table[i] = good;
        }
        table[511] = pte_make(mfn_make(0xa0), level == 1 ? PTE_READ_ONLY : PTE_TABLE) |
                     (level == 1 ? UINT64_C(1) << 51 : 0);
        EXPECT_RESULT(page_read_only(table), 0);
        for (unsigned int round = 0; round < 20; round++) {
            EXPECT(pin(level, table) < 0);
        }
        expect_no_reference_left(table);
        expect_no_reference_left(child);
    }
}

/* Frames of each type, held as such, against an entry of each upper level: three cells are right.
 */
TEST(e7_table_entry_takes_only_the_level_below)
{
    uint64_t *gdt = page_alloc(), *writable = page_alloc();
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);
    const uint64_t *const targets[] = {writable,     table_new(1), table_new(2),
                                       table_new(3), table_new(4), gdt};
    uint64_t *parents[] = {pool_l2, pool_l3, boot_l4()};
    const size_t indexes[] = {FREE_L2_INDEX, 5, 300};
    for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(targets); j++) {
            bool right = j == i + 1;
            EXPECT_RESULT(
                entry_set(parents[i], indexes[i], pte_make(mfn_of(targets[j]), PTE_TABLE)),
                right ? 0 : -XEN_EINVAL);
            if (!right) {
                EXPECT_EQUAL(((volatile uint64_t *)parents[i])[indexes[i]], 0);
            }
            EXPECT_RESULT(entry_set(parents[i], indexes[i], 0), 0);
        }
    }
}

/* The hypervisor's own frames that a control domain may look at. */
static size_t m2p_frames(xen_pfn_t *frames, size_t room)
{
    struct xen_machphys_mfn_list list = {.max_extents = (unsigned int)room};
    set_xen_guest_handle(list.extent_start, frames);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    return list.nr_extents;
}

TEST(b10_frames_of_m2p_can_be_nothing_but_read)
{
    test_needs_first_domain();
    xen_pfn_t frames[4];
    size_t count = m2p_frames(frames, ARRAY_SIZE(frames));
    EXPECT(count > 0);
    for (size_t i = 0; i < count; i++) {
        mfn_t mfn = mfn_make(frames[i]);
        for (unsigned int level = 1; level <= 4; level++) {
            EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn), -XEN_EINVAL);
        }
        EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn, PTE_TABLE)), -XEN_EINVAL);
        EXPECT_RESULT(mmuext(MMUEXT_CLEAR_PAGE, mfn), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_set_gdt(&mfn.value, 512), -XEN_EINVAL);
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_WRITE)), -XEN_EBUSY);
        EXPECT(hypercall(__HYPERVISOR_update_va_mapping_otherdomain, SCRATCH_VA,
                         pte_make(mfn, PTE_READ_WRITE), 0, DOMID_XEN, 0) < 0);
        EXPECT_EQUAL(pte_of(SCRATCH_VA), 0);
    }
}

TEST(xsa_507_shared_info_cannot_be_cleared_or_copied_over)
{
    mfn_t mfn = mfn_make(start_info->shared_info >> PAGE_SHIFT);
    struct mmuext_op copy = {
        .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = mfn.value, .arg2.src_mfn = mfn_of(page_alloc()).value};
    int64_t cleared = mmuext(MMUEXT_CLEAR_PAGE, mfn);
    int64_t copied = hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF);
    /* It may be written by its domain, in this way too, or not: it is no table in any case. */
    EXPECT(cleared == 0 || cleared == -XEN_EINVAL);
    EXPECT(copied == 0 || copied == -XEN_EINVAL);
    EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE, mfn), -XEN_EINVAL);
}
