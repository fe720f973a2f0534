/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each operation of many steps is stopped at its k-th opportunity, for all k, and its domain
 * destroyed there, in steps that are interrupted wherever they can be. All frames come back, and of
 * what belongs to others each element of the operation has happened or has not.
 */
#include "tests/fake/fake_steps.h"

#include "core/teardown.h"

#define K_LIMIT    400U
#define STEP_LIMIT 5000U

static void destroy(void)
{
    domain_begin_teardown(steps.domain);
    fake_yield_always();
    unsigned int count = 0;
    while (!domain_tear_down(steps.domain, steps.other->vcpus[0])) {
        assert_audit_clean();
        fake_tlb_check();
        assert_true(++count < STEP_LIMIT);
    }
    fake_yield_never();
    domain_end_teardown(steps.domain, steps.shared_info);
    assert_audit_clean();
    assert_true(count > 20);
}

static void assert_all_came_back(uint64_t others_pages)
{
    assert_true(domain_is_empty(steps.domain));
    assert_true(fake.empty_domains[steps.domain->id]);
    assert_int_equal(steps.other->grants->use_count, 0);
    grant_table_free(steps.domain);
    uint64_t gained = steps.other->page_count - others_pages; /* by transfer */
    assert_int_equal(machine.free_count, steps.free_before - gained);
    assert_audit_clean();
}

/* ---- what the other domain has ------------------------------------------------------------- */

static uint64_t digest_word(uint64_t hash, uint64_t word)
{
    return (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15) + (hash >> 29);
}

static uint64_t digest_frame(uint64_t hash, uint64_t mfn)
{
    const struct frame *frame = &machine.frames[mfn];
    hash = digest_word(hash, mfn);
    hash = digest_word(hash, frame->flags);
    hash = digest_word(hash, frame->ref_count);
    hash = digest_word(hash, frame->type_count);
    hash = digest_word(hash, frame->type_count > 0 ? frame->type : 0);
    hash = digest_word(hash, machine.m2p[mfn]);
    for (unsigned int i = 0; i < PTE_COUNT; i++) {
        hash = digest_word(hash, fake_entries(mfn_make(mfn))[i].raw);
    }
    return hash;
}

static uint64_t digest_other(void)
{
    uint64_t hash = 0;
    for (uint64_t mfn = 0; mfn < FAKE_STEPS_FRAMES; mfn++) {
        const struct frame *frame = &machine.frames[mfn];
        if (frame->owner == steps.other->id && frame_class(frame) != FRAME_FREE) {
            hash = digest_frame(hash, mfn);
        }
    }
    hash = digest_word(hash, steps.other->page_count);
    return digest_word(hash, steps.other->vcpus[0]->kernel_base.value);
}

/* What is left of it when the domain is destroyed after `count` elements of the operation; 0:
 * before the operation began. */
static uint64_t digest_after(fake_make_fn make, unsigned int count)
{
    fake_steps_start();
    uint64_t others_pages = steps.other->page_count;
    struct fake_request request = make();
    if (count > 0) {
        if (request.call == call_grant_table_op) {
            request.arg[2] = count;
        }
        (void)fake_call(request.call, steps.vcpu, request.arg);
    }
    destroy();
    assert_all_came_back(others_pages);
    return digest_other();
}

/* ---- tests --------------------------------------------------------------------------------- */

/* The other domain after each number of elements. What does not outlive its domain leaves it as if
 * there had been no operation. */
static void expect(const struct fake_operation *operation, uint64_t expected[])
{
    for (unsigned int count = 0; count <= FAKE_EXTENTS; count++) {
        expected[count] = digest_after(operation->make, count);
        assert_true(operation->changes_other || expected[count] == expected[0]);
    }
    assert_int_equal(operation->changes_other, expected[FAKE_EXTENTS] != expected[0]);
}

/* False: it was not stopped. */
static bool run_destroyed(fake_make_fn make, unsigned int k, const uint64_t expected[])
{
    fake_steps_start();
    uint64_t others_pages = steps.other->page_count;
    struct fake_request request = make();
    fake_yield_at(k);
    bool stopped = fake_call_once(request.call, steps.vcpu, request.arg).again;
    fake_yield_never();
    if (!stopped) {
        return false;
    }
    destroy();
    assert_all_came_back(others_pages);
    uint64_t found = digest_other();
    unsigned int i = 0;
    while (found != expected[i]) {
        assert_true(++i <= FAKE_EXTENTS);
    }
    return true;
}

static void destroyed_at_any_stop_of_its_operation_it_leaves_nothing(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < fake_operation_count; i++) {
        fake_make_fn make = fake_operations[i].make;
        uint64_t expected[FAKE_EXTENTS + 1];
        expect(&fake_operations[i], expected);
        unsigned int k = 1;
        while (run_destroyed(make, k, expected)) {
            assert_true(++k < K_LIMIT);
        }
        print_message("%s: destroyed at %u stops\n", fake_operations[i].name, k - 1);
        assert_true(k > fake_operations[i].stops);
    }
    fake_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(destroyed_at_any_stop_of_its_operation_it_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
