/* SPDX-License-Identifier: BSD-2-Clause */
/* memory_op: the machine's memory map, and what toolstacks ask (xen/memory.h). What changes frames
 * goes to the core, what is about a domain's own map to hv/domain/memory_map.c. */
#define __XEN_TOOLS__ 1 /* the public header has claims for tools alone */
#include "core/mmu_call.h"
#include "core/reservation.h"
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/mem/memory.h"
#include "hv/refuse.h"

#include <xen/memory.h>

#define EXTENT_SHIFT  6 /* above the command: where a continued call goes on */
#define COMMAND_MASK  ((UINT64_C(1) << EXTENT_SHIFT) - 1)
#define E820_RESERVED 2U

_Static_assert(sizeof(struct e820_entry) == 20, "entries are those of INT 15h, EAX=E820h");

/* Where the entries go, one after the other. */
struct map_writer {
    uint64_t buffer; /* guest address; 0: they are only counted */
    uint32_t room;   /* entries */
    uint32_t count;
};

static int emit(struct map_writer *writer, uint64_t address, uint64_t size, uint32_t type)
{
    if (writer->buffer != 0) {
        struct e820_entry entry = {.address = address, .size = size, .type = type};
        uint64_t to = writer->buffer + writer->count * sizeof(entry);
        if (writer->count >= writer->room) {
            return refuse(-XEN_EINVAL, "there is room for %u entries, and the map has more",
                          writer->room);
        }
        if (!guest_copy_out(to, &entry, sizeof(entry))) {
            return refuse_unwritable(to, sizeof(entry));
        }
    }
    writer->count++;
    return 0;
}

/* Frames [first, end); empty: none. */
struct frame_range {
    uint64_t first;
    uint64_t end;
};

/* The first frames in [from, to) that no domain may map. */
static struct frame_range find_denied(uint64_t from, uint64_t to)
{
    struct frame_range found = {.first = to, .end = to};
    for (unsigned int i = 0; i < machine.io_range_count; i++) {
        const struct io_range *range = &machine.io_ranges[i];
        uint64_t first = max_u64(range->first.value, from);
        if (range->rule == IO_DENIED && range->last.value >= from && first < found.first) {
            found = (struct frame_range){first, min_u64(range->last.value, to - 1) + 1};
        }
    }
    return found;
}

/* The firmware says nothing of these frames, but the domain must not take the hypervisor's devices
 * among them for free address space: call them reserved. */
static int emit_gap(struct map_writer *writer, uint64_t from, uint64_t to)
{
    int result = 0;
    while (result == 0 && from < to) {
        struct frame_range denied = find_denied(from, to);
        if (denied.first < denied.end) {
            result = emit(writer, denied.first << PAGE_SHIFT,
                          (denied.end - denied.first) << PAGE_SHIFT, E820_RESERVED);
        }
        from = denied.end;
    }
    return result;
}

static int emit_map(struct map_writer *writer)
{
    unsigned int count;
    const struct e820_entry *entries = machine_memory_map(&count);
    uint64_t described = 0; /* frames below this are */
    for (unsigned int i = 0; i < count; i++) {
        const struct e820_entry *entry = &entries[i];
        int result = emit_gap(writer, described, entry->address >> PAGE_SHIFT);
        if (result == 0) {
            result = emit(writer, entry->address, entry->size, entry->type);
        }
        if (result != 0) {
            return result;
        }
        described = max_u64(described, pages_of(entry->address + entry->size));
    }
    return emit_gap(writer, described, machine.mfn_limit);
}

static int machine_map(const struct hv_vcpu *vcpu, uint64_t address)
{
    if (!vcpu->core.domain->is_control) {
        return refuse(-XEN_EPERM, "the machine's memory map is for control domains");
    }
    struct xen_memory_map record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    struct map_writer writer = {.buffer = (uint64_t)record.buffer.p, .room = record.nr_entries};
    int result = emit_map(&writer);
    if (result != 0) {
        return result;
    }
    record.nr_entries = writer.count;
    return guest_copy_out(address, &record, sizeof(record))
               ? 0
               : refuse_unwritable(address, sizeof(record));
}

/* ---- other questions of toolstacks ---------------------------------------------------------- */

/* The highest PFN, as the domain's kernel has published it; the page is that kernel's to write. */
static int maximum_gpfn(struct hv_vcpu *vcpu, uint64_t address, int64_t *pfn)
{
    domid_t id;
    if (!guest_copy_in(&id, address, sizeof(id))) {
        return refuse_unreadable(address, sizeof(id));
    }
    struct domain *domain;
    enum status status = reservation_find_domain(&vcpu->core, id, &domain);
    if (status != STATUS_OK) {
        return refuse(status_to_errno(status), "d%u: %s; %s", id, status_text(status),
                      status_advice(status));
    }
    uint64_t count = __atomic_load_n(&hv_domain_of(domain)->shared->arch.max_pfn, __ATOMIC_RELAXED);
    *pfn = count == 0 ? 0 : (int64_t)((count - 1) & INT64_MAX);
    return 0;
}

/* A claim is checked against what is free now, and not kept: who is late finds out when its memory
 * does not come. */
static int claim_pages(const struct hv_vcpu *vcpu, uint64_t address)
{
    struct xen_memory_reservation claim;
    if (!vcpu->core.domain->is_control) {
        return refuse(-XEN_EPERM, "only a control domain claims memory");
    }
    if (!guest_copy_in(&claim, address, sizeof(claim))) {
        return refuse_unreadable(address, sizeof(claim));
    }
    if (claim.extent_start.p != NULL || claim.extent_order != 0 || claim.mem_flags != 0) {
        return refuse(-XEN_EINVAL, "a claim names a number of frames, and no list, order or flags");
    }
    const struct domain *domain = domain_find(claim.domid);
    if (domain == NULL) {
        return refuse(-XEN_EINVAL, "there is no domain %u", claim.domid);
    }
    if (claim.nr_extents > 0 && claim.nr_extents > domain->page_limit) {
        return refuse(-XEN_EINVAL, "%lu frames: d%u may have %lu", claim.nr_extents, claim.domid,
                      domain->page_limit);
    }
    uint64_t room = __atomic_load_n(&machine.free_count, __ATOMIC_RELAXED) + domain->page_count;
    return claim.nr_extents <= room ? 0
                                    : refuse(-XEN_ENOMEM, "%lu frames: d%u can have %lu",
                                             claim.nr_extents, claim.domid, room);
}

/* What is answered here and not in the core. False: it is not. */
static bool answer(struct hv_vcpu *vcpu, uint64_t command, uint64_t address, int64_t *result)
{
    int64_t value = 0;
    switch (command) {
    case XENMEM_memory_map:
        *result = memory_map_get_call(vcpu, address);
        return true;
    case XENMEM_machine_memory_map:
        *result = machine_map(vcpu, address);
        return true;
    case XENMEM_set_memory_map:
        *result = memory_map_set_call(vcpu, address);
        return true;
    case XENMEM_maximum_gpfn:
        *result = maximum_gpfn(vcpu, address, &value);
        *result = *result == 0 ? value : *result;
        return true;
    case XENMEM_claim_pages:
        *result = claim_pages(vcpu, address);
        return true;
    case XENMEM_get_sharing_freed_pages: /* no domains share a frame to save one */
    case XENMEM_get_sharing_shared_pages:
        *result = 0;
        return true;
    default:
        return false;
    }
}

/* memory_op(command and start extent, record) */
struct call_result hypercall_memory_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint64_t command = arg[0] & COMMAND_MASK;
    bool continued = arg[0] >> EXTENT_SHIFT != 0;
    int64_t answered;
    bool is_answer =
        continued &&
        (command == XENMEM_maximum_gpfn || command == XENMEM_claim_pages ||
         command == XENMEM_get_sharing_freed_pages || command == XENMEM_get_sharing_shared_pages);
    if (is_answer) {
        return call_done(refuse(
            -XEN_EINVAL, "command %lu is never continued, as the bits above it say", command));
    }
    if (!continued && answer(vcpu, command, arg[1], &answered)) {
        return call_done(answered);
    }
    return call_memory_op(&vcpu->core, arg);
}
