/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families C, F, O, P and Q: references to domains and their frames that refusals, limits and ends
 * could leave behind.
 */
#include "guests/domains/child_grants.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define ENTRIES     9U
#define DOMCTLS     100U
#define ROUNDS      200U
#define MAPS_ONCE   60U /* elements in the room for records */
#define REFS        40U
#define CHUNKS      512U /* 1 GiB: all that a machine of ./test has */
#define FRAMES_ONCE 512U

/* ---- a domain that others name all the time -------------------------------------------------- */

static void be_refused(const struct child *child)
{
    grant_handle_t handle;
    struct vcpu_guest_context *context = child_context(child);
    context->user_regs.rip = UINT64_C(0x0000900000000000);
    EXPECT(child_set_context(child, context) < 0);
    EXPECT(foreign_map(1, child->id, mfn_of(boot_l4()), PTE_READ_ONLY) < 0);
    EXPECT(foreign_map(1, child->id, child->frames[PAGE_L1], PTE_READ_WRITE) < 0);
    EXPECT(mmuext_for(child->id, MMUEXT_PIN_L1_TABLE, child->frames[PAGE_PLAIN]) < 0);
    EXPECT(mmuext_for(child->id, MMUEXT_PIN_L4_TABLE, mfn_make(UINT64_MAX)) < 0);
    EXPECT(mmuext_for(child->id, MMUEXT_NEW_BASEPTR, child->frames[PAGE_L4]) < 0);
    EXPECT(mmuext_for(child->id, MMUEXT_CLEAR_PAGE, child->frames[PAGE_L1]) < 0);
    EXPECT(map_from(child, UINT32_MAX, 0, &handle) < 0);
    EXPECT(map_from(child, CHILD_REF, 0, &handle) < 0);
    EXPECT(child_maps(child, 0, UINT32_MAX, GNTMAP_host_map, &handle) < 0);
    EXPECT(child_sets_page(child, 40, pte_make(mfn_of(boot_l4()), PTE_READ_ONLY)) < 0);
    struct evtchn_bind_interdomain bind = {.remote_dom = child->id, .remote_port = 77};
    EXPECT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind) < 0);
    mfn_t frame;
    EXPECT_EQUAL(populate(child->id, CHILD_FRAMES, &frame, 1), 0);
    struct xen_domctl op = create_record();
    EXPECT(domctl(XEN_DOMCTL_createdomain, child->id, &op) < 0);
}

TEST(xsa_334_refusals_leave_no_reference_to_a_domain)
{
    grants_begin();
    struct child child = child_start();
    uint64_t frames = frames_of(child.id);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        be_refused(&child);
    }
    EXPECT_EQUAL(frames_of(child.id), frames);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
}

/* Every command, without an argument that makes sense, about one that is not wholly gone. */
TEST(q_control_commands_give_a_dying_domain_nothing)
{
    struct child child = child_start();
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[PAGE_PLAIN], PTE_READ_WRITE), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, child.id), 0);
    let_time_pass();
    uint32_t count = domain_count();
    for (uint32_t command = 2; command < DOMCTLS; command++) {
        domctl_plain(command, child.id);
    }
    let_time_pass();
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT_EQUAL(info.domain, child.id);
    EXPECT_EQUAL(info.tot_pages, 1);
    EXPECT((info.flags & XEN_DOMINF_dying) != 0);
    EXPECT_EQUAL(info.flags & XEN_DOMINF_running, 0);
    EXPECT_EQUAL(domain_count(), count);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    wait_until_gone(child.id);
}

/* ---- frames that go from one to the other ---------------------------------------------------- */

/* Frames for a child until it has this one, or many others. */
static bool child_gets(const struct child *child, mfn_t wanted)
{
    static mfn_t got[FRAMES_ONCE];
    set_limit(child->id, CHILD_FRAMES + CHUNKS * FRAMES_ONCE);
    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) {
        uint64_t count = populate(child->id, CHILD_FRAMES + chunk * FRAMES_ONCE, got, FRAMES_ONCE);
        for (uint64_t i = 0; i < count; i++) {
            if (mfn_equal(got[i], wanted)) {
                return true;
            }
        }
    }
    return false;
}

/* Give the frame of a page of ours back, without a flush. */
static mfn_t give_back(const uint64_t *page)
{
    mfn_t old = mfn_of(page);
    xen_pfn_t extent = old.value;
    EXPECT_RESULT(hypercall_update_va_mapping(pointer_value(page), 0, UVMF_NONE), 0);
    struct xen_memory_reservation back = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(back.extent_start, &extent);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_decrease_reservation, &back), 1);
    return old;
}

/* Have another frame in place of that one. */
static void take_another(const uint64_t *page)
{
    mfn_t instead;
    EXPECT_EQUAL(populate(DOMID_SELF, pfn_of(page).value, &instead, 1), 1);
    p2m_set(pfn_of(page), instead);
    EXPECT_RESULT(page_writable(page), 0);
}

/* Given back with a translation of it still in the TLB, and had by a child then. */
TEST(c8_stale_mapping_of_a_frame_given_back_does_not_reach_its_next_domain)
{
    struct child child = child_start();
    uint64_t *page = page_alloc();
    *(volatile uint64_t *)page = 0;
    bool is_childs = child_gets(&child, give_back(page));
    struct trap trap = trap_try_write(pointer_value(page), 1);
    take_another(page);
    if (!is_childs) {
        test_skip("the child got other frames");
    }
    EXPECT_PAGE_FAULT(trap, PAGE_FAULT_WRITE, pointer_value(page));
}

TEST(choice_frame_given_back_is_wiped_before_a_child_gets_it)
{
    struct child child = child_start();
    uint64_t *page = page_alloc(), found = 0;
    page[0] = UINT64_MAX;
    mfn_t old = give_back(page);
    bool is_childs = child_gets(&child, old);
    if (is_childs) {
        EXPECT_RESULT(foreign_map(2, child.id, old, PTE_READ_ONLY), 0);
        found = *(volatile uint64_t *)slot_address(2);
    }
    take_another(page);
    if (!is_childs) {
        test_skip("the child got other frames");
    }
    EXPECT_EQUAL(found, 0);
}

/* A child has no handler for upcalls, and Xen raises one when the place of vcpu_info changes. */
static void mask_upcalls_of(const struct child *child)
{
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child->id, &info), 0);
    mfn_t frame = mfn_make(info.shared_info_frame);
    EXPECT_RESULT(foreign_map(2, child->id, frame, PTE_READ_WRITE), 0);
    shared_info_t *shared = slot_address(2);
    shared->vcpu_info[0].evtchn_upcall_mask = 1;
    EXPECT_RESULT(foreign_map(2, child->id, frame, 0), 0);
}

/* Where the hypervisor writes for the child, as long as it lives. */
TEST(o2_vcpu_info_of_a_child_is_nothing_else_until_it_dies)
{
    struct child child = child_start();
    mask_upcalls_of(&child);
    mfn_t frame = child.frames[PAGE_PLAIN];
    struct vcpu_register_vcpu_info place = {.mfn = frame.value};
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0,
                             child_record(&child, &place, sizeof(place)), 0),
                  0);
    EXPECT_RESULT(child_sets_page(&child, PAGE_PLAIN, 0), 0);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L1_TABLE, frame), -XEN_EINVAL);
    EXPECT_RESULT(child_sets_entry(&child, PAGE_L2, 100, pte_make(frame, PTE_TABLE)), -XEN_EINVAL);
    uint64_t list = frame.value;
    uint64_t record = child_record(&child, &list, sizeof(list));
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_set_gdt, record, 512, 0, 0), -XEN_EINVAL);
    uint64_t frames = frames_of(child.id);
    xen_pfn_t extent = frame.value;
    struct xen_memory_reservation back = {.nr_extents = 1, .domid = child.id};
    set_xen_guest_handle(back.extent_start, &extent);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_decrease_reservation, &back), 1);
    EXPECT_EQUAL(frames_of(child.id), frames);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* How many of a batch of mappings of one of our grants the child gets. */
static unsigned int child_maps_many(const struct child *child, grant_ref_t ref)
{
    static struct gnttab_map_grant_ref maps[MAPS_ONCE];
    unsigned int done = 0;
    for (unsigned int i = 0; i < MAPS_ONCE; i++) {
        maps[i] = (struct gnttab_map_grant_ref){
            .flags = GNTMAP_device_map | GNTMAP_readonly, .ref = ref, .dom = 0};
    }
    uint64_t record = child_record(child, maps, sizeof(maps));
    EXPECT_RESULT(child_call(child, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, record,
                             MAPS_ONCE, 0),
                  0);
    memcpy(maps, child_record_place(child), sizeof(maps));
    for (unsigned int i = 0; i < MAPS_ONCE; i++) {
        EXPECT(maps[i].status == GNTST_okay || maps[i].status == GNTST_no_space);
        done += maps[i].status == GNTST_okay ? 1 : 0;
    }
    return done;
}

TEST(p_child_maps_no_more_grants_than_its_limit)
{
    grants_begin();
    destroy_all();
    struct xen_domctl create = create_record();
    create.u.createdomain.max_maptrack_frames = 1;
    struct child child;
    child_build_from(&child, &create, 0, STEP_START);
    uint64_t *page = page_alloc();
    unsigned int mapped = 0, last = 0;
    for (grant_ref_t ref = CHILD_REF; ref < CHILD_REF + REFS; ref++) {
        grant_entry_write(grant_entry(ref), child.id, mfn_of(page), GTF_permit_access);
        last = child_maps_many(&child, ref);
        mapped += last;
    }
    EXPECT(mapped > 0 && last == 0);
    grant_handle_t handle; /* it is the child's limit, and nobody else's */
    EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, GNTMAP_host_map, &handle), GNTST_no_space);
    volatile grant_entry_v1_t *entries = child_grant_table(&child, ENTRIES);
    grant_entry_write(&entries[CHILD_REF], 0, child.frames[PAGE_PLAIN], GTF_permit_access);
    handle = mapped_from(&child, CHILD_REF, 0);
    EXPECT_EQUAL(grant_unmap(handle, pointer_value(slot_address(GRANT_SLOT)), 0), GNTST_okay);
    EXPECT_RESULT(foreign_map(ENTRIES, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
    for (grant_ref_t ref = CHILD_REF; ref < CHILD_REF + REFS; ref++) {
        EXPECT_EQUAL(grant_entry(ref)->flags, GTF_permit_access);
    }
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(pin(1, page), 0);
}
