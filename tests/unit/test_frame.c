/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame table: counts, types, owners, the allocator. */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include "core/reservation.h"
#include "core/tlb.h"

#define FRAMES UINT64_C(256)

static struct domain *domain;

static int setup(void **state)
{
    (void)state;
    fake_start(FRAMES);
    domain = fake_domain(1, 1);
    return 0;
}

static struct frame *give(void)
{
    return fake_frame(fake_give(domain));
}

/* ---- classes ------------------------------------------------------------------------------- */

static void frames_begin_in_the_class_the_machine_says(void **state)
{
    (void)state;
    assert_int_equal(frame_class(fake_frame(mfn_make(0))), FRAME_IO);
    assert_int_equal(frame_class(fake_frame(mfn_make(FAKE_HYPERVISOR))), FRAME_HYPERVISOR);
    assert_int_equal(frame_class(fake_frame(mfn_make(FAKE_SHARED_READ))), FRAME_SHARED_READ_ONLY);
    assert_int_equal(frame_class(fake_frame(mfn_make(FAKE_RAM_FIRST))), FRAME_FREE);
    assert_null(frame_find(mfn_make(FRAMES)));
    assert_null(frame_find(MFN_INVALID));
    assert_audit_clean();
}

static void an_assigned_frame_is_the_domains_with_one_reference(void **state)
{
    (void)state;
    struct frame *frame = give();
    assert_int_equal(frame->owner, 1);
    assert_int_equal(frame->flags, FRAME_GUEST | FRAME_ALLOCATED);
    assert_int_equal(frame->ref_count, 1);
    assert_int_equal(frame->type_count, 0);
    assert_int_equal(frame->type, FRAME_NONE);
    assert_int_equal(domain->page_count, 1);
    assert_audit_clean();
}

static void a_frame_given_back_is_free(void **state)
{
    (void)state;
    struct frame *frame = give();
    uint64_t free_count = machine.free_count;
    m2p_set(frame_mfn(frame), 5);
    assert_int_equal(frame_give_back(frame), STATUS_OK);
    assert_int_equal(frame_class(frame), FRAME_FREE);
    assert_int_equal(machine.free_count, free_count + 1);
    assert_int_equal(domain->page_count, 0);
    assert_int_equal(machine.m2p[frame_mfn(frame).value], M2P_INVALID);
    assert_audit_clean();
}

static void a_frame_given_back_in_use_is_freed_by_its_last_user(void **state)
{
    (void)state;
    struct frame *frame = give();
    assert_int_equal(frame_get(frame), STATUS_OK);
    assert_int_equal(frame_give_back(frame), STATUS_OK);
    assert_int_equal(frame_class(frame), FRAME_GUEST);
    assert_int_equal(domain->page_count, 1);
    assert_int_equal(frame_give_back(frame), STATUS_FRAME_IN_USE);
    frame_put(frame);
    assert_int_equal(frame_class(frame), FRAME_FREE);
    assert_int_equal(domain->page_count, 0);
    assert_audit_clean();
}

static void only_plain_ram_can_be_given_back(void **state)
{
    (void)state;
    mfn_t shared = frame_alloc(0, 64);
    frame_make_shared(fake_frame(shared), domain);
    const mfn_t frames[] = {mfn_make(0), mfn_make(FAKE_HYPERVISOR), mfn_make(FAKE_SHARED_READ),
                            mfn_make(FRAMES - 1), shared};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++) {
        assert_int_equal(frame_give_back(fake_frame(frames[i])), STATUS_FRAME_IN_USE);
        assert_int_equal(frame_steal(fake_frame(frames[i])), STATUS_FRAME_IN_USE);
    }
    assert_unchanged(before);
    assert_audit_clean();
}

static void a_shared_frame_is_zero_and_writable_for_ever(void **state)
{
    (void)state;
    mfn_t mfn = frame_alloc(0, 64);
    fake_entries(mfn)[3].raw = 99;
    frame_make_shared(fake_frame(mfn), domain);
    assert_int_equal(fake_entries(mfn)[3].raw, 0);
    assert_int_equal(frame_get_writable(fake_frame(mfn)), STATUS_OK);
    frame_put_writable(fake_frame(mfn));
    assert_int_equal(fake_frame(mfn)->type_count, 1);
    assert_int_equal(domain->page_count, 0);
    assert_audit_clean();
}

static void read_only_shared_memory_is_never_writable(void **state)
{
    (void)state;
    struct frame *frame = fake_frame(mfn_make(FAKE_SHARED_READ));
    assert_int_equal(frame_get_writable(frame), STATUS_LEAF_WRONG_TYPE);
    assert_int_equal(frame->type_count, 0);
}

/* ---- counts and types ---------------------------------------------------------------------- */

static void references_overflow_into_a_refusal(void **state)
{
    (void)state;
    struct frame *frame = give();
    frame->ref_count = UINT32_MAX - 2;
    assert_int_equal(frame_get(frame), STATUS_OK);
    assert_int_equal(frame_get(frame), STATUS_COUNT_OVERFLOW);
    assert_int_equal(frame->ref_count, UINT32_MAX - 1);
}

static void writable_counts_overflow_into_a_refusal(void **state)
{
    (void)state;
    struct frame *frame = give();
    assert_int_equal(frame_get_writable(frame), STATUS_OK);
    frame->type_count = UINT32_MAX - 1;
    assert_int_equal(frame_get_writable(frame), STATUS_OK);
    assert_int_equal(frame_get_writable(frame), STATUS_COUNT_OVERFLOW);
    assert_int_equal(frame->type_count, UINT32_MAX);
}

static void table_counts_overflow_into_a_refusal(void **state)
{
    (void)state;
    struct frame *frame = give();
    frame_claim(frame, FRAME_L2);
    frame_publish(frame);
    frame->type_count = UINT32_MAX;
    assert_int_equal(frame_share_type(frame), STATUS_COUNT_OVERFLOW);
    assert_int_equal(frame->type_count, UINT32_MAX);
}

static void a_frame_in_use_as_a_table_cannot_become_writable(void **state)
{
    (void)state;
    for (enum frame_type type = FRAME_L1; type <= FRAME_DESCRIPTORS; type++) {
        struct frame *frame = give();
        frame_claim(frame, type);
        assert_int_equal(frame_get_writable(frame), STATUS_LEAF_WRONG_TYPE);
        frame_publish(frame);
        assert_int_equal(frame_get_writable(frame), STATUS_LEAF_WRONG_TYPE);
        frame_release(frame);
        assert_int_equal(frame_get_writable(frame), STATUS_OK);
        assert_int_equal(frame->type, FRAME_WRITABLE);
        frame_put_writable(frame);
    }
}

static void a_claim_flushes_before_anybody_looks_inside(void **state)
{
    (void)state;
    struct frame *frame = give();
    assert_int_equal(frame_get_writable(frame), STATUS_OK);
    frame_put_writable(frame);
    uint32_t ended = frame->writable_stamp;
    frame_claim(frame, FRAME_L3);
    assert_false(frame_is_validated(frame));
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        assert_true(machine.cpu_flushed[cpu] > ended);
    }
}

static void each_end_of_use_leaves_its_stamp(void **state)
{
    (void)state;
    struct frame *frame = give();
    assert_int_equal(frame_get_writable(frame), STATUS_OK);
    machine.flush_clock = 100;
    frame_put_writable(frame);
    assert_int_equal(frame->writable_stamp, 100);
    frame_claim(frame, FRAME_L1);
    machine.flush_clock = 200;
    frame_release(frame);
    assert_int_equal(frame->table_stamp, 200);
    machine.flush_clock = 300;
    assert_int_equal(frame_give_back(frame), STATUS_OK);
    assert_int_equal(frame->writable_stamp, 300);
}

static void every_type_and_class_has_a_name(void **state)
{
    (void)state;
    for (enum frame_type type = FRAME_NONE; type <= FRAME_WRITABLE; type++) {
        assert_non_null(frame_type_text(type));
    }
    for (enum frame_class class = FRAME_FREE; class <= FRAME_HYPERVISOR; class ++) {
        assert_non_null(frame_class_text(class));
    }
}

/* ---- changing hands ------------------------------------------------------------------------ */

static void a_stolen_frame_keeps_its_contents_when_it_comes_back(void **state)
{
    (void)state;
    mfn_t mfn = fake_give(domain);
    fake_entries(mfn)[7].raw = 42;
    assert_int_equal(frame_steal(fake_frame(mfn)), STATUS_OK);
    assert_int_equal(domain->page_count, 0);
    frame_assign(fake_frame(mfn), domain);
    assert_int_equal(fake_entries(mfn)[7].raw, 42);
    assert_int_equal(domain->page_count, 1);
    assert_audit_clean();
}

static void a_frame_that_is_mapped_or_typed_cannot_be_stolen(void **state)
{
    (void)state;
    struct frame *frame = give();
    assert_int_equal(frame_get(frame), STATUS_OK);
    assert_int_equal(frame_steal(frame), STATUS_FRAME_IN_USE);
    frame_put(frame);
    assert_int_equal(frame_get_writable(frame), STATUS_OK);
    assert_int_equal(frame_steal(frame), STATUS_FRAME_IN_USE);
    frame_put_writable(frame);
    assert_int_equal(frame_steal(frame), STATUS_OK);
    frame_free_stolen(frame);
    assert_audit_clean();
}

static void another_domain_never_sees_the_former_owners_data(void **state)
{
    (void)state;
    struct domain *next = fake_domain(2, 1);
    mfn_t mfn = fake_give(domain);
    memset(fake_entries(mfn), 0x5a, PAGE_SIZE);
    assert_int_equal(frame_give_back(fake_frame(mfn)), STATUS_OK);
    while (fake_frame(mfn)->owner != 2) {
        struct mmu_locked locked = domain_mmu_lock(next);
        mfn_t got = fake_give_as_it_is(next);
        domain_mmu_unlock(locked);
        assert_false(mfn_equal(got, MFN_INVALID));
    }
    for (unsigned int i = 0; i < PTE_COUNT; i++) {
        assert_int_equal(fake_entries(mfn)[i].raw, 0);
    }
}

/* ---- the allocator ------------------------------------------------------------------------- */

static void single_frames_run_out_and_are_all_different(void **state)
{
    (void)state;
    uint64_t count = machine.free_count;
    assert_int_equal(count, FRAMES - FAKE_RAM_FIRST);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_not_equal(frame_class(give()), FRAME_FREE);
    }
    assert_int_equal(domain->page_count, count);
    assert_int_equal(frame_alloc(0, 64).value, UINT64_MAX);
    assert_audit_clean();
}

static void blocks_are_aligned_and_free_again_after_an_undo(void **state)
{
    (void)state;
    for (unsigned int order = 0; order <= 7; order++) {
        uint64_t free_count = machine.free_count;
        mfn_t first = frame_alloc(order, 64);
        assert_int_not_equal(first.value, UINT64_MAX);
        assert_int_equal(first.value % (UINT64_C(1) << order), 0);
        assert_true(first.value >= FAKE_RAM_FIRST);
        assert_true(first.value + (UINT64_C(1) << order) <= FRAMES);
        assert_int_equal(machine.free_count, free_count - (UINT64_C(1) << order));
        frame_alloc_undo(first, order);
        assert_int_equal(machine.free_count, free_count);
    }
    assert_int_equal(frame_alloc(8, 64).value, UINT64_MAX);
    assert_audit_clean();
}

static void a_block_never_overlaps_what_is_taken(void **state)
{
    (void)state;
    unsigned int blocks = 0;
    for (mfn_t first; (first = frame_alloc(4, 64)).value != UINT64_MAX; blocks++) {
        for (uint64_t i = 0; i < 16; i++) {
            frame_assign(fake_frame(mfn_add(first, i)), domain); /* checks that it was free */
        }
    }
    assert_int_equal(blocks, FRAMES / 16 - 1); /* the lowest one is not all RAM */
    assert_audit_clean();
}

static void an_address_limit_is_kept(void **state)
{
    (void)state;
    for (unsigned int bits = 17; bits <= 19; bits++) {
        mfn_t mfn = frame_alloc(0, bits);
        assert_true(mfn.value < UINT64_C(1) << (bits - PAGE_SHIFT));
    }
    assert_int_equal(frame_alloc(0, 15).value, UINT64_MAX); /* below 8 frames: none is RAM */
    assert_int_equal(frame_alloc(0, 12).value, UINT64_MAX);
    assert_int_equal(frame_alloc(0, 1).value, UINT64_MAX);
    assert_int_equal(frame_alloc(6, 18).value, UINT64_MAX); /* frames 0 to 63 are not all RAM */
}

static void large_blocks_come_from_a_large_machine(void **state)
{
    (void)state;
    fake_start(UINT64_C(1) << 16);
    mfn_t first = frame_alloc(14, 64);
    assert_int_equal(first.value, 3U << 14);
    assert_int_equal(frame_alloc(14, 64).value, 2U << 14);
    assert_int_equal(frame_alloc(14, 27).value, 1U << 14);
    assert_int_equal(frame_alloc(14, 64).value, UINT64_MAX); /* the lowest one is not all RAM */
    frame_alloc_undo(first, 14);
    assert_int_equal(frame_alloc(9, 64).value, (UINT64_C(1) << 16) - 512);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_begin_in_the_class_the_machine_says),
        TEST(an_assigned_frame_is_the_domains_with_one_reference),
        TEST(a_frame_given_back_is_free),
        TEST(a_frame_given_back_in_use_is_freed_by_its_last_user),
        TEST(only_plain_ram_can_be_given_back),
        TEST(a_shared_frame_is_zero_and_writable_for_ever),
        TEST(read_only_shared_memory_is_never_writable),
        TEST(references_overflow_into_a_refusal),
        TEST(writable_counts_overflow_into_a_refusal),
        TEST(table_counts_overflow_into_a_refusal),
        TEST(a_frame_in_use_as_a_table_cannot_become_writable),
        TEST(a_claim_flushes_before_anybody_looks_inside),
        TEST(each_end_of_use_leaves_its_stamp),
        TEST(every_type_and_class_has_a_name),
        TEST(a_stolen_frame_keeps_its_contents_when_it_comes_back),
        TEST(a_frame_that_is_mapped_or_typed_cannot_be_stolen),
        TEST(another_domain_never_sees_the_former_owners_data),
        TEST(single_frames_run_out_and_are_all_different),
        TEST(blocks_are_aligned_and_free_again_after_an_undo),
        TEST(a_block_never_overlaps_what_is_taken),
        TEST(an_address_limit_is_kept),
        TEST(large_blocks_come_from_a_large_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
