/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/mem/own_mappings.h"

#include "core/port.h"
#include "hv/layout.h"

#define PERMISSIONS (PTE_WRITABLE | PTE_USER) /* each level must give them; NX, one may refuse */

static uint64_t address_of(unsigned int level, unsigned int index)
{
    uint64_t address = (uint64_t)index << (PAGE_SHIFT + 9 * (level - 1));
    bool is_upper_half = level == 4 && index >= PTE_COUNT / 2;
    return is_upper_half ? address | ~UINT64_C(0) << 48 : address;
}

static pte_t restrict_to(pte_t entry, pte_t above)
{
    entry.raw &= above.raw | ~PERMISSIONS;
    entry.raw |= above.raw & PTE_NO_EXECUTE;
    return entry;
}

static void visit_table(mfn_t table, unsigned int level, const struct own_mapping *above,
                        own_mapping_fn visit, void *argument)
{
    const pte_t *entries = port_map_frame(table);
    for (unsigned int i = 0; i < PTE_COUNT; i++) {
        if (!pte_is_present(entries[i])) {
            continue;
        }
        struct own_mapping here = {
            .address = above->address | address_of(level, i),
            .entry = restrict_to(entries[i], above->entry),
            .level = level,
        };
        if (level == 1 || (level < 4 && pte_has(entries[i], PTE_PAGE_SIZE))) {
            visit(&here, argument);
        } else {
            /* NOLINTNEXTLINE(misc-no-recursion): four levels deep */
            visit_table(pte_mfn(entries[i]), level - 1, &here, visit, argument);
        }
    }
}

void own_visit(mfn_t root, own_mapping_fn visit, void *argument)
{
    const struct own_mapping all = {.entry = {PERMISSIONS}};
    visit_table(root, 4, &all, visit, argument);
}

/* ---- rules --------------------------------------------------------------------------------- */

bool own_mapping_is_wrong(const struct own_mapping *mapping)
{
    bool is_writable = pte_is_writable(mapping->entry);
    bool is_code = !pte_has(mapping->entry, PTE_NO_EXECUTE);
    bool is_m2p = pte_index(4, mapping->address) == L4_M2P_SLOT;
    bool is_open = pte_has(mapping->entry, PTE_USER);
    return (is_writable && is_code) || (is_open && (is_writable || !is_m2p));
}

static void count_wrong(const struct own_mapping *mapping, void *argument)
{
    unsigned int *wrong = argument;
    *wrong += own_mapping_is_wrong(mapping) ? 1 : 0;
}

unsigned int own_count_wrong(mfn_t root)
{
    unsigned int wrong = 0;
    own_visit(root, count_wrong, &wrong);
    return wrong;
}

/* ---- digest -------------------------------------------------------------------------------- */

static uint64_t digest_word(uint64_t digest, uint64_t word)
{
    digest = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return digest ^ (digest >> 29);
}

static void add_to_digest(const struct own_mapping *mapping, void *argument)
{
    uint64_t *digest = argument;
    if (pte_index(4, mapping->address) != pte_index(4, WINDOW_BASE)) {
        *digest = digest_word(*digest, mapping->address);
        *digest = digest_word(*digest, mapping->entry.raw & ~(PTE_ACCESSED | PTE_DIRTY));
    }
}

uint64_t own_digest(mfn_t root)
{
    uint64_t digest = 0;
    own_visit(root, add_to_digest, &digest);
    return digest;
}
