/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/domain/memory_map.h"

#include "core/reservation.h"
#include "hv/guest_memory.h"
#include "hv/refuse.h"
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
int memory_map_get_call(struct hv_vcpu *vcpu, uint64_t address)
{
    struct memory_map *map = &hv_vcpu_domain(vcpu)->memory_map;
    struct xen_memory_map record;
    struct e820_entry entries[MEMORY_MAP_LIMIT];
    ticket_lock_take(&map->lock);
    uint32_t count = map->count;
    memcpy(entries, map->entries, count * sizeof(entries[0]));
    ticket_lock_release(&map->lock);
    if (count == 0) {
        return refuse(status_to_errno(STATUS_NO_MEMORY_MAP), "%s",
                      status_text(STATUS_NO_MEMORY_MAP));
    }
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    record.nr_entries = (uint32_t)min_u64(record.nr_entries, count);
    uint64_t buffer = (uint64_t)record.buffer.p;
    uint64_t size = record.nr_entries * sizeof(entries[0]);
    if (!guest_copy_out(buffer, entries, size)) {
        return refuse_unwritable(buffer, size);
    }
    return guest_copy_out(address, &record, sizeof(record))
               ? 0
               : refuse_unwritable(address, sizeof(record));
}

int memory_map_set_call(struct hv_vcpu *vcpu, uint64_t address)
{
    struct xen_foreign_memory_map record;
    struct e820_entry entries[MEMORY_MAP_LIMIT];
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    if (record.map.nr_entries > MEMORY_MAP_LIMIT) {
        return refuse(-XEN_EINVAL, "%u entries: a map has at most %u", record.map.nr_entries,
                      MEMORY_MAP_LIMIT);
    }
    struct domain *domain;
    enum status status = reservation_find_domain(&vcpu->core, record.domid, &domain);
    if (status != STATUS_OK) {
        return refuse(status_to_errno(status), "d%u: %s; %s", record.domid, status_text(status),
                      status_advice(status));
    }
    uint64_t size = record.map.nr_entries * sizeof(entries[0]);
    if (!guest_copy_in(entries, (uint64_t)record.map.buffer.p, size)) {
        return refuse_unreadable((uint64_t)record.map.buffer.p, size);
    }
    store(&hv_domain_of(domain)->memory_map, entries, record.map.nr_entries);
    return 0;
}
