/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families A, F, J and Q: what is done for a child obeys the rules that its own calls obey, entry
 * by entry; and what a child leaves, in tables or in the machine-to-physical table, is only data.
 */
#include "guests/domains/child_grants.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define MAGIC_COUNT 5U

static const uint64_t magic_values[MAGIC_COUNT] = {0, UINT64_MAX, UINT64_C(0x5555555555555555),
                                                   UINT64_C(1) << 63, UINT64_C(0x8000000000000001)};

static int64_t set_for_child(const struct child *child, unsigned int table, unsigned int index,
                             uint64_t value)
{
    mmu_update_t update = {
        .ptr = (child->frames[table].value << PAGE_SHIFT) + index * sizeof(uint64_t), .val = value};
    return hypercall_mmu_update(&update, 1, NULL, ((uint64_t)child->id + 1) << 16 | child->id);
}

static uint64_t entry_of_child(const struct child *child, unsigned int table, unsigned int index)
{
    EXPECT_RESULT(foreign_map(12, child->id, child->frames[table], PTE_READ_ONLY), 0);
    return ((volatile uint64_t *)slot_address(12))[index];
}

/* Refused to us for the child as it is refused to the child itself, and nothing changed. */
static void expect_refused(const struct child *child, unsigned int table, unsigned int index,
                           uint64_t value, int64_t error)
{
    uint64_t before = entry_of_child(child, table, index);
    EXPECT_RESULT(set_for_child(child, table, index, value), error);
    EXPECT_RESULT(child_sets_entry(child, table, index, value), error);
    EXPECT_EQUAL(entry_of_child(child, table, index), before);
}

TEST(xsa_148_page_size_bit_is_not_set_for_a_child)
{
    struct child child = child_start();
    for (unsigned int table = PAGE_L2; table <= PAGE_L4; table++) {
        size_t used = table_index(CHILD_VA, table - PAGE_L1 + 1);
        uint64_t entry = pte_make(child.frames[table - 1], PTE_TABLE | PTE_LARGE);
        expect_refused(&child, table, (unsigned int)used, entry, -XEN_EINVAL);
        expect_refused(&child, table, (unsigned int)used, entry & ~PTE_WRITABLE, -XEN_EINVAL);
        expect_refused(&child, table, 5, entry, -XEN_EINVAL);
    }
}

TEST(a_entries_of_a_child_obey_the_same_rules_from_outside)
{
    struct child child = child_start();
    for (unsigned int table = PAGE_L2; table <= PAGE_L4; table++) {
        uint64_t below = pte_make(child.frames[table - 1], PTE_TABLE);
        expect_refused(&child, table, 5, below | PTE_GLOBAL, -XEN_EINVAL);
        expect_refused(&child, table, 5, below | UINT64_C(1) << 51, -XEN_EINVAL);
        expect_refused(&child, table, 5, pte_make(child.frames[PAGE_PLAIN], PTE_TABLE),
                       -XEN_EINVAL);
        for (unsigned int other = PAGE_L1; other <= PAGE_L4; other++) {
            if (other != table - 1) { /* writable, as then it is refused in every setting */
                expect_refused(&child, table, 5, pte_make(child.frames[other], PTE_TABLE),
                               -XEN_EINVAL);
            }
        }
    }
    for (unsigned int slot = L4_HOLE_FIRST; slot <= L4_HOLE_LAST; slot++) {
        expect_refused(&child, PAGE_L4, slot, pte_make(child.frames[PAGE_L3], PTE_TABLE),
                       -XEN_EINVAL);
        expect_refused(&child, PAGE_L4, slot, 0, -XEN_EINVAL);
    }
    for (unsigned int table = PAGE_L1; table <= PAGE_L4; table++) {
        expect_refused(&child, PAGE_L1, 20, pte_make(child.frames[table], PTE_READ_WRITE),
                       -XEN_EBUSY);
    }
}

/* An entry of a child's table for the frame of a third domain, by whatever owner is named. */
static int64_t set_third(const struct child *child, const struct child *third, domid_t table_owner,
                         domid_t frame_owner)
{
    mmu_update_t update = {
        .ptr = (child->frames[PAGE_L1].value << PAGE_SHIFT) + 20 * sizeof(uint64_t),
        .val = pte_make(third->frames[PAGE_PLAIN], PTE_READ_ONLY),
    };
    return hypercall_mmu_update(&update, 1, NULL, ((uint64_t)table_owner + 1) << 16 | frame_owner);
}

TEST(j_owner_that_is_named_for_a_table_or_frame_must_be_its_owner)
{
    struct child child = child_start();
    struct child third = child_start_another(1);
    EXPECT_RESULT(set_third(&child, &third, child.id, child.id), -XEN_EBUSY);
    EXPECT_RESULT(set_third(&child, &third, third.id, third.id), -XEN_EINVAL);
    EXPECT_RESULT(set_third(&child, &third, 0, third.id), -XEN_EINVAL);
    EXPECT_RESULT(set_third(&child, &third, child.id, DOMID_IO), -XEN_EBUSY);
    EXPECT_EQUAL(entry_of_child(&child, PAGE_L1, 20), 0);
}

/* Frames of one ordinary domain reach another by grants alone. */
TEST(choice_frames_of_a_third_domain_are_not_handed_on)
{
    struct child child = child_start();
    struct child third = child_start_another(1);
    EXPECT_RESULT(set_third(&child, &third, child.id, DOMID_SELF), -XEN_EBUSY);
    EXPECT_RESULT(set_third(&child, &third, child.id, third.id), -XEN_EPERM);
    EXPECT_EQUAL(entry_of_child(&child, PAGE_L1, 20), 0);
}

/* ---- what dies ------------------------------------------------------------------------------- */

/* Tables are let go of, whatever has them mapped; the frames stay as long as that, and are no
 * tables any more. */
TEST(q_tables_of_a_dead_domain_that_we_map_are_only_frames)
{
    struct child child = child_start();
    uint64_t entry = pte_make(child.frames[PAGE_PLAIN], PTE_READ_WRITE);
    EXPECT_RESULT(set_for_child(&child, PAGE_L1, 40, entry), 0);
    uint64_t stored = entry_of_child(&child, PAGE_L1, 40);
    EXPECT_RESULT(foreign_map(12, child.id, child.frames[0], 0), 0);
    for (unsigned int table = PAGE_L1; table <= PAGE_L4; table++) {
        EXPECT_RESULT(foreign_map(12 + table, child.id, child.frames[table], PTE_READ_ONLY), 0);
    }
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, child.id), 0);
    let_time_pass();
    EXPECT_EQUAL(frames_of(child.id), 4);
    EXPECT_EQUAL(((volatile uint64_t *)slot_address(12 + PAGE_L1))[40] & PTE_MFN_MASK,
                 stored & PTE_MFN_MASK);
    uint64_t not_checked = pte_make(mfn_of(boot_l4()), PTE_READ_WRITE);
    for (unsigned int table = PAGE_L1; table <= PAGE_L4; table++) {
        mfn_t frame = child.frames[table];
        EXPECT(foreign_map(3, DOMID_SELF, frame, PTE_READ_ONLY) < 0);
        EXPECT_RESULT(set_for_child(&child, table, 41, not_checked), 0); /* as data */
        EXPECT_EQUAL(((volatile uint64_t *)slot_address(12 + table))[41], not_checked);
        EXPECT(mmuext_for(child.id, MMUEXT_PIN_L1_TABLE + table - PAGE_L1, frame) < 0);
        EXPECT(mmuext_for(child.id, MMUEXT_UNPIN_TABLE, frame) < 0);
        EXPECT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(frame, PTE_TABLE)) < 0);
    }
    for (unsigned int table = PAGE_L1; table <= PAGE_L4; table++) {
        EXPECT(!is_gone(child.id));
        EXPECT_RESULT(foreign_map(12 + table, child.id, child.frames[0], 0), 0);
    }
    wait_until_gone(child.id);
}

/* The child writes what it likes about its frames; the hypervisor never believes it. */
TEST(xsa_251_domain_that_filled_the_m2p_with_magic_values_is_taken_apart)
{
    struct child child = child_start();
    void *page = page_alloc();
    uint64_t ours = m2p_get(mfn_of(page)), free_before = free_frames();
    for (unsigned int page_number = 0; page_number < CHILD_FRAMES; page_number++) {
        mfn_t frame = child.frames[page_number];
        uint64_t magic = magic_values[page_number % MAGIC_COUNT];
        mmu_update_t update = {.ptr = (frame.value << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE,
                               .val = magic};
        EXPECT_RESULT(child_call(&child, __HYPERVISOR_mmu_update,
                                 child_record(&child, &update, sizeof(update)), 1, 0, DOMID_SELF),
                      0);
        EXPECT_EQUAL(m2p_get(frame), magic);
        update.ptr = (mfn_of(page).value << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE;
        EXPECT_RESULT(child_call(&child, __HYPERVISOR_mmu_update,
                                 child_record(&child, &update, sizeof(update)), 1, 0, DOMID_SELF),
                      -XEN_EINVAL);
        EXPECT_EQUAL(m2p_get(mfn_of(page)), ours);
    }
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT_RESULT(foreign_map(2, child.id, child.frames[PAGE_PLAIN], PTE_READ_WRITE), 0);
    EXPECT_RESULT(child_sets_page(&child, PAGE_PLAIN + 1, 0), 0);
    xen_pfn_t extent = child.frames[PAGE_PLAIN + 1].value;
    struct xen_memory_reservation back = {.nr_extents = 1, .domid = child.id};
    set_xen_guest_handle(back.extent_start, &extent);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_decrease_reservation, &back), 1);
    EXPECT_RESULT(foreign_map(2, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
    EXPECT(free_frames() >= free_before + CHILD_FRAMES);
}

/* ---- event channels of a dying domain -------------------------------------------------------- */

TEST(f_dying_domain_has_no_ports)
{
    struct child child = child_start();
    struct evtchn_alloc_unbound bound = {.dom = child.id, .remote_dom = DOMID_SELF};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &bound), 0);
    struct evtchn_bind_interdomain bind = {.remote_dom = child.id, .remote_port = bound.port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
    struct evtchn_alloc_unbound waiting = {.dom = child.id, .remote_dom = DOMID_SELF};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &waiting), 0);
    struct evtchn_alloc_unbound offered = {.dom = DOMID_SELF, .remote_dom = child.id};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &offered), 0);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[PAGE_PLAIN], PTE_READ_ONLY), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, child.id), 0);
    let_time_pass();
    EXPECT(!is_gone(child.id));
    struct evtchn_status status = {.dom = DOMID_SELF, .port = bind.local_port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQUAL(status.status, EVTCHNSTAT_unbound);
    struct evtchn_send send = {.port = bind.local_port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
    const evtchn_port_t ports[] = {bound.port, waiting.port};
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        struct evtchn_bind_interdomain again = {.remote_dom = child.id, .remote_port = ports[i]};
        EXPECT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &again) < 0);
    }
    struct evtchn_alloc_unbound more = {.dom = child.id, .remote_dom = DOMID_SELF};
    EXPECT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &more) < 0);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    wait_until_gone(child.id);
    struct evtchn_close close = {.port = bind.local_port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
    close.port = offered.port;
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
}
