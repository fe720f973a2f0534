/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/domain/memory_map.h"

#include "core/reservation.h"
#include "hv/guest_memory.h"
#include "hv/vcpu.h"
#include "lib/string.h"

#include <xen/memory.h>

#define E820_RAM 1U

static void store(struct memory_map *map, const struct e820_entry *entries, uint32_t count)
{
    ticket_lock_take(&map->lock);
    memcpy(map->entries, entries, count * sizeof(*entries));
    map->count = count;
    ticket_lock_release(&map->lock);
}

void memory_map_set_plain(struct hv_domain *domain, uint64_t size)
{
    const struct e820_entry ram = {.address = 0, .size = size, .type = E820_RAM};
    store(&domain->memory_map, &ram, 1);
}

/* As many entries as there is room for; the number says how many. */
enum status memory_map_get_call(struct hv_vcpu *vcpu, uint64_t address)
{
    struct memory_map *map = &hv_vcpu_domain(vcpu)->memory_map;
    struct xen_memory_map record;
    struct e820_entry entries[MEMORY_MAP_LIMIT];
    ticket_lock_take(&map->lock);
    uint32_t count = map->count;
    memcpy(entries, map->entries, count * sizeof(entries[0]));
    ticket_lock_release(&map->lock);
    if (count == 0) {
        return STATUS_NO_MEMORY_MAP;
    }
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return STATUS_FAULT;
    }
    record.nr_entries = (uint32_t)min_u64(record.nr_entries, count);
    bool copied = guest_copy_out((uint64_t)record.buffer.p, entries,
                                 record.nr_entries * sizeof(entries[0])) &&
                  guest_copy_out(address, &record, sizeof(record));
    return copied ? STATUS_OK : STATUS_FAULT;
}

enum status memory_map_set_call(struct hv_vcpu *vcpu, uint64_t address)
{
    struct xen_foreign_memory_map record;
    struct e820_entry entries[MEMORY_MAP_LIMIT];
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return STATUS_FAULT;
    }
    if (record.map.nr_entries > MEMORY_MAP_LIMIT) {
        return STATUS_BAD_ARGUMENT;
    }
    struct domain *domain;
    enum status status = reservation_find_domain(&vcpu->core, record.domid, &domain);
    if (status != STATUS_OK) {
        return status;
    }
    if (!guest_copy_in(entries, (uint64_t)record.map.buffer.p,
                       record.map.nr_entries * sizeof(entries[0]))) {
        return STATUS_FAULT;
    }
    store(&hv_domain_of(domain)->memory_map, entries, record.map.nr_entries);
    return STATUS_OK;
}
