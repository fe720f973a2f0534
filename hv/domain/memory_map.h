/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory map that a domain is shown: which of its PFNs are RAM. It changes nothing about what
 * the domain may do. Nobody sets the first domain's: that one sees the machine's. */
#ifndef HV_DOMAIN_MEMORY_MAP_H
#define HV_DOMAIN_MEMORY_MAP_H

#include "hv/mem/memory.h"
#include "lib/ticket_lock.h"

#define MEMORY_MAP_LIMIT 32U /* entries */

struct hv_domain;
struct hv_vcpu;

/* In struct hv_domain. Start with all zeros: none is set. */
struct memory_map {
    struct ticket_lock lock; /* covers the rest; nothing is taken under it */
    uint32_t count;
    struct e820_entry entries[MEMORY_MAP_LIMIT];
};

/* One piece of RAM from 0 on, before the domain runs. */
void memory_map_set_plain(struct hv_domain *domain, uint64_t size);

/* XENMEM_memory_map and XENMEM_set_memory_map, with the record at `address`. */
int memory_map_get_call(struct hv_vcpu *vcpu, uint64_t address);
int memory_map_set_call(struct hv_vcpu *vcpu, uint64_t address);

#endif
