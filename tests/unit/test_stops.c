/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every stopping point: each operation of many steps is interrupted at its k-th opportunity, for
 * all k, and then resumed, resumed with another vCPU's work in between, interrupted again at each
 * step, or given up and cancelled by another operation. Resumed, it ends as if nobody had
 * interrupted it; cancelled, it is as if it had not begun, or as if it had ended.
 */
#include "tests/fake/fake_steps.h"

#include <string.h>

#define K_LIMIT 400U

/* ---- one run ------------------------------------------------------------------------------- */

struct ending {
    int64_t answer;
    uint32_t done;
    struct fake_snapshot *state;
};

static struct ending finish(struct fake_request *request)
{
    struct ending ending = {.answer = fake_call(request->call, steps.vcpu, request->arg)};
    fake_yield_never();
    fake.between = NULL;
    ending.done = fake_done();
    ending.state = fake_snapshot();
    return ending;
}

static struct ending run_uninterrupted(fake_make_fn make)
{
    fake_steps_start();
    struct fake_request request = make();
    return finish(&request);
}

static void assert_same_ending(struct ending found, fake_make_fn make)
{
    struct ending expected = run_uninterrupted(make);
    assert_int_equal(found.answer, expected.answer);
    assert_int_equal(found.done, expected.done);
    assert_same(found.state, expected.state);
}

/* Interrupted at opportunity k. False: there are not so many. */
static bool run_interrupted(fake_make_fn make, unsigned int k, void (*between)(void))
{
    fake_steps_start();
    struct fake_request request = make();
    fake_yield_at(k);
    fake.between = between;
    struct ending ending = finish(&request);
    bool was_interrupted = fake.executions > 1;
    assert_same_ending(ending, make);
    return was_interrupted;
}

static unsigned int for_all_stops(fake_make_fn make, void (*between)(void))
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
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.arg1.mfn = mfn.value;
    memcpy(fake_argument_page(8), &op, sizeof(op));
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
    assert_int_equal(do_elsewhere(steps.second, MMUEXT_PIN_L2_TABLE, steps.second_spare.table[2]),
                     0);
    assert_int_equal(do_elsewhere(steps.second, MMUEXT_UNPIN_TABLE, steps.second_spare.table[2]),
                     0);
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
    for (uint64_t mfn = 0; mfn < FAKE_STEPS_FRAMES; mfn++) {
        hash = digest_frame(hash, mfn);
    }
    hash = digest_word(hash, steps.vcpu->kernel_base.value);
    return digest_word(hash, steps.vcpu->user_base.value);
}

static void cancel(void)
{
    assert_int_equal(do_elsewhere(steps.vcpu, MMUEXT_PIN_L2_TABLE, steps.spare.table[2]), 0);
    assert_int_equal(do_elsewhere(steps.vcpu, MMUEXT_UNPIN_TABLE, steps.spare.table[2]), 0);
    assert_int_equal(steps.vcpu->walk.mode, PT_WALK_NONE);
}

/* Stopped at opportunity k, given up, cancelled. False: it was not stopped. */
static bool run_cancelled(fake_make_fn make, unsigned int k, unsigned int *undone,
                          unsigned int *kept)
{
    fake_steps_start();
    struct fake_request request = make();
    uint64_t before = digest();
    struct fake_request again = request;
    fake_yield_at(k);
    if (!fake_call_once(request.call, steps.vcpu, request.arg).again) {
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

static void stopped_anywhere_and_resumed_it_ends_as_if_it_had_not_been(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < fake_operation_count; i++) {
        unsigned int stops = for_all_stops(fake_operations[i].make, NULL);
        print_message("%s: %u stops\n", fake_operations[i].name, stops);
        assert_true(stops >= fake_operations[i].stops);
    }
    fake_stop();
}

static void stopped_anywhere_another_vcpu_may_work_between(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < fake_operation_count; i++) {
        (void)for_all_stops(fake_operations[i].make, second_vcpu_works);
    }
    fake_stop();
}

static void stopped_again_and_again_it_ends_as_if_it_had_not_been(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < fake_operation_count; i++) {
        for (unsigned int first = 1; first <= 4; first++) {
            next_stop = 1;
            (void)run_interrupted(fake_operations[i].make, first, stop_again);
        }
    }
    fake_stop();
}

static void stopped_at_each_opportunity_it_ends_as_if_it_had_not_been(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < fake_operation_count; i++) {
        fake_steps_start();
        struct fake_request request = fake_operations[i].make();
        fake_yield_always();
        struct ending ending = finish(&request);
        assert_true(fake.executions > 1 || fake_operations[i].stops == 0);
        assert_same_ending(ending, fake_operations[i].make);
    }
    fake_stop();
}

static void given_up_anywhere_and_cancelled_it_has_happened_or_not(void **state)
{
    (void)state;
    unsigned int undone = 0;
    unsigned int kept = 0;
    for (unsigned int i = 0; i < fake_operation_count; i++) {
        unsigned int k = 1;
        while (fake_operations[i].is_one_element &&
               run_cancelled(fake_operations[i].make, k, &undone, &kept)) {
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
    for (unsigned int i = 0; i < fake_operation_count; i++) {
        bool again = !fake_operations[i].is_one_element;
        for (unsigned int k = 1; again; k++) {
            fake_steps_start();
            struct fake_request request = fake_operations[i].make();
            fake_yield_at(k);
            again = fake_call_once(request.call, steps.vcpu, request.arg).again;
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
