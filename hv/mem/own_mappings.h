/* SPDX-License-Identifier: BSD-2-Clause */
/* What the hypervisor's own page tables map, read back from the tables themselves, and the rules
 * for it. Nothing here changes them, or needs more of the machine than port_map_frame(). */
#ifndef HV_MEM_OWN_MAPPINGS_H
#define HV_MEM_OWN_MAPPINGS_H

#include "core/pte.h"

/* A page that the tables map: 4 KiB, or 2 MiB or 1 GiB where an entry says so. What the entries on
 * the way forbid is forbidden in `entry` too. */
struct own_mapping {
    uint64_t address;
    pte_t entry;
    unsigned int level; /* of the entry: 1 to 3 */
};
typedef void (*own_mapping_fn)(const struct own_mapping *mapping, void *argument);

/* All pages under this L4, in the order of their addresses. */
void own_visit(mfn_t root, own_mapping_fn visit, void *argument);

/* Writable and executable, or open to guests without being the M2P, read-only. */
bool own_mapping_is_wrong(const struct own_mapping *mapping);
unsigned int own_count_wrong(mfn_t root);

/* Where each page leads and what may be done there, but for descriptor windows, as one number. */
uint64_t own_digest(mfn_t root);

#endif
