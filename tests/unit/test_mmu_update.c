/* SPDX-License-Identifier: BSD-2-Clause */
/* mmu_update: its commands, batches, counts and continuations, and acting for other domains. */
#include "tests/fake/fake_machine.h"

#include <string.h>

static struct domain *domain;
static struct domain *control;
static struct vcpu *vcpu;
static struct vcpu *control_vcpu;
static struct fake_guest guest;
static struct fake_guest controller;

static int setup(void **state)
{
    (void)state;
    fake_start(128);
    control = fake_domain(0, 1);
    control->is_control = true;
    control->has_io = true;
    domain = fake_domain(1, 2);
    vcpu = domain->vcpus[0];
    control_vcpu = control->vcpus[0];
    fake_guest_build(&controller, control);
    fake_guest_build(&guest, domain);
    return 0;
}

static struct mmu_update request(mfn_t table, unsigned int index, unsigned int command, pte_t pte)
{
    return (struct mmu_update){.ptr = (table.value << PAGE_SHIFT) + index * sizeof(pte_t) + command,
                               .val = pte.raw};
}

static int64_t update_for(struct vcpu *caller, mfn_t table, unsigned int index, pte_t pte,
                          uint32_t fd)
{
    struct mmu_update one = request(table, index, MMU_NORMAL_PT_UPDATE, pte);
    return do_mmu_update(caller, &one, 1, fd);
}

static pte_t read_entry(mfn_t table, unsigned int index)
{
    return fake_entries(table)[index];
}

/* ---- entries ------------------------------------------------------------------------------- */

static void an_l1_entry_is_replaced_and_both_frames_are_recounted(void **state)
{
    (void)state;
    assert_int_equal(do_update(vcpu, guest.l1, 0, pte_make(guest.pages[1], PTE_PRESENT)), 0);
    assert_int_equal(read_entry(guest.l1, 0).raw, pte_make(guest.pages[1], FAKE_RO).raw);
    assert_int_equal(fake_frame(guest.pages[0])->ref_count, 1);
    assert_int_equal(fake_frame(guest.pages[0])->type_count, 0);
    assert_int_equal(fake_frame(guest.pages[1])->ref_count, 3);
    assert_int_equal(fake_frame(guest.pages[1])->type_count, 1);
    assert_int_equal(fake_done(), 1);
}

static void refused_entries_change_nothing(void **state)
{
    (void)state;
    const struct {
        mfn_t table;
        uint64_t value;
        int64_t error;
    } cases[] = {
        {guest.l1, pte_make(guest.l1, FAKE_RW).raw, -XEN_EBUSY},
        {guest.l1, pte_make(guest.l4, FAKE_RW).raw, -XEN_EBUSY},
        {guest.l1, pte_make(controller.pages[0], FAKE_RO).raw, -XEN_EBUSY},
        {guest.l1, pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_RO).raw, -XEN_EBUSY},
        {guest.l1, pte_make(mfn_make(127), FAKE_RO).raw, -XEN_EBUSY},
        {guest.l1, pte_make(mfn_make(0), FAKE_RO).raw, -XEN_EPERM},
        {guest.l1, pte_make(mfn_make(5000), FAKE_RO).raw, -XEN_EPERM},
        {guest.l1, pte_make(mfn_make(PTE_MFN_ALL_ONES), FAKE_RO).raw, -XEN_EINVAL},
        {guest.l1, pte_make(guest.pages[0], FAKE_RO | PTE_PCD).raw, -XEN_EINVAL},
        {guest.l2, pte_make(guest.pages[0], FAKE_TABLE).raw, -XEN_EINVAL},
        {guest.l2, pte_make(guest.l2, FAKE_TABLE).raw, -XEN_EINVAL},
        {guest.l2, pte_make(guest.l3, FAKE_TABLE).raw, -XEN_EINVAL},
        {guest.l2, pte_make(guest.pages[0], FAKE_TABLE | PTE_PAGE_SIZE).raw, -XEN_EINVAL},
        {guest.l3, pte_make(guest.l1, FAKE_TABLE).raw, -XEN_EINVAL},
        {guest.l3, pte_make(controller.l2, FAKE_TABLE).raw, -XEN_EINVAL},
        {guest.l4, pte_make(guest.l4, FAKE_TABLE).raw, -XEN_EINVAL},
        {guest.l4, pte_make(mfn_make(PTE_MFN_ALL_ONES), FAKE_TABLE).raw, -XEN_EINVAL},
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fake_snapshot *before = fake_snapshot();
        assert_int_equal(do_update(vcpu, cases[i].table, 1, (pte_t){cases[i].value}),
                         cases[i].error);
        assert_int_equal(fake_done(), 0);
        assert_unchanged(before);
    }
}

static void expect_refusal(unsigned int level, uint64_t address, uint64_t number, mfn_t frame)
{
    const struct refusal *about = &fake.refusal.about;
    assert_int_equal(about->level, level);
    assert_int_equal(about->address, address);
    assert_int_equal(about->number, number);
    assert_ptr_equal(about->frame, mfn_equal(frame, MFN_INVALID) ? NULL : fake_frame(frame));
}

static void a_refusal_names_the_place_the_level_and_the_frame(void **state)
{
    (void)state;
    mfn_t foreign = controller.pages[0];
    pte_t entry = pte_make(foreign, FAKE_RO);
    uint64_t place = (guest.l1.value << PAGE_SHIFT) + 3 * sizeof(pte_t);
    assert_int_equal(do_update(vcpu, guest.l1, 3, entry), -XEN_EBUSY);
    expect_refusal(1, place, entry.raw, foreign);
    assert_int_equal(do_update(vcpu, guest.l2, 3, pte_make(guest.pages[0], FAKE_TABLE)),
                     -XEN_EINVAL);
    expect_refusal(2, (guest.l2.value << PAGE_SHIFT) + 3 * sizeof(pte_t),
                   pte_make(guest.pages[0], FAKE_TABLE).raw, guest.pages[0]);
    /* What is wrong here is the place. */
    assert_int_equal(do_update(vcpu, foreign, 3, entry), -XEN_EINVAL);
    expect_refusal(0, (foreign.value << PAGE_SHIFT) + 3 * sizeof(pte_t), entry.raw, foreign);
    /* An entry of a table that is looked at for the first time. */
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 2);
    fake_entries(tree.table[1])[7] = entry;
    assert_int_equal(do_pin(vcpu, tree.table[2], 2), -XEN_EBUSY);
    expect_refusal(1, (tree.table[1].value << PAGE_SHIFT) + 7 * sizeof(pte_t), entry.raw, foreign);
    assert_int_equal(do_va(vcpu, FAKE_VA(5), entry, 0), -XEN_EBUSY);
    expect_refusal(1, FAKE_VA(5), entry.raw, foreign);
    assert_int_equal(do_va(vcpu, FAKE_VA(600), entry, 0), -XEN_EINVAL);
    expect_refusal(1, FAKE_VA(600), entry.raw, foreign);
    assert_int_equal(do_unpin(vcpu, guest.pages[0]), -XEN_EINVAL);
    expect_refusal(0, 0, guest.pages[0].value, guest.pages[0]);
}

static void too_many_references_refuse_an_entry(void **state)
{
    (void)state;
    struct frame *frame = fake_frame(guest.pages[1]);
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    struct mmu_update one = request(guest.l1, 40, 0, pte_make(guest.pages[1], FAKE_RW));
    memcpy(fake.buffers[0].bytes, &one, sizeof(one));
    fake.vcpu = vcpu;
    frame->ref_count = UINT32_MAX - 1;
    assert_int_equal(call_mmu_update(vcpu, arg).value, -XEN_EINVAL);
    assert_int_equal(frame->ref_count, UINT32_MAX - 1);
    frame->ref_count = 2;
    frame->type_count = UINT32_MAX;
    assert_int_equal(call_mmu_update(vcpu, arg).value, -XEN_EINVAL);
    assert_int_equal(frame->ref_count, 2);
    frame->type_count = 1;
    assert_int_equal(read_entry(guest.l1, 40).raw, 0);
    assert_audit_clean();
}

static void hypervisor_slots_cannot_be_changed(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = L4_HYPERVISOR_FIRST; i <= L4_HYPERVISOR_LAST; i++) {
        assert_int_equal(do_update(vcpu, guest.l4, i, (pte_t){0}), -XEN_EINVAL);
        assert_int_equal(do_update(vcpu, guest.l4, i, pte_make(guest.l3, FAKE_TABLE)), -XEN_EINVAL);
    }
    assert_unchanged(before);
    assert_int_equal(do_update(vcpu, guest.l4, 255, pte_make(guest.l3, FAKE_TABLE)), 0);
    assert_int_equal(do_update(vcpu, guest.l4, 272, pte_make(guest.l3, FAKE_TABLE)), 0);
}

static void an_update_of_an_unused_frame_is_a_plain_store(void **state)
{
    (void)state;
    mfn_t fresh = fake_give(domain);
    pte_t anything = {.raw = UINT64_C(0xffffffffffffffff)};
    assert_int_equal(do_update(vcpu, fresh, 9, anything), 0);
    assert_int_equal(do_update(vcpu, guest.pages[0], 9, anything), 0);
    assert_int_equal(read_entry(fresh, 9).raw, anything.raw);
    assert_int_equal(fake_frame(fresh)->type_count, 0);
    assert_int_equal(fake_frame(guest.pages[0])->type_count, 1);
}

static void a_descriptor_frame_cannot_be_stored_to(void **state)
{
    (void)state;
    mfn_t gdt = fake_give(domain);
    memcpy(fake.buffers[0].bytes, &gdt, sizeof(gdt));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 512};
    assert_int_equal(fake_call(call_set_gdt, vcpu, arg), 0);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(do_update(vcpu, gdt, 0, (pte_t){0}), -XEN_EINVAL);
    assert_unchanged(before);
}

static void only_ones_own_tables_can_be_updated(void **state)
{
    (void)state;
    const mfn_t tables[] = {
        controller.l1, mfn_make(0),   mfn_make(FAKE_HYPERVISOR), mfn_make(FAKE_SHARED_READ),
        mfn_make(127), mfn_make(128), mfn_make(PTE_MFN_ALL_ONES)};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++) {
        assert_int_equal(do_update(vcpu, tables[i], 0, (pte_t){0}), -XEN_EINVAL);
    }
    assert_unchanged(before);
}

static void preserving_keeps_accessed_and_dirty_as_they_are(void **state)
{
    (void)state;
    pte_t *slot = &fake_entries(guest.l1)[2];
    pte_t clean = pte_make(guest.pages[2], FAKE_RW);
    slot->raw |= PTE_ACCESSED | PTE_DIRTY;
    struct mmu_update one = request(guest.l1, 2, MMU_PT_UPDATE_PRESERVE_AD, clean);
    assert_int_equal(do_mmu_update(vcpu, &one, 1, DOMID_SELF), 0);
    assert_int_equal(slot->raw, clean.raw | PTE_ACCESSED | PTE_DIRTY);
    one = request(guest.l1, 2, MMU_PT_UPDATE_NO_TRANSLATE, clean);
    assert_int_equal(do_mmu_update(vcpu, &one, 1, DOMID_SELF), 0);
    assert_int_equal(slot->raw, clean.raw);
}

static void the_m2p_is_changed_for_ones_own_frames_only(void **state)
{
    (void)state;
    struct mmu_update one = {.ptr = (guest.pages[0].value << PAGE_SHIFT) + MMU_MACHPHYS_UPDATE,
                             .val = 0x123};
    assert_int_equal(do_mmu_update(vcpu, &one, 1, DOMID_SELF), 0);
    assert_int_equal(machine.m2p[guest.pages[0].value], 0x123);
    struct fake_snapshot *before = fake_snapshot();
    const mfn_t others[] = {controller.pages[0],        mfn_make(0),   mfn_make(FAKE_HYPERVISOR),
                            mfn_make(FAKE_SHARED_READ), mfn_make(127), mfn_make(1000)};
    for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
        one.ptr = (others[i].value << PAGE_SHIFT) + MMU_MACHPHYS_UPDATE;
        assert_int_equal(do_mmu_update(vcpu, &one, 1, DOMID_SELF), -XEN_EINVAL);
    }
    one.ptr = (guest.pages[0].value << PAGE_SHIFT) + MMU_MACHPHYS_UPDATE;
    assert_int_equal(do_mmu_update(control_vcpu, &one, 1, ((1U + domain->id) << 16) | DOMID_SELF),
                     -XEN_EPERM);
    assert_unchanged(before);
}

static void commands_that_are_not_defined_are_refused(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int command = 4; command < 8; command++) {
        struct mmu_update one = request(guest.l1, 0, command, (pte_t){0});
        assert_int_equal(do_mmu_update(vcpu, &one, 1, DOMID_SELF), -XEN_ENOSYS);
    }
    assert_unchanged(before);
}

/* ---- batches ------------------------------------------------------------------------------- */

static void a_batch_stops_at_the_first_refusal_and_counts_those_before(void **state)
{
    (void)state;
    const struct mmu_update requests[] = {
        request(guest.l1, 0, 0, (pte_t){0}), request(guest.l1, 1, 0, (pte_t){0}),
        request(guest.l1, 2, 0, pte_make(guest.l1, FAKE_RW)), request(guest.l1, 3, 0, (pte_t){0})};
    assert_int_equal(do_mmu_update(vcpu, requests, 4, DOMID_SELF), -XEN_EBUSY);
    assert_int_equal(fake_done(), 2);
    assert_int_equal(read_entry(guest.l1, 1).raw, 0);
    assert_int_not_equal(read_entry(guest.l1, 2).raw, 0);
    assert_int_not_equal(read_entry(guest.l1, 3).raw, 0);
}

static void an_empty_batch_succeeds_and_reports_zero(void **state)
{
    (void)state;
    assert_int_equal(do_mmu_update(vcpu, NULL, 0, DOMID_SELF), 0);
    assert_int_equal(fake_done(), 0);
}

static void an_interrupted_batch_goes_on_where_it_stopped(void **state)
{
    (void)state;
    struct mmu_update requests[8];
    for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
        requests[i] = request(guest.l1, i, 0, (pte_t){.raw = i << 1});
    }
    memcpy(fake.buffers[0].bytes, requests, sizeof(requests));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 8, FAKE_RESULT, DOMID_SELF};
    fake_yield_at(3);
    assert_true(fake_call_once(call_mmu_update, vcpu, arg).again);
    assert_int_equal(arg[0], FAKE_ARGUMENTS + 3 * sizeof(requests[0]));
    assert_int_equal(arg[1], 5 | UINT64_C(0x80000000));
    assert_int_equal(arg[2], FAKE_RESULT);
    assert_int_equal(arg[3], DOMID_SELF);
    assert_int_equal(fake_done(), 3);
    fake_yield_always();
    assert_int_equal(fake_call(call_mmu_update, vcpu, arg), 0);
    assert_int_equal(fake_done(), 8);
    assert_int_equal(fake.executions, 5);
}

static void a_long_release_at_the_end_leaves_only_itself_to_continue(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 3);
    assert_int_equal(do_update(vcpu, guest.l4, 1, pte_make(tree.table[3], FAKE_TABLE)), 0);
    const struct mmu_update requests[] = {request(guest.l4, 1, 0, (pte_t){0})};
    memcpy(fake.buffers[0].bytes, requests, sizeof(requests));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, FAKE_RESULT, DOMID_SELF};
    fake_yield_at(1);
    assert_true(fake_call_once(call_mmu_update, vcpu, arg).again);
    assert_int_equal(arg[0], 0);
    assert_int_equal(arg[1], UINT64_C(0x80000000));
    assert_int_equal(arg[3], 0);
    assert_int_equal(fake_done(), 1);
    assert_int_equal(fake_call(call_mmu_update, vcpu, arg), 0);
    assert_int_equal(fake_frame(tree.table[1])->type_count, 0);
}

static void arrays_outside_guest_memory_are_refused_before_anything(void **state)
{
    (void)state;
    const uint64_t addresses[] = {UINT64_C(0x0000800000000000), UINT64_C(0xffff7fffffffffff),
                                  HYPERVISOR_VIRT_START,        HYPERVISOR_VIRT_END - 16,
                                  UINT64_C(0x00007ffffffffff8), UINT64_C(0xfffffffffffffff8)};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
        memset(fake.buffers[1].bytes, 0x77, 4);
        uint64_t arg[6] = {addresses[i], 1, FAKE_RESULT, DOMID_SELF};
        assert_int_equal(fake_call(call_mmu_update, vcpu, arg), -XEN_EFAULT);
        assert_int_equal(fake_done(), 0x77777777);
        uint64_t extended[6] = {addresses[i], 1, FAKE_RESULT, DOMID_SELF};
        assert_int_equal(fake_call(call_mmuext_op, vcpu, extended), -XEN_EFAULT);
    }
    uint64_t unmapped[6] = {UINT64_C(0x200000), 1, FAKE_RESULT, DOMID_SELF};
    assert_int_equal(fake_call(call_mmu_update, vcpu, unmapped), -XEN_EFAULT);
    assert_int_equal(fake_done(), 0);
    assert_unchanged(before);
}

static void the_count_cannot_be_written_into_a_page_table(void **state)
{
    (void)state;
    struct mmu_update one = request(guest.l1, 200, 0, (pte_t){.raw = 2});
    memcpy(fake.buffers[0].bytes, &one, sizeof(one));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, FAKE_VA(FAKE_TABLES_AT + 3), DOMID_SELF};
    pte_t first = read_entry(guest.l1, 0);
    assert_int_equal(fake_call(call_mmu_update, vcpu, arg), 0);
    assert_int_equal(read_entry(guest.l1, 0).raw, first.raw);
    assert_int_equal(read_entry(guest.l1, 200).raw, 2);
}

static void continuation_marks_from_a_guest_are_harmless(void **state)
{
    (void)state;
    uint64_t finished[6] = {0, UINT64_C(0x80000000), 0, (uint64_t)-5};
    assert_int_equal(fake_call(call_mmu_update, vcpu, finished), -5);
    struct mmu_update one = request(guest.l1, 0, 0, (pte_t){0});
    memcpy(fake.buffers[0].bytes, &one, sizeof(one));
    memset(fake.buffers[1].bytes, 0, 8);
    fake.buffers[1].bytes[0] = 40;
    uint64_t marked[6] = {FAKE_ARGUMENTS, UINT64_C(0x80000001), FAKE_RESULT, DOMID_SELF};
    assert_int_equal(fake_call(call_mmu_update, vcpu, marked), 0);
    assert_int_equal(fake_done(), 41);
}

/* ---- for other domains --------------------------------------------------------------------- */

static void a_controller_maps_frames_of_another_domain(void **state)
{
    (void)state;
    assert_int_equal(
        update_for(control_vcpu, controller.l1, 50, pte_make(guest.pages[0], FAKE_RW), domain->id),
        0);
    assert_int_equal(
        update_for(control_vcpu, controller.l1, 51, pte_make(guest.l1, FAKE_RO), domain->id), 0);
    assert_int_equal(fake_frame(guest.pages[0])->type_count, 2);
    assert_int_equal(fake_frame(guest.l1)->ref_count, 4);
    assert_int_equal(
        update_for(control_vcpu, controller.l1, 52, pte_make(guest.l1, FAKE_RW), domain->id),
        -XEN_EBUSY);
    assert_int_equal(update_for(control_vcpu, controller.l1, 52,
                                pte_make(controller.pages[0], FAKE_RW), domain->id),
                     -XEN_EBUSY);
    assert_int_equal(do_update(control_vcpu, controller.l1, 50, (pte_t){0}), 0);
    assert_int_equal(fake_frame(guest.pages[0])->type_count, 1);
}

static void nobody_else_maps_foreign_frames(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    pte_t pte = pte_make(controller.pages[0], FAKE_RO);
    assert_int_equal(update_for(vcpu, guest.l1, 50, pte, control->id), -XEN_EPERM);
    assert_int_equal(update_for(vcpu, guest.l1, 50, pte, DOMID_XEN), -XEN_EPERM);
    assert_int_equal(update_for(vcpu, guest.l1, 50, pte, domain->id), -XEN_ESRCH);
    assert_int_equal(fake_done(), 0);
    assert_int_equal(update_for(vcpu, guest.l1, 50, pte, 9), -XEN_ESRCH);
    assert_int_equal(update_for(vcpu, guest.l1, 50, pte, DOMID_IDLE), -XEN_ESRCH);
    assert_int_equal(update_for(vcpu, guest.l1, 50, pte_make(mfn_make(1), FAKE_RO), DOMID_IO),
                     -XEN_EPERM);
    assert_int_equal(update_for(vcpu, controller.l1, 50, (pte_t){0}, (1U << 16) | DOMID_SELF),
                     -XEN_EPERM);
    assert_unchanged(before);
}

/* A frame of one ordinary domain reaches another's tables by a grant, not by who controls both. */
static void a_third_domains_frame_is_not_handed_on(void **state)
{
    (void)state;
    struct domain *third = fake_domain(2, 1);
    mfn_t page = fake_give(third);
    uint32_t owners = (domain->id + 1U) << 16 | third->id;
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(update_for(control_vcpu, guest.l1, 0, pte_make(page, FAKE_RO), owners),
                     -XEN_EPERM);
    assert_int_equal(fake.refusal.status, STATUS_THIRD_DOMAIN);
    assert_unchanged(before);
}

static void table_owners_that_do_not_exist_are_told_apart(void **state)
{
    (void)state;
    (void)fake_domain(3, 0);
    memset(fake.buffers[1].bytes, 0x77, 4);
    assert_int_equal(update_for(control_vcpu, guest.l1, 0, (pte_t){0}, 100U << 16 | DOMID_SELF),
                     -XEN_ESRCH);
    assert_int_equal(update_for(control_vcpu, guest.l1, 0, (pte_t){0}, 4U << 16 | DOMID_SELF),
                     -XEN_EINVAL);
}

static void a_controller_changes_tables_of_another_domain(void **state)
{
    (void)state;
    uint32_t for_guest = ((1U + domain->id) << 16) | domain->id;
    pte_t pte = pte_make(guest.pages[3], FAKE_RO);
    assert_int_equal(update_for(control_vcpu, guest.l1, 0, pte, for_guest), 0);
    assert_int_equal(read_entry(guest.l1, 0).raw, pte.raw);
    struct fake_snapshot *before = fake_snapshot();
    uint32_t mixed = ((1U + domain->id) << 16) | DOMID_SELF;
    assert_int_equal(update_for(control_vcpu, guest.l2, 1, pte_make(guest.l1, FAKE_TABLE), mixed),
                     -XEN_EINVAL);
    assert_int_equal(update_for(control_vcpu, guest.l2, 0, (pte_t){0}, mixed), -XEN_EINVAL);
    assert_unchanged(before);
}

static void io_memory_is_mapped_in_its_own_name(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(
        update_for(control_vcpu, controller.l1, 50, pte_make(mfn_make(5000), FAKE_RW), DOMID_IO),
        0);
    assert_int_equal(read_entry(controller.l1, 50).raw & PTE_CACHE, PTE_PCD | PTE_PWT);
    assert_int_equal(update_for(control_vcpu, controller.l1, 51,
                                pte_make(mfn_make(FAKE_SHARED_READ), FAKE_RO), DOMID_XEN),
                     0);
    assert_int_equal(fake_frame(mfn_make(FAKE_SHARED_READ))->ref_count, 2);
    assert_int_equal(do_update(control_vcpu, controller.l1, 50, (pte_t){0}), 0);
    assert_int_equal(do_update(control_vcpu, controller.l1, 51, (pte_t){0}), 0);
    assert_unchanged(before);
}

/* 512 foreign entries are as much as is remembered at a time: a second table must wait. */
static void tables_full_of_foreign_entries_give_them_back_to_their_owner(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, control, 2);
    mfn_t second = fake_give(control);
    fake_entries(tree.table[2])[1] = pte_make(second, FAKE_TABLE);
    pte_t link = pte_make(tree.table[2], FAKE_TABLE);
    assert_int_equal(do_update(control_vcpu, controller.l3, 1, link), 0);
    struct fake_snapshot *before = fake_snapshot();
    const mfn_t tables[] = {tree.table[1], second};
    for (unsigned int i = 1; i < 2 * PTE_COUNT; i++) {
        struct mmu_update one =
            request(tables[i / PTE_COUNT], i % PTE_COUNT, 0, pte_make(guest.pages[i % 3], FAKE_RW));
        assert_int_equal(do_mmu_update(control_vcpu, &one, 1, domain->id), 0);
    }
    assert_true(fake_frame(guest.pages[0])->type_count > 300);

    assert_int_equal(do_update(control_vcpu, controller.l3, 1, (pte_t){0}), 0);

    assert_int_equal(fake_frame(guest.pages[0])->type_count, 1);
    /* Linking it again finds the foreign frames, and refuses. */
    assert_int_equal(do_update(control_vcpu, controller.l3, 1, link), -XEN_EBUSY);
    memset(fake_entries(tree.table[1]) + 1, 0, PAGE_SIZE - sizeof(pte_t));
    memset(fake_entries(second), 0, PAGE_SIZE);
    fake_yield_always();
    assert_int_equal(do_update(control_vcpu, controller.l3, 1, link), 0);
    assert_unchanged(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_l1_entry_is_replaced_and_both_frames_are_recounted),
        TEST(refused_entries_change_nothing),
        TEST(a_refusal_names_the_place_the_level_and_the_frame),
        TEST(too_many_references_refuse_an_entry),
        TEST(hypervisor_slots_cannot_be_changed),
        TEST(an_update_of_an_unused_frame_is_a_plain_store),
        TEST(a_descriptor_frame_cannot_be_stored_to),
        TEST(only_ones_own_tables_can_be_updated),
        TEST(preserving_keeps_accessed_and_dirty_as_they_are),
        TEST(the_m2p_is_changed_for_ones_own_frames_only),
        TEST(commands_that_are_not_defined_are_refused),
        TEST(a_batch_stops_at_the_first_refusal_and_counts_those_before),
        TEST(an_empty_batch_succeeds_and_reports_zero),
        TEST(an_interrupted_batch_goes_on_where_it_stopped),
        TEST(a_long_release_at_the_end_leaves_only_itself_to_continue),
        TEST(arrays_outside_guest_memory_are_refused_before_anything),
        TEST(the_count_cannot_be_written_into_a_page_table),
        TEST(continuation_marks_from_a_guest_are_harmless),
        TEST(a_controller_maps_frames_of_another_domain),
        TEST(nobody_else_maps_foreign_frames),
        TEST(a_third_domains_frame_is_not_handed_on),
        TEST(table_owners_that_do_not_exist_are_told_apart),
        TEST(a_controller_changes_tables_of_another_domain),
        TEST(io_memory_is_mapped_in_its_own_name),
        TEST(tables_full_of_foreign_entries_give_them_back_to_their_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
