/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/fake_steps.h"

#include <string.h>

#include <xen/memory.h>

struct fake_steps steps;

/* ---- the machine --------------------------------------------------------------------------- */

static pte_t first_entry(mfn_t table)
{
    return fake_entries(table)[0];
}

static mfn_t first_child(mfn_t table)
{
    return pte_mfn(first_entry(table));
}

static void build_other(void)
{
    steps.other = fake_domain(2, 1);
    steps.other->vcpus[0]->cpus = 4;
    fake_guest_build(&steps.other_guest, steps.other);
    steps.other_wide = fake_wide_tree_build(steps.other, fake_give(steps.other));
    assert_int_equal(grant_table_create(steps.other, 1, 1), STATUS_OK);
}

static void build_domain(void)
{
    steps.domain = fake_domain(1, 2);
    steps.domain->is_control = true;
    steps.vcpu = steps.domain->vcpus[0];
    steps.second = steps.domain->vcpus[1];
    steps.shared_info = frame_alloc(0, 64);
    frame_make_shared(fake_frame(steps.shared_info), steps.domain);
    fake_guest_build(&steps.guest, steps.domain);
    assert_int_equal(do_base(steps.second, steps.guest.l4), 0);
    steps.wide = fake_wide_tree_build(steps.domain, fake_give(steps.domain));
    fake_tree_build(&steps.spare, steps.domain, 2);
    fake_tree_build(&steps.second_spare, steps.domain, 2);
    assert_int_equal(grant_table_create(steps.domain, 1, 1), STATUS_OK);
}

void fake_steps_start(void)
{
    fake_start(FAKE_STEPS_FRAMES);
    build_other();
    steps.free_before = machine.free_count;
    build_domain();
}

/* ---- calls as they are before anybody resumes them ----------------------------------------- */

uint8_t *fake_argument_page(unsigned int page)
{
    return fake.buffers[0].bytes + page * PAGE_SIZE;
}

static struct fake_request make_extended(const struct mmuext_op ops[], unsigned int count,
                                         uint16_t fd)
{
    memcpy(fake_argument_page(0), ops, count * sizeof(ops[0]));
    return (struct fake_request){call_mmuext_op, {FAKE_ARGUMENTS, count, FAKE_RESULT, fd}};
}

static struct mmuext_op make_op(unsigned int command, mfn_t mfn)
{
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.arg1.mfn = mfn.value;
    return op;
}

static struct fake_request make_one(unsigned int command, mfn_t mfn)
{
    struct mmuext_op op = make_op(command, mfn);
    return make_extended(&op, 1, DOMID_SELF);
}

static struct mmu_update make_update(mfn_t table, unsigned int index, pte_t entry)
{
    return (struct mmu_update){(table.value << PAGE_SHIFT) + index * sizeof(pte_t), entry.raw};
}

static struct fake_request make_updates(const struct mmu_update updates[], unsigned int count,
                                        uint32_t word)
{
    memcpy(fake_argument_page(0), updates, count * sizeof(updates[0]));
    return (struct fake_request){call_mmu_update, {FAKE_ARGUMENTS, count, FAKE_RESULT, word}};
}

static struct fake_request make_one_update(mfn_t table, unsigned int index, pte_t entry)
{
    struct mmu_update update = make_update(table, index, entry);
    return make_updates(&update, 1, DOMID_SELF);
}

/* ---- operations ---------------------------------------------------------------------------- */

static struct fake_request pin_l4(void)
{
    return make_one(MMUEXT_PIN_L4_TABLE, steps.wide);
}

static struct fake_request pin_l3(void)
{
    return make_one(MMUEXT_PIN_L3_TABLE, first_child(steps.wide));
}

static struct fake_request pin_l2(void)
{
    return make_one(MMUEXT_PIN_L2_TABLE, first_child(first_child(steps.wide)));
}

static struct fake_request unpin_l4(void)
{
    assert_int_equal(do_pin(steps.vcpu, steps.wide, 4), 0);
    return make_one(MMUEXT_UNPIN_TABLE, steps.wide);
}

/* The last entry of all is one that nobody may have. */
static struct fake_request pin_refused_late(void)
{
    mfn_t l3 = pte_mfn(fake_entries(steps.wide)[400]);
    mfn_t l2 = pte_mfn(fake_entries(l3)[511]);
    mfn_t l1 = pte_mfn(fake_entries(l2)[3]);
    fake_entries(l1)[511] = pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_RO);
    return pin_l4();
}

/* The tables hold frames of the other domain, whose lock the release does not have. */
static struct fake_request unpin_with_foreign_frames(void)
{
    assert_int_equal(do_pin(steps.vcpu, steps.wide, 4), 0);
    mfn_t l1 = first_child(first_child(first_child(steps.wide)));
    for (unsigned int i = 0; i < 8; i++) {
        pte_t entry = pte_make(steps.other_guest.pages[i], i % 2 == 0 ? FAKE_RW : FAKE_RO);
        struct mmu_update update = make_update(l1, 100 + i, entry);
        assert_int_equal(do_mmu_update(steps.vcpu, &update, 1, steps.other->id), 0);
    }
    return make_one(MMUEXT_UNPIN_TABLE, steps.wide);
}

/* The old base is nobody else's: its tree is released. */
static struct fake_request change_base(void)
{
    assert_int_equal(do_base(steps.vcpu, steps.wide), 0);
    mfn_t fresh = fake_wide_tree_build(steps.domain, steps.guest.pages[0]);
    return make_one(MMUEXT_NEW_BASEPTR, fresh);
}

static struct fake_request change_user_base(void)
{
    assert_int_equal(do_user_base(steps.vcpu, steps.wide), 0);
    mfn_t fresh = fake_wide_tree_build(steps.domain, steps.guest.pages[0]);
    return make_one(MMUEXT_NEW_USER_BASEPTR, fresh);
}

static struct fake_request drop_user_base(void)
{
    assert_int_equal(do_user_base(steps.vcpu, steps.wide), 0);
    return make_one(MMUEXT_NEW_USER_BASEPTR, mfn_make(0));
}

static struct fake_request set_l4_entry(void)
{
    return make_one_update(steps.guest.l4, 3, first_entry(steps.wide));
}

static struct fake_request replace_l4_entry(void)
{
    assert_int_equal(do_update(steps.vcpu, steps.guest.l4, 3, first_entry(steps.wide)), 0);
    return make_one_update(steps.guest.l4, 3, fake_entries(steps.wide)[200]);
}

static struct fake_request clear_l4_entry(void)
{
    assert_int_equal(do_update(steps.vcpu, steps.guest.l4, 3, first_entry(steps.wide)), 0);
    return make_one_update(steps.guest.l4, 3, (pte_t){0});
}

static struct fake_request set_l3_entry(void)
{
    return make_one_update(steps.guest.l3, 3, first_entry(first_child(steps.wide)));
}

static struct fake_request replace_l3_entry(void)
{
    mfn_t l3 = first_child(steps.wide);
    assert_int_equal(do_update(steps.vcpu, steps.guest.l3, 3, first_entry(l3)), 0);
    return make_one_update(steps.guest.l3, 3, fake_entries(l3)[511]);
}

static struct fake_request replace_l2_entry(void)
{
    mfn_t l2 = first_child(first_child(steps.wide));
    assert_int_equal(do_update(steps.vcpu, steps.guest.l2, 3, first_entry(l2)), 0);
    return make_one_update(steps.guest.l2, 3, fake_entries(l2)[3]);
}

static struct fake_request update_in_batch(void)
{
    assert_int_equal(do_update(steps.vcpu, steps.guest.l4, 3, first_entry(steps.wide)), 0);
    const struct mmu_update updates[] = {
        make_update(steps.guest.l4, 4, fake_entries(steps.wide)[200]),
        make_update(steps.guest.l4, 3, fake_entries(steps.wide)[400]),
        make_update(steps.guest.l1, 7, pte_make(steps.guest.pages[1], FAKE_RO)),
        make_update(steps.guest.l4, 4, (pte_t){0}),
    };
    return make_updates(updates, ARRAY_SIZE(updates), DOMID_SELF);
}

static struct fake_request update_in_batch_refused(void)
{
    const struct mmu_update updates[] = {
        make_update(steps.guest.l4, 4, first_entry(steps.wide)),
        make_update(steps.guest.l4, 4, fake_entries(steps.wide)[200]),
        make_update(steps.guest.l4, 5, pte_make(steps.guest.pages[1], FAKE_TABLE)),
        make_update(steps.guest.l4, 4, (pte_t){0}),
    };
    return make_updates(updates, ARRAY_SIZE(updates), DOMID_SELF);
}

static struct fake_request extend_in_batch(void)
{
    const struct mmuext_op ops[] = {
        make_op(MMUEXT_PIN_L4_TABLE, steps.wide),
        make_op(MMUEXT_UNPIN_TABLE, steps.wide),
        make_op(MMUEXT_PIN_L3_TABLE, first_child(steps.wide)),
        make_op(MMUEXT_NEW_USER_BASEPTR, steps.wide),
    };
    return make_extended(ops, ARRAY_SIZE(ops), DOMID_SELF);
}

static struct fake_request extend_in_batch_refused(void)
{
    const struct mmuext_op ops[] = {
        make_op(MMUEXT_PIN_L4_TABLE, steps.wide),
        make_op(MMUEXT_UNPIN_TABLE, steps.wide),
        make_op(MMUEXT_UNPIN_TABLE, steps.wide),
        make_op(MMUEXT_PIN_L4_TABLE, steps.wide),
    };
    return make_extended(ops, ARRAY_SIZE(ops), DOMID_SELF);
}

static struct fake_request pin_for_another(void)
{
    struct mmuext_op op = make_op(MMUEXT_PIN_L4_TABLE, steps.other_wide);
    return make_extended(&op, 1, steps.other->id);
}

static struct fake_request unpin_for_another(void)
{
    assert_int_equal(do_pin(steps.other->vcpus[0], steps.other_wide, 4), 0);
    struct mmuext_op op = make_op(MMUEXT_UNPIN_TABLE, steps.other_wide);
    return make_extended(&op, 1, steps.other->id);
}

/* Its own frames in its tables: the page owner and the table owner are both the other domain. */
static struct fake_request update_for_another(void)
{
    uint32_t word = ((steps.other->id + 1U) << 16) | steps.other->id;
    struct mmu_update update = make_update(steps.other_guest.l4, 3, first_entry(steps.other_wide));
    return make_updates(&update, 1, word);
}

/* ---- the reservation ----------------------------------------------------------------------- */

static void put_list(unsigned int page, bool in_use_late)
{
    for (unsigned int i = 0; i < FAKE_EXTENTS; i++) {
        mfn_t mfn =
            in_use_late && i == FAKE_EXTENTS - 2 ? steps.guest.pages[0] : fake_give(steps.domain);
        memcpy(fake_argument_page(page) + i * sizeof(mfn), &mfn, sizeof(mfn));
    }
}

static struct xen_memory_reservation make_list(unsigned int page)
{
    struct xen_memory_reservation reservation;
    memset(&reservation, 0, sizeof(reservation));
    uint64_t list = FAKE_ARGUMENTS + page * PAGE_SIZE;
    memcpy(&reservation.extent_start, &list, sizeof(list));
    reservation.nr_extents = FAKE_EXTENTS;
    reservation.domid = DOMID_SELF;
    return reservation;
}

static struct fake_request make_reservation(uint64_t command)
{
    struct xen_memory_reservation reservation = make_list(1);
    memcpy(fake_argument_page(0), &reservation, sizeof(reservation));
    return (struct fake_request){call_memory_op, {command, FAKE_ARGUMENTS}};
}

static void put_pfns(unsigned int page)
{
    for (uint64_t i = 0; i < FAKE_EXTENTS; i++) {
        uint64_t pfn = 70 + i;
        memcpy(fake_argument_page(page) + i * sizeof(pfn), &pfn, sizeof(pfn));
    }
}

static struct fake_request populate(void)
{
    put_pfns(1);
    return make_reservation(XENMEM_populate_physmap);
}

static struct fake_request populate_beyond_quota(void)
{
    steps.domain->page_limit = steps.domain->page_count + FAKE_EXTENTS - 2;
    return populate();
}

static struct fake_request increase(void)
{
    return make_reservation(XENMEM_increase_reservation);
}

static struct fake_request decrease(void)
{
    put_list(1, false);
    return make_reservation(XENMEM_decrease_reservation);
}

static struct fake_request make_exchange(bool in_use_late)
{
    struct xen_memory_exchange exchange;
    memset(&exchange, 0, sizeof(exchange));
    exchange.in = make_list(1);
    exchange.out = make_list(2);
    put_list(1, in_use_late);
    put_pfns(2);
    memcpy(fake_argument_page(0), &exchange, sizeof(exchange));
    return (struct fake_request){call_memory_op, {XENMEM_exchange, FAKE_ARGUMENTS}};
}

static struct fake_request exchange(void)
{
    return make_exchange(false);
}

static struct fake_request exchange_refused(void)
{
    return make_exchange(true);
}

/* ---- grants -------------------------------------------------------------------------------- */

#define FIRST_REF  8U
#define FIRST_PAGE 40U /* of the mapper's address space, empty */

static struct fake_request make_grants(uint64_t command, const void *elements, size_t size)
{
    memcpy(fake_argument_page(0), elements, size);
    return (struct fake_request){call_grant_table_op, {command, FAKE_ARGUMENTS, FAKE_EXTENTS}};
}

/* The other domain grants pages; the odd ones for reading. */
static struct fake_request map_grants(void)
{
    struct gnttab_map_grant_ref maps[FAKE_EXTENTS];
    for (unsigned int i = 0; i < FAKE_EXTENTS; i++) {
        uint16_t read_only = i % 2 != 0 ? GTF_readonly : 0;
        fake_grant(&steps.other_guest, FIRST_REF + i, &steps.guest, steps.other_guest.pages[i],
                   (uint16_t)(GTF_permit_access | read_only));
        uint32_t flags = GNTMAP_host_map | (i % 3 == 0 ? GNTMAP_device_map : 0) |
                         (read_only != 0 ? GNTMAP_readonly : 0);
        maps[i] = fake_map_of(&steps.other_guest, FIRST_REF + i, FAKE_VA(FIRST_PAGE + i), flags);
    }
    return make_grants(GNTTABOP_map_grant_ref, maps, sizeof(maps));
}

/* The fourth is refused, which ends nothing. */
static struct fake_request map_grants_one_refused(void)
{
    struct fake_request request = map_grants();
    fake_grant_entry(&steps.other_guest, FIRST_REF + 3)->domid = DOMID_IO;
    return request;
}

static struct fake_request unmap_grants(void)
{
    struct fake_request mapping = map_grants();
    assert_int_equal(fake_call(mapping.call, steps.vcpu, mapping.arg), 0);
    struct gnttab_map_grant_ref maps[FAKE_EXTENTS];
    memcpy(maps, fake_argument_page(0), sizeof(maps));
    struct gnttab_unmap_grant_ref unmaps[FAKE_EXTENTS];
    for (unsigned int i = 0; i < FAKE_EXTENTS; i++) {
        assert_int_equal(maps[i].status, GNTST_okay);
        unmaps[i] = (struct gnttab_unmap_grant_ref){.handle = maps[i].handle,
                                                    .host_addr = maps[i].host_addr,
                                                    .dev_bus_addr = maps[i].dev_bus_addr};
    }
    return make_grants(GNTTABOP_unmap_grant_ref, unmaps, sizeof(unmaps));
}

static struct fake_request transfer_grants(void)
{
    struct gnttab_transfer transfers[FAKE_EXTENTS];
    for (unsigned int i = 0; i < FAKE_EXTENTS; i++) {
        fake_grant(&steps.other_guest, FIRST_REF + i, &steps.guest, mfn_make(90 + i),
                   GTF_accept_transfer);
        transfers[i] = (struct gnttab_transfer){
            .mfn = fake_give(steps.domain).value, .domid = 2, .ref = FIRST_REF + i};
    }
    return make_grants(GNTTABOP_transfer, transfers, sizeof(transfers));
}

/* There and back, in turns. */
static struct fake_request copy_grants(void)
{
    struct gnttab_copy copies[FAKE_EXTENTS];
    for (unsigned int i = 0; i < FAKE_EXTENTS; i++) {
        fake_grant(&steps.other_guest, FIRST_REF + i, &steps.guest, steps.other_guest.pages[i],
                   GTF_permit_access);
        memset(fake_entries(steps.guest.pages[i]), 0x40 + (int)i, PAGE_SIZE);
        struct gnttab_copy_ptr grant = {.u.ref = FIRST_REF + i, .domid = 2, .offset = 64};
        struct gnttab_copy_ptr own = {.u.gmfn = steps.guest.pages[i].value, .domid = DOMID_SELF};
        bool there = i % 2 == 0;
        copies[i] = (struct gnttab_copy){.source = there ? own : grant,
                                         .dest = there ? grant : own,
                                         .len = 100,
                                         .flags = there ? GNTCOPY_dest_gref : GNTCOPY_source_gref};
    }
    return make_grants(GNTTABOP_copy, copies, sizeof(copies));
}

/* ---- all of them --------------------------------------------------------------------------- */

const struct fake_operation fake_operations[] = {
    {"pin of an L4", pin_l4, 12, true, false},
    {"pin of an L3", pin_l3, 4, true, false},
    {"pin of an L2", pin_l2, 2, true, false},
    {"unpin of an L4", unpin_l4, 12, true, false},
    {"pin refused late", pin_refused_late, 22, true, false},
    {"unpin of tables with foreign frames", unpin_with_foreign_frames, 12, true, false},
    {"new base", change_base, 24, true, false},
    {"new user base", change_user_base, 24, true, false},
    {"no user base", drop_user_base, 12, true, false},
    {"L4 entry set", set_l4_entry, 4, true, false},
    {"L4 entry replaced", replace_l4_entry, 8, true, false},
    {"L4 entry cleared", clear_l4_entry, 4, true, false},
    {"L3 entry set", set_l3_entry, 2, true, false},
    {"L3 entry replaced", replace_l3_entry, 4, true, false},
    {"L2 entry replaced", replace_l2_entry, 0, true, false},
    {"batch of updates", update_in_batch, 19, false, false},
    {"batch of updates, refused", update_in_batch_refused, 14, false, false},
    {"batch of operations", extend_in_batch, 40, false, false},
    {"batch of operations, refused", extend_in_batch_refused, 26, false, false},
    {"pin for another", pin_for_another, 12, true, true},
    {"unpin for another", unpin_for_another, 12, true, true},
    {"update for another", update_for_another, 4, true, true},
    {"populate", populate, FAKE_EXTENTS - 1, false, false},
    {"populate beyond the quota", populate_beyond_quota, FAKE_EXTENTS - 2, false, false},
    {"increase", increase, FAKE_EXTENTS - 1, false, false},
    {"decrease", decrease, FAKE_EXTENTS - 1, false, false},
    {"exchange", exchange, FAKE_EXTENTS - 1, false, false},
    {"exchange, refused", exchange_refused, FAKE_EXTENTS - 2, false, false},
    {"grants mapped", map_grants, FAKE_EXTENTS - 1, false, false},
    {"grants mapped, one refused", map_grants_one_refused, FAKE_EXTENTS - 1, false, false},
    {"grants unmapped", unmap_grants, FAKE_EXTENTS - 1, false, false},
    {"frames transferred", transfer_grants, FAKE_EXTENTS - 1, false, true},
    {"grants copied", copy_grants, FAKE_EXTENTS - 1, false, true},
};
const unsigned int fake_operation_count = ARRAY_SIZE(fake_operations);
