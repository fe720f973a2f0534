/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/machine.h"

#include "lib/check.h"

struct machine machine;

void machine_init(struct frame *frames, uint64_t frame_count, uint64_t *free_bitmap, uint64_t *m2p,
                  uint64_t m2p_count, unsigned int physical_address_bits)
{
    machine.frames = frames;
    machine.frame_count = frame_count;
    machine.free_bitmap = free_bitmap;
    machine.m2p = m2p;
    machine.m2p_count = m2p_count;
    machine.mfn_limit = UINT64_C(1) << (physical_address_bits - PAGE_SHIFT);
    machine.flush_clock = 1;
    for (uint64_t i = 0; i < frame_count; i++) {
        frames[i].owner = DOMID_IO;
        frames[i].flags = FRAME_IO;
    }
    for (uint64_t i = 0; i < m2p_count; i++) {
        m2p[i] = M2P_INVALID;
    }
}

static void set_frames(mfn_t first, uint64_t count, enum frame_class class, uint16_t owner)
{
    CHECK(first.value <= machine.frame_count && count <= machine.frame_count - first.value);
    for (uint64_t i = first.value; i < first.value + count; i++) {
        machine.frames[i].owner = owner;
        machine.frames[i].flags = (uint8_t) class;
    }
}

void machine_add_free(mfn_t first, uint64_t count)
{
    set_frames(first, count, FRAME_FREE, FIRST_DOMAIN);
    for (uint64_t i = 0; i < count; i++) {
        frame_alloc_undo(mfn_add(first, i), 0);
    }
}

void machine_add_hypervisor(mfn_t first, uint64_t count)
{
    set_frames(first, count, FRAME_HYPERVISOR, DOMID_XEN);
}

void machine_add_m2p(mfn_t first)
{
    uint64_t count = pages_of(machine.m2p_count * sizeof(uint64_t));
    machine.m2p_first = first;
    set_frames(first, count, FRAME_SHARED_READ_ONLY, DOMID_XEN);
    for (uint64_t i = 0; i < count; i++) {
        machine.frames[first.value + i].ref_count = 1;
    }
}

void machine_add_io_range(mfn_t first, mfn_t last, enum io_rule rule)
{
    CHECK(machine.io_range_count < IO_RANGE_LIMIT);
    machine.io_ranges[machine.io_range_count++] =
        (struct io_range){.first = first, .last = last, .rule = rule};
}
