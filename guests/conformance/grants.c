/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grant tables, version 1 (xen/grant_table.h), as far as one domain can show them: it grants to
 * itself. Each operation's statuses, in the order in which the checks are made; the L1 entries that
 * mappings are; and the marks in the entries. Two domains are the host tests' subject.
 */
#include "guests/lib/grant.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/test.h"

#define UNKNOWN_DOMAIN 0x7fe0
#define MAPPING_VA     SCRATCH_VA
#define OTHER_VA       (SCRATCH_VA + PAGE_SIZE)
#define UNMAPPED_VA    (FREE_VA + (UINT64_C(512) << 20)) /* no table there */
#define READ_MARK      (GTF_permit_access | GTF_reading)
#define WRITE_MARKS    (GTF_permit_access | GTF_reading | GTF_writing)

static void begin(void)
{
    test_needs_first_domain();
    EXPECT(grant_table_open());
}

static struct gnttab_map_grant_ref map_of(grant_ref_t ref, uint64_t address, uint32_t flags)
{
    return (struct gnttab_map_grant_ref){
        .host_addr = address, .flags = flags, .ref = ref, .dom = GRANT_DOMAIN};
}

static int16_t try_map(grant_ref_t ref, uint64_t address, uint32_t flags)
{
    struct gnttab_map_grant_ref map = map_of(ref, address, flags);
    return grant_map(&map);
}

/* ---- the table ----------------------------------------------------------------------------- */

static struct gnttab_query_size query(domid_t domain)
{
    struct gnttab_query_size size = {.dom = domain, .status = 1};
    EXPECT_RESULT(grant_call(GNTTABOP_query_size, &size, 1), 0);
    return size;
}

static int16_t set_up(domid_t domain, uint32_t count, uint64_t list)
{
    struct gnttab_setup_table setup = {.dom = domain, .nr_frames = count, .status = 1};
    setup.frame_list.p = (xen_pfn_t *)list;
    EXPECT_RESULT(grant_call(GNTTABOP_setup_table, &setup, 1), 0);
    return setup.status;
}

TEST(grant_table_grows_and_its_frames_stay)
{
    begin();
    struct gnttab_query_size before = query(DOMID_SELF);
    EXPECT_EQUAL(before.status, GNTST_okay);
    EXPECT(before.nr_frames >= 1);
    EXPECT_EQUAL(before.max_nr_frames, 64);

    xen_pfn_t frames[3] = {0}, again[3] = {0};
    EXPECT_EQUAL(set_up(DOMID_SELF, 3, pointer_value(frames)), GNTST_okay);
    EXPECT_EQUAL(query(DOMID_SELF).nr_frames, 3);
    EXPECT_EQUAL(query(GRANT_DOMAIN).nr_frames, 3);
    EXPECT(frames[0] != frames[1] && frames[1] != frames[2] && frames[0] != frames[2]);
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        EXPECT_RESULT(va_set(MAPPING_VA, pte_make(mfn_make(frames[i]), PTE_READ_WRITE)), 0);
    }
    EXPECT_EQUAL(set_up(GRANT_DOMAIN, 2, pointer_value(again)), GNTST_okay);
    EXPECT_EQUAL(again[0], frames[0]);
    EXPECT_EQUAL(again[1], frames[1]);
    EXPECT_EQUAL(again[2], 0);
    EXPECT_EQUAL(query(DOMID_SELF).nr_frames, 3);
    EXPECT_EQUAL(set_up(DOMID_SELF, 0, 0), GNTST_okay);
}

TEST(grant_table_requests_are_refused_by_status)
{
    begin();
    xen_pfn_t frames[65];
    EXPECT_EQUAL(query(UNKNOWN_DOMAIN).status, GNTST_bad_domain);
    EXPECT_EQUAL(query(DOMID_IO).status, GNTST_bad_domain);
    EXPECT_EQUAL(set_up(UNKNOWN_DOMAIN, 1, pointer_value(frames)), GNTST_bad_domain);
    EXPECT_EQUAL(set_up(DOMID_XEN, 1, pointer_value(frames)), GNTST_bad_domain);
    EXPECT_EQUAL(set_up(DOMID_SELF, 65, pointer_value(frames)), GNTST_general_error);
    EXPECT_EQUAL(set_up(DOMID_SELF, UINT32_MAX, pointer_value(frames)), GNTST_general_error);
    EXPECT_EQUAL(set_up(DOMID_SELF, 1, UNMAPPED_VA), GNTST_bad_virt_addr);
}

TEST(grant_table_list_in_the_hole_is_a_fault)
{
    begin();
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1, .status = 1};
    setup.frame_list.p = (xen_pfn_t *)HOLE_VA;
    EXPECT_RESULT(grant_call(GNTTABOP_setup_table, &setup, 1), -XEN_EFAULT);
}

TEST(grant_table_requests_are_no_arrays)
{
    begin();
    struct gnttab_query_size size[2] = {{.dom = DOMID_SELF}, {.dom = DOMID_SELF}};
    xen_pfn_t frame;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
    set_xen_guest_handle(setup.frame_list, &frame);
    EXPECT_RESULT(grant_call(GNTTABOP_query_size, size, 0), -XEN_EINVAL);
    EXPECT_RESULT(grant_call(GNTTABOP_query_size, size, 2), -XEN_EINVAL);
    EXPECT_RESULT(grant_call(GNTTABOP_setup_table, &setup, 0), -XEN_EINVAL);
    EXPECT_RESULT(grant_call(GNTTABOP_setup_table, &setup, 2), -XEN_EINVAL);
}

TEST(grant_table_version)
{
    begin();
    struct gnttab_get_version version = {.dom = DOMID_SELF};
    EXPECT_RESULT(grant_call(GNTTABOP_get_version, &version, 1), 0);
    EXPECT_EQUAL(version.version, 1);
    version = (struct gnttab_get_version){.dom = UNKNOWN_DOMAIN};
    EXPECT_RESULT(grant_call(GNTTABOP_get_version, &version, 1), -XEN_ESRCH);
    EXPECT_RESULT(grant_call(GNTTABOP_get_version, (void *)UNMAPPED_VA, 1), -XEN_EFAULT);

    struct gnttab_set_version set = {.version = 1};
    EXPECT_RESULT(grant_call(GNTTABOP_set_version, &set, 1), 0);
    static const uint32_t bad[] = {0, 3, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        set.version = bad[i];
        EXPECT_RESULT(grant_call(GNTTABOP_set_version, &set, 1), -XEN_EINVAL);
        EXPECT_EQUAL(set.version, 1);
    }
    EXPECT_RESULT(grant_call(GNTTABOP_set_version, (void *)UNMAPPED_VA, 1), -XEN_EFAULT);
}

TEST(grant_status_frames_are_for_version_2)
{
    begin();
    uint64_t frames[2] = {0};
    struct gnttab_get_status_frames get = {.nr_frames = 1, .dom = DOMID_SELF, .status = 1};
    set_xen_guest_handle(get.frame_list, frames);
    EXPECT_RESULT(grant_call(GNTTABOP_get_status_frames, &get, 2), -XEN_EINVAL);
    EXPECT_RESULT(grant_call(GNTTABOP_get_status_frames, &get, 1), 0);
    EXPECT_EQUAL(get.status, GNTST_general_error);
    get.dom = UNKNOWN_DOMAIN;
    EXPECT_RESULT(grant_call(GNTTABOP_get_status_frames, &get, 1), 0);
    EXPECT_EQUAL(get.status, GNTST_bad_domain);
    get.dom = DOMID_SELF;
    get.nr_frames = 0;
    EXPECT_RESULT(grant_call(GNTTABOP_get_status_frames, &get, 1), 0);
    EXPECT_EQUAL(get.status, GNTST_okay);
}

TEST(grant_commands_that_do_not_exist)
{
    begin();
    struct gnttab_map_grant_ref map = {0};
    EXPECT_RESULT(grant_call(GNTTABOP_dump_table, &map, 1), -XEN_ENOSYS);
    EXPECT_RESULT(grant_call(13, &map, 1), -XEN_ENOSYS);
    EXPECT_RESULT(grant_call(0xfff, &map, 1), -XEN_ENOSYS);
    EXPECT_RESULT(grant_call(0x1000, &map, 1), -XEN_EINVAL);
    EXPECT_RESULT(grant_call(0x1000 | GNTTABOP_copy, &map, 1), -XEN_EINVAL);
    EXPECT_RESULT(grant_call(GNTTABOP_map_grant_ref, &map, UINT64_C(1) << 31), -XEN_EINVAL);
    EXPECT_RESULT(grant_call(13, &map, UINT64_C(1) << 31), -XEN_EINVAL);
    EXPECT_RESULT(grant_call(GNTTABOP_map_grant_ref, &map, 0), 0);
    EXPECT_RESULT(grant_call(GNTTABOP_map_grant_ref, (void *)HOLE_VA, 1), -XEN_EFAULT);
    EXPECT_RESULT(grant_call(GNTTABOP_map_grant_ref, (void *)UNMAPPED_VA, 1), -XEN_EFAULT);
}

TEST(grant_frames_of_ones_own_are_no_resource)
{
    begin();
    xen_pfn_t frame;
    struct xen_mem_acquire_resource request = {
        .domid = GRANT_DOMAIN, .type = XENMEM_resource_grant_table, .nr_frames = 1};
    set_xen_guest_handle(request.frame_list, &frame);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_acquire_resource, &request), -XEN_EPERM);
    request.domid = DOMID_SELF;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_acquire_resource, &request), -XEN_ESRCH);
    request.domid = UNKNOWN_DOMAIN;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_acquire_resource, &request), -XEN_ESRCH);
    request.pad = 1;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_acquire_resource, &request), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_acquire_resource, (void *)UNMAPPED_VA), -XEN_EFAULT);
}

/* ---- map and unmap ------------------------------------------------------------------------- */

TEST(grant_mapping_is_the_granted_page)
{
    begin();
    uint64_t *page = page_alloc();
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    struct gnttab_map_grant_ref map = map_of(GRANT_FIRST, MAPPING_VA, GNTMAP_host_map);
    EXPECT_EQUAL(grant_map(&map), GNTST_okay);
    EXPECT_EQUAL(map.dev_bus_addr, mfn_of(page).value << PAGE_SHIFT);
    *(volatile uint64_t *)MAPPING_VA = 42;
    EXPECT_EQUAL(*(volatile uint64_t *)page, 42);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, WRITE_MARKS);
    EXPECT_EQUAL(grant_unmap(map.handle, MAPPING_VA, 0), GNTST_okay);
    EXPECT_EQUAL(pte_of(MAPPING_VA), 0);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_permit_access);
    EXPECT_PAGE_FAULT(trap_try_read(MAPPING_VA, NULL), 0, MAPPING_VA);
}

TEST(grant_mapping_for_reading_is_read_only)
{
    begin();
    void *page = page_alloc();
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access | GTF_readonly);
    grant_handle_t handle = grant_map_at(GRANT_FIRST, MAPPING_VA, GNTMAP_readonly);
    EXPECT_NO_TRAP(trap_try_read(MAPPING_VA, NULL));
    EXPECT_PAGE_FAULT(trap_try_write(MAPPING_VA, 0), 3, MAPPING_VA);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
}

TEST(grant_mapping_has_the_bits_that_were_asked_for)
{
    begin();
    void *page = page_alloc();
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    const uint64_t base = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_NO_EXECUTE | PTE_USER;
    const struct {
        uint32_t flags;
        uint64_t bits;
    } cases[] = {
        {0, PTE_WRITABLE | PTE_GUEST_KERNEL},
        {GNTMAP_readonly, PTE_GUEST_KERNEL},
        {GNTMAP_application_map, PTE_WRITABLE | PTE_GLOBAL},
        {GNTMAP_application_map | GNTMAP_readonly, PTE_GLOBAL},
        {5U << 16, PTE_WRITABLE | PTE_GUEST_KERNEL | UINT64_C(0xa00)},
        {0xffffU << 16, PTE_WRITABLE | PTE_GUEST_KERNEL | UINT64_C(0xe00)},
        {GNTMAP_device_map, PTE_WRITABLE | PTE_GUEST_KERNEL},
        {0x20, PTE_WRITABLE | PTE_GUEST_KERNEL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        grant_handle_t handle = grant_map_at(GRANT_FIRST, MAPPING_VA, cases[i].flags);
        EXPECT_EQUAL(pte_of(MAPPING_VA), pte_make(mfn_of(page), base | cases[i].bits));
        EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, mfn_of(page).value << PAGE_SHIFT), GNTST_okay);
        EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_bad_handle);
    }
}

TEST(grant_mapping_by_the_entrys_machine_address)
{
    begin();
    uint64_t *page = page_alloc(), *table = table_new(1);
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    uint64_t address = entry_address(table, 7);
    grant_handle_t handle = grant_map_at(GRANT_FIRST, address, GNTMAP_contains_pte);
    EXPECT_EQUAL(pte_mfn(table[7]).value, mfn_of(page).value);
    EXPECT_EQUAL(grant_unmap(handle, address + 8, 0), GNTST_general_error);
    EXPECT_EQUAL(grant_unmap(handle, address, 0), GNTST_okay);
    EXPECT_EQUAL(table[7], 0);

    uint32_t flags = GNTMAP_host_map | GNTMAP_contains_pte;
    EXPECT_EQUAL(try_map(GRANT_FIRST, address + 4, flags), GNTST_general_error);
    EXPECT_EQUAL(try_map(GRANT_FIRST, entry_address(page, 7), flags), GNTST_general_error);
    EXPECT_EQUAL(try_map(GRANT_FIRST, entry_address(pool_l2, 100), flags), GNTST_general_error);
    EXPECT_EQUAL(try_map(GRANT_FIRST, UINT64_C(1) << 50, flags), GNTST_general_error);
    EXPECT_EQUAL(table[7], 0);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_permit_access);
}

TEST(grant_map_is_refused_by_status)
{
    begin();
    void *page = page_alloc();
    uint64_t *table = table_new(1);
    grant_ref_t ref = GRANT_FIRST, none = 64 * GRANTS_PER_FRAME;
    uint32_t host = GNTMAP_host_map;
    grant_give(ref, mfn_of(page), GTF_permit_access);

    EXPECT_EQUAL(try_map(ref, MAPPING_VA, 0), GNTST_bad_gntref);
    EXPECT_EQUAL(try_map(ref, MAPPING_VA, GNTMAP_readonly), GNTST_bad_gntref);
    static const domid_t unknown[] = {UNKNOWN_DOMAIN, DOMID_SELF, DOMID_IO, DOMID_XEN};
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        struct gnttab_map_grant_ref map = map_of(none, MAPPING_VA, host);
        map.dom = unknown[i];
        EXPECT_EQUAL(grant_map(&map), GNTST_bad_domain);
        map.flags = 0;
        EXPECT_EQUAL(grant_map(&map), GNTST_bad_gntref);
    }
    EXPECT_EQUAL(try_map(none, MAPPING_VA, host), GNTST_bad_gntref);
    EXPECT_EQUAL(try_map(UINT32_MAX, MAPPING_VA, host), GNTST_bad_gntref);

    EXPECT_EQUAL(try_map(ref + 1, MAPPING_VA, host), GNTST_general_error);
    static const uint16_t flags[] = {GTF_accept_transfer, GTF_transitive,
                                     GTF_permit_access | GTF_sub_page};
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        grant_give(ref + 1, mfn_of(page), flags[i]);
        EXPECT_EQUAL(try_map(ref + 1, MAPPING_VA, host), GNTST_general_error);
        EXPECT_EQUAL(grant_entry(ref + 1)->flags, flags[i]);
    }
    grant_give(ref + 1, mfn_of(page), GTF_permit_access);
    grant_entry(ref + 1)->domid = 5;
    EXPECT_EQUAL(try_map(ref + 1, MAPPING_VA, host), GNTST_general_error);

    grant_give(ref + 1, mfn_of(page), GTF_permit_access | GTF_readonly);
    EXPECT_EQUAL(try_map(ref + 1, MAPPING_VA, host), GNTST_general_error);
    EXPECT_EQUAL(try_map(ref + 1, MAPPING_VA, GNTMAP_device_map), GNTST_general_error);

    grant_give(ref + 1, mfn_of(table), GTF_permit_access);
    EXPECT_EQUAL(try_map(ref + 1, MAPPING_VA, host), GNTST_general_error);
    EXPECT_EQUAL(try_map(ref + 1, MAPPING_VA, GNTMAP_device_map), GNTST_general_error);
    EXPECT_EQUAL(try_map(ref + 1, MAPPING_VA, host | GNTMAP_device_map), GNTST_general_error);
    EXPECT_EQUAL(grant_entry(ref + 1)->flags, GTF_permit_access);

    static const uint64_t nowhere[] = {UNMAPPED_VA, HOLE_VA, UINT64_C(0x0000900000000000)};
    for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
        EXPECT_EQUAL(try_map(ref, nowhere[i], host), GNTST_general_error);
        EXPECT_EQUAL(try_map(ref, nowhere[i], host | GNTMAP_device_map), GNTST_general_error);
    }
    EXPECT_EQUAL(grant_entry(ref)->flags, GTF_permit_access);
    EXPECT_EQUAL(pte_of(MAPPING_VA), 0);
}

TEST(grant_of_a_frame_that_is_not_ones_own_is_a_bad_page)
{
    begin();
    grant_give(GRANT_FIRST, mfn_make(UINT32_MAX), GTF_permit_access);
    EXPECT_EQUAL(try_map(GRANT_FIRST, MAPPING_VA, GNTMAP_host_map), GNTST_bad_page);
    grant_give(GRANT_FIRST, mfn_make(0xfee00), GTF_permit_access);
    EXPECT_EQUAL(try_map(GRANT_FIRST, MAPPING_VA, GNTMAP_host_map), GNTST_bad_page);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_permit_access);
}

TEST(grant_of_a_page_table_is_mapped_read_only)
{
    begin();
    uint64_t *table = table_new(1);
    grant_give(GRANT_FIRST, mfn_of(table), GTF_permit_access);
    grant_handle_t handle = grant_map_at(GRANT_FIRST, MAPPING_VA, GNTMAP_readonly);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, READ_MARK);
    EXPECT_EQUAL(pte_of(MAPPING_VA) & PTE_WRITABLE, 0);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
}

TEST(grant_mapped_writable_cannot_become_a_page_table)
{
    begin();
    void *page = page_alloc();
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(GRANT_FIRST, MAPPING_VA, 0);
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(pin(1, page), -XEN_EINVAL);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
    EXPECT_RESULT(pin(1, page), 0);
    EXPECT_EQUAL(try_map(GRANT_FIRST, MAPPING_VA, GNTMAP_host_map), GNTST_general_error);
}

TEST(grant_marks_follow_the_uses)
{
    begin();
    void *page = page_alloc();
    grant_ref_t ref = GRANT_FIRST;
    uint64_t bus = mfn_of(page).value << PAGE_SHIFT;
    grant_give(ref, mfn_of(page), GTF_permit_access);
    grant_handle_t reader = grant_map_at(ref, MAPPING_VA, GNTMAP_readonly);
    EXPECT_EQUAL(grant_entry(ref)->flags, READ_MARK);
    grant_handle_t writer = grant_map_at(ref, OTHER_VA, 0);
    EXPECT_EQUAL(grant_entry(ref)->flags, WRITE_MARKS);
    struct gnttab_map_grant_ref device = map_of(ref, 0, GNTMAP_device_map);
    EXPECT_EQUAL(grant_map(&device), GNTST_okay);
    EXPECT_EQUAL(device.dev_bus_addr, bus);
    EXPECT_EQUAL(grant_unmap(writer, OTHER_VA, 0), GNTST_okay);
    EXPECT_EQUAL(grant_entry(ref)->flags, WRITE_MARKS);
    EXPECT_EQUAL(grant_unmap(device.handle, 0, bus), GNTST_okay);
    EXPECT_EQUAL(grant_entry(ref)->flags, READ_MARK);
    EXPECT_EQUAL(grant_unmap(reader, MAPPING_VA, 0), GNTST_okay);
    EXPECT_EQUAL(grant_entry(ref)->flags, GTF_permit_access);
}

/* A grant that is withdrawn while it is used stays what it was to its user. */
TEST(grant_flags_are_asked_for_the_first_use_and_readonly_for_the_first_that_writes)
{
    begin();
    void *page = page_alloc();
    grant_ref_t ref = GRANT_FIRST;
    grant_give(ref, mfn_of(page), GTF_permit_access);
    grant_handle_t reader = grant_map_at(ref, MAPPING_VA, GNTMAP_readonly);
    grant_entry(ref)->flags = READ_MARK | GTF_readonly;
    EXPECT_EQUAL(try_map(ref, OTHER_VA, GNTMAP_host_map), GNTST_general_error);
    grant_entry(ref)->flags = GTF_reading;
    grant_handle_t second = grant_map_at(ref, OTHER_VA, 0);
    EXPECT_EQUAL(grant_entry(ref)->flags, GTF_reading | GTF_writing);
    EXPECT_EQUAL(grant_unmap(second, OTHER_VA, 0), GNTST_okay);
    grant_entry(ref)->flags = READ_MARK;
    EXPECT_EQUAL(grant_unmap(reader, MAPPING_VA, 0), GNTST_okay);
}

TEST(grant_halves_are_unmapped_one_by_one)
{
    begin();
    void *page = page_alloc();
    uint64_t bus = mfn_of(page).value << PAGE_SHIFT;
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(GRANT_FIRST, MAPPING_VA, GNTMAP_device_map);
    EXPECT_EQUAL(grant_unmap(handle, 0, 0), GNTST_okay);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, bus + PAGE_SIZE), GNTST_bad_dev_addr);
    EXPECT(pte_of(MAPPING_VA) != 0);
    EXPECT_EQUAL(grant_unmap(handle, OTHER_VA, bus), GNTST_general_error);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, WRITE_MARKS);
    EXPECT_EQUAL(pte_of(MAPPING_VA), 0);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
    EXPECT_EQUAL(grant_unmap(handle, 0, bus), GNTST_okay);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_permit_access);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, bus), GNTST_bad_handle);
    EXPECT_EQUAL(grant_unmap(UINT32_MAX, MAPPING_VA, bus), GNTST_bad_handle);
    EXPECT_EQUAL(grant_unmap(UINT32_C(1) << 20, 0, 0), GNTST_bad_handle);
}

/* An ordinary update ends the mapping, and its handle says so; what it was goes on being marked. */
TEST(grant_mapping_that_was_overwritten_cannot_be_unmapped)
{
    begin();
    void *page = page_alloc(), *other = page_alloc();
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(GRANT_FIRST, MAPPING_VA, 0);
    const uint64_t over[] = {0, pte_make(mfn_of(other), PTE_READ_WRITE),
                             pte_make(mfn_of(page), PTE_READ_ONLY)};
    for (size_t i = 0; i < ARRAY_SIZE(over); i++) {
        EXPECT_RESULT(va_set(MAPPING_VA, over[i]), 0);
        EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_general_error);
        EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, WRITE_MARKS);
    }
    EXPECT_RESULT(va_set(MAPPING_VA, pte_make(mfn_of(page), PTE_READ_WRITE)), 0);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_permit_access);
}

TEST(grant_map_replaces_what_was_mapped)
{
    begin();
    void *page = page_alloc(), *table = page_alloc();
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    EXPECT_RESULT(page_read_only(table), 0);
    EXPECT_RESULT(va_set(MAPPING_VA, pte_make(mfn_of(table), PTE_READ_WRITE)), 0);
    grant_handle_t handle = grant_map_at(GRANT_FIRST, MAPPING_VA, 0);
    EXPECT_RESULT(pin(1, table), 0);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
}

TEST(grant_batch_goes_on_after_a_refusal)
{
    begin();
    void *page = page_alloc();
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    struct gnttab_map_grant_ref maps[3] = {map_of(GRANT_FIRST, MAPPING_VA, GNTMAP_host_map),
                                           map_of(GRANT_FIRST + 1, OTHER_VA, GNTMAP_host_map),
                                           map_of(GRANT_FIRST, OTHER_VA, GNTMAP_host_map)};
    EXPECT_RESULT(grant_call(GNTTABOP_map_grant_ref, maps, 3), 0);
    EXPECT_EQUAL(maps[0].status, GNTST_okay);
    EXPECT_EQUAL(maps[1].status, GNTST_general_error);
    EXPECT_EQUAL(maps[2].status, GNTST_okay);
    struct gnttab_unmap_grant_ref unmaps[3] = {
        {.handle = maps[0].handle, .host_addr = MAPPING_VA},
        {.handle = maps[0].handle, .host_addr = MAPPING_VA},
        {.handle = maps[2].handle, .host_addr = OTHER_VA},
    };
    EXPECT_RESULT(grant_call(GNTTABOP_unmap_grant_ref, unmaps, 3), 0);
    EXPECT_EQUAL(unmaps[0].status, GNTST_okay);
    EXPECT(unmaps[1].status < 0);
    EXPECT_EQUAL(unmaps[2].status, GNTST_okay);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_permit_access);
}

TEST(grant_batch_larger_than_a_group_is_done)
{
    begin();
    void *page = page_alloc();
    static struct gnttab_map_grant_ref maps[100];
    static struct gnttab_unmap_grant_ref unmaps[100];
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        maps[i] = map_of(GRANT_FIRST, SCRATCH_VA + i * PAGE_SIZE, GNTMAP_host_map);
    }
    EXPECT_RESULT(grant_call(GNTTABOP_map_grant_ref, maps, ARRAY_SIZE(maps)), 0);
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        EXPECT_EQUAL(maps[i].status, GNTST_okay);
        unmaps[i] = (struct gnttab_unmap_grant_ref){.handle = maps[i].handle,
                                                    .host_addr = maps[i].host_addr};
    }
    EXPECT_RESULT(grant_call(GNTTABOP_unmap_grant_ref, unmaps, ARRAY_SIZE(unmaps)), 0);
    for (size_t i = 0; i < ARRAY_SIZE(unmaps); i++) {
        EXPECT_EQUAL(unmaps[i].status, GNTST_okay);
        EXPECT_EQUAL(pte_of(unmaps[i].host_addr), 0);
    }
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_permit_access);
}

/* ---- unmap and replace --------------------------------------------------------------------- */

TEST(grant_unmap_and_replace_moves_an_entry)
{
    begin();
    void *page = page_alloc();
    uint64_t *other = page_alloc();
    other[0] = 7;
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(GRANT_FIRST, MAPPING_VA, 0);
    EXPECT_RESULT(va_set(OTHER_VA, pte_make(mfn_of(other), PTE_READ_ONLY)), 0);
    uint64_t moved = pte_of(OTHER_VA);
    EXPECT_EQUAL(grant_unmap_and_replace(handle, MAPPING_VA, UNMAPPED_VA), GNTST_general_error);
    EXPECT_EQUAL(grant_unmap_and_replace(handle, MAPPING_VA, OTHER_VA), GNTST_okay);
    EXPECT_EQUAL(pte_of(MAPPING_VA), moved);
    EXPECT_EQUAL(pte_of(OTHER_VA), 0);
    EXPECT_EQUAL(*(volatile uint64_t *)MAPPING_VA, 7);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_permit_access);
    EXPECT_EQUAL(grant_unmap_and_replace(handle, MAPPING_VA, OTHER_VA), GNTST_bad_handle);

    handle = grant_map_at(GRANT_FIRST, OTHER_VA, 0);
    EXPECT_EQUAL(grant_unmap_and_replace(handle, OTHER_VA, 0), GNTST_okay);
    EXPECT_EQUAL(pte_of(OTHER_VA), 0);
}

TEST(grant_unmap_and_replace_takes_no_machine_addresses)
{
    begin();
    void *page = page_alloc();
    uint64_t *table = table_new(1);
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    uint64_t address = entry_address(table, 0);
    grant_handle_t handle = grant_map_at(GRANT_FIRST, address, GNTMAP_contains_pte);
    EXPECT_RESULT(va_set(OTHER_VA, pte_make(mfn_of(page), PTE_READ_ONLY)), 0);
    EXPECT_EQUAL(grant_unmap_and_replace(handle, address, OTHER_VA), GNTST_general_error);
    EXPECT_EQUAL(grant_unmap(handle, address, 0), GNTST_okay);
}

/* ---- swap ---------------------------------------------------------------------------------- */

static int16_t swap(grant_ref_t a, grant_ref_t b)
{
    struct gnttab_swap_grant_ref swap = {.ref_a = a, .ref_b = b};
    EXPECT_RESULT(grant_call(GNTTABOP_swap_grant_ref, &swap, 1), 0);
    return swap.status;
}

TEST(grant_entries_are_swapped_unless_they_are_in_use)
{
    begin();
    void *page = page_alloc(), *other = page_alloc();
    grant_ref_t a = GRANT_FIRST, b = GRANT_FIRST + 1;
    grant_give(a, mfn_of(page), GTF_permit_access);
    grant_give(b, mfn_of(other), GTF_permit_access | GTF_readonly);
    EXPECT_EQUAL(swap(a, b), GNTST_okay);
    EXPECT_EQUAL(grant_entry(a)->frame, mfn_of(other).value);
    EXPECT_EQUAL(grant_entry(a)->flags, GTF_permit_access | GTF_readonly);
    EXPECT_EQUAL(grant_entry(b)->frame, mfn_of(page).value);
    EXPECT_EQUAL(swap(a, a), GNTST_okay);
    EXPECT_EQUAL(swap(a, 64 * GRANTS_PER_FRAME), GNTST_bad_gntref);
    EXPECT_EQUAL(swap(UINT32_MAX, b), GNTST_bad_gntref);
    grant_handle_t handle = grant_map_at(b, MAPPING_VA, GNTMAP_readonly);
    EXPECT_EQUAL(swap(a, b), GNTST_eagain);
    EXPECT_EQUAL(swap(b, a), GNTST_eagain);
    EXPECT_EQUAL(swap(b, b), GNTST_okay);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
}

/* ---- copy ---------------------------------------------------------------------------------- */

static struct gnttab_copy copy_of_frames(mfn_t source, mfn_t destination, uint16_t size)
{
    struct gnttab_copy copy = {
        .source = {.domid = DOMID_SELF}, .dest = {.domid = DOMID_SELF}, .len = size};
    copy.source.u.gmfn = source.value;
    copy.dest.u.gmfn = destination.value;
    return copy;
}

static struct gnttab_copy copy_of_grants(grant_ref_t source, grant_ref_t destination, uint16_t size)
{
    struct gnttab_copy copy = {
        .source = {.domid = GRANT_DOMAIN},
        .dest = {.domid = GRANT_DOMAIN},
        .len = size,
        .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
    };
    copy.source.u.ref = source;
    copy.dest.u.ref = destination;
    return copy;
}

static void fill(uint8_t *page)
{
    for (size_t i = 0; i < PAGE_SIZE; i++) {
        page[i] = (uint8_t)(i * 7 + 1);
    }
}

TEST(grant_copy_between_all_kinds_of_pages)
{
    begin();
    uint8_t *from = page_alloc(), *to = page_alloc();
    fill(from);
    grant_give(GRANT_FIRST, mfn_of(from), GTF_permit_access | GTF_readonly);
    grant_give(GRANT_FIRST + 1, mfn_of(to), GTF_permit_access);
    for (uint16_t flags = 0; flags < 4; flags++) {
        struct gnttab_copy copy = copy_of_frames(mfn_of(from), mfn_of(to), 100);
        copy.flags = flags;
        if ((flags & GNTCOPY_source_gref) != 0) {
            copy.source = copy_of_grants(GRANT_FIRST, 0, 0).source;
        }
        if ((flags & GNTCOPY_dest_gref) != 0) {
            copy.dest = copy_of_grants(0, GRANT_FIRST + 1, 0).dest;
        }
        copy.source.offset = 10;
        copy.dest.offset = (uint16_t)(3996 - flags);
        EXPECT_EQUAL(grant_copy(&copy), GNTST_okay);
        for (size_t i = 0; i < 100; i++) {
            EXPECT_EQUAL(to[3996U - flags + i], from[10 + i]);
        }
        EXPECT_EQUAL(to[3995U - flags], 0);
    }
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_permit_access | GTF_readonly);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST + 1)->flags, GTF_permit_access);
    struct gnttab_copy whole = copy_of_grants(GRANT_FIRST, GRANT_FIRST + 1, PAGE_SIZE);
    EXPECT_EQUAL(grant_copy(&whole), GNTST_okay);
    EXPECT_EQUAL(to[4095], from[4095]);
    struct gnttab_copy nothing = copy_of_grants(GRANT_FIRST, GRANT_FIRST + 1, 0);
    EXPECT_EQUAL(grant_copy(&nothing), GNTST_okay);
}

TEST(grant_copy_may_name_itself_either_way)
{
    begin();
    uint8_t *from = page_alloc(), *to = page_alloc();
    fill(from);
    grant_give(GRANT_FIRST, mfn_of(from), GTF_permit_access);
    grant_give(GRANT_FIRST + 1, mfn_of(to), GTF_permit_access);
    struct gnttab_copy copy = copy_of_grants(GRANT_FIRST, GRANT_FIRST + 1, 8);
    copy.source.domid = DOMID_SELF;
    copy.dest.domid = DOMID_SELF;
    EXPECT_EQUAL(grant_copy(&copy), GNTST_okay);
    EXPECT_EQUAL(to[7], from[7]);
    copy = copy_of_frames(mfn_of(from), mfn_of(to), 8);
    copy.source.domid = GRANT_DOMAIN;
    EXPECT_EQUAL(grant_copy(&copy), GNTST_permission_denied);
    copy = copy_of_frames(mfn_of(from), mfn_of(to), 8);
    copy.dest.domid = GRANT_DOMAIN;
    EXPECT_EQUAL(grant_copy(&copy), GNTST_permission_denied);
    copy.dest.domid = UNKNOWN_DOMAIN;
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_domain);
}

TEST(grant_copy_is_refused_by_status)
{
    begin();
    uint8_t *from = page_alloc(), *to = page_alloc();
    uint64_t *table = table_new(1);
    grant_ref_t source = GRANT_FIRST, destination = GRANT_FIRST + 1, none = 64 * GRANTS_PER_FRAME;
    grant_give(source, mfn_of(from), GTF_permit_access);
    grant_give(destination, mfn_of(to), GTF_permit_access);

    struct gnttab_copy copy = copy_of_grants(source, destination, 8);
    copy.source.domid = UNKNOWN_DOMAIN;
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_domain);
    copy = copy_of_grants(source, destination, 8);
    copy.dest.domid = DOMID_IO;
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_domain);
    copy = copy_of_grants(none, destination, 8);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_gntref);
    copy = copy_of_grants(source, none, 8);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_gntref);
    copy = copy_of_grants(source + 2, destination, 8);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_general_error);
    copy = copy_of_grants(source, destination, 8);
    copy.source.offset = 4089;
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_copy_arg);
    copy = copy_of_grants(source, destination, 8);
    copy.dest.offset = 4089;
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_copy_arg);
    copy = copy_of_grants(source, destination, 65535);
    copy.dest.offset = 65535;
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_copy_arg);
    copy = copy_of_grants(source, none, 4097);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_gntref);

    grant_entry(destination)->flags = GTF_permit_access | GTF_readonly;
    copy = copy_of_grants(source, destination, 8);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_general_error);
    grant_give(destination, mfn_of(table), GTF_permit_access);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_general_error);
    grant_give(destination, mfn_make(UINT32_MAX), GTF_permit_access);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_page);
    EXPECT_EQUAL(grant_entry(destination)->flags, GTF_permit_access);
    copy = copy_of_frames(mfn_of(from), mfn_of(table), 8);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_general_error);
    copy = copy_of_frames(mfn_make(UINT32_MAX), mfn_of(to), 8);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_page);
    EXPECT_EQUAL(grant_entry(source)->flags, GTF_permit_access);
}

/* ---- transfer ------------------------------------------------------------------------------ */

static void accept(grant_ref_t ref, uint64_t pfn)
{
    grant_give(ref, mfn_make(pfn), GTF_accept_transfer);
}

TEST(grant_transfer_hands_a_frame_over_with_its_contents)
{
    begin();
    uint64_t *page = page_alloc();
    page[5] = 55;
    mfn_t mfn = mfn_of(page);
    uint64_t pfn = pfn_of(page).value;
    accept(GRANT_FIRST, pfn + 1000000);
    EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
    EXPECT_EQUAL(grant_transfer(mfn, GRANT_DOMAIN, GRANT_FIRST), GNTST_okay);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags,
                 GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed);
    mfn_t got = mfn_make(grant_entry(GRANT_FIRST)->frame);
    EXPECT_EQUAL(m2p_get(got), pfn + 1000000);
    p2m_set(pfn_of(page), got);
    mmu_update_t back = {.ptr = (got.value << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, .val = pfn};
    EXPECT_RESULT(hypercall_mmu_update(&back, 1, NULL, DOMID_SELF), 0);
    EXPECT_RESULT(page_writable(page), 0);
    EXPECT_EQUAL(page[5], 55);
}

TEST(grant_transfer_of_a_frame_in_use_is_refused_and_the_frame_stays)
{
    begin();
    uint64_t *page = page_alloc();
    accept(GRANT_FIRST, pfn_of(page).value);
    EXPECT_EQUAL(grant_transfer(mfn_of(page), GRANT_DOMAIN, GRANT_FIRST), GNTST_bad_page);
    EXPECT_EQUAL(grant_transfer(mfn_of(page), UNKNOWN_DOMAIN, GRANT_FIRST), GNTST_bad_page);
    EXPECT_EQUAL(grant_transfer(mfn_make(UINT32_MAX), GRANT_DOMAIN, GRANT_FIRST), GNTST_bad_page);
    EXPECT_EQUAL(grant_entry(GRANT_FIRST)->flags, GTF_accept_transfer);
}
