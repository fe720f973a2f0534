/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families B, C and F: frames that change their owner by transfer, between us and a child. A frame
 * that is anything to its old owner stays with it; one that goes takes nothing of its old life
 * along, neither a type nor a translation.
 */
#include "guests/domains/child_grants.h"

#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define SECRET         UINT64_C(0x77a5f377a5f377a5)
#define ENTRIES        9U
#define RECEIVED       0x900U                       /* the PFN as which the child takes a frame */
#define LDT_DESCRIPTOR UINT64_C(0x0000820000000000) /* present, of a kind no kernel needs here */
#define ACCEPTED       (GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed)
#define CHILD_EXTRA    8U /* frames that it may have besides */

static struct child child;
static volatile grant_entry_v1_t *entries;

static void accept(void)
{
    grant_entry_write(&entries[CHILD_REF], 0, mfn_make(RECEIVED), GTF_accept_transfer);
}

static void begin(void)
{
    grants_begin();
    child = child_start();
    entries = child_grant_table(&child, ENTRIES);
    set_limit(child.id, CHILD_FRAMES + CHILD_EXTRA);
    accept();
}

/* The frame of an unused page of ours; what the page has instead is a new one. */
static void hand_over(void *page)
{
    mfn_t frame = mfn_of(page);
    EXPECT_EQUAL(grant_transfer(frame, child.id, CHILD_REF), GNTST_okay);
    EXPECT_EQUAL(entries[CHILD_REF].flags, ACCEPTED);
    EXPECT_EQUAL(entries[CHILD_REF].frame, frame.value);
    mfn_t instead;
    EXPECT_EQUAL(populate(DOMID_SELF, pfn_of(page).value, &instead, 1), 1);
    p2m_set(pfn_of(page), instead);
}

static void expect_kept(mfn_t frame)
{
    uint64_t ours = frames_of(0), theirs = frames_of(child.id);
    EXPECT_EQUAL(grant_transfer(frame, child.id, CHILD_REF), GNTST_bad_page);
    EXPECT_EQUAL(entries[CHILD_REF].flags, GTF_accept_transfer);
    EXPECT_EQUAL(entries[CHILD_REF].frame, RECEIVED);
    EXPECT_EQUAL(frames_of(0), ours);
    EXPECT_EQUAL(frames_of(child.id), theirs);
}

TEST(f_frame_in_any_use_is_not_transferred)
{
    begin();
    uint64_t *page = page_alloc();
    mfn_t frame = mfn_of(page);
    expect_kept(frame); /* mapped */
    EXPECT_RESULT(table_pin(1, page), 0);
    expect_kept(frame);
    EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
    expect_kept(frame); /* pinned, and not mapped */
    EXPECT_RESULT(unpin(page), 0);
    uint64_t gdt = frame.value;
    EXPECT_RESULT(hypercall_set_gdt(&gdt, 512), 0);
    expect_kept(frame);
    EXPECT_RESULT(hypercall_set_gdt(NULL, 0), 0);
    static const uint32_t kinds[] = {GNTMAP_host_map, GNTMAP_device_map,
                                     GNTMAP_device_map | GNTMAP_readonly};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        grant_handle_t handle;
        grant_entry_write(grant_entry(CHILD_REF), child.id, frame, GTF_permit_access);
        EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, kinds[i], &handle), GNTST_okay);
        expect_kept(frame);
        struct gnttab_unmap_grant_ref unmap = {.host_addr = child_address(GRANT_PLACE),
                                               .dev_bus_addr = frame.value << PAGE_SHIFT,
                                               .handle = handle};
        EXPECT_RESULT(child_call(&child, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
                                 child_record(&child, &unmap, sizeof(unmap)), 1, 0),
                      0);
    }
    expect_kept(mfn_of(boot_l4()));
    expect_kept(mfn_make(start_info->shared_info >> PAGE_SHIFT));
    expect_kept(pte_mfn(pte_of(GRANT_TABLE_VA)));
    expect_kept(child.frames[PAGE_PLAIN]);
    expect_kept(child.frames[PAGE_L4]);
    hand_over(page); /* nothing of all that is left */
    EXPECT_RESULT(page_writable(page), 0);
}

TEST(c11_transferred_frame_is_reached_by_no_stale_mapping)
{
    begin();
    uint64_t *page = page_alloc();
    mfn_t frame = mfn_of(page);
    *(volatile uint64_t *)page = SECRET;
    uint64_t ours = frames_of(0), theirs = frames_of(child.id);
    EXPECT_RESULT(hypercall_update_va_mapping(pointer_value(page), 0, UVMF_NONE), 0);
    EXPECT_EQUAL(grant_transfer(frame, child.id, CHILD_REF), GNTST_okay);
    EXPECT_PAGE_FAULT(trap_try_write(pointer_value(page), 0), PAGE_FAULT_WRITE,
                      pointer_value(page));
    EXPECT_EQUAL(frames_of(0), ours - 1);
    EXPECT_EQUAL(frames_of(child.id), theirs + 1);
    EXPECT_EQUAL(m2p_get(frame), RECEIVED);
    EXPECT_RESULT(va_set(pointer_value(page), pte_make(frame, PTE_READ_ONLY)), -XEN_EBUSY);
    EXPECT_RESULT(pin(1, page), -XEN_EINVAL);
    EXPECT_RESULT(child_sets_page(&child, 30, pte_make(frame, PTE_READ_WRITE)), 0);
    EXPECT_RESULT(child_call(&child, CHILD_LOAD, child_address(30), 0, 0, 0), SECRET);
    mfn_t instead;
    EXPECT_EQUAL(populate(DOMID_SELF, pfn_of(page).value, &instead, 1), 1);
    p2m_set(pfn_of(page), instead);
    EXPECT_RESULT(page_writable(page), 0);
}

/* What was checked was the contents at that time, by that owner. */
TEST(xsa_214_transferred_descriptor_table_is_checked_again)
{
    begin();
    uint64_t *page = page_alloc();
    mfn_t frame = mfn_of(page);
    uint64_t list = frame.value;
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(hypercall_set_gdt(&list, 512), 0);
    EXPECT_RESULT(hypercall_set_gdt(NULL, 0), 0);
    EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
    hand_over(page);
    EXPECT_RESULT(child_sets_page(&child, 30, pte_make(frame, PTE_READ_WRITE)), 0);
    EXPECT_RESULT(child_call(&child, CHILD_STORE, child_address(30), LDT_DESCRIPTOR, 0, 0), 0);
    EXPECT_RESULT(child_sets_page(&child, 30, 0), 0);
    uint64_t record = child_record(&child, &list, sizeof(list));
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_set_gdt, record, 512, 0, 0), -XEN_EINVAL);
    EXPECT_RESULT(page_writable(page), 0);
}

TEST(xsa_214_transferred_page_table_is_checked_again)
{
    begin();
    uint64_t *page = page_alloc(), *ours = page_alloc();
    mfn_t frame = mfn_of(page);
    EXPECT_RESULT(table_pin(1, page), 0);
    EXPECT_RESULT(unpin(page), 0);
    EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
    hand_over(page);
    EXPECT_RESULT(child_sets_page(&child, 30, pte_make(frame, PTE_READ_WRITE)), 0);
    EXPECT_RESULT(child_call(&child, CHILD_STORE, child_address(30),
                             pte_make(mfn_of(ours), PTE_READ_WRITE), 0, 0),
                  0);
    EXPECT_RESULT(child_sets_page(&child, 30, 0), 0);
    EXPECT_RESULT(child_mmuext(&child, MMUEXT_PIN_L1_TABLE, frame), -XEN_EBUSY);
    EXPECT_RESULT(child_sets_entry(&child, PAGE_L2, 100, pte_make(frame, PTE_TABLE)), -XEN_EBUSY);
    EXPECT_RESULT(page_writable(page), 0);
}

/* The frame is lost to its giver if its taker cannot have it: at its limit, dying, or without an
 * entry that says so. It is nobody's then. */
TEST(xsa_284_refused_transfer_neither_makes_nor_leaves_a_frame)
{
    begin();
    set_limit(child.id, CHILD_FRAMES);
    uint64_t theirs = frames_of(child.id);
    for (unsigned int round = 0; round < 2; round++) {
        void *page = page_alloc();
        mfn_t frame = mfn_of(page), instead;
        uint64_t ours = frames_of(0), free_before = free_frames();
        EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
        EXPECT_EQUAL(grant_transfer(frame, child.id, CHILD_REF), GNTST_general_error);
        EXPECT_EQUAL(frames_of(child.id), theirs);
        EXPECT_EQUAL(frames_of(0), ours - 1);
        EXPECT_EQUAL(free_frames(), free_before + 1);
        EXPECT_EQUAL(entries[CHILD_REF].flags & GTF_transfer_completed, 0);
        EXPECT(foreign_map(12, child.id, frame, PTE_READ_ONLY) < 0);
        EXPECT(foreign_map(12, DOMID_SELF, frame, PTE_READ_ONLY) < 0);
        EXPECT_EQUAL(populate(DOMID_SELF, pfn_of(page).value, &instead, 1), 1);
        p2m_set(pfn_of(page), instead);
        EXPECT_RESULT(page_writable(page), 0);
        set_limit(child.id, CHILD_FRAMES + CHILD_EXTRA);
        entries[CHILD_REF].flags = 0; /* the second time, nothing is accepted */
    }
}

/* Exchange by and for others: each frame must be of the domain whose exchange it is. */
TEST(f_exchange_takes_frames_of_its_domain_only)
{
    begin();
    void *page = page_alloc();
    const struct {
        domid_t domain;
        mfn_t frame;
    } wrong[] = {
        {DOMID_SELF, child.frames[PAGE_PLAIN]},
        {DOMID_SELF, child.frames[PAGE_L4]},
        {child.id, mfn_of(page)},
        {child.id, mfn_of(boot_l4())},
        {child.id, child.frames[PAGE_PLAIN]}, /* which it has mapped */
        {child.id, child.frames[PAGE_L1]},
    };
    uint64_t ours = frames_of(0), theirs = frames_of(child.id), free_before = free_frames();
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        xen_pfn_t in = wrong[i].frame.value, out = RECEIVED;
        struct xen_memory_exchange exchange = {
            .in = {.nr_extents = 1, .domid = wrong[i].domain},
            .out = {.nr_extents = 1, .domid = wrong[i].domain},
        };
        set_xen_guest_handle(exchange.in.extent_start, &in);
        set_xen_guest_handle(exchange.out.extent_start, &out);
        EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EINVAL);
        EXPECT_EQUAL(exchange.nr_exchanged, 0);
        EXPECT_EQUAL(out, RECEIVED);
    }
    EXPECT_EQUAL(frames_of(0), ours);
    EXPECT_EQUAL(frames_of(child.id), theirs);
    EXPECT_EQUAL(free_frames(), free_before);
    EXPECT_RESULT(child_call(&child, CHILD_LOAD, child_address(PAGE_PLAIN), 0, 0, 0), 0);
}
