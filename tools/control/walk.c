/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/walk.h"

#include <stdio.h>
#include <string.h>

static unsigned int level_shift(unsigned int level)
{
    return PAGE_SHIFT + 9 * (level - 1);
}

static bool is_leaf(pte_t entry, unsigned int level)
{
    return level == 1 || (level < 4 && pte_has(entry, PTE_PAGE_SIZE));
}

unsigned int walk_address(mfn_t l4, uint64_t address, walk_reader read, void *context,
                          struct walk_step steps[4], bool *complete)
{
    mfn_t table = l4;
    unsigned int count = 0;
    *complete = true;
    for (unsigned int level = 4; level >= 1; level--) {
        struct walk_step *step = &steps[count];
        *step = (struct walk_step){
            .level = level,
            .table = table,
            .index = (unsigned int)(address >> level_shift(level)) % PTE_COUNT,
        };
        if (!read(context, table, step->index, &step->entry)) {
            *complete = false;
            return count;
        }
        count++;
        if (!pte_is_present(step->entry) || is_leaf(step->entry, level)) {
            return count;
        }
        table = pte_mfn(step->entry);
    }
    return count;
}

void walk_name_bits(char text[WALK_BITS_SIZE], pte_t entry, unsigned int level)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } names[] = {
        {PTE_PRESENT, "P"},     {PTE_WRITABLE, "W"}, {PTE_USER, "U"},
        {PTE_PWT, "PWT"},       {PTE_PCD, "PCD"},    {PTE_ACCESSED, "A"},
        {PTE_DIRTY, "D"},       {PTE_GLOBAL, "G"},   {PTE_GUEST_KERNEL, "guest-kernel"},
        {PTE_NO_EXECUTE, "NX"},
    };
    text[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (pte_has(entry, names[i].bit)) {
            strcat(strcat(text, text[0] != '\0' ? " " : ""), names[i].name);
        }
    }
    if (pte_has(entry, PTE_PAGE_SIZE)) { /* the same bit as PTE_PAT */
        strcat(strcat(text, text[0] != '\0' ? " " : ""), level == 1 ? "PAT" : "PS");
    }
}

bool walk_maps(const struct walk_step *step, uint64_t address, uint64_t *machine)
{
    if (!pte_is_present(step->entry) || !is_leaf(step->entry, step->level)) {
        return false;
    }
    uint64_t offset_mask = (UINT64_C(1) << level_shift(step->level)) - 1;
    *machine = ((step->entry.raw & PTE_MFN_MASK) & ~offset_mask) | (address & offset_mask);
    return true;
}
