/* SPDX-License-Identifier: BSD-2-Clause */
/* The control calls, and what a domain builder needs besides: the first include of a file. */
#ifndef GUESTS_DOMAINS_CONTROL_H
#define GUESTS_DOMAINS_CONTROL_H

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1 /* the public headers have control calls for tools alone */
#endif

#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

/* The record's head is filled in. */
int64_t domctl(uint32_t command, domid_t domain, struct xen_domctl *op);
int64_t sysctl(uint32_t command, struct xen_sysctl *op);
/* A command without arguments. */
int64_t domctl_plain(uint32_t command, domid_t domain);

/* The record of an ordinary domain with one vCPU. */
struct xen_domctl create_record(void);

int64_t domain_info(domid_t domain, struct xen_domctl_getdomaininfo *info);
/* How many domains there are, dying ones too. */
uint32_t domain_count(void);

/* Free frames of the machine, when nothing is being cleaned up any more. */
uint64_t free_frames(void);

/* Destroy it, and wait until nothing is left of it (no longer than that can take). */
int64_t destroy(domid_t domain);
bool is_gone(domid_t domain);
void wait_until_gone(domid_t domain);
/* All but this one: what a failed test left. Each test begins with this. */
void destroy_all(void);

/* Let the others run: once round, or for a millisecond, in which who cleans up does so too. */
void let_others_run(void);
void let_time_pass(void);

/* Frames of the domain, PFNs from `first` on: how many it got. */
uint64_t populate(domid_t domain, uint64_t first, mfn_t frames[], uint64_t count);

/* Set page `slot` of the scratch area to a frame of that domain's (flags 0: to nothing). */
int64_t foreign_map(size_t slot, domid_t domain, mfn_t frame, uint64_t flags);
static inline void *slot_address(size_t slot)
{
    return (void *)(SCRATCH_VA + slot * PAGE_SIZE);
}
int64_t mmuext_for(domid_t domain, unsigned int command, mfn_t frame);

#endif
