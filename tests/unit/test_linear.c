/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Same-level ("linear") tables, behind pv-linear-pt=: what may be named, that nobody can write
 * through it, that no chains are formed (XSA-240), and that everything comes back.
 */
#include "tests/fake/fake_grants.h"
#include "tests/fake/fake_machine.h"

#include "core/pt_validate.h"
#include "core/pte_update.h"
#include "core/teardown.h"

#include <string.h>

#define FRAMES  256U
#define SLOT    7U
#define K_LIMIT 400U
#define SELF_RO (PTE_PRESENT | PTE_USER | PTE_ACCESSED)

static struct domain *domain;
static struct vcpu *vcpu;
static struct fake_guest guest;
static struct fake_tree first; /* two trees that nobody uses yet */
static struct fake_tree second;

static void start(bool linear)
{
    fake_start(FRAMES);
    machine.linear_pt = linear;
    domain = fake_domain(1, 1);
    vcpu = domain->vcpus[0];
    fake_guest_build(&guest, domain);
    fake_tree_build(&first, domain, 4);
    fake_tree_build(&second, domain, 4);
}

static int64_t name(mfn_t table, mfn_t target, uint64_t flags)
{
    return do_update(vcpu, table, SLOT, pte_make(target, flags));
}

static void assert_name_refused(mfn_t table, mfn_t target, uint64_t flags, enum status why)
{
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(name(table, target, flags), -XEN_EINVAL);
    assert_int_equal(fake.refusal.status, why);
    assert_unchanged(before);
}

static void pin_both(unsigned int level)
{
    assert_int_equal(do_pin(vcpu, first.table[level], level), 0);
    assert_int_equal(do_pin(vcpu, second.table[level], level), 0);
}

static void without_the_option_every_such_entry_is_refused(void **state)
{
    (void)state;
    for (unsigned int level = 2; level <= 4; level++) {
        start(false);
        pin_both(level);
        mfn_t table = first.table[level];
        assert_name_refused(table, table, SELF_RO, STATUS_TABLE_WRONG_TYPE);
        assert_name_refused(table, second.table[level], SELF_RO, STATUS_TABLE_WRONG_TYPE);
        fake_stop();
    }
}

static void table_that_names_itself_read_only_is_accepted(void **state)
{
    (void)state;
    for (unsigned int level = 2; level <= 4; level++) {
        start(true);
        pin_both(level);
        const struct frame *frame = fake_frame(first.table[level]);
        uint32_t references = frame->ref_count;
        uint32_t types = frame->type_count;
        assert_int_equal(name(first.table[level], first.table[level], SELF_RO), 0);
        assert_int_equal(frame->ref_count, references);
        assert_int_equal(frame->type_count, types);
        assert_audit_clean();
        fake_stop();
    }
}

/* XSA-182: RW must not come in by way of a change of flags either. */
static void xsa_182_no_such_entry_ever_has_rw(void **state)
{
    (void)state;
    for (unsigned int level = 2; level <= 4; level++) {
        start(true);
        pin_both(level);
        mfn_t table = first.table[level];
        mfn_t other = second.table[level];
        assert_name_refused(table, table, FAKE_TABLE, STATUS_SAME_LEVEL_WRITABLE);
        assert_name_refused(table, other, FAKE_TABLE, STATUS_SAME_LEVEL_WRITABLE);
        assert_int_equal(name(table, table, SELF_RO), 0);
        assert_name_refused(table, table, FAKE_TABLE, STATUS_SAME_LEVEL_WRITABLE);
        assert_int_equal(name(table, other, SELF_RO), 0);
        assert_name_refused(table, other, FAKE_TABLE, STATUS_SAME_LEVEL_WRITABLE);
        fake_stop();
    }
}

/* The same on the way through validation. */
static void prepared_table_is_judged_the_same(void **state)
{
    (void)state;
    for (unsigned int level = 2; level <= 4; level++) {
        start(true);
        mfn_t table = first.table[level];
        assert_int_equal(do_pin(vcpu, second.table[level], level), 0);
        fake_entries(table)[SLOT] = pte_make(table, FAKE_TABLE);
        struct fake_snapshot *before = fake_snapshot();
        assert_int_equal(do_pin(vcpu, table, level), -XEN_EINVAL);
        assert_unchanged(before);
        fake_entries(table)[SLOT] = pte_make(table, SELF_RO);
        fake_entries(table)[SLOT + 1] = pte_make(second.table[level], SELF_RO);
        assert_int_equal(do_pin(vcpu, table, level), 0);
        assert_int_equal(fake_frame(table)->same_level, 1);
        assert_audit_clean();
        fake_stop();
    }
}

/* Bits that decide nothing change without a count. */
static void harmless_bits_of_such_an_entry_may_change(void **state)
{
    (void)state;
    start(true);
    pin_both(4);
    assert_int_equal(name(first.table[4], second.table[4], SELF_RO), 0);
    uint32_t references = fake_frame(second.table[4])->ref_count;
    assert_int_equal(name(first.table[4], second.table[4], SELF_RO | PTE_NO_EXECUTE), 0);
    assert_int_equal(fake_frame(second.table[4])->ref_count, references);
    fake_stop();
}

static void xsa_240_no_chain_is_ever_formed(void **state)
{
    (void)state;
    for (unsigned int level = 2; level <= 4; level++) {
        start(true);
        pin_both(level);
        mfn_t a = first.table[level];
        mfn_t b = second.table[level];
        struct fake_tree third;
        fake_tree_build(&third, domain, level);
        assert_int_equal(do_pin(vcpu, third.table[level], level), 0);
        assert_int_equal(name(a, b, SELF_RO), 0);
        assert_name_refused(b, a, SELF_RO, STATUS_SAME_LEVEL_CHAIN);
        assert_name_refused(b, third.table[level], SELF_RO, STATUS_SAME_LEVEL_CHAIN);
        assert_name_refused(third.table[level], a, SELF_RO, STATUS_SAME_LEVEL_CHAIN);
        /* Several may name one, and one may name several. */
        assert_int_equal(name(third.table[level], b, SELF_RO), 0);
        assert_int_equal(do_update(vcpu, a, SLOT + 1, pte_make(b, SELF_RO)), 0);
        assert_int_equal(fake_frame(a)->same_level, 2);
        assert_int_equal(fake_frame(b)->same_level, -3);
        fake_stop();
    }
}

/* 64 full tables are as many entries as are counted. */
static void entries_that_name_a_table_are_counted_and_limited(void **state)
{
    (void)state;
    start(true);
    mfn_t target = first.table[2];
    assert_int_equal(do_pin(vcpu, target, 2), 0);
    for (unsigned int i = 0; i < 64; i++) {
        mfn_t table = fake_give(domain);
        for (unsigned int entry = 0; entry < PTE_COUNT; entry++) {
            fake_entries(table)[entry] = pte_make(target, SELF_RO);
        }
        assert_int_equal(do_pin(vcpu, table, 2), 0);
    }
    assert_int_equal(fake_frame(target)->same_level, INT16_MIN);
    mfn_t last = fake_give(domain);
    assert_int_equal(do_pin(vcpu, last, 2), 0);
    assert_name_refused(last, target, SELF_RO, STATUS_SAME_LEVEL_CHAIN);
    fake_stop();
}

static void entries_of_other_levels_are_refused_as_before(void **state)
{
    (void)state;
    start(true);
    pin_both(3);
    assert_int_equal(do_pin(vcpu, guest.l4, 4), -XEN_EINVAL); /* pinned already */
    assert_name_refused(guest.l4, guest.l2, SELF_RO, STATUS_TABLE_WRONG_TYPE);
    assert_name_refused(first.table[3], guest.l1, SELF_RO, STATUS_TABLE_WRONG_TYPE);
    assert_name_refused(first.table[3], guest.l4, SELF_RO, STATUS_TABLE_WRONG_TYPE);
    fake_stop();
}

static void anothers_table_is_refused(void **state)
{
    (void)state;
    start(true);
    struct domain *other = fake_domain(2, 1);
    other->vcpus[0]->cpus = 2;
    struct fake_guest other_guest;
    fake_guest_build(&other_guest, other);
    assert_name_refused(guest.l4, other_guest.l4, SELF_RO, STATUS_TABLE_NOT_OWNED);
    fake_stop();
}

/* The last use of a table is an entry of its own level: dropping that releases the table. */
static void last_use_by_such_an_entry_releases_the_tree(void **state)
{
    (void)state;
    for (unsigned int level = 2; level <= 4; level++) {
        start(true);
        pin_both(level);
        mfn_t a = first.table[level];
        mfn_t b = second.table[level];
        assert_int_equal(name(a, b, SELF_RO), 0);
        assert_int_equal(do_unpin(vcpu, b), 0);
        assert_int_equal(fake_frame(b)->type_count, 1);
        assert_int_equal(do_update(vcpu, a, SLOT, (pte_t){0}), 0);
        assert_int_equal(fake_frame(b)->type_count, 0);
        assert_int_equal(fake_frame(b)->same_level, 0);
        assert_int_equal(fake_frame(second.table[1])->type_count, 0);
        assert_audit_clean();
        fake_stop();
    }
}

/* Both trees hang on one pin, one same-level step at each level: six tables deep. */
static void hang_all_on_one_pin(void)
{
    for (unsigned int level = 2; level <= 4; level++) {
        assert_int_equal(do_pin(vcpu, second.table[level], level), 0);
        fake_entries(first.table[level])[SLOT] = pte_make(second.table[level], SELF_RO);
        fake_entries(first.table[level])[SLOT + 1] = pte_make(first.table[level], SELF_RO);
    }
    assert_int_equal(do_pin(vcpu, first.table[4], 4), 0);
    for (unsigned int level = 4; level >= 2; level--) {
        assert_int_equal(do_unpin(vcpu, second.table[level]), 0);
        assert_true(fake_frame(second.table[level])->type_count > 0);
    }
}

static void release_is_the_same_wherever_it_is_interrupted(void **state)
{
    (void)state;
    unsigned int stops = 0;
    for (unsigned int k = 1;; k++) {
        assert_true(k < K_LIMIT);
        start(true);
        hang_all_on_one_pin();
        struct mmuext_op op = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = first.table[4].value};
        memcpy(fake.buffers[0].bytes, &op, sizeof(op));
        uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
        fake_yield_at(k);
        bool stopped = fake_call_once(call_mmuext_op, vcpu, arg).again;
        fake_yield_never();
        if (stopped) {
            assert_int_equal(fake_call(call_mmuext_op, vcpu, arg), 0);
            stops++;
        }
        for (unsigned int level = 1; level <= 4; level++) {
            assert_int_equal(fake_frame(first.table[level])->type_count, 0);
            assert_int_equal(fake_frame(second.table[level])->type_count, 0);
            assert_int_equal(fake_frame(first.table[level])->same_level, 0);
        }
        assert_audit_clean();
        fake_stop();
        if (!stopped) {
            break;
        }
    }
    assert_true(stops >= 6);
}

/* E6: nothing of a domain that dies with such tables stays. */
static void dying_domain_leaves_nothing(void **state)
{
    (void)state;
    start(true);
    struct domain *survivor = fake_domain(2, 1);
    survivor->vcpus[0]->cpus = 2;
    hang_all_on_one_pin();
    assert_int_equal(name(guest.l4, guest.l4, SELF_RO), 0);
    domain_begin_teardown(domain);
    fake_yield_always();
    while (!domain_tear_down(domain, survivor->vcpus[0])) {
        assert_audit_clean();
    }
    fake_yield_never();
    assert_int_equal(domain->page_count, 0);
    assert_audit_clean();
    fake_stop();
}

/* What a guest reaches through its own entry it can read and not write. */
static void tables_are_seen_read_only_through_it(void **state)
{
    (void)state;
    start(true);
    assert_int_equal(name(guest.l4, guest.l4, SELF_RO), 0);
    /* Four times the same slot: the L4 as a page. */
    uint64_t slot = SLOT;
    uint64_t address = slot << 39 | slot << 30 | slot << 21 | slot << 12;
    uint64_t value;
    assert_true(fake_guest_read(0, vcpu, address + SLOT * sizeof(pte_t), &value));
    assert_int_equal(value & PTE_MFN_MASK, guest.l4.value << PAGE_SHIFT);
    assert_false(fake_guest_write(0, vcpu, address + SLOT * sizeof(pte_t), 0));
    fake_stop();
}

/* To the processor an upper-level table is the L1 table there; to us its entries are not L1's. */
static void no_address_behind_it_has_an_l1_entry(void **state)
{
    (void)state;
    for (unsigned int level = 2; level <= 4; level++) {
        start(true);
        const mfn_t tables[] = {[2] = guest.l2, [3] = guest.l3, [4] = guest.l4};
        mfn_t table = tables[level];
        assert_int_equal(name(table, table, SELF_RO), 0);
        assert_int_equal(do_pin(vcpu, second.table[level], level), 0);
        assert_int_equal(do_update(vcpu, table, SLOT + 1, pte_make(second.table[level], SELF_RO)),
                         0);
        for (uint64_t slot = SLOT; slot <= SLOT + 1; slot++) {
            uint64_t address = slot << (12 + 9 * (level - 1));
            struct fake_snapshot *before = fake_snapshot();
            assert_int_equal(do_va(vcpu, address, pte_make(guest.pages[0], FAKE_RW), 0),
                             -XEN_EINVAL);
            assert_unchanged(before);
        }
        fake_stop();
    }
}

/* An address that leads to entry `index` of `table`, by slot SLOT of the L4 that names itself. */
static uint64_t window_address(unsigned int l3, unsigned int l2, unsigned int l1)
{
    return (uint64_t)SLOT << 39 | (uint64_t)l3 << 30 | (uint64_t)l2 << 21 | (uint64_t)l1 << 12;
}

/* Where a walk ends is no L1 if it went by such an entry: the calls that change the L1 entry of an
 * address must not change one of a table of another level, or the hypervisor's. */
static void no_call_by_address_changes_an_upper_table_through_it(void **state)
{
    (void)state;
    const uint64_t addresses[] = {
        window_address(0, 0, 1),          /* an entry of the L2 */
        window_address(SLOT, 0, 1),       /* of the L3 */
        window_address(SLOT, SLOT, 1),    /* of the L4 */
        window_address(SLOT, SLOT, SLOT), /* the entry itself */
        window_address(257, 0, 0),        /* of the hypervisor's tables */
        window_address(SLOT, 257, 0),     window_address(SLOT, SLOT, 257),
    };
    start(true);
    assert_int_equal(grant_table_create(domain, 1, 1), STATUS_OK);
    *grant_entry(domain->grants, 9) = (grant_entry_v1_t){
        .flags = GTF_permit_access, .domid = domain->id, .frame = (uint32_t)guest.pages[1].value};
    assert_int_equal(name(guest.l4, guest.l4, SELF_RO), 0);
    /* One that is in order, so that the domain has its frame of handles. */
    uint32_t handle = fake_map(vcpu, &guest, 9, FAKE_VA(40), GNTMAP_host_map);
    assert_int_equal(do_grant_unmap(vcpu, handle, FAKE_VA(40), 0), GNTST_okay);
    for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
        struct fake_snapshot *before = fake_snapshot();
        assert_int_equal(do_va(vcpu, addresses[i], pte_make(guest.pages[0], FAKE_RW), 0),
                         -XEN_EINVAL);
        assert_int_equal(do_va(vcpu, addresses[i], (pte_t){0}, 0), -XEN_EINVAL);
        struct gnttab_map_grant_ref map = {
            .host_addr = addresses[i], .flags = GNTMAP_host_map, .ref = 9, .dom = domain->id};
        assert_int_equal(do_grant_map(vcpu, &map), GNTST_general_error);
        assert_unchanged(before);
    }
    fake_stop();
}

/* The hypervisor reads a guest's arguments with its own rights: not through its own slots. */
static void page_that_the_hypervisors_slots_lead_to_is_not_the_guests(void **state)
{
    (void)state;
    start(true);
    assert_true(pt_page_is_guests(guest.l4, FAKE_VA(0)));
    assert_false(pt_page_is_guests(guest.l4, window_address(0, 0, 0)));
    assert_int_equal(name(guest.l4, guest.l4, SELF_RO), 0);
    assert_true(pt_page_is_guests(guest.l4, window_address(0, 0, 0)));
    assert_true(pt_page_is_guests(guest.l4, window_address(0, 257, 0)));
    assert_true(pt_page_is_guests(guest.l4, window_address(SLOT, SLOT, SLOT)));
    for (unsigned int slot = L4_HYPERVISOR_FIRST; slot <= L4_HYPERVISOR_LAST; slot++) {
        assert_false(pt_page_is_guests(guest.l4, window_address(slot, 0, 0)));
        assert_false(pt_page_is_guests(guest.l4, window_address(SLOT, slot, 0)));
        assert_false(pt_page_is_guests(guest.l4, window_address(SLOT, SLOT, slot)));
    }
    fake_stop();
}

/* Within one call, the tables and the TLB agree on it. */
static void change_of_an_l4_is_flushed_before_the_next_request_is_read(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        start(i == 1);
        uint64_t where = (guest.l4.value << PAGE_SHIFT) + SLOT * sizeof(pte_t);
        const struct mmu_update updates[] = {
            {where, pte_make(guest.l3, SELF_RO).raw}, {where, 0}, {where, 0}};
        unsigned int flushes = fake.full_flushes;
        assert_int_equal(do_mmu_update(vcpu, updates, ARRAY_SIZE(updates), DOMID_SELF), 0);
        assert_int_equal(fake.full_flushes - flushes, i == 1 ? 3 : 1);
        fake_stop();
    }
}

static void a_table_with_all_its_references_is_refused(void **state)
{
    (void)state;
    start(true);
    pin_both(3);
    struct frame *table = fake_frame(first.table[3]);
    struct frame *frame = fake_frame(second.table[3]);
    uint32_t references = frame->ref_count;
    struct mmu_context context;
    context_open_self(&context, vcpu);
    frame->ref_count = UINT32_MAX - 1;
    assert_int_equal(pt_take_same_level(table, frame), STATUS_COUNT_OVERFLOW);
    frame->ref_count = references;
    context_close(&context);
    assert_int_equal(table->same_level, 0);
    assert_int_equal(frame->same_level, 0);
    assert_audit_clean();
    fake_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_option_every_such_entry_is_refused),
        cmocka_unit_test(table_that_names_itself_read_only_is_accepted),
        cmocka_unit_test(xsa_182_no_such_entry_ever_has_rw),
        cmocka_unit_test(prepared_table_is_judged_the_same),
        cmocka_unit_test(harmless_bits_of_such_an_entry_may_change),
        cmocka_unit_test(xsa_240_no_chain_is_ever_formed),
        cmocka_unit_test(entries_that_name_a_table_are_counted_and_limited),
        cmocka_unit_test(a_table_with_all_its_references_is_refused),
        cmocka_unit_test(entries_of_other_levels_are_refused_as_before),
        cmocka_unit_test(anothers_table_is_refused),
        cmocka_unit_test(last_use_by_such_an_entry_releases_the_tree),
        cmocka_unit_test(release_is_the_same_wherever_it_is_interrupted),
        cmocka_unit_test(dying_domain_leaves_nothing),
        cmocka_unit_test(tables_are_seen_read_only_through_it),
        cmocka_unit_test(no_address_behind_it_has_an_l1_entry),
        cmocka_unit_test(no_call_by_address_changes_an_upper_table_through_it),
        cmocka_unit_test(page_that_the_hypervisors_slots_lead_to_is_not_the_guests),
        cmocka_unit_test(change_of_an_l4_is_flushed_before_the_next_request_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
