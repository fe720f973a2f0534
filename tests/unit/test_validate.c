/* SPDX-License-Identifier: BSD-2-Clause */
/* Validating and releasing page-table trees (core/pt_validate.c), through pins and base changes:
 * what is counted, what is refused where, sharing, the hypervisor's slots. */
#include "tests/fake/fake_machine.h"

#include <string.h>

static struct domain *domain;
static struct vcpu *vcpu;
static struct fake_tree tree;

static int setup(void **state)
{
    (void)state;
    fake_start(192);
    domain = fake_domain(1, 2);
    vcpu = domain->vcpus[0];
    return 0;
}

/* ---- good tables --------------------------------------------------------------------------- */

static void a_pinned_tree_has_one_use_for_the_pin_and_one_for_each_entry(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 4);

    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);

    assert_counts(tree.table[4], 2, 1);
    assert_counts(tree.table[3], 2, 1);
    assert_counts(tree.table[2], 2, 1);
    assert_counts(tree.table[1], 2, 1);
    assert_counts(tree.table[0], 2, 0);
    for (unsigned int level = 1; level <= 4; level++) {
        assert_true(frame_is_table(fake_frame(tree.table[level]), level));
    }
}

static void unpinning_releases_the_whole_tree(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 4);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);

    assert_int_equal(do_unpin(vcpu, tree.table[4]), 0);

    /* The contents stay, but for the hypervisor's slots. */
    memset(fake_entries(tree.table[4]) + L4_HYPERVISOR_FIRST, 0, 16 * sizeof(pte_t));
    assert_unchanged(before);
}

static void each_level_can_be_pinned_alone(void **state)
{
    (void)state;
    for (unsigned int level = 1; level <= 4; level++) {
        fake_tree_build(&tree, domain, level);
        assert_int_equal(do_pin(vcpu, tree.table[level], level), 0);
        assert_counts(tree.table[level], 2, 1);
        assert_true(frame_is_pinned(fake_frame(tree.table[level])));
        assert_int_equal(do_unpin(vcpu, tree.table[level]), 0);
        assert_counts(tree.table[level], 1, 0);
        assert_counts(tree.table[0], 1, 0);
    }
}

static void good_entries_count_at_the_ends_and_beside_the_hypervisors_slots(void **state)
{
    (void)state;
    static const unsigned int slots[] = {0, 1, 255, 272, 510, 511};
    fake_tree_build(&tree, domain, 4);
    for (unsigned int level = 1; level <= 4; level++) {
        for (unsigned int i = 0; i < ARRAY_SIZE(slots); i++) {
            fake_entries(tree.table[level])[slots[i]] = fake_entries(tree.table[level])[0];
        }
    }

    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);

    assert_counts(tree.table[3], 7, 6);
    assert_counts(tree.table[2], 7, 6);
    assert_counts(tree.table[1], 7, 6);
    assert_counts(tree.table[0], 7, 0);
    assert_int_equal(do_unpin(vcpu, tree.table[4]), 0);
    assert_counts(tree.table[0], 1, 0);
}

static void a_shared_subtree_outlives_one_of_its_users(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 4);
    mfn_t second = fake_give(domain);
    fake_entries(second)[7] = pte_make(tree.table[3], FAKE_TABLE);
    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
    assert_int_equal(do_pin(vcpu, second, 4), 0);
    assert_counts(tree.table[3], 3, 2);

    assert_int_equal(do_unpin(vcpu, tree.table[4]), 0);

    assert_counts(tree.table[3], 2, 1);
    assert_true(frame_is_table(fake_frame(tree.table[2]), 2));
    assert_int_equal(do_unpin(vcpu, second), 0);
    assert_counts(tree.table[2], 1, 0);
}

static void entries_are_adjusted_as_the_interface_says(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 4);
    for (unsigned int level = 2; level <= 4; level++) {
        fake_entries(tree.table[level])[0] = pte_make(tree.table[level - 1], PTE_PRESENT);
    }
    fake_entries(tree.table[1])[0] = pte_make(tree.table[0], PTE_PRESENT);
    fake_entries(tree.table[1])[1] = pte_make(tree.table[0], PTE_PRESENT | PTE_USER);
    fake_entries(tree.table[1])[2] = (pte_t){.raw = UINT64_C(0xfffffffffffffffe)};

    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);

    assert_int_equal(fake_entries(tree.table[4])[0].raw & PAGE_MASK,
                     PTE_PRESENT | PTE_USER | PTE_ACCESSED);
    assert_int_equal(fake_entries(tree.table[3])[0].raw & PAGE_MASK, PTE_PRESENT | PTE_USER);
    assert_int_equal(fake_entries(tree.table[2])[0].raw & PAGE_MASK, PTE_PRESENT | PTE_USER);
    assert_int_equal(fake_entries(tree.table[1])[0].raw,
                     pte_make(tree.table[0], PTE_PRESENT | PTE_USER | PTE_GUEST_KERNEL).raw);
    assert_int_equal(fake_entries(tree.table[1])[1].raw,
                     pte_make(tree.table[0], PTE_PRESENT | PTE_USER | PTE_GLOBAL).raw);
    assert_int_equal(fake_entries(tree.table[1])[2].raw, UINT64_C(0xfffffffffffffffe));
}

/* ---- bad tables ---------------------------------------------------------------------------- */

static void a_bad_entry_anywhere_refuses_the_whole_tree(void **state)
{
    (void)state;
    static const unsigned int slots[] = {0, 1, 255, 272, 510, 511};
    fake_tree_build(&tree, domain, 4);
    for (unsigned int level = 1; level <= 4; level++) {
        for (unsigned int i = 0; i < ARRAY_SIZE(slots); i++) {
            pte_t *slot = &fake_entries(tree.table[level])[slots[i]];
            pte_t good = *slot;
            *slot = pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_TABLE);
            struct fake_snapshot *before = fake_snapshot();

            assert_int_equal(do_pin(vcpu, tree.table[4], 4), level == 1 ? -XEN_EBUSY : -XEN_EINVAL);

            assert_unchanged(before);
            *slot = good;
        }
    }
    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
}

static void a_refusal_names_its_rule(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 2);
    fake_entries(tree.table[1])[9] = pte_make(tree.table[0], PTE_PRESENT | PTE_PAGE_SIZE);

    assert_int_equal(do_pin(vcpu, tree.table[2], 2), -XEN_EINVAL);

    assert_int_equal(fake.refusal.status, STATUS_RESERVED_BITS);
    /* The entry, and not once more for each level above. */
    assert_int_equal(fake.refusal.about.level, 1);
    assert_int_equal(fake.refusal.count, 1);
}

static void a_table_cannot_map_itself_writable(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 1);
    fake_entries(tree.table[1])[3] = pte_make(tree.table[1], FAKE_RW);
    struct fake_snapshot *before = fake_snapshot();

    assert_int_equal(do_pin(vcpu, tree.table[1], 1), -XEN_EBUSY);

    assert_unchanged(before);
}

static void a_table_may_map_itself_read_only(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 1);
    fake_entries(tree.table[1])[3] = pte_make(tree.table[1], FAKE_RO);

    assert_int_equal(do_pin(vcpu, tree.table[1], 1), 0);

    assert_counts(tree.table[1], 3, 1);
}

static void a_table_that_names_itself_is_refused_at_each_level(void **state)
{
    (void)state;
    for (unsigned int level = 2; level <= 4; level++) {
        fake_tree_build(&tree, domain, level);
        fake_entries(tree.table[level])[5] = pte_make(tree.table[level], FAKE_TABLE);
        struct fake_snapshot *before = fake_snapshot();

        assert_int_equal(do_pin(vcpu, tree.table[level], level), -XEN_EINVAL);

        assert_unchanged(before);
    }
}

static void a_table_that_names_one_above_it_is_refused(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 4);
    for (unsigned int level = 2; level <= 3; level++) {
        for (unsigned int above = level; above <= 4; above++) {
            fake_entries(tree.table[level])[2] = pte_make(tree.table[above], FAKE_TABLE);
            struct fake_snapshot *before = fake_snapshot();
            assert_int_equal(do_pin(vcpu, tree.table[4], 4), -XEN_EINVAL);
            assert_unchanged(before);
        }
        fake_entries(tree.table[level])[2] = (pte_t){0};
    }
}

static void a_validated_table_is_no_entry_for_its_own_level(void **state)
{
    (void)state;
    struct fake_tree second;
    for (unsigned int level = 2; level <= 4; level++) {
        fake_tree_build(&tree, domain, level);
        fake_tree_build(&second, domain, level);
        assert_int_equal(do_pin(vcpu, second.table[level], level), 0);
        fake_entries(tree.table[level])[5] = pte_make(second.table[level], FAKE_TABLE);
        struct fake_snapshot *before = fake_snapshot();

        assert_int_equal(do_pin(vcpu, tree.table[level], level), -XEN_EINVAL);

        assert_unchanged(before);
    }
}

static void a_frame_mapped_writable_cannot_be_pinned(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    for (unsigned int level = 1; level <= 4; level++) {
        struct fake_snapshot *before = fake_snapshot();
        assert_int_equal(do_pin(vcpu, guest.pages[0], level), -XEN_EINVAL);
        assert_unchanged(before);
    }
}

static void a_table_is_pinned_as_its_own_level_only(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    const mfn_t tables[5] = {{0}, guest.l1, guest.l2, guest.l3, guest.l4};
    for (unsigned int is = 1; is <= 4; is++) {
        for (unsigned int as = 1; as <= 4; as++) {
            if (is != as) {
                struct fake_snapshot *before = fake_snapshot();
                assert_int_equal(do_pin(vcpu, tables[is], as), -XEN_EINVAL);
                assert_unchanged(before);
            }
        }
    }
}

static void pinning_twice_is_refused_and_holds_one_use(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 2);
    assert_int_equal(do_pin(vcpu, tree.table[2], 2), 0);
    struct fake_snapshot *before = fake_snapshot();

    assert_int_equal(do_pin(vcpu, tree.table[2], 2), -XEN_EINVAL);

    assert_int_equal(fake.refusal.status, STATUS_ALREADY_PINNED);
    assert_unchanged(before);
}

static void what_is_not_pinned_cannot_be_unpinned(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(do_unpin(vcpu, guest.l3), -XEN_EINVAL);
    assert_int_equal(do_unpin(vcpu, guest.pages[0]), -XEN_EINVAL);
    assert_int_equal(do_unpin(vcpu, mfn_make(FAKE_HYPERVISOR)), -XEN_EINVAL);
    assert_int_equal(do_unpin(vcpu, mfn_make(UINT64_MAX)), -XEN_EINVAL);
    assert_unchanged(before);
}

static void only_ones_own_ram_can_be_pinned(void **state)
{
    (void)state;
    struct domain *stranger = fake_domain(2, 1);
    const mfn_t frames[] = {fake_give(stranger),
                            mfn_make(FAKE_IO_FIRST),
                            mfn_make(FAKE_HYPERVISOR),
                            mfn_make(FAKE_SHARED_READ),
                            mfn_make(150), /* free */
                            mfn_make(192), /* above the RAM */
                            MFN_INVALID};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++) {
        for (unsigned int level = 1; level <= 4; level++) {
            assert_int_equal(do_pin(vcpu, frames[i], level), -XEN_EINVAL);
        }
    }
    assert_unchanged(before);
}

/* ---- the hypervisor's slots ---------------------------------------------------------------- */

static void the_hypervisors_slots_are_ignored_and_overwritten(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 4);
    pte_t *l4 = fake_entries(tree.table[4]);
    for (unsigned int i = L4_HYPERVISOR_FIRST; i <= L4_HYPERVISOR_LAST; i++) {
        l4[i] = pte_make(mfn_make(FAKE_HYPERVISOR), UINT64_C(0x8000000000000fff));
    }

    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);

    assert_int_equal(l4[L4_M2P_SLOT].raw, 0);
    assert_memory_equal(&l4[257], &machine.hypervisor_slots[1], 15 * sizeof(pte_t));
}

static void m2p_is_shown_when_the_table_becomes_a_kernel_base(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 4);
    const pte_t *slot = &fake_entries(tree.table[4])[L4_M2P_SLOT];
    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
    assert_int_equal(do_user_base(vcpu, tree.table[4]), 0);
    assert_int_equal(slot->raw, 0);

    assert_int_equal(do_base(vcpu, tree.table[4]), 0);

    assert_int_equal(slot->raw, machine.hypervisor_slots[0].raw);
}

static void strict_m2p_is_shown_at_the_pin_and_hidden_from_a_user_base(void **state)
{
    (void)state;
    domain->assists = UINT64_C(1) << VMASST_TYPE_m2p_strict;
    fake_tree_build(&tree, domain, 4);
    const pte_t *slot = &fake_entries(tree.table[4])[L4_M2P_SLOT];
    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
    assert_int_equal(slot->raw, machine.hypervisor_slots[0].raw);

    assert_int_equal(do_user_base(vcpu, tree.table[4]), 0);

    assert_int_equal(slot->raw, 0);
}

/* ---- bases --------------------------------------------------------------------------------- */

static void a_base_holds_its_table_after_the_unpin(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    assert_int_equal(do_unpin(vcpu, guest.l4), 0);
    assert_counts(guest.l4, 3, 1); /* reservation, its read-only mapping, the base */

    struct fake_tree second;
    fake_tree_build(&second, domain, 4);
    assert_int_equal(do_base(vcpu, second.table[4]), 0);

    assert_counts(guest.l4, 1, 0);
    assert_counts(second.table[4], 2, 1);
    assert_int_equal(vcpu->kernel_base.value, second.table[4].value);
}

static void a_bad_base_leaves_the_old_one(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    fake_tree_build(&tree, domain, 4);
    fake_entries(tree.table[1])[1] = pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_RO);
    struct fake_snapshot *before = fake_snapshot();

    assert_int_equal(do_base(vcpu, tree.table[4]), -XEN_EBUSY);
    assert_int_equal(do_base(vcpu, guest.l3), -XEN_EINVAL);
    assert_int_equal(do_user_base(vcpu, tree.table[4]), -XEN_EBUSY);
    assert_int_equal(do_user_base(vcpu, guest.pages[2]), -XEN_EINVAL);

    assert_unchanged(before);
}

static void the_same_base_again_only_flushes(void **state)
{
    (void)state;
    struct fake_guest guest;
    fake_guest_build(&guest, domain);
    struct fake_snapshot *before = fake_snapshot();
    unsigned int changes = fake.base_changes;

    assert_int_equal(do_base(vcpu, guest.l4), 0);

    assert_int_equal(fake.base_changes, changes + 1);
    assert_unchanged(before);
}

static void a_user_base_of_zero_drops_the_old_one(void **state)
{
    (void)state;
    fake_tree_build(&tree, domain, 4);
    assert_int_equal(do_user_base(vcpu, tree.table[4]), 0);
    assert_counts(tree.table[4], 2, 1);

    assert_int_equal(do_user_base(vcpu, mfn_make(0)), 0);

    assert_counts(tree.table[4], 1, 0);
    assert_counts(tree.table[1], 1, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pinned_tree_has_one_use_for_the_pin_and_one_for_each_entry),
        TEST(unpinning_releases_the_whole_tree),
        TEST(each_level_can_be_pinned_alone),
        TEST(good_entries_count_at_the_ends_and_beside_the_hypervisors_slots),
        TEST(a_shared_subtree_outlives_one_of_its_users),
        TEST(entries_are_adjusted_as_the_interface_says),
        TEST(a_bad_entry_anywhere_refuses_the_whole_tree),
        TEST(a_refusal_names_its_rule),
        TEST(a_table_cannot_map_itself_writable),
        TEST(a_table_may_map_itself_read_only),
        TEST(a_table_that_names_itself_is_refused_at_each_level),
        TEST(a_table_that_names_one_above_it_is_refused),
        TEST(a_validated_table_is_no_entry_for_its_own_level),
        TEST(a_frame_mapped_writable_cannot_be_pinned),
        TEST(a_table_is_pinned_as_its_own_level_only),
        TEST(pinning_twice_is_refused_and_holds_one_use),
        TEST(what_is_not_pinned_cannot_be_unpinned),
        TEST(only_ones_own_ram_can_be_pinned),
        TEST(the_hypervisors_slots_are_ignored_and_overwritten),
        TEST(m2p_is_shown_when_the_table_becomes_a_kernel_base),
        TEST(strict_m2p_is_shown_at_the_pin_and_hidden_from_a_user_base),
        TEST(a_base_holds_its_table_after_the_unpin),
        TEST(a_bad_base_leaves_the_old_one),
        TEST(the_same_base_again_only_flushes),
        TEST(a_user_base_of_zero_drops_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
