/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/domains/child_grants.h"

#include "guests/lib/test.h"
#include "lib/string.h"

void grants_begin(void)
{
    test_needs_first_domain();
    if (!grant_table_open()) {
        test_skip("there are no grant tables");
    }
}

struct child child_start_another(size_t slot)
{
    struct child child;
    struct xen_domctl create = create_record();
    child_build_from(&child, &create, slot, STEP_START);
    return child;
}

volatile grant_entry_v1_t *child_grant_table(const struct child *child, size_t slot)
{
    xen_pfn_t frame;
    struct gnttab_setup_table setup = {.dom = child->id, .nr_frames = 1};
    set_xen_guest_handle(setup.frame_list, &frame);
    EXPECT_RESULT(grant_call(GNTTABOP_setup_table, &setup, 1), 0);
    EXPECT_EQUAL(setup.status, GNTST_okay);
    EXPECT_RESULT(foreign_map(slot, child->id, mfn_make(frame), PTE_READ_WRITE), 0);
    return slot_address(slot);
}

/* ---- ours ---------------------------------------------------------------------------------- */

int16_t map_from(const struct child *child, grant_ref_t ref, uint32_t flags, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = pointer_value(slot_address(GRANT_SLOT)),
        .flags = GNTMAP_host_map | flags,
        .ref = ref,
        .dom = child->id,
    };
    int16_t status = grant_map(&map);
    *handle = map.handle;
    return status;
}

grant_handle_t mapped_from(const struct child *child, grant_ref_t ref, uint32_t flags)
{
    grant_handle_t handle;
    EXPECT_EQUAL(map_from(child, ref, flags, &handle), GNTST_okay);
    return handle;
}

/* ---- the child's --------------------------------------------------------------------------- */

int16_t child_maps_at(const struct child *child, domid_t granter, grant_ref_t ref, uint32_t flags,
                      uint64_t address, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = address, .flags = flags, .ref = ref, .dom = granter};
    uint64_t record = child_record(child, &map, sizeof(map));
    EXPECT_RESULT(
        child_call(child, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, record, 1, 0), 0);
    memcpy(&map, child_record_place(child), sizeof(map));
    *handle = map.handle;
    return map.status;
}

int16_t child_maps(const struct child *child, domid_t granter, grant_ref_t ref, uint32_t flags,
                   grant_handle_t *handle)
{
    return child_maps_at(child, granter, ref, flags, child_address(GRANT_PLACE), handle);
}

int16_t child_unmaps(const struct child *child, grant_handle_t handle, uint64_t address)
{
    struct gnttab_unmap_grant_ref unmap = {.host_addr = address, .handle = handle};
    uint64_t record = child_record(child, &unmap, sizeof(unmap));
    EXPECT_RESULT(
        child_call(child, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, record, 1, 0), 0);
    memcpy(&unmap, child_record_place(child), sizeof(unmap));
    return unmap.status;
}

int64_t child_sets_page(const struct child *child, unsigned int page, uint64_t pte)
{
    return child_call(child, __HYPERVISOR_update_va_mapping, child_address(page), pte,
                      UVMF_INVLPG | UVMF_LOCAL, 0);
}

int64_t child_mmuext(const struct child *child, unsigned int command, mfn_t frame)
{
    struct mmuext_op operation = {.cmd = command, .arg1.mfn = frame.value};
    return child_call(child, __HYPERVISOR_mmuext_op,
                      child_record(child, &operation, sizeof(operation)), 1, 0, DOMID_SELF);
}

int64_t child_sets_entry(const struct child *child, unsigned int table, unsigned int index,
                         uint64_t value)
{
    mmu_update_t update = {
        .ptr = (child->frames[table].value << PAGE_SHIFT) + index * sizeof(uint64_t), .val = value};
    return child_call(child, __HYPERVISOR_mmu_update, child_record(child, &update, sizeof(update)),
                      1, 0, DOMID_SELF);
}

/* ---- frames -------------------------------------------------------------------------------- */

uint64_t frames_of(domid_t domain)
{
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(domain, &info), 0);
    EXPECT_EQUAL(info.domain, domain);
    return info.tot_pages;
}

void set_limit(domid_t domain, uint64_t frames)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.max_mem.max_memkb = frames * (PAGE_SIZE / 1024);
    EXPECT_RESULT(domctl(XEN_DOMCTL_max_mem, domain, &op), 0);
}
