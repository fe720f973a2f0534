/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing entries of an L1: one at a time, many at a time, and in each of the ways there are. */
#include "guests/bench/bench.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

#define MULTICALL_COUNT 32

static mmu_update_t updates[TABLE_ENTRIES];

/* The pages that the entries map. */
static uint8_t *pages;

static uint64_t page_pte(size_t index, uint64_t flags)
{
    return pte_make(mfn_of(pages + index * PAGE_SIZE), flags);
}

/* All of scratch_l1, each entry another page with `flags`; with no flags, empty. */
static void updates_fill(uint64_t flags)
{
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        updates[i] = (mmu_update_t){
            .ptr = entry_address(scratch_l1, i) | MMU_NORMAL_PT_UPDATE,
            .val = flags == 0 ? 0 : page_pte(i, flags),
        };
    }
}

static void updates_measure(struct sample *sample, uint64_t count)
{
    uint64_t start = ticks();
    int64_t result = hypercall_mmu_update(updates, count, NULL, DOMID_SELF);
    uint64_t end = ticks();
    EXPECT_RESULT(result, 0);
    sample_add(sample, start, end);
}

TEST(entries_one_at_a_time)
{
    pages = page_alloc_many(TABLE_ENTRIES);
    struct sample map = SAMPLE_NONE, unmap = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        updates_fill(PTE_READ_WRITE);
        updates_measure(&map, 1);
        updates_fill(0);
        updates_measure(&unmap, 1);
    }
    sample_print("map_1", &map, 1);
    sample_print("unmap_1", &unmap, 1);
}

TEST(entries_512_at_a_time)
{
    pages = page_alloc_many(TABLE_ENTRIES);
    struct sample map = SAMPLE_NONE, same = SAMPLE_NONE, protect = SAMPLE_NONE, unmap = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        updates_fill(PTE_READ_WRITE);
        updates_measure(&map, TABLE_ENTRIES);
        updates_measure(&same, TABLE_ENTRIES);
        updates_fill(PTE_READ_ONLY);
        updates_measure(&protect, TABLE_ENTRIES);
        updates_fill(0);
        updates_measure(&unmap, TABLE_ENTRIES);
    }
    sample_print("map_512", &map, TABLE_ENTRIES);
    sample_print("unmap_512", &unmap, TABLE_ENTRIES);
    sample_print("protect_512", &protect, TABLE_ENTRIES);
    sample_print("same_value_512", &same, TABLE_ENTRIES);
}

TEST(entry_through_update_va_mapping)
{
    pages = page_alloc();
    uint64_t pte = page_pte(0, PTE_READ_WRITE);
    struct sample map = SAMPLE_NONE, unmap = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        uint64_t start = ticks();
        int64_t result = hypercall_update_va_mapping(SCRATCH_VA, pte, UVMF_INVLPG);
        uint64_t end = ticks();
        EXPECT_RESULT(result, 0);
        sample_add(&map, start, end);
        start = ticks();
        result = hypercall_update_va_mapping(SCRATCH_VA, 0, UVMF_INVLPG);
        end = ticks();
        EXPECT_RESULT(result, 0);
        sample_add(&unmap, start, end);
    }
    sample_print("update_va_map_invlpg", &map, 1);
    sample_print("update_va_unmap_invlpg", &unmap, 1);
}

static multicall_entry_t multicall_entry_of_mapping(size_t index)
{
    return (multicall_entry_t){
        .op = __HYPERVISOR_update_va_mapping,
        .args = {SCRATCH_VA + index * PAGE_SIZE, page_pte(index, PTE_READ_WRITE), UVMF_NONE},
    };
}

TEST(entries_through_a_multicall)
{
    static multicall_entry_t calls[MULTICALL_COUNT];
    pages = page_alloc_many(TABLE_ENTRIES);
    struct sample map = SAMPLE_NONE, unmap = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        for (size_t call = 0; call < MULTICALL_COUNT; call++) {
            calls[call] = multicall_entry_of_mapping(call);
        }
        uint64_t start = ticks();
        int64_t result = hypercall_multicall(calls, MULTICALL_COUNT);
        uint64_t end = ticks();
        EXPECT_RESULT(result, 0);
        for (size_t call = 0; call < MULTICALL_COUNT; call++) {
            EXPECT_RESULT(calls[call].result, 0);
        }
        sample_add(&map, start, end);
        updates_fill(0);
        updates_measure(&unmap, TABLE_ENTRIES);
    }
    sample_print("multicall_32_update_va", &map, MULTICALL_COUNT);
}

/*
 * With the assist on, a kernel may write to an L1 as if it were memory. Linux does it mostly with
 * XCHG, when it takes mappings down.
 */
TEST(entry_through_a_plain_store)
{
    pages = page_alloc();
    uint64_t pte = page_pte(0, PTE_READ_WRITE);
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    struct sample map = SAMPLE_NONE, unmap = SAMPLE_NONE;
    volatile uint64_t *entry = scratch_l1;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        uint64_t start = ticks();
        *entry = pte;
        uint64_t end = ticks();
        uint64_t stored = *entry;
        EXPECT_EQUAL(pte_mfn(stored).value, pte_mfn(pte).value);
        sample_add(&map, start, end);

        uint64_t former = 0;
        start = ticks();
        __asm__ volatile("xchg %0, %1" : "+r"(former), "+m"(*entry)::"memory");
        end = ticks();
        EXPECT_EQUAL(former, stored);
        EXPECT_EQUAL(*entry, 0);
        sample_add(&unmap, start, end);
    }
    sample_print("plain_store_map", &map, 1);
    sample_print("exchange_unmap", &unmap, 1);
}

TEST(entry_that_is_refused)
{
    uint64_t *table = table_new(1);
    updates[0] = (mmu_update_t){
        .ptr = entry_address(scratch_l1, 0) | MMU_NORMAL_PT_UPDATE,
        .val = pte_make(mfn_of(table), PTE_READ_WRITE),
    };
    struct sample refused = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        uint64_t start = ticks();
        int64_t result = hypercall_mmu_update(updates, 1, NULL, DOMID_SELF);
        uint64_t end = ticks();
        EXPECT_RESULT(result, -XEN_EBUSY);
        sample_add(&refused, start, end);
    }
    sample_print("refused_writable_table", &refused, 1);
}
