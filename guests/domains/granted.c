/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families F and H from the other side: what a child can do with frames of ours, whether it has
 * mapped them by a grant or only knows their numbers. A mapping is all that a grant gives.
 */
#include "guests/domains/child_grants.h"

#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define SECRET UINT64_C(0x9a119a119a119a11)

static struct child child;

static void begin(void)
{
    grants_begin();
    child = child_start();
}

static void grant_to_child(grant_ref_t ref, const void *page, uint16_t flags)
{
    grant_entry_write(grant_entry(ref), child.id, mfn_of(page), flags);
}

static int64_t child_memory_op(unsigned int command, const void *record, size_t size)
{
    return child_call(&child, __HYPERVISOR_memory_op, command, child_record(&child, record, size),
                      0, 0);
}

/* A list of one number, behind the record in the mailbox: where the child has it. */
static void *child_list(uint64_t value)
{
    const size_t offset = 0x400;
    memcpy((char *)child_record_place(&child) + offset, &value, sizeof(value));
    return (void *)(CHILD_VA + CHILD_MAILBOX + CHILD_RECORDS + offset);
}

/* ---- as tables ----------------------------------------------------------------------------- */

static void expect_no_table(mfn_t frame)
{
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_RESULT(child_mmuext(&child, MMUEXT_PIN_L1_TABLE + level - 1, frame), -XEN_EINVAL);
    }
    EXPECT_RESULT(child_mmuext(&child, MMUEXT_UNPIN_TABLE, frame), -XEN_EINVAL);
    EXPECT_RESULT(child_mmuext(&child, MMUEXT_NEW_BASEPTR, frame), -XEN_EINVAL);
    EXPECT_RESULT(child_mmuext(&child, MMUEXT_NEW_USER_BASEPTR, frame), -XEN_EINVAL);
    for (unsigned int table = PAGE_L2; table <= PAGE_L4; table++) {
        EXPECT_RESULT(child_sets_entry(&child, table, 100, pte_make(frame, PTE_TABLE)),
                      -XEN_EINVAL);
    }
    mmu_update_t inside = {.ptr = frame.value << PAGE_SHIFT, .val = 0};
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_mmu_update,
                             child_record(&child, &inside, sizeof(inside)), 1, 0, DOMID_SELF),
                  -XEN_EINVAL);
    uint64_t list = (uint64_t)child_list(frame.value);
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_set_gdt, list, 512, 0, 0), -XEN_EINVAL);
    EXPECT_RESULT(
        child_call(&child, __HYPERVISOR_update_descriptor, frame.value << PAGE_SHIFT, 0, 0, 0),
        -XEN_EINVAL);
}

/* ---- as memory of its own ------------------------------------------------------------------- */

static void expect_no_memory(mfn_t frame)
{
    EXPECT_RESULT(child_mmuext(&child, MMUEXT_CLEAR_PAGE, frame), -XEN_EINVAL);
    struct mmuext_op copy = {
        .cmd = MMUEXT_COPY_PAGE,
        .arg1.mfn = child.frames[PAGE_PLAIN].value,
        .arg2.src_mfn = frame.value,
    };
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_mmuext_op,
                             child_record(&child, &copy, sizeof(copy)), 1, 0, DOMID_SELF),
                  -XEN_EINVAL);
    struct xen_memory_reservation back = {.nr_extents = 1, .domid = DOMID_SELF};
    back.extent_start.p = child_list(frame.value);
    EXPECT_RESULT(child_memory_op(XENMEM_decrease_reservation, &back, sizeof(back)), 0);
    struct xen_memory_exchange exchange = {.in = back, .out = back};
    EXPECT_RESULT(child_memory_op(XENMEM_exchange, &exchange, sizeof(exchange)), -XEN_EINVAL);
    exchange.in.domid = exchange.out.domid = 0;
    EXPECT_RESULT(child_memory_op(XENMEM_exchange, &exchange, sizeof(exchange)), -XEN_EPERM);
    mmu_update_t m2p = {.ptr = (frame.value << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, .val = 77};
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_mmu_update,
                             child_record(&child, &m2p, sizeof(m2p)), 1, 0, DOMID_SELF),
                  -XEN_EINVAL);
    EXPECT(m2p_get(frame) != 77);
    struct gnttab_transfer transfer = {.mfn = frame.value, .domid = 0, .ref = CHILD_REF + 5};
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_grant_table_op, GNTTABOP_transfer,
                             child_record(&child, &transfer, sizeof(transfer)), 1, 0),
                  0);
    memcpy(&transfer, child_record_place(&child), sizeof(transfer));
    EXPECT_EQUAL(transfer.status, GNTST_bad_page);
    struct vcpu_register_vcpu_info place = {.mfn = frame.value};
    EXPECT(child_call(&child, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0,
                      child_record(&child, &place, sizeof(place)), 0) < 0);
}

/* Another mapping of it, and the same with another right. */
static void expect_no_other_mapping(mfn_t frame)
{
    EXPECT_RESULT(child_sets_page(&child, GRANT_PLACE + 1, pte_make(frame, PTE_READ_ONLY)),
                  -XEN_EBUSY);
    EXPECT_RESULT(child_sets_page(&child, GRANT_PLACE + 1, pte_make(frame, PTE_READ_WRITE)),
                  -XEN_EBUSY);
    EXPECT_RESULT(
        child_sets_entry(&child, PAGE_L1, GRANT_PLACE + 1, pte_make(frame, PTE_READ_WRITE)),
        -XEN_EBUSY);
}

/* Granted on by the child, it is nobody's to map: the child does not own it. */
static void expect_not_granted_on(mfn_t frame)
{
    volatile grant_entry_v1_t *entries = child_grant_table(&child, 9);
    struct child other = child_start_another(1);
    grant_handle_t handle;
    grant_entry_write(&entries[CHILD_REF], other.id, frame, GTF_permit_access);
    EXPECT(child_maps(&other, child.id, CHILD_REF, GNTMAP_host_map, &handle) < 0);
    EXPECT(child_maps(&other, child.id, CHILD_REF, GNTMAP_device_map, &handle) < 0);
    EXPECT(child_maps(&other, child.id, CHILD_REF, GNTMAP_host_map | GNTMAP_readonly, &handle) < 0);
    EXPECT_EQUAL(entries[CHILD_REF].flags, GTF_permit_access);
    EXPECT_RESULT(foreign_map(1, other.id, other.frames[0], 0), 0);
    EXPECT_RESULT(destroy(other.id), 0);
}

static void expect_untouched(const uint64_t *page)
{
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        EXPECT_EQUAL(page[i], SECRET);
    }
}

static uint64_t *secret_page(void)
{
    uint64_t *page = page_alloc();
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        page[i] = SECRET;
    }
    return page;
}

TEST(f_child_can_do_nothing_with_a_frame_that_it_only_knows)
{
    begin();
    uint64_t *page = secret_page();
    uint64_t frames = frames_of(child.id), ours = frames_of(0);
    const mfn_t known[] = {mfn_of(page), mfn_of(boot_l4()), mfn_of(scratch_l1)};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        expect_no_table(known[i]);
        expect_no_memory(known[i]);
        expect_no_other_mapping(known[i]);
        expect_not_granted_on(known[i]);
    }
    expect_untouched(page);
    EXPECT_EQUAL(frames_of(child.id), frames);
    EXPECT_EQUAL(frames_of(0), ours);
}

TEST(h_granted_frame_can_be_mapped_and_nothing_else)
{
    begin();
    uint64_t *page = secret_page();
    uint64_t frames = frames_of(child.id), ours = frames_of(0);
    grant_handle_t handle;
    grant_to_child(CHILD_REF, page, GTF_permit_access);
    EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, GNTMAP_host_map, &handle), GNTST_okay);
    EXPECT_RESULT(child_call(&child, CHILD_LOAD, child_address(GRANT_PLACE), 0, 0, 0), SECRET);
    expect_no_table(mfn_of(page));
    expect_no_memory(mfn_of(page));
    expect_no_other_mapping(mfn_of(page));
    expect_not_granted_on(mfn_of(page));
    expect_untouched(page);
    EXPECT_EQUAL(grant_entry(CHILD_REF)->flags, GTF_permit_access | GRANT_MARKS);
    EXPECT_EQUAL(child_unmaps(&child, handle, child_address(GRANT_PLACE)), GNTST_okay);
    EXPECT_EQUAL(grant_entry(CHILD_REF)->flags, GTF_permit_access);
    EXPECT_EQUAL(frames_of(child.id), frames);
    EXPECT_EQUAL(frames_of(0), ours);
}

/* The mapping's entry, changed by ordinary means: the frame is not the child's, so no right can be
 * added or taken; bits without a meaning for access may change. */
TEST(h2_mapping_by_a_child_keeps_its_right)
{
    begin();
    uint64_t *page = page_alloc();
    grant_handle_t handle;
    grant_to_child(CHILD_REF, page, GTF_permit_access | GTF_readonly);
    EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, GNTMAP_host_map, &handle), GNTST_general_error);
    EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, GNTMAP_host_map | GNTMAP_readonly, &handle),
                 GNTST_okay);
    EXPECT_RESULT(child_sets_page(&child, GRANT_PLACE, pte_make(mfn_of(page), PTE_READ_WRITE)),
                  -XEN_EBUSY);
    EXPECT_RESULT(
        child_sets_entry(&child, PAGE_L1, GRANT_PLACE, pte_make(mfn_of(page), PTE_READ_WRITE)),
        -XEN_EBUSY);
    EXPECT_RESULT(
        child_sets_page(&child, GRANT_PLACE, pte_make(mfn_of(page), PTE_READ_ONLY | PTE_AVAILABLE)),
        0);
    child_ask(&child, CHILD_STORE, child_address(GRANT_PLACE), SECRET, 0, 0);
    EXPECT_EQUAL(child_shutdown_code(&child), SHUTDOWN_crash);
    EXPECT_EQUAL(page[0], 0);
}

/* The entry to map into, by its machine address, is in somebody else's table; or is no entry of a
 * leaf table of the child's. */
TEST(xsa_227_entries_of_others_cannot_be_named_for_a_mapping)
{
    begin();
    struct child other = child_start_another(1);
    void *page = page_alloc();
    grant_to_child(CHILD_REF, page, GTF_permit_access);
    const uint64_t places[] = {
        entry_address(scratch_l1, 200),
        entry_address(boot_l4(), 300),
        entry_address(page, 0),
        (other.frames[PAGE_L1].value << PAGE_SHIFT) + 200 * sizeof(uint64_t),
        (child.frames[PAGE_L2].value << PAGE_SHIFT) + 200 * sizeof(uint64_t),
        (child.frames[PAGE_PLAIN].value << PAGE_SHIFT) + 200 * sizeof(uint64_t),
        (child.frames[PAGE_L1].value << PAGE_SHIFT) + 200 * sizeof(uint64_t) + 4,
    };
    grant_handle_t handle;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        EXPECT_EQUAL(child_maps_at(&child, 0, CHILD_REF, GNTMAP_host_map | GNTMAP_contains_pte,
                                   places[i], &handle),
                     GNTST_general_error);
    }
    EXPECT_EQUAL(scratch_l1[200], 0);
    EXPECT_EQUAL(grant_entry(CHILD_REF)->flags, GTF_permit_access);
    uint64_t own = (child.frames[PAGE_L1].value << PAGE_SHIFT) + 200 * sizeof(uint64_t);
    EXPECT_EQUAL(
        child_maps_at(&child, 0, CHILD_REF, GNTMAP_host_map | GNTMAP_contains_pte, own, &handle),
        GNTST_okay);
    EXPECT_EQUAL(child_unmaps(&child, handle, entry_address(scratch_l1, 200)), GNTST_general_error);
    EXPECT_EQUAL(child_unmaps(&child, handle, own), GNTST_okay);
    EXPECT_EQUAL(grant_entry(CHILD_REF)->flags, GTF_permit_access);
}

/* A table that a child has mapped is none of ours until the child lets go of it, and the other way
 * round (which h15_a_granted_page_table_is_not_written has for one domain). */
TEST(h15_page_that_a_child_maps_writable_is_no_table)
{
    begin();
    uint64_t *page = page_alloc();
    grant_handle_t handle;
    static const uint32_t kinds[] = {GNTMAP_host_map, GNTMAP_device_map};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        grant_to_child(CHILD_REF, page, GTF_permit_access);
        EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, kinds[i], &handle), GNTST_okay);
        EXPECT_RESULT(page_read_only(page), 0);
        for (unsigned int level = 1; level <= 4; level++) {
            EXPECT_RESULT(pin(level, page), -XEN_EINVAL);
        }
        uint64_t gdt = mfn_of(page).value;
        EXPECT_RESULT(hypercall_set_gdt(&gdt, 512), -XEN_EINVAL);
        struct gnttab_unmap_grant_ref unmap = {.handle = handle};
        if (kinds[i] == GNTMAP_device_map) {
            unmap.dev_bus_addr = mfn_of(page).value << PAGE_SHIFT;
        } else {
            unmap.host_addr = child_address(GRANT_PLACE);
        }
        EXPECT_RESULT(child_call(&child, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
                                 child_record(&child, &unmap, sizeof(unmap)), 1, 0),
                      0);
        EXPECT_RESULT(pin(1, page), 0);
        EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, kinds[i], &handle), GNTST_general_error);
        EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, kinds[i] | GNTMAP_readonly, &handle),
                     GNTST_okay);
        unmap.handle = handle;
        EXPECT_RESULT(child_call(&child, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
                                 child_record(&child, &unmap, sizeof(unmap)), 1, 0),
                      0);
        EXPECT_EQUAL(grant_entry(CHILD_REF)->flags, GTF_permit_access);
        EXPECT_RESULT(unpin(page), 0);
        EXPECT_RESULT(page_writable(page), 0);
    }
}
