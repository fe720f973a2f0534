/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every stopping point: each operation of many steps is interrupted at its k-th opportunity, for
 * all k, and then resumed, resumed with another vCPU's work in between, interrupted again at each
 * step, or given up and cancelled by another operation. Resumed, it ends as if nobody had
 * interrupted it; cancelled, it is as if it had not begun, or as if it had ended.
 */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include <xen/memory.h>

#define FRAMES  256U
#define EXTENTS 6U
#define K_LIMIT 400U

static struct domain *domain;
static struct domain *other;
static struct vcpu *vcpu;
static struct vcpu *second; /* of the same domain */
static struct fake_guest guest;
static struct fake_guest other_guest;
static mfn_t wide;             /* a tree with three L3, six L2 and twelve L1 tables */
static mfn_t other_wide;       /* the same, of the other domain */
static struct fake_tree spare; /* a small tree that the cancelling operation uses */
static struct fake_tree second_spare;

/* ---- the machine --------------------------------------------------------------------------- */

static mfn_t build_wide_tree(struct domain *owner, mfn_t page)
{
    mfn_t root = fake_give(owner);
    for (unsigned int i = 0; i < 3; i++) {
        mfn_t l3 = fake_give(owner);
        fake_entries(root)[i * 200] = pte_make(l3, FAKE_TABLE);
        for (unsigned int j = 0; j < 2; j++) {
            mfn_t l2 = fake_give(owner);
            fake_entries(l3)[j * 511] = pte_make(l2, FAKE_TABLE);
            for (unsigned int k = 0; k < 2; k++) {
                mfn_t l1 = fake_give(owner);
                fake_entries(l2)[k * 3] = pte_make(l1, FAKE_TABLE);
                fake_entries(l1)[5] = pte_make(page, FAKE_RW);
            }
        }
    }
    return root;
}

static pte_t first_entry(mfn_t table)
{
    return fake_entries(table)[0];
}

static mfn_t first_child(mfn_t table)
{
    return pte_mfn(first_entry(table));
}

static void start(void)
{
    fake_start(FRAMES);
    domain = fake_domain(1, 2);
    other = fake_domain(2, 1);
    vcpu = domain->vcpus[0];
    second = domain->vcpus[1];
    other->vcpus[0]->cpus = 4;
    fake_guest_build(&guest, domain);
    fake_guest_build(&other_guest, other);
    assert_int_equal(do_base(second, guest.l4), 0);
    domain->is_control = true;
    wide = build_wide_tree(domain, fake_give(domain));
    other_wide = build_wide_tree(other, fake_give(other));
    fake_tree_build(&spare, domain, 2);
    fake_tree_build(&second_spare, domain, 2);
}

/* ---- calls as they are before anybody resumes them ----------------------------------------- */

struct request {
    fake_call_fn call;
    uint64_t arg[6];
};

static uint8_t *argument_page(unsigned int page)
{
    return fake.buffers[0].bytes + page * PAGE_SIZE;
}

static struct request make_extended(const struct mmuext_op ops[], unsigned int count, uint16_t fd)
{
    memcpy(argument_page(0), ops, count * sizeof(ops[0]));
    return (struct request){call_mmuext_op, {FAKE_ARGUMENTS, count, FAKE_RESULT, fd}};
}

static struct mmuext_op make_op(unsigned int command, mfn_t mfn)
{
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.arg1.mfn = mfn.value;
    return op;
}

static struct request make_one(unsigned int command, mfn_t mfn)
{
    struct mmuext_op op = make_op(command, mfn);
    return make_extended(&op, 1, DOMID_SELF);
}

static struct mmu_update make_update(mfn_t table, unsigned int index, pte_t entry)
{
    return (struct mmu_update){(table.value << PAGE_SHIFT) + index * sizeof(pte_t), entry.raw};
}

static struct request make_updates(const struct mmu_update updates[], unsigned int count,
                                   uint32_t word)
{
    memcpy(argument_page(0), updates, count * sizeof(updates[0]));
    return (struct request){call_mmu_update, {FAKE_ARGUMENTS, count, FAKE_RESULT, word}};
}

static struct request make_one_update(mfn_t table, unsigned int index, pte_t entry)
{
    struct mmu_update update = make_update(table, index, entry);
    return make_updates(&update, 1, DOMID_SELF);
}

/* ---- operations ---------------------------------------------------------------------------- */

static struct request pin_l4(void)
{
    return make_one(MMUEXT_PIN_L4_TABLE, wide);
}

static struct request pin_l3(void)
{
    return make_one(MMUEXT_PIN_L3_TABLE, first_child(wide));
}

static struct request pin_l2(void)
{
    return make_one(MMUEXT_PIN_L2_TABLE, first_child(first_child(wide)));
}

static struct request unpin_l4(void)
{
    assert_int_equal(do_pin(vcpu, wide, 4), 0);
    return make_one(MMUEXT_UNPIN_TABLE, wide);
}

/* The last entry of all is one that nobody may have. */
static struct request pin_refused_late(void)
{
    mfn_t l3 = pte_mfn(fake_entries(wide)[400]);
    mfn_t l2 = pte_mfn(fake_entries(l3)[511]);
    mfn_t l1 = pte_mfn(fake_entries(l2)[3]);
    fake_entries(l1)[511] = pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_RO);
    return pin_l4();
}

/* The tables hold frames of the other domain, whose lock the release does not have. */
static struct request unpin_with_foreign_frames(void)
{
    assert_int_equal(do_pin(vcpu, wide, 4), 0);
    mfn_t l1 = first_child(first_child(first_child(wide)));
    for (unsigned int i = 0; i < 8; i++) {
        pte_t entry = pte_make(other_guest.pages[i], i % 2 == 0 ? FAKE_RW : FAKE_RO);
        struct mmu_update update = make_update(l1, 100 + i, entry);
        assert_int_equal(do_mmu_update(vcpu, &update, 1, other->id), 0);
    }
    return make_one(MMUEXT_UNPIN_TABLE, wide);
}

/* The old base is nobody else's: its tree is released. */
static struct request change_base(void)
{
    assert_int_equal(do_base(vcpu, wide), 0);
    mfn_t fresh = build_wide_tree(domain, guest.pages[0]);
    return make_one(MMUEXT_NEW_BASEPTR, fresh);
}

static struct request change_user_base(void)
{
    assert_int_equal(do_user_base(vcpu, wide), 0);
    mfn_t fresh = build_wide_tree(domain, guest.pages[0]);
    return make_one(MMUEXT_NEW_USER_BASEPTR, fresh);
}

static struct request drop_user_base(void)
{
    assert_int_equal(do_user_base(vcpu, wide), 0);
    return make_one(MMUEXT_NEW_USER_BASEPTR, mfn_make(0));
}

static struct request set_l4_entry(void)
{
    return make_one_update(guest.l4, 3, first_entry(wide));
}

static struct request replace_l4_entry(void)
{
    assert_int_equal(do_update(vcpu, guest.l4, 3, first_entry(wide)), 0);
    return make_one_update(guest.l4, 3, fake_entries(wide)[200]);
}

static struct request clear_l4_entry(void)
{
    assert_int_equal(do_update(vcpu, guest.l4, 3, first_entry(wide)), 0);
    return make_one_update(guest.l4, 3, (pte_t){0});
}

static struct request set_l3_entry(void)
{
    return make_one_update(guest.l3, 3, first_entry(first_child(wide)));
}

static struct request replace_l3_entry(void)
{
    mfn_t l3 = first_child(wide);
    assert_int_equal(do_update(vcpu, guest.l3, 3, first_entry(l3)), 0);
    return make_one_update(guest.l3, 3, fake_entries(l3)[511]);
}

static struct request replace_l2_entry(void)
{
    mfn_t l2 = first_child(first_child(wide));
    assert_int_equal(do_update(vcpu, guest.l2, 3, first_entry(l2)), 0);
    return make_one_update(guest.l2, 3, fake_entries(l2)[3]);
}

static struct request update_in_batch(void)
{
    assert_int_equal(do_update(vcpu, guest.l4, 3, first_entry(wide)), 0);
    const struct mmu_update updates[] = {
        make_update(guest.l4, 4, fake_entries(wide)[200]),
        make_update(guest.l4, 3, fake_entries(wide)[400]),
        make_update(guest.l1, 7, pte_make(guest.pages[1], FAKE_RO)),
        make_update(guest.l4, 4, (pte_t){0}),
    };
    return make_updates(updates, ARRAY_SIZE(updates), DOMID_SELF);
}

static struct request update_in_batch_refused(void)
{
    const struct mmu_update updates[] = {
        make_update(guest.l4, 4, first_entry(wide)),
        make_update(guest.l4, 4, fake_entries(wide)[200]),
        make_update(guest.l4, 5, pte_make(guest.pages[1], FAKE_TABLE)),
        make_update(guest.l4, 4, (pte_t){0}),
    };
    return make_updates(updates, ARRAY_SIZE(updates), DOMID_SELF);
}

static struct request extend_in_batch(void)
{
    const struct mmuext_op ops[] = {
        make_op(MMUEXT_PIN_L4_TABLE, wide),
        make_op(MMUEXT_UNPIN_TABLE, wide),
        make_op(MMUEXT_PIN_L3_TABLE, first_child(wide)),
        make_op(MMUEXT_NEW_USER_BASEPTR, wide),
    };
    return make_extended(ops, ARRAY_SIZE(ops), DOMID_SELF);
}

static struct request extend_in_batch_refused(void)
{
    const struct mmuext_op ops[] = {
        make_op(MMUEXT_PIN_L4_TABLE, wide),
        make_op(MMUEXT_UNPIN_TABLE, wide),
        make_op(MMUEXT_UNPIN_TABLE, wide),
        make_op(MMUEXT_PIN_L4_TABLE, wide),
    };
    return make_extended(ops, ARRAY_SIZE(ops), DOMID_SELF);
}

static struct request pin_for_another(void)
{
    struct mmuext_op op = make_op(MMUEXT_PIN_L4_TABLE, other_wide);
    return make_extended(&op, 1, other->id);
}

static struct request unpin_for_another(void)
{
    assert_int_equal(do_pin(other->vcpus[0], other_wide, 4), 0);
    struct mmuext_op op = make_op(MMUEXT_UNPIN_TABLE, other_wide);
    return make_extended(&op, 1, other->id);
}

/* Its own frames in its tables: the page owner and the table owner are both the other domain. */
static struct request update_for_another(void)
{
    uint32_t word = ((other->id + 1U) << 16) | other->id;
    struct mmu_update update = make_update(other_guest.l4, 3, first_entry(other_wide));
    return make_updates(&update, 1, word);
}

/* ---- the reservation ----------------------------------------------------------------------- */

static void put_list(unsigned int page, bool in_use_late)
{
    for (unsigned int i = 0; i < EXTENTS; i++) {
        mfn_t mfn = in_use_late && i == EXTENTS - 2 ? guest.pages[0] : fake_give(domain);
        memcpy(argument_page(page) + i * sizeof(mfn), &mfn, sizeof(mfn));
    }
}

static struct xen_memory_reservation make_list(unsigned int page)
{
    struct xen_memory_reservation reservation;
    memset(&reservation, 0, sizeof(reservation));
    uint64_t list = FAKE_ARGUMENTS + page * PAGE_SIZE;
    memcpy(&reservation.extent_start, &list, sizeof(list));
    reservation.nr_extents = EXTENTS;
    reservation.domid = DOMID_SELF;
    return reservation;
}

static struct request make_reservation(uint64_t command)
{
    struct xen_memory_reservation reservation = make_list(1);
    memcpy(argument_page(0), &reservation, sizeof(reservation));
    return (struct request){call_memory_op, {command, FAKE_ARGUMENTS}};
}

static void put_pfns(unsigned int page)
{
    for (uint64_t i = 0; i < EXTENTS; i++) {
        uint64_t pfn = 70 + i;
        memcpy(argument_page(page) + i * sizeof(pfn), &pfn, sizeof(pfn));
    }
}

static struct request populate(void)
{
    put_pfns(1);
    return make_reservation(XENMEM_populate_physmap);
}

static struct request populate_beyond_quota(void)
{
    domain->page_limit = domain->page_count + EXTENTS - 2;
    return populate();
}

static struct request increase(void)
{
    return make_reservation(XENMEM_increase_reservation);
}

static struct request decrease(void)
{
    put_list(1, false);
    return make_reservation(XENMEM_decrease_reservation);
}

static struct request make_exchange(bool in_use_late)
{
    struct xen_memory_exchange exchange;
    memset(&exchange, 0, sizeof(exchange));
    exchange.in = make_list(1);
    exchange.out = make_list(2);
    put_list(1, in_use_late);
    put_pfns(2);
    memcpy(argument_page(0), &exchange, sizeof(exchange));
    return (struct request){call_memory_op, {XENMEM_exchange, FAKE_ARGUMENTS}};
}

static struct request exchange(void)
{
    return make_exchange(false);
}

static struct request exchange_refused(void)
{
    return make_exchange(true);
}

/* ---- one run ------------------------------------------------------------------------------- */

typedef struct request (*make_fn)(void);

struct ending {
    int64_t answer;
    uint32_t done;
    struct fake_snapshot *state;
};

static struct ending finish(struct request *request)
{
    struct ending ending = {.answer = fake_call(request->call, vcpu, request->arg)};
    fake_yield_never();
    fake.between = NULL;
    ending.done = fake_done();
    ending.state = fake_snapshot();
    return ending;
}

static struct ending run_uninterrupted(make_fn make)
{
    start();
    struct request request = make();
    return finish(&request);
}

static void assert_same_ending(struct ending found, make_fn make)
{
    struct ending expected = run_uninterrupted(make);
    assert_int_equal(found.answer, expected.answer);
    assert_int_equal(found.done, expected.done);
    assert_same(found.state, expected.state);
}

/* Interrupted at opportunity k. False: there are not so many. */
static bool run_interrupted(make_fn make, unsigned int k, void (*between)(void))
{
    start();
    struct request request = make();
    fake_yield_at(k);
    fake.between = between;
    struct ending ending = finish(&request);
    bool was_interrupted = fake.executions > 1;
    assert_same_ending(ending, make);
    return was_interrupted;
}

static unsigned int for_all_stops(make_fn make, void (*between)(void))
{
    unsigned int k = 1;
    while (run_interrupted(make, k, between)) {
        assert_true(++k < K_LIMIT);
    }
    return k - 1;
}

/* ---- what comes between -------------------------------------------------------------------- */

/* In the vCPU's own arguments' place nothing is touched. */
static int64_t do_elsewhere(struct vcpu *who, unsigned int command, mfn_t mfn)
{
    struct mmuext_op op = make_op(command, mfn);
    memcpy(argument_page(8), &op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS + 8 * PAGE_SIZE, 1, 0, DOMID_SELF};
    void (*between)(void) = fake.between;
    fake.between = NULL;
    fake_yield_never();
    int64_t answer = fake_call(call_mmuext_op, who, arg);
    fake.between = between;
    return answer;
}

static void second_vcpu_works(void)
{
    unsigned int executions = fake.executions;
    assert_int_equal(do_elsewhere(second, MMUEXT_PIN_L2_TABLE, second_spare.table[2]), 0);
    assert_int_equal(do_elsewhere(second, MMUEXT_UNPIN_TABLE, second_spare.table[2]), 0);
    fake.executions = executions;
}

/* The next opportunity after each resumption is taken again, one later each time. */
static unsigned int next_stop;
static void stop_again(void)
{
    fake_yield_at(next_stop++);
}

/* ---- cancelled ----------------------------------------------------------------------------- */

/* All that a guest can see: frames, contents, bases. */
static uint64_t digest_word(uint64_t hash, uint64_t word)
{
    return (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15) + (hash >> 29);
}

static uint64_t digest_frame(uint64_t hash, uint64_t mfn)
{
    const struct frame *frame = &machine.frames[mfn];
    hash = digest_word(hash, frame->flags);
    hash = digest_word(hash, frame->ref_count);
    hash = digest_word(hash, frame->type_count);
    hash = digest_word(hash, frame->type_count > 0 ? frame->type : 0);
    hash = digest_word(hash, machine.m2p[mfn]);
    if (frame_class(frame) == FRAME_FREE) {
        return hash;
    }
    hash = digest_word(hash, frame->owner);
    for (unsigned int i = 0; i < PTE_COUNT; i++) {
        hash = digest_word(hash, fake_entries(mfn_make(mfn))[i].raw);
    }
    return hash;
}

static uint64_t digest(void)
{
    uint64_t hash = 0;
    for (uint64_t mfn = 0; mfn < FRAMES; mfn++) {
        hash = digest_frame(hash, mfn);
    }
    hash = digest_word(hash, vcpu->kernel_base.value);
    return digest_word(hash, vcpu->user_base.value);
}

static void cancel(void)
{
    assert_int_equal(do_elsewhere(vcpu, MMUEXT_PIN_L2_TABLE, spare.table[2]), 0);
    assert_int_equal(do_elsewhere(vcpu, MMUEXT_UNPIN_TABLE, spare.table[2]), 0);
    assert_int_equal(vcpu->walk.mode, PT_WALK_NONE);
}

/* Stopped at opportunity k, given up, cancelled. False: it was not stopped. */
static bool run_cancelled(make_fn make, unsigned int k, unsigned int *undone, unsigned int *kept)
{
    start();
    struct request request = make();
    uint64_t before = digest();
    struct request again = request;
    fake_yield_at(k);
    if (!fake_call_once(request.call, vcpu, request.arg).again) {
        fake_yield_never();
        return false;
    }
    fake_yield_never();
    cancel();
    uint64_t cancelled = digest();
    if (cancelled == before) {
        ++*undone;
        assert_same_ending(finish(&again), make);
        return true;
    }
    ++*kept;
    struct ending ending = run_uninterrupted(make);
    assert_int_equal(digest(), cancelled);
    struct fake_snapshot *now = fake_snapshot();
    assert_same(ending.state, now);
    return true;
}

/* ---- tests --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    make_fn make;
    unsigned int stops;  /* at least */
    bool is_one_element; /* given up, it has happened or it has not */
} operations[] = {
    {"pin of an L4", pin_l4, 12, true},
    {"pin of an L3", pin_l3, 4, true},
    {"pin of an L2", pin_l2, 2, true},
    {"unpin of an L4", unpin_l4, 12, true},
    {"pin refused late", pin_refused_late, 22, true},
    {"unpin of tables with foreign frames", unpin_with_foreign_frames, 12, true},
    {"new base", change_base, 24, true},
    {"new user base", change_user_base, 24, true},
    {"no user base", drop_user_base, 12, true},
    {"L4 entry set", set_l4_entry, 4, true},
    {"L4 entry replaced", replace_l4_entry, 8, true},
    {"L4 entry cleared", clear_l4_entry, 4, true},
    {"L3 entry set", set_l3_entry, 2, true},
    {"L3 entry replaced", replace_l3_entry, 4, true},
    {"L2 entry replaced", replace_l2_entry, 0, true},
    {"batch of updates", update_in_batch, 19, false},
    {"batch of updates, refused", update_in_batch_refused, 14, false},
    {"batch of operations", extend_in_batch, 40, false},
    {"batch of operations, refused", extend_in_batch_refused, 26, false},
    {"pin for another", pin_for_another, 12, true},
    {"unpin for another", unpin_for_another, 12, true},
    {"update for another", update_for_another, 4, true},
    {"populate", populate, EXTENTS - 1, false},
    {"populate beyond the quota", populate_beyond_quota, EXTENTS - 2, false},
    {"increase", increase, EXTENTS - 1, false},
    {"decrease", decrease, EXTENTS - 1, false},
    {"exchange", exchange, EXTENTS - 1, false},
    {"exchange, refused", exchange_refused, EXTENTS - 2, false},
};

static void stopped_anywhere_and_resumed_it_ends_as_if_it_had_not_been(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++) {
        unsigned int stops = for_all_stops(operations[i].make, NULL);
        print_message("%s: %u stops\n", operations[i].name, stops);
        assert_true(stops >= operations[i].stops);
    }
    fake_stop();
}

static void stopped_anywhere_another_vcpu_may_work_between(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++) {
        (void)for_all_stops(operations[i].make, second_vcpu_works);
    }
    fake_stop();
}

static void stopped_again_and_again_it_ends_as_if_it_had_not_been(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++) {
        for (unsigned int first = 1; first <= 4; first++) {
            next_stop = 1;
            (void)run_interrupted(operations[i].make, first, stop_again);
        }
    }
    fake_stop();
}

static void stopped_at_each_opportunity_it_ends_as_if_it_had_not_been(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++) {
        start();
        struct request request = operations[i].make();
        fake_yield_always();
        struct ending ending = finish(&request);
        assert_true(fake.executions > 1 || operations[i].stops == 0);
        assert_same_ending(ending, operations[i].make);
    }
    fake_stop();
}

static void given_up_anywhere_and_cancelled_it_has_happened_or_not(void **state)
{
    (void)state;
    unsigned int undone = 0;
    unsigned int kept = 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++) {
        unsigned int k = 1;
        while (operations[i].is_one_element &&
               run_cancelled(operations[i].make, k, &undone, &kept)) {
            assert_true(++k < K_LIMIT);
        }
    }
    print_message("%u had not happened, %u had\n", undone, kept);
    assert_true(undone > 50 && kept > 50);
    fake_stop();
}

/* A batch given up in its middle leaves no half-done element. */
static void a_batch_given_up_anywhere_leaves_whole_elements(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++) {
        bool again = !operations[i].is_one_element;
        for (unsigned int k = 1; again; k++) {
            start();
            struct request request = operations[i].make();
            fake_yield_at(k);
            again = fake_call_once(request.call, vcpu, request.arg).again;
            fake_yield_never();
            cancel();
            assert_audit_clean();
        }
    }
    fake_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_anywhere_and_resumed_it_ends_as_if_it_had_not_been),
        cmocka_unit_test(stopped_anywhere_another_vcpu_may_work_between),
        cmocka_unit_test(stopped_again_and_again_it_ends_as_if_it_had_not_been),
        cmocka_unit_test(stopped_at_each_opportunity_it_ends_as_if_it_had_not_been),
        cmocka_unit_test(given_up_anywhere_and_cancelled_it_has_happened_or_not),
        cmocka_unit_test(a_batch_given_up_anywhere_leaves_whole_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
