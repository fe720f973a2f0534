/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bootstrap page tables: their number and place, and their contents, written as plain memory. What
 * makes them page tables is the monitor, when it validates the tree under the pinned L4.
 */
#ifndef BUILDER_TABLES_H
#define BUILDER_TABLES_H

#include "builder/port.h"
#include "builder/status.h"

struct page_range {
    pfn_t first;
    uint64_t count;
};

static inline pfn_t page_range_end(struct page_range range)
{
    return pfn_add(range.first, range.count);
}

static inline bool page_range_has(struct page_range range, pfn_t pfn)
{
    return pfn.value - range.first.value < range.count;
}

/*
 * A contiguous piece of address space that maps contiguous PFNs with 4 KiB pages. level[0] are the
 * pages, level[1] to level[3] the L1 to L3 tables above them; every level has contiguous PFNs in
 * the order of their addresses. The L4 is not part of it: several trees hang under one.
 */
#define TREE_LEVELS 4
struct table_tree {
    uint64_t address;
    struct page_range level[TREE_LEVELS];
};

/* Tree over `page_count` pages from `address`, with the number of tables of each level, but no
 * PFNs yet. Owed: at least one page, and no wrap. */
struct table_tree table_tree_make(uint64_t address, uint64_t page_count);

/* L1 to L3 tables together. */
uint64_t table_tree_table_count(const struct table_tree *tree);

/* Place the tables from `first` on, the L3s first and the L1s last; the pages from `first_page`. */
void table_tree_place(struct table_tree *tree, pfn_t first_page, pfn_t first);

/* Write the entries of all its tables, and those of `l4` that lead to them. Pages in `read_only`
 * are mapped so, all others writable. */
NODISCARD enum build_status table_tree_fill(struct build_target *target,
                                            const struct table_tree *tree, pfn_t l4,
                                            struct page_range read_only,
                                            struct build_detail *detail);

#endif
