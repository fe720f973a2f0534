/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/contents.h"

#define P2M_ENTRIES_PER_PAGE (PAGE_SIZE / sizeof(uint64_t))

/* What Linux and Xen call INVALID_P2M_ENTRY: no frame there. */
#define P2M_ABSENT UINT64_MAX

enum build_status p2m_fill(struct build_target *target, const struct build_layout *layout,
                           struct build_detail *detail)
{
    uint64_t next = 0;
    for (uint64_t i = 0; i < layout->p2m_list.count; i++) {
        pfn_t page = pfn_add(layout->p2m_list.first, i);
        uint64_t *entries = build_port_map(target, page);
        if (entries == NULL) {
            return build_refuse(detail, BUILD_MAP_FAILED, page.value, 0);
        }
        uint64_t filled = min_u64(P2M_ENTRIES_PER_PAGE, layout->page_count - next);
        for (uint64_t entry = 0; entry < filled; entry++) {
            entries[entry] = build_port_mfn(target, pfn_make(next + entry)).value;
        }
        for (uint64_t entry = filled; entry < P2M_ENTRIES_PER_PAGE; entry++) {
            entries[entry] = P2M_ABSENT;
        }
        next += filled;
        build_port_unmap(target, entries);
    }
    return BUILD_OK;
}
