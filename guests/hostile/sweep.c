/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families A, L and R: every way in gives the same verdict. An entry of each level, with each
 * single bit and each pair of bits turned over, that names each kind of frame, is put into a live
 * table by every call that can, and into a page that is then made a table. What one way refuses,
 * and how, all refuse; what one stores, all store.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"

#define INDEX 3

/* Low bits, address bits around the machine's width, the available bits and NX. */
static const uint8_t bits[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 40, 46,
                               51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

struct sweep {
    unsigned int level;
    const uint64_t *table; /* live */
    uint64_t *prepared;    /* plain: pinned for each try */
    uint64_t window;       /* maps `table`, read-only */
};

struct verdict {
    int64_t result;
    uint64_t stored; /* the entry if it was accepted */
};

static uint64_t entry_read(const uint64_t *table)
{
    return ((const volatile uint64_t *)table)[INDEX];
}

static struct verdict verdict_of(const struct sweep *sweep, int64_t result)
{
    struct verdict verdict = {result, result == 0 ? entry_read(sweep->table) : 0};
    if (result != 0 && entry_read(sweep->table) != 0) {
        test_fail(__FILE__, __LINE__, "refused with %ld, and the entry is %#lx", result,
                  entry_read(sweep->table));
    }
    EXPECT_RESULT(entry_set(sweep->table, INDEX, 0), 0);
    return verdict;
}

static struct verdict by_update(const struct sweep *sweep, uint64_t entry, uint64_t command)
{
    mmu_update_t update = {.ptr = entry_address(sweep->table, INDEX) | command, .val = entry};
    return verdict_of(sweep, hypercall_mmu_update(&update, 1, NULL, DOMID_SELF));
}

/* The L1 of the sweep hangs at FREE_VA, so update_va_mapping reaches it too. */
static struct verdict by_address(const struct sweep *sweep, uint64_t entry)
{
    return verdict_of(sweep, va_set(FREE_VA + INDEX * PAGE_SIZE, entry));
}

static bool store_is_accepted(const struct sweep *sweep, uint64_t entry, uint64_t *stored)
{
    struct trap trap = trap_try_write(sweep->window + INDEX * sizeof(uint64_t), entry);
    struct verdict verdict = verdict_of(sweep, trap.raised ? -XEN_EFAULT : 0);
    *stored = verdict.stored;
    return !trap.raised;
}

static struct verdict by_pin(const struct sweep *sweep, uint64_t entry)
{
    uint64_t *table = sweep->prepared;
    EXPECT_RESULT(page_writable(table), 0);
    table[INDEX] = entry;
    struct verdict verdict = {.result = table_pin(sweep->level, table)};
    if (verdict.result == 0) {
        verdict.stored = entry_read(table);
        EXPECT_RESULT(unpin(table), 0);
    }
    return verdict;
}

static void expect_same(const struct sweep *sweep, uint64_t entry, const char *way,
                        struct verdict verdict, struct verdict expected)
{
    if (verdict.result != expected.result || verdict.stored != expected.stored) {
        test_fail(__FILE__, __LINE__, "L%u entry %#lx by %s: %ld, %#lx; by mmu_update: %ld, %#lx",
                  sweep->level, entry, way, verdict.result, verdict.stored, expected.result,
                  expected.stored);
    }
}

static void try_entry(const struct sweep *sweep, uint64_t entry)
{
    struct verdict expected = by_update(sweep, entry, MMU_NORMAL_PT_UPDATE);
    expect_same(sweep, entry, "preserving update",
                by_update(sweep, entry, MMU_PT_UPDATE_PRESERVE_AD), expected);
    expect_same(sweep, entry, "untranslated update",
                by_update(sweep, entry, MMU_PT_UPDATE_NO_TRANSLATE), expected);
    expect_same(sweep, entry, "pin", by_pin(sweep, entry), expected);
    if (sweep->level == 1) {
        expect_same(sweep, entry, "update_va_mapping", by_address(sweep, entry), expected);
        uint64_t stored;
        bool accepted = store_is_accepted(sweep, entry, &stored);
        if (accepted != (expected.result == 0) || stored != expected.stored) {
            test_fail(__FILE__, __LINE__, "a store of %#lx: %#lx, but mmu_update: %ld, %#lx", entry,
                      stored, expected.result, expected.stored);
        }
    }
}

/* One bit, and each pair: the second loop begins with the first's bit, which is no pair. */
static void sweep_bits(const struct sweep *sweep, uint64_t base)
{
    for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
        for (size_t j = i; j < ARRAY_SIZE(bits); j++) {
            uint64_t turned = UINT64_C(1) << bits[i] | UINT64_C(1) << bits[j];
            try_entry(sweep, base ^ turned);
        }
    }
}

static void sweep_frames(const struct sweep *sweep)
{
    uint64_t *plain = page_alloc(), *writable = page_alloc(), *gdt = page_alloc();
    EXPECT_RESULT(page_read_only(plain), 0);
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t gdt_frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&gdt_frame, 512), 0);
    const uint64_t frames[] = {
        mfn_of(plain).value,
        mfn_of(writable).value,
        mfn_of(table_new(1)).value,
        mfn_of(table_new(2)).value,
        mfn_of(table_new(3)).value,
        mfn_of(table_new(4)).value,
        gdt_frame,
        start_info->shared_info >> PAGE_SHIFT,
        (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL) + 5, /* no RAM */
    };
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        sweep_bits(sweep, pte_make(mfn_make(frames[i]), PTE_READ_WRITE | PTE_USER));
    }
}

static struct sweep sweep_begin(unsigned int level)
{
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    struct sweep sweep = {
        .level = level, .table = table_new(level), .prepared = page_alloc(), .window = SCRATCH_VA};
    EXPECT_RESULT(va_set(sweep.window, pte_make(mfn_of(sweep.table), PTE_READ_ONLY)), 0);
    if (level == 1) {
        EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(sweep.table), PTE_TABLE)),
                      0);
    }
    return sweep;
}

TEST(a_l1_entries_have_one_verdict_by_every_way_in)
{
    struct sweep sweep = sweep_begin(1);
    sweep_frames(&sweep);
}

/* Read-only entries for a table of the same level are among them: refused here, accepted by Xen. */
TEST(a_upper_entries_have_one_verdict_by_every_way_in)
{
    for (unsigned int level = 2; level <= 4; level++) {
        struct sweep sweep = sweep_begin(level);
        sweep_frames(&sweep);
    }
}
