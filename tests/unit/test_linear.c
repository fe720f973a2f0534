/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Same-level ("linear") tables, behind pv-linear-pt=: what may be named, that nobody can write
 * through it, that no chains are formed (XSA-240), and that everything comes back.
 */
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

/* Behind an L4 that is used as an L3, the hypervisor's slots are at the guest's addresses. */
static void hypervisor_slots_behind_an_l4_are_told_from_the_guests(void **state)
{
    (void)state;
    start(true);
    pin_both(4);
    const uint64_t hidden = L4_HYPERVISOR_LAST;
    const uint64_t slot = SLOT;
    mfn_t root = guest.l4;
    assert_false(pt_meets_hypervisor_slot(root, slot << 39 | hidden << 30));
    assert_false(pt_meets_hypervisor_slot(root, FAKE_VA(0)));
    assert_false(pt_meets_hypervisor_slot(root, hidden << 30));
    for (unsigned int round = 0; round < 2; round++) {
        mfn_t named = round == 0 ? root : first.table[4];
        assert_int_equal(do_update(vcpu, root, SLOT, pte_make(named, SELF_RO)), 0);
        assert_true(pt_meets_hypervisor_slot(root, slot << 39 | hidden << 30));
        assert_true(pt_meets_hypervisor_slot(root, slot << 39 | hidden << 30 | 1U << 21));
        assert_false(pt_meets_hypervisor_slot(root, slot << 39 | (hidden + 1) << 30));
        assert_false(pt_meets_hypervisor_slot(root, slot << 39 | hidden << 21));
        assert_false(pt_meets_hypervisor_slot(root, hidden << 30));
        bool again = round == 0; /* through the table itself any number of times */
        uint64_t twice = slot << 39 | slot << 30;
        assert_int_equal(pt_meets_hypervisor_slot(root, twice | hidden << 21), again);
        assert_int_equal(pt_meets_hypervisor_slot(root, twice | slot << 21 | hidden << 12), again);
        assert_false(pt_meets_hypervisor_slot(root, twice | slot << 21 | slot << 12));
    }
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
        cmocka_unit_test(entries_of_other_levels_are_refused_as_before),
        cmocka_unit_test(anothers_table_is_refused),
        cmocka_unit_test(last_use_by_such_an_entry_releases_the_tree),
        cmocka_unit_test(release_is_the_same_wherever_it_is_interrupted),
        cmocka_unit_test(dying_domain_leaves_nothing),
        cmocka_unit_test(tables_are_seen_read_only_through_it),
        cmocka_unit_test(no_address_behind_it_has_an_l1_entry),
        cmocka_unit_test(hypervisor_slots_behind_an_l4_are_told_from_the_guests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
