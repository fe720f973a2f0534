/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages, frames and page tables of a test kernel.
 *
 *   VIRT_BASE + pfn * 4096      what the builder mapped: image, P2M, start_info, tables, stack
 *   POOL_VA   + n * 4096        the pool: pages that tests take, mapped writable between tests
 *   SCRATCH_VA + n * 4096       512 pages of nothing: a place for mappings (n = 0..511)
 *   FREE_VA .. POOL_VA + 1 GiB  no tables: the place for a test's own L1 tables
 *
 * Pool and scratch hang on three tables of the runtime: pool_l2 (which maps 1 GiB from POOL_VA),
 * pool_l3 (512 GiB) and the bootstrap L4. A test may hang its own tables into their free entries;
 * memory_restore() empties them afterwards. All tables are mapped read-only, as they must be.
 */
#ifndef GUESTS_LIB_MEMORY_H
#define GUESTS_LIB_MEMORY_H

#include "lib/compiler.h"
#include "lib/frame_number.h"

#include <xen/xen.h>

#define PTE_PRESENT       (UINT64_C(1) << 0)
#define PTE_WRITABLE      (UINT64_C(1) << 1)
#define PTE_USER          (UINT64_C(1) << 2)
#define PTE_WRITE_THROUGH (UINT64_C(1) << 3)
#define PTE_CACHE_DISABLE (UINT64_C(1) << 4)
#define PTE_ACCESSED      (UINT64_C(1) << 5)
#define PTE_DIRTY         (UINT64_C(1) << 6)
#define PTE_LARGE         (UINT64_C(1) << 7) /* L2 and L3; in an L1 entry the PAT bit */
#define PTE_PAT           (UINT64_C(1) << 7)
#define PTE_GLOBAL        (UINT64_C(1) << 8)
#define PTE_AVAILABLE     (UINT64_C(7) << 9)
#define PTE_GUEST_KERNEL  (UINT64_C(1) << 52)
#define PTE_NO_EXECUTE    (UINT64_C(1) << 63)
#define PTE_MFN_MASK      UINT64_C(0x000ffffffffff000)

#define PTE_READ_ONLY  PTE_PRESENT
#define PTE_READ_WRITE (PTE_PRESENT | PTE_WRITABLE)
#define PTE_TABLE      (PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED)

#define TABLE_ENTRIES 512
#define L4_HOLE_FIRST 256
#define L4_HOLE_LAST  271
#define HOLE_VA       UINT64_C(0xffff800000000000) /* where it begins */

#define POOL_PAGES 1024
#define POOL_VA    UINT64_C(0xffff880000000000)
#define SCRATCH_VA (POOL_VA + POOL_PAGES * PAGE_SIZE)
#define FREE_VA    (SCRATCH_VA + TABLE_ENTRIES * PAGE_SIZE)
/* The first entry of pool_l2 that FREE_VA uses. */
#define FREE_L2_INDEX ((size_t)((FREE_VA - POOL_VA) >> 21))

extern uint64_t pool_l2[TABLE_ENTRIES], pool_l3[TABLE_ENTRIES];
extern uint64_t scratch_l1[TABLE_ENTRIES];

void memory_init(void);

/* A zeroed page, mapped writable at the address that comes back. Fails the test if none is left. */
void *page_alloc(void);
/* The same for `count` pages in a row, in address and PFN (not in MFN). */
void *page_alloc_many(size_t count);

/*
 * Give back all pages: every pin, entry and mapping that a test made through its pages is undone,
 * and every page must be mappable writable again. False, with a message, if one is not: something
 * still holds a reference to it.
 */
bool memory_restore(void);

/* The frame behind an address of the image or the pool, and the PFN. */
mfn_t mfn_of(const volatile void *address);
pfn_t pfn_of(const volatile void *address);
/* What P2M says; the runtime follows it, so a test that exchanges frames sets it. */
mfn_t p2m_get(pfn_t pfn);
void p2m_set(pfn_t pfn, mfn_t mfn);
/* Read the machine-to-physical table, which must be readable at this entry. */
uint64_t m2p_get(mfn_t mfn);
/* The address at which the runtime maps a frame of the image or the pool; NULL if nowhere. */
void *mfn_address(mfn_t mfn);

static inline uint64_t pte_make(mfn_t mfn, uint64_t flags)
{
    return (mfn.value << PAGE_SHIFT) | flags;
}

static inline mfn_t pte_mfn(uint64_t pte)
{
    return mfn_make((pte & PTE_MFN_MASK) >> PAGE_SHIFT);
}

/* The index into the table of `level` (1 to 4) that translates `va`. */
static inline size_t table_index(uint64_t va, unsigned int level)
{
    return (size_t)(va >> (PAGE_SHIFT + 9 * (level - 1))) % TABLE_ENTRIES;
}

/* The bootstrap L4, as the builder mapped it. */
uint64_t *boot_l4(void);
/* The table of `level` that translates `va` under the bootstrap L4; NULL if there is none. */
uint64_t *table_of(uint64_t va, unsigned int level);
/* The entry of the L1 that maps `va`, as it is now; 0 if there is no L1. */
uint64_t pte_of(uint64_t va);

/* The machine address of an entry, as mmu_update wants it. */
uint64_t entry_address(const uint64_t *table, size_t index);
/* mmu_update of one entry, command "normal". */
int64_t entry_set(const uint64_t *table, size_t index, uint64_t value);
/* update_va_mapping with a flush of the address on this CPU. */
int64_t va_set(uint64_t va, uint64_t pte);
/* The same for a page of the pool: map it read-only or writable where the pool has it. */
int64_t page_read_only(const volatile void *page);
int64_t page_writable(const volatile void *page);

int64_t mmuext(unsigned int command, mfn_t mfn);
int64_t mmuext_address(unsigned int command, uint64_t address);
int64_t pin(unsigned int level, const void *table);
int64_t unpin(const void *table);
/* Make a page of the pool read-only and pin it: what a kernel does with a new table. */
int64_t table_pin(unsigned int level, const void *table);
/* A new page, pinned as an empty table of `level`. Fails the test if that is refused. */
uint64_t *table_new(unsigned int level);
/* Make a page read-only and hang it, as a table, into an entry of the next level. */
int64_t table_link(const uint64_t *parent, size_t index, const void *table);

#endif
