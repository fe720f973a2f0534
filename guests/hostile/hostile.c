/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hostile kernel attacks: each test is a kernel doing on purpose what once broke Xen, named
 * after its advisory (xsa_NNN_...) or after the family of bugs (a letter and a number: k4, g12)
 * where there is none. A test passes when the attack is refused as documented, nothing has changed
 * and the machine still runs. A hypervisor that is wrong gives the guest a writable page table, a
 * stale translation or a frame of somebody else, or dies: then the last line is missing.
 *
 * One vCPU only: races need other kernels. Same-level table entries, which Pinnace accepts only with
 * pv-linear-pt=, are in linear.c; here only the writable ones are tried.
 *
 * In this file: families A and E, what an entry of a live table may become.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "lib/string.h"

/* A live entry at each of the upper levels, which names a table of the level below. */
struct live_entry {
    uint64_t *parent;
    size_t index;
    uint64_t *child;
};

static struct live_entry live_entry_create(unsigned int level)
{
    struct live_entry parents[] = {
        [2] = {.parent = pool_l2, .index = FREE_L2_INDEX},
        [3] = {.parent = pool_l3, .index = 5},
        [4] = {.parent = boot_l4(), .index = 300},
    };
    struct live_entry entry = parents[level];
    entry.child = page_alloc();
    EXPECT_RESULT(table_link(entry.parent, entry.index, entry.child), 0);
    return entry;
}

TEST(xsa_148_large_page_bit_cannot_be_added_to_an_entry)
{
    for (unsigned int level = 2; level <= 4; level++) {
        struct live_entry entry = live_entry_create(level);
        uint64_t before = entry.parent[entry.index];
        static const uint64_t added[] = {PTE_LARGE, PTE_LARGE | PTE_WRITABLE,
                                         PTE_LARGE | PTE_WRITABLE | PTE_DIRTY | PTE_USER};
        for (size_t i = 0; i < ARRAY_SIZE(added); i++) {
            uint64_t value = (before & ~PTE_WRITABLE) | added[i];
            EXPECT_RESULT(entry_set(entry.parent, entry.index, value), -XEN_EINVAL);
            EXPECT_EQUAL(((volatile uint64_t *)entry.parent)[entry.index], before);
        }
    }
}

TEST(xsa_148_large_page_cannot_be_pinned_in)
{
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t *table = page_alloc();
        table[0] = pte_make(mfn_make(mfn_of(pool_l2).value & ~UINT64_C(0x1ff)),
                            PTE_READ_WRITE | PTE_LARGE);
        EXPECT_RESULT(table_pin(level, table), -XEN_EINVAL);
        EXPECT_RESULT(page_writable(table), 0);
    }
}

TEST(xsa_182_leaf_of_a_table_cannot_become_writable)
{
    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t *table = table_new(level);
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(table), PTE_READ_ONLY)), 0);
        uint64_t before = pte_of(SCRATCH_VA);
        static const uint64_t with[] = {0, PTE_DIRTY | PTE_ACCESSED, PTE_NO_EXECUTE, PTE_AVAILABLE};
        for (size_t i = 0; i < ARRAY_SIZE(with); i++) {
            EXPECT_RESULT(va_set(SCRATCH_VA, before | PTE_WRITABLE | with[i]), -XEN_EBUSY);
            EXPECT_EQUAL(pte_of(SCRATCH_VA), before);
        }
        EXPECT_TRAP(trap_try_write(SCRATCH_VA, pte_make(mfn_of(pool_l2), PTE_READ_WRITE)),
                    TRAP_PAGE_FAULT, PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
    }
}

TEST(xsa_182_entry_for_its_own_table_is_never_writable)
{
    uint64_t *tables[] = {pool_l2, pool_l3, boot_l4()};
    size_t slots[] = {FREE_L2_INDEX, 5, 300};
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        uint64_t self = pte_make(mfn_of(tables[i]), PTE_PRESENT | PTE_USER | PTE_ACCESSED);
        volatile uint64_t *entry = &tables[i][slots[i]];
        EXPECT_RESULT(entry_set(tables[i], slots[i], self | PTE_WRITABLE), -XEN_EINVAL);
        EXPECT_EQUAL(*entry, 0);
        /* Whether or not it is accepted read-only, it must not become writable later. */
        entry_set(tables[i], slots[i], self);
        uint64_t read_only = *entry;
        EXPECT_RESULT(entry_set(tables[i], slots[i], self | PTE_WRITABLE), -XEN_EINVAL);
        EXPECT_RESULT(entry_set(tables[i], slots[i], read_only | PTE_WRITABLE | self), -XEN_EINVAL);
        EXPECT_EQUAL(*entry, read_only);
    }
}

TEST(xsa_182_table_that_names_itself_writable_cannot_be_pinned)
{
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t *table = page_alloc();
        table[17] = pte_make(mfn_of(table), PTE_TABLE);
        EXPECT_RESULT(table_pin(level, table), -XEN_EINVAL);
        EXPECT_RESULT(page_writable(table), 0);
    }
}

TEST(xsa_240_writable_chain_of_one_level_ends_at_its_first_link)
{
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t *target = table_new(level);
        uint64_t *table = page_alloc();
        table[0] = pte_make(mfn_of(target), PTE_TABLE);
        EXPECT_RESULT(table_pin(level, table), -XEN_EINVAL);
        EXPECT_RESULT(page_writable(table), 0);
    }
}

TEST(a5_writable_bit_of_a_proper_upper_entry_may_change)
{
    for (unsigned int level = 2; level <= 4; level++) {
        struct live_entry entry = live_entry_create(level);
        uint64_t value = entry.parent[entry.index];
        EXPECT_RESULT(entry_set(entry.parent, entry.index, value & ~PTE_WRITABLE), 0);
        EXPECT_RESULT(entry_set(entry.parent, entry.index, value), 0);
    }
}

TEST(a6_refused_pin_leaves_the_entries_as_they_were_or_all_adjusted)
{
    uint64_t *table = page_alloc();
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_WRITE);
    for (size_t i = 0; i < 511; i++) {
        table[i] = pte;
    }
    table[511] = pte_make(mfn_of(pool_l2), PTE_READ_WRITE);
    EXPECT_RESULT(table_pin(1, table), -XEN_EBUSY);
    for (size_t i = 1; i < 511; i++) {
        EXPECT_EQUAL(table[i], table[0]);
    }
    EXPECT_EQUAL(table[0] & ~(PTE_USER | PTE_GUEST_KERNEL), pte);
}

TEST(a8_address_bits_beyond_the_machine_are_refused_not_masked)
{
    mfn_t mfn = mfn_of(page_alloc());
    for (unsigned int bit = 46; bit < 52; bit++) {
        uint64_t high = UINT64_C(1) << bit;
        EXPECT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_ONLY) | high) < 0);
        EXPECT_EQUAL(pte_of(SCRATCH_VA), 0);
        EXPECT_RESULT(
            entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(table_new(1)), PTE_TABLE) | high),
            -XEN_EINVAL);
    }
}

TEST(a10_address_of_an_entry_is_not_taken_with_its_low_bits)
{
    uint64_t *table = table_new(1);
    for (uint64_t offset = 4; offset < 8; offset++) {
        mmu_update_t update = {.ptr = entry_address(table, 0) + offset, .val = UINT64_MAX};
        EXPECT_RESULT(hypercall_mmu_update(&update, 1, NULL, DOMID_SELF), -XEN_ENOSYS);
    }
    EXPECT_EQUAL(table[0] | table[1], 0);
}

TEST(a11_global_kernel_bit_is_not_accepted_above_the_leaves)
{
    for (unsigned int level = 2; level <= 4; level++) {
        struct live_entry entry = live_entry_create(level);
        uint64_t before = entry.parent[entry.index];
        EXPECT_RESULT(entry_set(entry.parent, entry.index, before | PTE_GLOBAL), -XEN_EINVAL);
        EXPECT_EQUAL(((volatile uint64_t *)entry.parent)[entry.index], before);
    }
}

/* Six kinds of frame against a leaf of each kind. */
TEST(e7_leaf_is_writable_only_for_plain_frames)
{
    uint64_t *gdt = page_alloc();
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t gdt_frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&gdt_frame, 512), 0);
    uint64_t *typed[] = {table_new(1), table_new(2), table_new(3), table_new(4), gdt};
    for (size_t i = 0; i < ARRAY_SIZE(typed); i++) {
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(typed[i]), PTE_READ_ONLY)), 0);
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(typed[i]), PTE_READ_WRITE)), -XEN_EBUSY);
    }
    uint64_t *untyped = page_alloc();
    EXPECT_RESULT(page_read_only(untyped), 0);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(untyped), PTE_READ_WRITE)), 0);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page_alloc()), PTE_READ_WRITE)), 0);
}

TEST(e7_descriptor_frame_cannot_be_a_table)
{
    uint64_t *gdt = page_alloc();
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_RESULT(pin(level, gdt), -XEN_EINVAL);
    }
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(gdt), PTE_TABLE)), -XEN_EINVAL);
}

/* A good tree, but for one leaf as late as can be. */
static int64_t pin_tree_with_bad_leaf(size_t index, uint64_t *const tables[4])
{
    for (size_t i = 0; i < 4; i++) {
        EXPECT_RESULT(page_writable(tables[i]), 0);
        memset(tables[i], 0, PAGE_SIZE);
    }
    tables[0][index] = pte_make(mfn_of(pool_l2), PTE_READ_WRITE);
    size_t l4_index = index > 0 && index < 511 ? 255 : index;
    tables[1][index] = pte_make(mfn_of(tables[0]), PTE_TABLE);
    tables[2][index] = pte_make(mfn_of(tables[1]), PTE_TABLE);
    tables[3][l4_index] = pte_make(mfn_of(tables[2]), PTE_TABLE);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_RESULT(page_read_only(tables[i]), 0);
    }
    return pin(4, tables[3]);
}

TEST(xsa_299_tree_with_a_bad_leaf_is_refused_every_time)
{
    uint64_t *tables[4];
    for (size_t i = 0; i < 4; i++) {
        tables[i] = page_alloc();
    }
    static const size_t positions[] = {0, 1, 255, 510, 511};
    for (size_t i = 0; i < ARRAY_SIZE(positions); i++) {
        EXPECT_RESULT(pin_tree_with_bad_leaf(positions[i], tables), -XEN_EBUSY);
        for (unsigned int round = 0; round < 50; round++) {
            EXPECT_RESULT(pin(4, tables[3]), -XEN_EBUSY);
        }
        EXPECT_RESULT(unpin(tables[3]), -XEN_EINVAL);
    }
    for (size_t i = 0; i < 4; i++) {
        EXPECT_RESULT(page_writable(tables[i]), 0);
    }
}

/* 256 slots of one L3, of 512 of one L2, of 512 of one L1: 2^26 paths, four tables. */
TEST(xsa_45_tree_full_of_shared_tables_is_pinned_and_released)
{
    uint64_t *l1 = page_alloc(), *l2 = page_alloc(), *l3 = page_alloc(), *l4 = page_alloc();
    uint64_t *page = page_alloc();
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        l1[i] = pte_make(mfn_of(page), PTE_READ_WRITE);
        l2[i] = pte_make(mfn_of(l1), PTE_TABLE);
        l3[i] = pte_make(mfn_of(l2), PTE_TABLE);
        l4[i] = pte_make(mfn_of(l3), PTE_TABLE);
    }
    EXPECT_RESULT(page_read_only(l1), 0);
    EXPECT_RESULT(page_read_only(l2), 0);
    EXPECT_RESULT(page_read_only(l3), 0);
    for (unsigned int round = 0; round < 3; round++) {
        EXPECT_RESULT(table_pin(4, l4), 0);
        EXPECT_RESULT(page_writable(l1), -XEN_EBUSY);
        EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4)), 0);
        EXPECT_RESULT(unpin(l4), 0);
        EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_make(0)), 0);
    }
    EXPECT_RESULT(page_writable(l1), 0);
    EXPECT_RESULT(page_writable(l2), 0);
    EXPECT_RESULT(page_writable(l3), 0);
}

/* Batch progress comes back from the guest and is untrusted. */
TEST(d13_hand_made_continuations_do_no_harm)
{
    uint64_t *table = table_new(1);
    mmu_update_t update = {.ptr = entry_address(table, 0), .val = 0x10};
    uint32_t done = 0xfffffff0;
    hypercall_mmu_update(&update, UINT64_C(0x80000001), &done, DOMID_SELF);
    hypercall_mmu_update(NULL, UINT64_C(0x80000000), NULL, DOMID_SELF);
    struct mmuext_op operation = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    hypercall_mmuext_op(&operation, UINT64_C(0x80000001), &done, DOMID_SELF);
    hypercall_mmuext_op(NULL, UINT64_C(0x80000000), NULL, DOMID_SELF);
    EXPECT_RESULT(entry_set(table, 0, 0x20), 0);
    EXPECT_EQUAL(((volatile uint64_t *)table)[0], 0x20);
}
