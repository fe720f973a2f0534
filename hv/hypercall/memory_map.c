/* SPDX-License-Identifier: BSD-2-Clause */
/* memory_op: the machine's memory map for the control domain (xen/memory.h). What is about frames
 * goes to the core, what is about a domain's own map to hv/domain/memory_map.c. */
#include "core/mmu_call.h"
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/mem/memory.h"

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
        if (writer->count >= writer->room) {
            return -XEN_EINVAL;
        }
        if (!guest_copy_out(writer->buffer + writer->count * sizeof(entry), &entry,
                            sizeof(entry))) {
            return -XEN_EFAULT;
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
        return -XEN_EPERM;
    }
    struct xen_memory_map record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return -XEN_EFAULT;
    }
    struct map_writer writer = {.buffer = (uint64_t)record.buffer.p, .room = record.nr_entries};
    int result = emit_map(&writer);
    if (result != 0) {
        return result;
    }
    record.nr_entries = writer.count;
    return guest_copy_out(address, &record, sizeof(record)) ? 0 : -XEN_EFAULT;
}

/* memory_op(command and start extent, record) */
struct call_result hypercall_memory_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint64_t command = arg[0] & COMMAND_MASK;
    bool continued = arg[0] >> EXTENT_SHIFT != 0;
    if (command == XENMEM_memory_map && !continued) {
        return call_done(memory_map_get_call(vcpu, arg[1]));
    }
    if (command == XENMEM_set_memory_map && !continued) {
        return call_done(memory_map_set_call(vcpu, arg[1]));
    }
    if (command == XENMEM_machine_memory_map && !continued) {
        return call_done(machine_map(vcpu, arg[1]));
    }
    struct call_result result = call_memory_op(&vcpu->core, arg);
    if (!result.again && result.value == -XEN_ENOSYS) {
        return hypercall_unknown(vcpu, __HYPERVISOR_memory_op, "memory_op", command);
    }
    return result;
}
