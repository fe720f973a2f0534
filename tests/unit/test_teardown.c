/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a domain: whatever it was doing and wherever its destruction is interrupted, it lets
 * go of everything; what others hold of it stays until they let go; and nobody finds its data.
 */
#include "tests/fake/fake_machine.h"

#include "core/descriptors.h"
#include "core/port.h"
#include "core/reservation.h"
#include "core/teardown.h"

#include <string.h>

#include <xen/memory.h>

#define FRAMES  256U
#define K_LIMIT 400U

static struct domain *victim;
static struct domain *survivor; /* a control domain: it destroys the other */
static struct vcpu *vcpu;       /* of the victim */
static struct vcpu *caller;     /* of the survivor */
static struct fake_guest guest;
static struct fake_guest survivor_guest;
static struct fake_tree tree; /* of the victim; nobody uses it yet */
static mfn_t shared_info;
static uint64_t free_before; /* frames that were free before there was a victim */

static void start_with(uint64_t frames)
{
    fake_start(frames);
    survivor = fake_domain(2, 1);
    survivor->is_control = true;
    fake_guest_build(&survivor_guest, survivor);
    caller = survivor->vcpus[0];
    free_before = machine.free_count;
    victim = fake_domain(1, 2);
    shared_info = frame_alloc(0, 64);
    frame_make_shared(fake_frame(shared_info), victim);
    fake_guest_build(&guest, victim);
    vcpu = victim->vcpus[0];
    fake_tree_build(&tree, victim, 4);
    for (unsigned int i = 1; i < 6; i++) {
        fake_entries(tree.table[2])[i] = pte_make(fake_give(victim), FAKE_TABLE);
    }
}

static void start(void)
{
    start_with(FRAMES);
}

static void finish_teardown(void)
{
    while (!domain_tear_down(victim, caller)) {
        assert_audit_clean();
    }
    domain_end_teardown(victim, shared_info);
    assert_audit_clean();
}

static void destroy(void)
{
    domain_begin_teardown(victim);
    finish_teardown();
}

static void assert_all_gone(void)
{
    assert_true(domain_is_empty(victim));
    assert_true(fake.empty_domains[victim->id]);
    assert_int_equal(machine.free_count, free_before);
}

static void map_foreign(struct vcpu *mapper, unsigned int index, mfn_t mfn, uint64_t flags)
{
    struct mmu_update update = {
        (survivor_guest.l1.value << PAGE_SHIFT) + index * sizeof(pte_t),
        pte_make(mfn, flags).raw,
    };
    assert_int_equal(do_mmu_update(mapper, &update, 1, victim->id), 0);
}

/* ---- all comes back ------------------------------------------------------------------------ */

static void all_frames_come_back(void **state)
{
    (void)state;
    start();
    destroy();
    assert_all_gone();
    fake_stop();
}

/* Also from a machine where it has nothing in long stretches of the frame table: whoever wants the
 * CPU gets it in the middle of one. */
static void all_frames_come_back_in_a_large_machine(void **state)
{
    (void)state;
    start_with(5000);
    domain_begin_teardown(victim);
    fake_yield_always();
    uint64_t reached = 0;
    while (!domain_tear_down(victim, caller)) {
        assert_true(victim->teardown_mfn - reached <= 1024);
        reached = victim->teardown_mfn;
    }
    assert_true(victim->teardown_mfn - reached <= 1024);
    fake_yield_never();
    domain_end_teardown(victim, shared_info);
    assert_audit_clean();
    assert_all_gone();
    fake_stop();
}

/* A pin outlives the frame's place in the reservation, and keeps the frame. (XSA-252) */
static void frame_that_was_given_back_goes_with_its_pin(void **state)
{
    (void)state;
    start();
    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
    assert_int_equal(frame_give_back(fake_frame(tree.table[4])), STATUS_OK);
    assert_audit_clean();
    assert_true(frame_is_pinned(fake_frame(tree.table[4])));
    destroy();
    assert_all_gone();
    fake_stop();
}

static void pins_bases_descriptors_and_info_are_let_go(void **state)
{
    (void)state;
    start();
    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
    assert_int_equal(do_user_base(vcpu, tree.table[4]), 0);
    assert_int_equal(do_base(victim->vcpus[1], guest.l4), 0);
    mfn_t gdt = fake_give(victim);
    struct mmu_context context;
    context_open_self(&context, vcpu);
    assert_int_equal(vcpu_set_gdt(&context, &gdt, 512), STATUS_OK);
    assert_int_equal(vcpu_set_ldt(&context, FAKE_VA(40), 512), STATUS_OK);
    context_close(&context);
    mfn_t ldt = fake_give(victim);
    assert_int_equal(do_update(vcpu, guest.l1, 40, pte_make(ldt, FAKE_RO)), 0);
    assert_true(vcpu_ldt_fault(vcpu, 8));
    assert_int_equal(fake_frame(ldt)->type, FRAME_DESCRIPTORS);
    assert_int_equal(vcpu_take_info_frame(vcpu, fake_give(victim)), STATUS_OK);

    destroy();

    assert_all_gone();
    fake_stop();
}

static void interrupted_at_every_opportunity_it_ends_the_same(void **state)
{
    (void)state;
    unsigned int stops = 0;
    for (unsigned int k = 1;; k++) {
        assert_true(k < K_LIMIT);
        start();
        assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
        domain_begin_teardown(victim);
        fake_yield_at(k);
        bool stopped = !domain_tear_down(victim, caller);
        fake_yield_never();
        assert_audit_clean();
        /* The caller does something else in between. */
        assert_int_equal(do_pin(caller, survivor_guest.l3, 3), 0);
        assert_int_equal(do_unpin(caller, survivor_guest.l3), 0);
        finish_teardown();
        assert_all_gone();
        fake_stop();
        if (!stopped) {
            break;
        }
        stops++;
    }
    print_message("%u stops\n", stops);
    assert_true(stops > 20);
}

static void interrupted_at_each_opportunity_it_comes_to_an_end(void **state)
{
    (void)state;
    start();
    domain_begin_teardown(victim);
    fake_yield_always();
    finish_teardown();
    assert_all_gone();
    fake_stop();
}

/* Its own call is stopped at opportunity k and never goes on. */
static bool destroyed_within(int64_t (*begin)(void), unsigned int k)
{
    start();
    fake_yield_at(k);
    int64_t result = begin();
    fake_yield_never();
    destroy();
    assert_all_gone();
    fake_stop();
    return result != 0;
}

static int64_t begin_pin(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = tree.table[4].value};
    memcpy(fake.buffers[0].bytes, &op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    return fake_call_once(call_mmuext_op, vcpu, arg).again ? 1 : 0;
}

static int64_t begin_base_change(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = tree.table[4].value};
    memcpy(fake.buffers[0].bytes, &op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    return fake_call_once(call_mmuext_op, vcpu, arg).again ? 1 : 0;
}

static int64_t begin_unpin(void)
{
    bool pinned = do_unpin(vcpu, guest.l4) == 0;
    assert_true(pinned);
    return begin_base_change();
}

/* The destroyer pins for the victim, is stopped, and never goes on with it. */
static int64_t begin_pin_on_behalf(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = tree.table[4].value};
    memcpy(fake.buffers[0].bytes, &op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, victim->id};
    return fake_call_once(call_mmuext_op, caller, arg).again ? 1 : 0;
}

static void destroyed_in_the_middle_of_a_call_of_the_destroyers_nothing_stays(void **state)
{
    (void)state;
    unsigned int k = 1;
    while (destroyed_within(begin_pin_on_behalf, k)) {
        assert_true(++k < K_LIMIT);
    }
    assert_true(k > 2);
}

static void destroyed_in_the_middle_of_its_own_call_nothing_stays(void **state)
{
    (void)state;
    int64_t (*const begins[])(void) = {begin_pin, begin_base_change};
    for (unsigned int i = 0; i < ARRAY_SIZE(begins); i++) {
        unsigned int k = 1;
        while (destroyed_within(begins[i], k)) {
            assert_true(++k < K_LIMIT);
        }
        assert_true(k > 2);
    }
    /* The base that is left is a tree of its own: its release is what is interrupted. */
    unsigned int k = 7;
    while (destroyed_within(begin_unpin, k)) {
        assert_true(++k < K_LIMIT);
    }
}

/* ---- what others hold ---------------------------------------------------------------------- */

static void foreign_mapping_keeps_the_frame_until_it_goes(void **state)
{
    (void)state;
    start();
    map_foreign(caller, 40, guest.pages[0], FAKE_RW);

    destroy();
    assert_int_equal(victim->page_count, 1);
    assert_false(fake.empty_domains[victim->id]);
    assert_int_equal(frame_class(fake_frame(guest.pages[0])), FRAME_GUEST);
    struct frame *left = fake_frame(guest.pages[0]);
    left->flags |= FRAME_ALLOCATED; /* which the audit does not take for one that others hold */
    left->ref_count++;
    assert_int_equal(fake_audit(false), 1);
    left->flags &= (uint8_t)~FRAME_ALLOCATED;
    left->ref_count--;
    victim->vcpus[0]->info_frame = guest.pages[0];
    left->ref_count++;
    left->type_count++;
    assert_int_equal(fake_audit(false), 1);
    left->ref_count--;
    left->type_count--;
    victim->vcpus[0]->info_frame = MFN_INVALID;

    assert_int_equal(do_update(caller, survivor_guest.l1, 40, (pte_t){0}), 0);
    assert_all_gone();
    fake_stop();
}

static void foreign_mapping_of_shared_info_keeps_it_until_it_goes(void **state)
{
    (void)state;
    start();
    map_foreign(caller, 40, shared_info, FAKE_RW);

    destroy();
    assert_int_equal(victim->shared_count, 1);
    assert_false(fake.empty_domains[victim->id]);

    assert_int_equal(do_update(caller, survivor_guest.l1, 40, (pte_t){0}), 0);
    assert_all_gone();
    fake_stop();
}

static void dying_domain_lets_go_of_others_frames(void **state)
{
    (void)state;
    start();
    victim->is_control = true;
    struct mmu_update update = {
        (guest.l1.value << PAGE_SHIFT) + 40 * sizeof(pte_t),
        pte_make(survivor_guest.pages[3], FAKE_RW).raw,
    };
    assert_int_equal(do_mmu_update(vcpu, &update, 1, survivor->id), 0);
    uint32_t references = fake_frame(survivor_guest.pages[3])->ref_count;

    destroy();

    assert_all_gone();
    assert_int_equal(fake_frame(survivor_guest.pages[3])->ref_count, references - 1);
    fake_stop();
}

/* ---- who waits for nobody ------------------------------------------------------------------ */

/* The victim's vCPU stopped in the middle of a tree and never goes on: a control domain that works
 * on the tree does not wait for it. */
static void abandoned_walk_does_not_hold_up_another_domain(void **state)
{
    (void)state;
    for (unsigned int k = 1; k < 4; k++) {
        start();
        fake_yield_at(k);
        assert_int_equal(begin_pin(), 1);
        fake_yield_never();
        assert_true(frame_is_half(fake_frame(tree.table[2])));

        struct mmuext_op pin = {.cmd = MMUEXT_PIN_L2_TABLE, .arg1.mfn = tree.table[2].value};
        assert_int_equal(do_mmuext(caller, &pin, 1, victim->id), 0);
        assert_int_equal(vcpu->walk.mode, PT_WALK_NONE);
        assert_true(frame_is_pinned(fake_frame(tree.table[2])));
        assert_audit_clean();

        destroy();
        assert_all_gone();
        fake_stop();
    }
}

/* ---- what it can no longer get ------------------------------------------------------------- */

static void dying_domain_gains_nothing(void **state)
{
    (void)state;
    start();
    domain_begin_teardown(victim);

    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = tree.table[4].value};
    assert_int_equal(do_mmuext(caller, &pin, 1, victim->id), 0);
    assert_false(frame_is_pinned(fake_frame(tree.table[4])));
    assert_int_equal(vcpu_take_bases(victim->vcpus[1], tree.table[4], MFN_INVALID),
                     STATUS_NO_DOMAIN);
    struct mmu_context context;
    context_open_self(&context, victim->vcpus[1]);
    assert_int_equal(vcpu_set_gdt(&context, &tree.table[0], 512), STATUS_NO_DOMAIN);
    context_close(&context);
    struct mmu_locked locked = domain_mmu_lock(victim);
    assert_true(mfn_equal(reservation_find(victim, 0, 64), MFN_INVALID));
    domain_mmu_unlock(locked);

    finish_teardown();
    assert_all_gone();
    fake_stop();
}

/* ---- its data ------------------------------------------------------------------------------ */

/* The same number, given to another, must not pass for the same domain. */
static void next_domain_of_that_number_does_not_see_its_data(void **state)
{
    (void)state;
    start();
    /* One frame it gave back long before, one it has to its end, and one that another has for
     * longer. */
    mfn_t early = fake_give(victim);
    mfn_t late = fake_give(victim);
    mfn_t held = fake_give(victim);
    memset(port_map_frame(early), 0x55, PAGE_SIZE);
    memset(port_map_frame(late), 0x55, PAGE_SIZE);
    memset(port_map_frame(held), 0x55, PAGE_SIZE);
    map_foreign(caller, 40, held, FAKE_RO);
    struct mmu_locked locked = domain_mmu_lock(victim);
    assert_int_equal(frame_give_back(fake_frame(early)), STATUS_OK);
    domain_mmu_unlock(locked);
    destroy();
    assert_int_equal(do_update(caller, survivor_guest.l1, 40, (pte_t){0}), 0);
    assert_all_gone();
    machine.domains[victim->id] = NULL;

    struct domain *heir = fake_domain(victim->id, 0);
    for (uint64_t left = machine.free_count; left > 0; left--) {
        locked = domain_mmu_lock(heir);
        mfn_t mfn = fake_give_as_it_is(heir);
        domain_mmu_unlock(locked);
        assert_int_equal(*(uint8_t *)port_map_frame(mfn), 0);
    }
    fake_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_frames_come_back),
        cmocka_unit_test(all_frames_come_back_in_a_large_machine),
        cmocka_unit_test(frame_that_was_given_back_goes_with_its_pin),
        cmocka_unit_test(pins_bases_descriptors_and_info_are_let_go),
        cmocka_unit_test(interrupted_at_every_opportunity_it_ends_the_same),
        cmocka_unit_test(interrupted_at_each_opportunity_it_comes_to_an_end),
        cmocka_unit_test(destroyed_in_the_middle_of_its_own_call_nothing_stays),
        cmocka_unit_test(destroyed_in_the_middle_of_a_call_of_the_destroyers_nothing_stays),
        cmocka_unit_test(foreign_mapping_keeps_the_frame_until_it_goes),
        cmocka_unit_test(foreign_mapping_of_shared_info_keeps_it_until_it_goes),
        cmocka_unit_test(dying_domain_lets_go_of_others_frames),
        cmocka_unit_test(abandoned_walk_does_not_hold_up_another_domain),
        cmocka_unit_test(dying_domain_gains_nothing),
        cmocka_unit_test(next_domain_of_that_number_does_not_see_its_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
