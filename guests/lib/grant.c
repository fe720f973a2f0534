/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/lib/grant.h"

#include "guests/lib/hypercall.h"
#include "guests/lib/test.h"

int64_t grant_call(unsigned int command, void *elements, uint64_t count)
{
    return hypercall(__HYPERVISOR_grant_table_op, command, pointer_value(elements), count, 0, 0);
}

bool grant_table_open(void)
{
    xen_pfn_t frame;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
    set_xen_guest_handle(setup.frame_list, &frame);
    if (grant_call(GNTTABOP_setup_table, &setup, 1) != 0) {
        return false;
    }
    EXPECT_EQUAL(setup.status, GNTST_okay);
    EXPECT_RESULT(va_set(GRANT_TABLE_VA, pte_make(mfn_make(frame), PTE_READ_WRITE)), 0);
    for (grant_ref_t ref = GRANT_FIRST; ref < GRANTS_PER_FRAME; ref++) {
        grant_entry(ref)->flags = 0;
    }
    return true;
}

volatile grant_entry_v1_t *grant_entry(grant_ref_t ref)
{
    return (volatile grant_entry_v1_t *)GRANT_TABLE_VA + ref;
}

void grant_entry_write(volatile grant_entry_v1_t *entry, domid_t domain, mfn_t mfn, uint16_t flags)
{
    entry->domid = domain;
    entry->frame = (uint32_t)mfn.value;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    entry->flags = flags;
}

void grant_give(grant_ref_t ref, mfn_t mfn, uint16_t flags)
{
    grant_entry_write(grant_entry(ref), GRANT_DOMAIN, mfn, flags);
}

int16_t grant_map(struct gnttab_map_grant_ref *map)
{
    EXPECT_RESULT(grant_call(GNTTABOP_map_grant_ref, map, 1), 0);
    return map->status;
}

int16_t grant_unmap(grant_handle_t handle, uint64_t host_address, uint64_t device_address)
{
    struct gnttab_unmap_grant_ref unmap = {
        .host_addr = host_address,
        .dev_bus_addr = device_address,
        .handle = handle,
    };
    EXPECT_RESULT(grant_call(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
    return unmap.status;
}

int16_t grant_unmap_and_replace(grant_handle_t handle, uint64_t host_address, uint64_t new_address)
{
    struct gnttab_unmap_and_replace unmap = {
        .host_addr = host_address,
        .new_addr = new_address,
        .handle = handle,
    };
    EXPECT_RESULT(grant_call(GNTTABOP_unmap_and_replace, &unmap, 1), 0);
    return unmap.status;
}

int16_t grant_copy(struct gnttab_copy *copy)
{
    EXPECT_RESULT(grant_call(GNTTABOP_copy, copy, 1), 0);
    return copy->status;
}

int16_t grant_transfer(mfn_t mfn, domid_t domain, grant_ref_t ref)
{
    struct gnttab_transfer transfer = {.mfn = mfn.value, .domid = domain, .ref = ref};
    EXPECT_RESULT(grant_call(GNTTABOP_transfer, &transfer, 1), 0);
    return transfer.status;
}

grant_handle_t grant_map_at(grant_ref_t ref, uint64_t address, uint32_t flags)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = address,
        .flags = GNTMAP_host_map | flags,
        .ref = ref,
        .dom = GRANT_DOMAIN,
    };
    EXPECT_EQUAL(grant_map(&map), GNTST_okay);
    return map.handle;
}
