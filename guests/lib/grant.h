/* SPDX-License-Identifier: BSD-2-Clause */
/* Grants of a test kernel to itself: the first domain's number is known, and Xen lets a domain name
 * itself by its number. */
#ifndef GUESTS_LIB_GRANT_H
#define GUESTS_LIB_GRANT_H

#include "guests/lib/memory.h"

#include <xen/grant_table.h>

#define GRANT_DOMAIN     0U /* the first domain */
#define GRANT_FIRST      GNTTAB_NR_RESERVED_ENTRIES
#define GRANTS_PER_FRAME (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define GRANT_TABLE_VA   (SCRATCH_VA + (TABLE_ENTRIES - 1) * PAGE_SIZE)

int64_t grant_call(unsigned int command, void *elements, uint64_t count);

/* Map the first frame of the table at GRANT_TABLE_VA and take back what a test before has granted.
 * False: there are no grant tables. */
bool grant_table_open(void);

/* The entry of the open table. */
volatile grant_entry_v1_t *grant_entry(grant_ref_t ref);
/* Grant a frame to ourselves. */
void grant_give(grant_ref_t ref, mfn_t mfn, uint16_t flags);
/* Write an entry of any table: the flags last, as whoever looks at it may do so at any time. */
void grant_entry_write(volatile grant_entry_v1_t *entry, domid_t domain, mfn_t mfn, uint16_t flags);

/* One element; they answer its status. A call that fails as a whole fails the test. */
int16_t grant_map(struct gnttab_map_grant_ref *map);
int16_t grant_unmap(grant_handle_t handle, uint64_t host_address, uint64_t device_address);
int16_t grant_unmap_and_replace(grant_handle_t handle, uint64_t host_address, uint64_t new_address);
int16_t grant_copy(struct gnttab_copy *copy);
int16_t grant_transfer(mfn_t mfn, domid_t domain, grant_ref_t ref);

/* Map for the host at an address; fails the test if it is refused. */
grant_handle_t grant_map_at(grant_ref_t ref, uint64_t address, uint32_t flags);

#endif
