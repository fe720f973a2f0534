/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/tables.h"

#include "builder/contents.h"

#define ENTRY_COUNT    UINT64_C(512)
#define ENTRY_SHIFT    9
#define ENTRY_PRESENT  (UINT64_C(1) << 0)
#define ENTRY_WRITABLE (UINT64_C(1) << 1)
#define ENTRY_USER     (UINT64_C(1) << 2)
#define ENTRY_ACCESSED (UINT64_C(1) << 5)
#define ENTRY_DIRTY    (UINT64_C(1) << 6)

/* The monitor adds what marks a page as the guest kernel's. */
#define LEAF_FLAGS  (ENTRY_PRESENT | ENTRY_ACCESSED)
#define TABLE_FLAGS (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER | ENTRY_ACCESSED | ENTRY_DIRTY)

/* log2 of the bytes one page (level 0) or one table of a level maps. */
static unsigned level_shift(unsigned level)
{
    return PAGE_SHIFT + ENTRY_SHIFT * level;
}

/* Addresses in units of what one table of `level` maps: the first of the tree's. */
static uint64_t tree_first_block(const struct table_tree *tree, unsigned level)
{
    return tree->address >> level_shift(level);
}

struct table_tree table_tree_make(uint64_t address, uint64_t page_count)
{
    struct table_tree tree = {.address = address};
    uint64_t last = address + (page_count << PAGE_SHIFT) - 1;
    for (unsigned level = 0; level < TREE_LEVELS; level++) {
        tree.level[level].count = (last >> level_shift(level)) - tree_first_block(&tree, level) + 1;
    }
    return tree;
}

uint64_t table_tree_table_count(const struct table_tree *tree)
{
    return tree->level[1].count + tree->level[2].count + tree->level[3].count;
}

void table_tree_place(struct table_tree *tree, pfn_t first_page, pfn_t first)
{
    tree->level[0].first = first_page;
    for (unsigned level = TREE_LEVELS - 1; level > 0; level--) {
        tree->level[level].first = first;
        first = page_range_end(tree->level[level]);
    }
}

static uint64_t entry_make(struct build_target *target, pfn_t pfn, uint64_t flags)
{
    return (build_port_mfn(target, pfn).value << PAGE_SHIFT) | flags;
}

/*
 * Write the entries of one table for those children of `child_level` it maps. `block` is the
 * table's own first address in units of what a child maps; the tree may begin behind it or end
 * before its last entry.
 */
static void table_fill(struct build_target *target, const struct table_tree *tree,
                       unsigned child_level, uint64_t block, struct page_range read_only,
                       uint64_t *entries)
{
    struct page_range children = tree->level[child_level];
    uint64_t first_block = tree_first_block(tree, child_level);
    uint64_t from = max_u64(block, first_block);
    uint64_t to = min_u64(block + ENTRY_COUNT, first_block + children.count);
    for (uint64_t i = from; i < to; i++) {
        pfn_t child = pfn_add(children.first, i - first_block);
        uint64_t flags = TABLE_FLAGS;
        if (child_level == 0) {
            flags = page_range_has(read_only, child) ? LEAF_FLAGS : LEAF_FLAGS | ENTRY_WRITABLE;
        }
        entries[i - block] = entry_make(target, child, flags);
    }
}

/* Fill all tables of one level, or the L4, which no tree has among its own. */
static enum build_status level_fill(struct build_target *target, const struct table_tree *tree,
                                    unsigned child_level, struct page_range tables,
                                    struct page_range read_only, struct build_detail *detail)
{
    uint64_t first_block = round_down(tree_first_block(tree, child_level), ENTRY_COUNT);
    for (uint64_t i = 0; i < tables.count; i++) {
        pfn_t pfn = pfn_add(tables.first, i);
        uint64_t *entries = build_port_map(target, pfn);
        if (entries == NULL) {
            return build_refuse(detail, BUILD_MAP_FAILED, pfn.value, 0);
        }
        table_fill(target, tree, child_level, first_block + i * ENTRY_COUNT, read_only, entries);
        build_port_unmap(target, entries);
    }
    return BUILD_OK;
}

enum build_status table_tree_fill(struct build_target *target, const struct table_tree *tree,
                                  pfn_t l4, struct page_range read_only,
                                  struct build_detail *detail)
{
    const struct page_range root = {.first = l4, .count = 1};
    enum build_status status = level_fill(target, tree, TREE_LEVELS - 1, root, read_only, detail);
    for (unsigned level = TREE_LEVELS - 1; level > 0 && status == BUILD_OK; level--) {
        status = level_fill(target, tree, level - 1, tree->level[level], read_only, detail);
    }
    return status;
}

enum build_status tables_fill(struct build_target *target, const struct build_layout *layout,
                              struct build_detail *detail)
{
    pfn_t l4 = layout->tables.first;
    enum build_status status =
        table_tree_fill(target, &layout->mapping, l4, layout->tables, detail);
    if (status == BUILD_OK && layout->p2m_apart) {
        status = table_tree_fill(target, &layout->p2m, l4, layout->p2m_tables, detail);
    }
    return status;
}
