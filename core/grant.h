/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grant tables, version 1 (xen/grant_table.h): a domain lets another one, by entries in memory that
 * both sides' hypervisor shares with it, map, copy or hand over single frames. This is what others
 * may use; core/grant_table.h has the records behind it.
 */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include "core/context.h"

/* Of a domain's table: frames of entries shown to it, and frames of handles for what it maps. */
#define GRANT_FRAMES_DEFAULT    64U
#define GRANT_FRAMES_MAX        128U
#define MAPTRACK_FRAMES_DEFAULT 1024U
#define MAPTRACK_FRAMES_MAX     1024U

/*
 * Give a new domain its grant table, with one frame of entries. Each domain that runs has one.
 * Takes the domain's lock. STATUS_GRANT_TABLE_SIZE: a limit is 0 or above its maximum;
 * STATUS_NO_MEMORY. A refusal leaves nothing.
 */
NODISCARD enum status grant_table_create(struct domain *domain, unsigned int frame_limit,
                                         unsigned int maptrack_frame_limit);

/*
 * Teardown, in this order (core/teardown.c, and whoever frees the record). The domain is dying and
 * its vCPUs run no more; no lock is held.
 *
 * grant_release_mappings(): end what it uses of others' grants: pins, in-use marks, and the
 * references of device mappings; those of host mappings go with its page tables. False: there is
 * more to do, and the CPU is wanted; call again.
 *
 * grant_release_table(): end its own table. The frames of entries are given up at once, or, if
 * others still use an entry, with the last of these uses: until then they count in the domain's
 * shared_count, so that the domain is not empty and their unmapping works.
 *
 * grant_table_free(): the domain is empty (domain_is_empty()) and its record about to go, or it was
 * never run: give back the hypervisor's memory.
 */
NODISCARD bool grant_release_mappings(struct domain *dying);
void grant_release_table(struct domain *dying);
void grant_table_free(struct domain *domain);

/* Let the table have so many frames of entries; it never shrinks. The domain's lock is not held: it
 * is taken for one frame at a time. A refusal may leave the table larger than before. */
NODISCARD enum status grant_table_reach(struct domain *domain, uint64_t count);

/* Frames of entries: how many there may be, and the MFN of one that is there. The domain's lock is
 * held. */
unsigned int grant_frame_limit(const struct domain *domain);
NODISCARD enum status grant_frame_find(const struct domain *domain, unsigned int index, mfn_t *mfn);

#endif
