/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupted page-table walks (core/pt_validate.c): at every point the end is that of the
 * uninterrupted call, and whatever meets a half-done tree waits, cancels or finishes it. */
#include "tests/fake/fake_machine.h"

#include <string.h>

static struct domain *domain;
static struct vcpu *vcpu;
static struct vcpu *other_vcpu;
static struct fake_tree tree;

static int setup(void **state)
{
    (void)state;
    fake_start(192);
    domain = fake_domain(1, 2);
    vcpu = domain->vcpus[0];
    other_vcpu = domain->vcpus[1];
    return 0;
}

/* ---- interruption -------------------------------------------------------------------------- */

static void always_interrupted_pins_and_unpins_end_as_uninterrupted_ones(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    assert_int_equal(do_pin(vcpu, root, 4), 0);
    struct fake_snapshot *pinned = fake_snapshot();
    assert_int_equal(do_unpin(vcpu, root), 0);
    struct fake_snapshot *released = fake_snapshot();

    fake_yield_always();
    assert_int_equal(do_pin(vcpu, root, 4), 0);
    assert_true(fake.executions > 10);
    assert_unchanged(pinned);

    assert_int_equal(do_unpin(vcpu, root), 0);
    assert_true(fake.executions > 10);
    assert_unchanged(released);
}

/* A table without entries takes 512 looks, too. */
static void interruption_is_asked_for_after_each_empty_table(void **state)
{
    (void)state;
    mfn_t root = fake_give(domain);
    const unsigned int count = 40;
    for (unsigned int i = 0; i < count; i++) {
        fake_entries(root)[i] = pte_make(fake_give(domain), FAKE_TABLE);
    }
    fake_yield_always();
    assert_int_equal(do_pin(vcpu, root, 4), 0);
    assert_true(fake.executions >= count);
    assert_int_equal(do_unpin(vcpu, root), 0);
    assert_true(fake.executions >= count);
}

static void a_pin_interrupted_anywhere_ends_as_an_uninterrupted_one(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    assert_int_equal(do_pin(vcpu, root, 4), 0);
    unsigned int k = 0;
    do {
        k++;
        struct fake_snapshot *pinned = fake_snapshot();
        fake_yield_at(k);
        assert_int_equal(do_unpin(vcpu, root), 0);
        fake_yield_at(k);
        assert_int_equal(do_pin(vcpu, root, 4), 0);
        assert_unchanged(pinned);
    } while (fake.executions > 1);
    assert_true(k > 10);
}

static void a_refused_tree_interrupted_anywhere_is_released(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    fake_entries(root)[511] = pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_TABLE);
    unsigned int k = 0;
    do {
        k++;
        struct fake_snapshot *before = fake_snapshot();
        fake_yield_at(k);
        assert_int_equal(do_pin(vcpu, root, 4), -XEN_EINVAL);
        assert_unchanged(before);
    } while (fake.executions > 1);
    assert_true(k > 20);
}

static void base_changes_interrupted_anywhere_end_as_uninterrupted_ones(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    assert_int_equal(do_base(vcpu, root), 0);
    assert_int_equal(do_base(vcpu, guest.l4), 0);
    unsigned int k = 0;
    unsigned int interruptions;
    do {
        k++;
        struct fake_snapshot *before = fake_snapshot();
        fake_yield_at(k);
        assert_int_equal(do_base(vcpu, root), 0);
        interruptions = fake.executions - 1;
        fake_yield_at(k);
        assert_int_equal(do_base(vcpu, guest.l4), 0);
        interruptions += fake.executions - 1;
        assert_unchanged(before);
    } while (interruptions > 0);
    assert_true(k > 10);
}

static void loading_cr3_interrupted_anywhere_ends_as_a_base_change(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    assert_int_equal(do_base(vcpu, root), 0);
    assert_int_equal(do_base(vcpu, guest.l4), 0);
    const mfn_t bases[] = {root, guest.l4};
    for (unsigned int k = 1; k < 24; k++) {
        struct fake_snapshot *before = fake_snapshot();
        for (unsigned int i = 0; i < 2; i++) {
            fake_yield_at(k);
            enum status status = vcpu_new_kernel_base(vcpu, bases[i]);
            fake_yield_never();
            assert_audit_clean();
            while (status == STATUS_PREEMPTED || status == STATUS_AGAIN) {
                status = vcpu_new_kernel_base(vcpu, bases[i]);
                assert_audit_clean();
            }
            assert_int_equal(status, STATUS_OK);
            assert_int_equal(vcpu->kernel_base.value, bases[i].value);
        }
        /* Executed again until it says OK, it has left nothing of the release to the next call. */
        assert_int_equal(vcpu->walk.mode, PT_WALK_NONE);
        assert_int_equal(do_mmuext(vcpu, NULL, 0, DOMID_SELF), 0);
        assert_unchanged(before);
    }
    assert_int_equal(vcpu_new_kernel_base(vcpu, guest.l3), STATUS_TABLE_WRONG_TYPE);
    assert_int_equal(vcpu->kernel_base.value, guest.l4.value);
}

static void upper_updates_interrupted_anywhere_end_as_uninterrupted_ones(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    pte_t link = fake_entries(root)[0];
    pte_t second = fake_entries(root)[200];
    unsigned int k = 0;
    unsigned int interruptions;
    do {
        k++;
        fake_yield_never();
        assert_int_equal(do_update(vcpu, guest.l4, 3, link), 0);
        struct fake_snapshot *before = fake_snapshot();
        fake_yield_at(k);
        assert_int_equal(do_update(vcpu, guest.l4, 3, second), 0);
        interruptions = fake.executions - 1;
        fake_yield_at(k);
        assert_int_equal(do_update(vcpu, guest.l4, 3, link), 0);
        interruptions += fake.executions - 1;
        assert_unchanged(before);
        assert_int_equal(do_update(vcpu, guest.l4, 3, (pte_t){0}), 0);
    } while (interruptions > 0);
    assert_true(k > 5);
}

/* ---- what meets a half-done tree ----------------------------------------------------------- */

/* The arguments of one operation on `mfn`, `offset` bytes into the argument buffer. */
static void put_operation(size_t offset, unsigned int command, mfn_t mfn)
{
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.arg1.mfn = mfn.value;
    memcpy(fake.buffers[0].bytes + offset, &op, sizeof(op));
}

static void begin(struct vcpu *who, unsigned int command, mfn_t root, unsigned int units)
{
    put_operation(0, command, root);
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    fake_yield_at(units);
    assert_true(fake_call_once(call_mmuext_op, who, arg).again);
    fake_yield_never();
}

/* Stop a pin of `root` after so many units of work. */
static void begin_pin(struct vcpu *who, mfn_t root, unsigned int units)
{
    begin(who, MMUEXT_PIN_L4_TABLE, root, units);
    assert_int_equal(who->walk.mode, PT_WALK_VALIDATE);
}

static void begin_unpin(struct vcpu *who, mfn_t root)
{
    begin(who, MMUEXT_UNPIN_TABLE, root, 3);
    assert_int_equal(who->walk.mode, PT_WALK_RELEASE);
}

static void another_pin_cancels_a_half_done_one(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    fake_tree_build(&tree, domain, 4);
    for (unsigned int units = 1; units < 12; units++) {
        begin_pin(vcpu, root, units);
        assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
        assert_counts(root, 1, 0);
        assert_int_equal(do_pin(vcpu, root, 4), 0);
        assert_int_equal(do_unpin(vcpu, root), 0);
        assert_int_equal(do_unpin(vcpu, tree.table[4]), 0);
    }
}

static void an_update_of_a_half_done_table_cancels_it_and_is_a_plain_store(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    mfn_t l3 = pte_mfn(fake_entries(root)[0]);
    pte_t bad = pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_TABLE);
    begin_pin(vcpu, root, 1);
    assert_true(frame_is_half(fake_frame(l3)));

    assert_int_equal(do_update(vcpu, l3, 100, bad), 0);

    assert_int_equal(fake_entries(l3)[100].raw, bad.raw);
    assert_counts(root, 1, 0);
    assert_int_equal(do_pin(vcpu, root, 4), -XEN_EINVAL);
}

static void a_half_done_tree_of_another_vcpu_makes_one_wait(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    begin_pin(vcpu, root, 2);
    put_operation(PAGE_SIZE, MMUEXT_PIN_L4_TABLE, root);
    uint64_t arg[6] = {FAKE_ARGUMENTS + PAGE_SIZE, 1, 0, DOMID_SELF};
    struct fake_snapshot *before = fake_snapshot();

    assert_true(fake_call_once(call_mmuext_op, other_vcpu, arg).again);

    assert_true(fake.waits > 0); /* lets the other go on */
    assert_unchanged(before);
    assert_int_equal(do_pin(vcpu, root, 4), 0);
    assert_int_equal(fake_call(call_mmuext_op, other_vcpu, arg), -XEN_EINVAL); /* pinned already */
}

static mfn_t crossing_root;
static void finish_other_pin(void)
{
    if (other_vcpu->walk.mode != PT_WALK_NONE) {
        put_operation(PAGE_SIZE, MMUEXT_PIN_L4_TABLE, crossing_root);
        uint64_t arg[6] = {FAKE_ARGUMENTS + PAGE_SIZE, 1, 0, DOMID_SELF};
        (void)fake_call_once(call_mmuext_op, other_vcpu, arg);
    }
}

static void two_vcpus_that_pin_trees_with_shared_parts_both_succeed(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    for (unsigned int first = 1; first < 12; first++) {
        crossing_root = fake_give(domain);
        fake_entries(crossing_root)[0] = fake_entries(root)[400];
        fake_entries(crossing_root)[1] = fake_entries(root)[0];
        begin_pin(other_vcpu, crossing_root, 1 + first % 5);
        fake.between = finish_other_pin;
        fake_yield_at(first);
        assert_int_equal(do_pin(vcpu, root, 4), 0);
        fake.between = NULL;
        fake_yield_never();
        if (!frame_is_pinned(fake_frame(crossing_root))) {
            assert_int_equal(do_pin(other_vcpu, crossing_root, 4), 0);
        }
        assert_int_equal(do_unpin(vcpu, root), 0);
        assert_int_equal(do_unpin(other_vcpu, crossing_root), 0);
    }
}

static void a_half_released_tree_is_finished_by_the_next_call(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    assert_int_equal(do_pin(vcpu, root, 4), 0);
    begin_unpin(vcpu, root);

    assert_int_equal(do_va(vcpu, UINT64_C(0x0000800000000000), (pte_t){0}, 0), -XEN_EINVAL);

    assert_int_equal(vcpu->walk.mode, PT_WALK_NONE);
    assert_counts(root, 1, 0);
}

static void another_vcpu_waits_for_a_half_released_table(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    assert_int_equal(do_pin(vcpu, root, 4), 0);
    begin_unpin(vcpu, root);
    struct mmu_update request = {.ptr = root.value << PAGE_SHIFT};
    memcpy(fake.buffers[0].bytes, &request, sizeof(request));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    assert_true(fake_call_once(call_mmu_update, other_vcpu, arg).again);
    assert_true(fake.waits > 0);

    assert_int_equal(do_mmuext(vcpu, NULL, 0, DOMID_SELF), 0);

    assert_counts(root, 1, 0);
    assert_int_equal(fake_call(call_mmu_update, other_vcpu, arg), 0);
}

/* The call that cancels the tree looks at its frame first: it must look again afterwards. */
static void a_frame_that_cancelling_frees_is_no_longer_the_callers(void **state)
{
    (void)state;
    for (unsigned int level = 0; level <= 4; level++) {
        mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
        mfn_t l3 = pte_mfn(fake_entries(root)[0]);
        begin_pin(vcpu, root, 2);
        assert_int_equal(frame_give_back(fake_frame(root)), STATUS_OK);
        assert_int_equal(frame_give_back(fake_frame(l3)), STATUS_OK);
        assert_int_equal(fake_frame(l3)->ref_count, 1);
        assert_audit_clean();

        /* A store into it, or a pin as another level than the one that is under way. */
        int64_t result = level == 0 ? do_update(vcpu, l3, 0, (pte_t){0}) : do_pin(vcpu, l3, level);

        assert_int_equal(result, -XEN_EINVAL);
        assert_int_equal(frame_class(fake_frame(l3)), FRAME_FREE);
        assert_int_equal(frame_class(fake_frame(root)), FRAME_FREE);
    }
}

static void a_gdt_frame_that_cancelling_frees_is_no_longer_the_callers(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    mfn_t l3 = pte_mfn(fake_entries(root)[0]);
    begin_pin(vcpu, root, 2);
    assert_int_equal(frame_give_back(fake_frame(root)), STATUS_OK);
    assert_int_equal(frame_give_back(fake_frame(l3)), STATUS_OK);
    memcpy(fake.buffers[0].bytes, &l3, sizeof(l3));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 512};

    assert_int_equal(fake_call(call_set_gdt, vcpu, arg), -XEN_EINVAL);

    assert_int_equal(frame_class(fake_frame(l3)), FRAME_FREE);
}

static void a_gdt_frame_that_another_vcpu_validates_makes_one_wait(void **state)
{
    (void)state;
    mfn_t root = fake_wide_tree_build(domain, fake_give(domain));
    begin_pin(other_vcpu, root, 2);
    memcpy(fake.buffers[0].bytes, &root, sizeof(root));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 512};

    assert_true(fake_call_once(call_set_gdt, vcpu, arg).again);

    assert_true(fake.waits > 0);
    assert_int_equal(do_pin(other_vcpu, root, 4), 0);
    memcpy(fake.buffers[0].bytes, &root, sizeof(root));
    assert_int_equal(fake_call(call_set_gdt, vcpu, arg), -XEN_EINVAL);
}

/* ---- tables full of another domain's frames ------------------------------------------------ */

/* An L1 table, pinned, all of whose entries name `page`, of the domain `owner`. */
static mfn_t build_foreign_l1(mfn_t page, uint16_t owner)
{
    mfn_t l1 = fake_give(domain);
    assert_int_equal(do_pin(vcpu, l1, 1), 0);
    for (unsigned int i = 0; i < PTE_COUNT; i++) {
        struct mmu_update one = {.ptr = (l1.value << PAGE_SHIFT) + i * sizeof(pte_t),
                                 .val = pte_make(page, FAKE_RW).raw};
        assert_int_equal(do_mmu_update(vcpu, &one, 1, owner), 0);
    }
    return l1;
}

/* A validation of the first vCPU's stops when it holds two such tables, and is alone in holding
 * them: when it is cancelled, it drops more than is remembered at a time. The foreign page. */
static mfn_t begin_pin_of_foreign_entries(void)
{
    domain->is_control = true;
    const struct domain *owner = fake_domain(2, 1);
    mfn_t page = fake_give(machine.domains[owner->id]);
    mfn_t first = build_foreign_l1(page, owner->id);
    mfn_t second = build_foreign_l1(page, owner->id);
    fake_tree_build(&tree, domain, 4);
    fake_entries(tree.table[2])[1] = pte_make(first, FAKE_TABLE);
    fake_entries(tree.table[2])[2] = pte_make(second, FAKE_TABLE);
    begin_pin(vcpu, tree.table[4], 3);
    assert_int_equal(do_unpin(other_vcpu, first), 0);
    assert_int_equal(do_unpin(other_vcpu, second), 0);
    assert_counts(page, 1 + 2 * PTE_COUNT, 2 * PTE_COUNT);
    return page;
}

static void loading_cr3_drops_the_foreign_entries_of_a_tree_in_turns(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    mfn_t base = fake_give(domain);
    mfn_t page = begin_pin_of_foreign_entries();

    enum status status;
    do {
        status = vcpu_new_kernel_base(vcpu, base);
        assert_audit_clean();
    } while (status == STATUS_PREEMPTED || status == STATUS_AGAIN);

    assert_int_equal(status, STATUS_OK);
    assert_counts(page, 1, 0);
}

static void a_first_base_drops_the_foreign_entries_of_another_in_turns(void **state)
{
    (void)state;
    mfn_t page = begin_pin_of_foreign_entries();

    enum status status;
    do {
        status = vcpu_take_bases(vcpu, page, MFN_INVALID);
        assert_audit_clean();
    } while (status == STATUS_PREEMPTED || status == STATUS_AGAIN);

    assert_int_equal(status, STATUS_TABLE_NOT_OWNED);
    assert_int_equal(vcpu->walk.mode, PT_WALK_NONE);
    assert_counts(page, 1, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(always_interrupted_pins_and_unpins_end_as_uninterrupted_ones),
        TEST(interruption_is_asked_for_after_each_empty_table),
        TEST(a_pin_interrupted_anywhere_ends_as_an_uninterrupted_one),
        TEST(a_refused_tree_interrupted_anywhere_is_released),
        TEST(base_changes_interrupted_anywhere_end_as_uninterrupted_ones),
        TEST(loading_cr3_interrupted_anywhere_ends_as_a_base_change),
        TEST(upper_updates_interrupted_anywhere_end_as_uninterrupted_ones),
        TEST(another_pin_cancels_a_half_done_one),
        TEST(an_update_of_a_half_done_table_cancels_it_and_is_a_plain_store),
        TEST(a_half_done_tree_of_another_vcpu_makes_one_wait),
        TEST(two_vcpus_that_pin_trees_with_shared_parts_both_succeed),
        TEST(a_half_released_tree_is_finished_by_the_next_call),
        TEST(another_vcpu_waits_for_a_half_released_table),
        TEST(a_frame_that_cancelling_frees_is_no_longer_the_callers),
        TEST(a_gdt_frame_that_cancelling_frees_is_no_longer_the_callers),
        TEST(a_gdt_frame_that_another_vcpu_validates_makes_one_wait),
        TEST(loading_cr3_drops_the_foreign_entries_of_a_tree_in_turns),
        TEST(a_first_base_drops_the_foreign_entries_of_another_in_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
