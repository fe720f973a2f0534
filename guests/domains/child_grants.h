/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grants between us and children. A child's table is mapped here, so that its entries are written
 * from outside; what it maps itself it maps by calls of its own, at addresses that its L1 has.
 */
#ifndef GUESTS_DOMAINS_CHILD_GRANTS_H
#define GUESTS_DOMAINS_CHILD_GRANTS_H

#include "guests/domains/child.h"

#include "guests/lib/grant.h"

#define CHILD_REF   GRANT_FIRST
#define GRANT_SLOT  10U  /* where we map what is granted to us */
#define GRANT_PLACE 100U /* the page of a child where it maps what is granted to it */
#define GRANT_MARKS (GTF_reading | GTF_writing)

/* Our table, ready for grants to children. Skips the test where there are no grant tables. */
void grants_begin(void);
/* Another child, beside the one that child_start() made. */
struct child child_start_another(size_t slot);

/* The first frame of a child's table, mapped at a slot. */
volatile grant_entry_v1_t *child_grant_table(const struct child *child, size_t slot);

/* As grant_map(), for what this child grants: for the host, at GRANT_SLOT. */
int16_t map_from(const struct child *child, grant_ref_t ref, uint32_t flags,
                 grant_handle_t *handle);
/* It must be possible. */
grant_handle_t mapped_from(const struct child *child, grant_ref_t ref, uint32_t flags);

/* What the child gets when it maps an entry of `granter`, at GRANT_PLACE unless told otherwise. */
int16_t child_maps(const struct child *child, domid_t granter, grant_ref_t ref, uint32_t flags,
                   grant_handle_t *handle);
int16_t child_maps_at(const struct child *child, domid_t granter, grant_ref_t ref, uint32_t flags,
                      uint64_t address, grant_handle_t *handle);
int16_t child_unmaps(const struct child *child, grant_handle_t handle, uint64_t address);

/* update_va_mapping by the child, of one of its pages. */
int64_t child_sets_page(const struct child *child, unsigned int page, uint64_t pte);
/* mmuext_op and mmu_update by the child, for itself. */
int64_t child_mmuext(const struct child *child, unsigned int command, mfn_t frame);
int64_t child_sets_entry(const struct child *child, unsigned int table, unsigned int index,
                         uint64_t value);

/* Frames of a domain; the limit of what it may have. */
uint64_t frames_of(domid_t domain);
void set_limit(domid_t domain, uint64_t frames);

#endif
