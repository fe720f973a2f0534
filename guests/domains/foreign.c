/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables and frames across the border of two domains: mapping a child's frames, changing its
 * tables, pinning for it; and what is left when either side goes first.
 */
#include "guests/domains/child.h"

#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define SECRET UINT64_C(0x5ec4e75ec4e75ec4)

TEST(j_frames_of_a_child_are_mapped_by_naming_it)
{
    struct child child = child_start();
    mfn_t plain = child.frames[PAGE_PLAIN];
    EXPECT_RESULT(foreign_map(1, DOMID_SELF, plain, PTE_READ_WRITE), -XEN_EBUSY);
    EXPECT_RESULT(foreign_map(1, 0, plain, PTE_READ_WRITE), -XEN_ESRCH);
    EXPECT_RESULT(foreign_map(1, 500, plain, PTE_READ_WRITE), -XEN_ESRCH);
    EXPECT_RESULT(foreign_map(1, child.id, mfn_of(page_alloc()), PTE_READ_WRITE), -XEN_EBUSY);
    EXPECT_RESULT(foreign_map(1, child.id, plain, PTE_READ_WRITE), 0);
    uint64_t *word = slot_address(1);
    *word = SECRET;
    EXPECT_RESULT(child_call(&child, CHILD_LOAD, child_address(PAGE_PLAIN), 0, 0, 0), SECRET);
    EXPECT_RESULT(child_call(&child, CHILD_STORE, child_address(PAGE_PLAIN), 7, 0, 0), 0);
    EXPECT_EQUAL(*(volatile uint64_t *)word, 7);
}

TEST(j_tables_of_a_child_are_mapped_read_only_or_not_at_all)
{
    struct child child = child_start();
    for (unsigned int page = PAGE_L1; page <= PAGE_L4; page++) {
        EXPECT_RESULT(foreign_map(1, child.id, child.frames[page], PTE_READ_WRITE), -XEN_EBUSY);
        EXPECT_RESULT(foreign_map(1, child.id, child.frames[page], PTE_READ_ONLY), 0);
        EXPECT_TRAP(trap_try_write(SCRATCH_VA + PAGE_SIZE, 0), TRAP_PAGE_FAULT,
                    PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
    }
}

TEST(j_table_that_we_have_mapped_writable_cannot_be_pinned_for_its_owner)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    child_build(&child, STEP_MAILBOX);
    for (unsigned int page = PAGE_L1; page <= PAGE_L4; page++) {
        EXPECT_RESULT(foreign_map(1, child.id, child.frames[page], PTE_READ_WRITE), 0);
        EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L4_TABLE, child.frames[PAGE_L4]),
                      -XEN_EINVAL);
        EXPECT_RESULT(foreign_map(1, child.id, child.frames[page], 0), 0);
    }
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L4_TABLE, child.frames[PAGE_L4]), 0);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L4_TABLE, child.frames[PAGE_L4]), -XEN_EINVAL);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L3_TABLE, child.frames[PAGE_L4]), -XEN_EINVAL);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_UNPIN_TABLE, child.frames[PAGE_L4]), 0);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_UNPIN_TABLE, child.frames[PAGE_L4]), -XEN_EINVAL);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L1_TABLE, mfn_of(page_alloc())), -XEN_EINVAL);
}

TEST(what_concerns_the_caller_cannot_be_done_on_behalf)
{
    struct child child = child_start();
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_NEW_BASEPTR, child.frames[PAGE_L4]), -XEN_EPERM);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_NEW_USER_BASEPTR, child.frames[PAGE_L4]), -XEN_EPERM);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_TLB_FLUSH_ALL, mfn_make(0)), -XEN_EPERM);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_SET_LDT, mfn_make(0)), -XEN_EPERM);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_CLEAR_PAGE, child.frames[PAGE_PLAIN]), 0);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_CLEAR_PAGE, child.frames[PAGE_L1]), -XEN_EINVAL);
}

/* ---- changing its tables ------------------------------------------------------------------- */

static int64_t set_child_entry(const struct child *child, unsigned int table, unsigned int index,
                               uint64_t value, domid_t owner)
{
    mmu_update_t update = {
        .ptr = (child->frames[table].value << PAGE_SHIFT) + index * sizeof(uint64_t), .val = value};
    return hypercall_mmu_update(&update, 1, NULL, ((uint64_t)child->id + 1) << 16 | owner);
}

TEST(entries_of_a_child_are_changed_by_naming_its_tables)
{
    struct child child = child_start();
    uint64_t value = pte_make(child.frames[PAGE_PLAIN + 1], PTE_READ_WRITE);
    EXPECT_RESULT(set_child_entry(&child, PAGE_L1, 20, value, child.id), 0);
    EXPECT_RESULT(child_call(&child, CHILD_STORE, child_address(20), SECRET, 0, 0), 0);
    EXPECT_RESULT(child_call(&child, CHILD_LOAD, child_address(PAGE_PLAIN + 1), 0, 0, 0), SECRET);
    uint64_t table = pte_make(child.frames[PAGE_L1], PTE_READ_WRITE);
    EXPECT_RESULT(set_child_entry(&child, PAGE_L1, 21, table, child.id), -XEN_EBUSY);
    EXPECT_RESULT(
        set_child_entry(&child, PAGE_L2, 5, pte_make(child.frames[PAGE_L1], PTE_TABLE), child.id),
        0);
    EXPECT_RESULT(
        set_child_entry(&child, PAGE_L2, 6, pte_make(child.frames[PAGE_L1], PTE_TABLE), DOMID_SELF),
        -XEN_EINVAL);
    uint64_t ours = pte_make(mfn_of(page_alloc()), PTE_TABLE);
    EXPECT_RESULT(set_child_entry(&child, PAGE_L2, 6, ours, child.id), -XEN_EINVAL);
}

/* A reference that the child's table holds on a frame of ours is dropped with the child. */
TEST(q_frame_of_ours_in_a_table_of_a_dead_child_is_ours_alone_again)
{
    struct child child = child_start();
    uint64_t *page = page_alloc();
    EXPECT_RESULT(
        set_child_entry(&child, PAGE_L1, 20, pte_make(mfn_of(page), PTE_READ_WRITE), DOMID_SELF),
        0);
    EXPECT_RESULT(child_call(&child, CHILD_STORE, child_address(20), SECRET, 0, 0), 0);
    EXPECT_EQUAL(*(volatile uint64_t *)page, SECRET);
    *page = 0;
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(pin(1, page), -XEN_EINVAL);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
    EXPECT_RESULT(pin(1, page), 0);
}

TEST(otherdomain_form_maps_frames_of_a_child)
{
    struct child child = child_start();
    uint64_t value = pte_make(child.frames[PAGE_PLAIN], PTE_READ_WRITE);
    EXPECT_RESULT(hypercall(__HYPERVISOR_update_va_mapping_otherdomain, SCRATCH_VA + PAGE_SIZE,
                            value, UVMF_INVLPG, child.id, 0),
                  0);
    *(volatile uint64_t *)slot_address(1) = SECRET;
    EXPECT_RESULT(child_call(&child, CHILD_LOAD, child_address(PAGE_PLAIN), 0, 0, 0), SECRET);
    EXPECT_RESULT(hypercall(__HYPERVISOR_update_va_mapping_otherdomain, SCRATCH_VA + PAGE_SIZE,
                            pte_make(child.frames[PAGE_L1], PTE_READ_WRITE), UVMF_INVLPG, child.id,
                            0),
                  -XEN_EBUSY);
}

/* ---- who dies first ------------------------------------------------------------------------ */

TEST(f_frame_that_we_map_outlives_its_domain_and_no_longer)
{
    struct child child = child_start();
    EXPECT_RESULT(foreign_map(1, child.id, child.frames[PAGE_PLAIN], PTE_READ_WRITE), 0);
    volatile uint64_t *word = slot_address(1);
    *word = SECRET;
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, child.id), 0);
    let_time_pass();
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT((info.flags & XEN_DOMINF_dying) != 0);
    EXPECT_EQUAL(info.tot_pages, 1);
    EXPECT_EQUAL(*word, SECRET);
    struct xen_domctl again = create_record();
    EXPECT_RESULT(domctl(XEN_DOMCTL_createdomain, child.id, &again), -XEN_EEXIST);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, child.id), 0);
    EXPECT_RESULT(foreign_map(1, child.id, child.frames[0], 0), 0);
    wait_until_gone(child.id);
}

/* What is left of it gains nothing: no frame, no vCPU, no port, no run. */
TEST(f_dead_domain_cannot_be_given_anything)
{
    struct child child = child_start();
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[PAGE_PLAIN], PTE_READ_WRITE), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, child.id), 0);
    mfn_t frame;
    EXPECT_EQUAL(populate(child.id, 0, &frame, 1), 0);
    struct evtchn_alloc_unbound alloc = {.dom = child.id, .remote_dom = DOMID_SELF};
    EXPECT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc) < 0);
    EXPECT(child_set_context(&child, child_context(&child)) < 0);
    domctl_plain(XEN_DOMCTL_unpausedomain, child.id);
    domctl_plain(XEN_DOMCTL_resumedomain, child.id);
    let_time_pass();
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT_EQUAL(info.tot_pages, 1);
    EXPECT_EQUAL(info.flags & XEN_DOMINF_running, 0);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L4_TABLE, child.frames[PAGE_L4]), -XEN_EINVAL);
    EXPECT_RESULT(foreign_map(2, child.id, child.frames[PAGE_L4], PTE_READ_ONLY), -XEN_EBUSY);
    EXPECT_RESULT(foreign_map(0, child.id, frame, 0), 0);
    wait_until_gone(child.id);
}

/* The page of events and clocks of a dead domain may be anybody's page table by now. */
TEST(f_shared_page_of_a_dead_domain_is_not_written)
{
    struct child child = child_start();
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    mfn_t shared = mfn_make(info.shared_info_frame);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[PAGE_PLAIN], PTE_READ_WRITE), 0);
    EXPECT_RESULT(foreign_map(1, child.id, shared, PTE_READ_WRITE), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, child.id), 0);
    memset(slot_address(1), 0, PAGE_SIZE);
    let_time_pass();
    struct evtchn_alloc_unbound alloc = {.dom = child.id, .remote_dom = DOMID_SELF};
    if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc) == 0) {
        struct evtchn_bind_interdomain bind = {.remote_dom = child.id, .remote_port = alloc.port};
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
        struct evtchn_send send = {.port = bind.local_port};
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
    }
    const uint8_t *byte = slot_address(1);
    for (unsigned int i = 0; i < PAGE_SIZE; i++) {
        EXPECT_EQUAL(byte[i], 0);
    }
}

static bool has_secret(domid_t domain, mfn_t frame)
{
    EXPECT_RESULT(foreign_map(3, domain, frame, PTE_READ_ONLY), 0);
    const volatile uint64_t *words = slot_address(3);
    bool found = false;
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
        found = found || words[i] == SECRET;
    }
    return found;
}

static void write_secret(const struct child *child)
{
    for (unsigned int page = PAGE_PLAIN; page < CHILD_FRAMES; page++) {
        EXPECT_RESULT(foreign_map(3, child->id, child->frames[page], PTE_READ_WRITE), 0);
        uint64_t *words = slot_address(3);
        for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
            words[i] = SECRET;
        }
    }
    EXPECT_RESULT(foreign_map(3, child->id, child->frames[0], 0), 0);
}

/* By its number the next domain looks like the last one; what was the last one's it must not see.
 */
TEST(f_domain_with_the_number_of_a_dead_one_finds_nothing_of_its_memory)
{
    test_needs_first_domain();
    destroy_all();
    for (unsigned int round = 0; round < 4; round++) {
        struct child child;
        struct xen_domctl create = create_record();
        create.domain = 33;
        child_build_from(&child, &create, 0, STEP_MEMORY);
        EXPECT_EQUAL(child.id, 33);
        for (unsigned int page = 0; page < CHILD_FRAMES; page++) {
            EXPECT(!has_secret(33, child.frames[page]));
        }
        write_secret(&child);
        EXPECT_RESULT(destroy(33), 0);
    }
}

/* The first domain, too, gets nobody's leavings by asking for the same amount of memory. */
TEST(f_frames_of_a_dead_domain_are_wiped_before_we_get_them)
{
    struct child child = child_start();
    write_secret(&child);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
    static mfn_t frames[64];
    static xen_pfn_t extents[64];
    uint64_t count = populate(DOMID_SELF, start_info->nr_pages, frames, 64);
    bool found = false;
    for (uint64_t i = 0; i < count; i++) {
        found = found || has_secret(DOMID_SELF, frames[i]);
        extents[i] = frames[i].value;
    }
    EXPECT_RESULT(foreign_map(3, DOMID_SELF, frames[0], 0), 0);
    struct xen_memory_reservation back = {.nr_extents = count, .domid = DOMID_SELF};
    set_xen_guest_handle(back.extent_start, extents);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_decrease_reservation, &back), count);
    EXPECT(count > 0);
    EXPECT(!found);
}
