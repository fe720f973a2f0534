/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/memory.h"

#include <errno.h>
#include <string.h>

#include "lib/compiler.h"

#define E820_RAM 1 /* ACPI specification, section 15, address range types */

/* One record of the memory map, as the BIOS call E820 gives it and the hypervisor takes it. */
struct e820_range {
    uint64_t address;
    uint64_t size;
    uint32_t type;
} PACKED;

/* Extents are given as many at a time as fit into one buffer. */
#define EXTENTS_MAX 4096

/* 2 MiB at a time, which is as large as the hypervisor has them at hand. */
#define LARGE_ORDER 9

int memory_set_map(struct control *control, uint32_t domain, uint64_t bytes)
{
    struct e820_range *range = control_buffer(control, sizeof(*range));
    if (range == NULL) {
        return -ENOMEM;
    }
    *range = (struct e820_range){.size = bytes, .type = E820_RAM};
    struct xen_foreign_memory_map map = {.domid = (domid_t)domain, .map.nr_entries = 1};
    set_xen_guest_handle_raw(map.map.buffer, range);
    int result =
        control_call(control, __HYPERVISOR_memory_op, XENMEM_set_memory_map, &map, sizeof(map), 0);
    control_buffer_free(control, range);
    return result;
}

/* Up to EXTENTS_MAX extents of one order: how many were given. */
static int populate_extents(struct control *control, uint32_t domain, xen_pfn_t *extents,
                            uint64_t count, unsigned int order)
{
    struct xen_memory_reservation reservation = {
        .nr_extents = count,
        .extent_order = order,
        .domid = (domid_t)domain,
    };
    set_xen_guest_handle_raw(reservation.extent_start, extents);
    return control_call(control, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &reservation,
                        sizeof(reservation), 0);
}

/* Give `*done` to `count` more PFNs, in blocks of the order as long as there are any. */
static int populate_order(struct control *control, uint32_t domain, uint64_t first, uint64_t count,
                          unsigned int order, xen_pfn_t *mfns, uint64_t *done, xen_pfn_t *extents)
{
    uint64_t block = UINT64_C(1) << order;
    while (count - *done >= block) {
        uint64_t wanted = min_u64((count - *done) >> order, EXTENTS_MAX);
        for (uint64_t i = 0; i < wanted; i++) {
            extents[i] = first + *done + (i << order);
        }
        int given = populate_extents(control, domain, extents, wanted, order);
        for (int i = 0; i < given; i++) {
            for (uint64_t j = 0; j < block; j++) {
                mfns[*done + j] = extents[i] + j;
            }
            *done += block;
        }
        if (given < 0 || (uint64_t)given < wanted) {
            return given < 0 ? given : -ENOMEM;
        }
    }
    return 0;
}

int memory_populate(struct control *control, uint32_t domain, uint64_t first, uint64_t count,
                    xen_pfn_t *mfns)
{
    xen_pfn_t *extents = control_buffer(control, EXTENTS_MAX * sizeof(*extents));
    if (extents == NULL) {
        return -ENOMEM;
    }
    uint64_t done = 0;
    /* That there are no more large blocks is no error: the small ones will tell. */
    (void)populate_order(control, domain, first, count, LARGE_ORDER, mfns, &done, extents);
    int result = populate_order(control, domain, first, count, 0, mfns, &done, extents);
    control_buffer_free(control, extents);
    return result;
}

int memory_pin_l4(struct control *control, uint32_t domain, uint64_t mfn)
{
    struct mmuext_op *op = control_buffer(control, sizeof(*op));
    if (op == NULL) {
        return -ENOMEM;
    }
    *op = (struct mmuext_op){.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = mfn};
    int result =
        xencall4(control->calls, __HYPERVISOR_mmuext_op, (uint64_t)(uintptr_t)op, 1, 0, domain);
    if (result < 0) {
        result = -errno;
    }
    control_buffer_free(control, op);
    return result;
}

int memory_get_last_mfn(struct control *control, uint64_t *mfn)
{
    long result = xencall2L(control->calls, __HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0);
    if (result < 0) {
        return -errno;
    }
    *mfn = (uint64_t)result;
    return 0;
}
