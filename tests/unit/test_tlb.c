/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flushes: what a CPU remembers must never outlive a change of use. The software TLB
 * (tests/fake/fake_tlb.c) keeps everything until the core flushes, and fails the test if an access
 * reaches a frame in a part it no longer has.
 */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include <xen/memory.h>

#include "core/tlb.h"

static struct domain *domain;
static struct vcpu *vcpu;
static struct vcpu *other_vcpu;
static struct fake_guest guest;
#define PAGE_ADDRESS FAKE_VA(0) /* of guest.pages[0] */

static int setup(void **state)
{
    (void)state;
    fake_start(128);
    domain = fake_domain(1, 2);
    vcpu = domain->vcpus[0];
    other_vcpu = domain->vcpus[1];
    fake_guest_build(&guest, domain);
    assert_int_equal(do_base(other_vcpu, guest.l4), 0);
    return 0;
}

static uint32_t now(void)
{
    return tlb_clock_now();
}

/* ---- the model itself ---------------------------------------------------------------------- */

static void the_model_reads_and_writes_through_the_tables(void **state)
{
    (void)state;
    uint64_t value = 0;
    assert_true(fake_guest_write(0, vcpu, FAKE_VA(3) + 8, 77));
    assert_int_equal(fake_entries(guest.pages[3])[1].raw, 77);
    assert_true(fake_guest_read(1, other_vcpu, FAKE_VA(3) + 8, &value));
    assert_int_equal(value, 77);
    assert_true(pte_has(fake_entries(guest.l1)[3], PTE_ACCESSED | PTE_DIRTY));
    assert_false(fake_guest_write(0, vcpu, FAKE_VA(FAKE_TABLES_AT), 1));
    assert_false(fake_guest_read(0, vcpu, FAKE_VA(200), &value));
}

static void the_model_keeps_what_nobody_flushed(void **state)
{
    (void)state;
    uint64_t value;
    assert_true(fake_guest_write(0, vcpu, PAGE_ADDRESS, 1));
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_NONE), 0);
    assert_true(fake_guest_write(0, vcpu, PAGE_ADDRESS, 2));
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_INVLPG | UVMF_LOCAL), 0);
    assert_false(fake_guest_read(0, vcpu, PAGE_ADDRESS, &value));
}

static void the_model_notices_a_lost_flush(void **state)
{
    (void)state;
    assert_true(fake_guest_write(0, vcpu, PAGE_ADDRESS, 0));
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_NONE), 0);
    fake.flushes_are_lost = true;
    fake.violations_are_counted = true;
    assert_int_equal(do_pin(vcpu, guest.pages[0], 1), 0);
    assert_false(fake_guest_write(0, vcpu, PAGE_ADDRESS, 2));
    assert_int_equal(fake.violations, 1);
}

static void the_model_notices_a_stale_table(void **state)
{
    (void)state;
    uint64_t value;
    assert_true(fake_guest_read(0, vcpu, PAGE_ADDRESS, &value));
    fake.flushes_are_lost = true;
    fake.violations_are_counted = true;
    assert_int_equal(do_update(vcpu, guest.l2, 0, (pte_t){0}), 0);
    assert_false(fake_guest_read(0, vcpu, FAKE_VA(1), &value));
    assert_int_equal(fake.violations, 1);
}

/* ---- leaves (C3) --------------------------------------------------------------------------- */

static void a_stale_writable_leaf_is_gone_when_the_frame_becomes_a_table(void **state)
{
    (void)state;
    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t address = FAKE_VA(level);
        assert_true(fake_guest_write(0, vcpu, address, 0));
        assert_true(fake_guest_write(1, other_vcpu, address, 0));
        assert_int_equal(do_va(vcpu, address, (pte_t){0}, UVMF_NONE), 0);
        assert_true(fake_guest_write(1, other_vcpu, address, 0));

        assert_int_equal(do_pin(vcpu, guest.pages[level], level), 0);

        assert_false(fake_guest_write(0, vcpu, address, 1));
        assert_false(fake_guest_write(1, other_vcpu, address, 1));
    }
}

static void a_stale_writable_leaf_is_gone_when_the_frame_becomes_descriptors(void **state)
{
    (void)state;
    assert_true(fake_guest_write(1, other_vcpu, PAGE_ADDRESS, 0));
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_NONE), 0);
    memcpy(fake.buffers[0].bytes, &guest.pages[0], sizeof(mfn_t));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 8};

    assert_int_equal(fake_call(call_set_gdt, vcpu, arg), 0);

    assert_false(fake_guest_write(1, other_vcpu, PAGE_ADDRESS, 1));
}

static void a_stale_leaf_is_gone_when_the_frame_belongs_to_another_domain(void **state)
{
    (void)state;
    struct domain *next = fake_domain(2, 1);
    assert_true(fake_guest_write(1, other_vcpu, PAGE_ADDRESS, UINT64_C(0x5ec2e7)));
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_NONE), 0);
    assert_int_equal(frame_give_back(fake_frame(guest.pages[0])), STATUS_OK);
    assert_true(fake_guest_write(1, other_vcpu, PAGE_ADDRESS, UINT64_C(0x5ec2e7)));

    while (machine.free_count > 0) {
        (void)fake_give(next);
    }

    assert_int_equal(fake_frame(guest.pages[0])->owner, 2);
    assert_int_equal(fake_entries(guest.pages[0])[0].raw, 0);
    uint64_t value;
    assert_false(fake_guest_read(1, other_vcpu, PAGE_ADDRESS, &value));
    assert_audit_clean();
}

static struct fake_guest controller;

static struct mmu_update foreign_entry(unsigned int index, uint64_t raw)
{
    return (struct mmu_update){
        .ptr = (controller.l1.value << PAGE_SHIFT) + index * sizeof(pte_t),
        .val = raw,
    };
}

/* What the controller's last CPU still reaches of a page of the guest's, when the page's writable
 * count falls. */
static unsigned int tlb_size_at_flush;
static uint32_t type_count_at_flush;

static void note_flush(const char *what)
{
    if (strcmp(what, "flush_tlb") == 0) {
        tlb_size_at_flush = fake_tlb_size(2);
        type_count_at_flush = fake_frame(guest.pages[0])->type_count;
    }
}

static void build_controller(void)
{
    struct domain *control = fake_domain(0, 3);
    control->is_control = true;
    fake_guest_build(&controller, control);
    assert_int_equal(do_base(control->vcpus[2], controller.l4), 0);
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_NONE), 0);
}

static void a_foreign_leaf_is_flushed_from_its_mapper_before_it_is_dropped(void **state)
{
    (void)state;
    build_controller();
    struct vcpu *mapper = controller.domain->vcpus[2];
    /* The controller maps the guest's page on its CPU 2, and lets go of it without a flush. */
    struct mmu_update request = foreign_entry(100, pte_make(guest.pages[0], FAKE_RW).raw);
    assert_int_equal(do_mmu_update(controller.vcpu, &request, 1, domain->id), 0);
    assert_true(fake_guest_write(2, mapper, FAKE_VA(100), 0));
    assert_int_equal(do_pin(vcpu, guest.pages[0], 1), -XEN_EINVAL);
    request.val = 0;
    fake.full_flushes = 0;
    fake.watch = note_flush;
    assert_int_equal(do_mmu_update(controller.vcpu, &request, 1, domain->id), 0);
    fake.watch = NULL;

    assert_int_equal(fake.full_flushes, 1);
    assert_true(tlb_size_at_flush > 0);
    assert_int_equal(type_count_at_flush, 1);
    assert_int_equal(fake_frame(guest.pages[0])->type_count, 0);
    assert_false(fake_guest_write(2, mapper, FAKE_VA(100), 1));
    assert_int_equal(do_pin(vcpu, guest.pages[0], 1), 0);
}

static void foreign_leaves_dropped_in_one_batch_share_their_flushes(void **state)
{
    (void)state;
    build_controller();
    struct mmu_update requests[3 * FOREIGN_DROP_BATCH];
    for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
        requests[i] = foreign_entry(100 + i, pte_make(guest.pages[1], FAKE_RO).raw);
    }
    unsigned int count = 2 * FOREIGN_DROP_BATCH + 1;
    assert_int_equal(do_mmu_update(controller.vcpu, requests, count, domain->id), 0);
    for (unsigned int i = 0; i < count; i++) {
        requests[i].val = 0;
    }
    fake.full_flushes = 0;
    assert_int_equal(do_mmu_update(controller.vcpu, requests, count, domain->id), 0);
    assert_int_equal(fake.full_flushes, 3);
    assert_int_equal(fake_frame(guest.pages[1])->ref_count, 2);
}

/* ---- paging structures (C4) ---------------------------------------------------------------- */

static void a_former_table_is_walked_by_nobody_once_it_is_data(void **state)
{
    (void)state;
    uint64_t value;
    const mfn_t upper[] = {guest.l2, guest.l3, guest.l4};
    for (unsigned int level = 1; level <= 3; level++) {
        struct fake_tree tree;
        fake_tree_build(&tree, domain, level);
        uint64_t address = UINT64_C(5) << (PAGE_SHIFT + 9 * level);
        assert_int_equal(
            do_update(vcpu, upper[level - 1], 5, pte_make(tree.table[level], FAKE_TABLE)), 0);
        assert_true(fake_guest_read(0, vcpu, address, &value));
        assert_true(fake_guest_read(1, other_vcpu, address, &value));
        assert_int_equal(do_update(vcpu, upper[level - 1], 5, (pte_t){0}), 0);

        /* The former table is data now: an entry for the hypervisor's memory is only a number. */
        assert_int_equal(do_va(vcpu, PAGE_ADDRESS, pte_make(tree.table[level], FAKE_RW), 0), 0);
        assert_true(fake_guest_write(0, vcpu, PAGE_ADDRESS,
                                     pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_RW).raw));

        assert_false(fake_guest_read(0, vcpu, address, &value));
        assert_false(fake_guest_read(1, other_vcpu, address, &value));
        assert_false(fake_guest_read(1, other_vcpu, address + PAGE_SIZE, &value));
        assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_NONE), 0);
    }
}

static void the_stamps_alone_flush_a_former_table(void **state)
{
    (void)state;
    mfn_t table = fake_give(domain);
    assert_int_equal(do_pin(vcpu, table, 1), 0);
    assert_int_equal(do_unpin(vcpu, table), 0);
    unsigned int flushes = fake.full_flushes;

    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, pte_make(table, FAKE_RW), UVMF_NONE), 0);

    assert_int_equal(fake.full_flushes, flushes + 1);
    assert_int_equal(fake.last_flush_cpus, machine.cpus_online);
}

static void a_table_freed_and_given_away_is_walked_by_nobody(void **state)
{
    (void)state;
    struct domain *next = fake_domain(2, 1);
    uint64_t value;
    assert_true(fake_guest_read(1, other_vcpu, PAGE_ADDRESS, &value));
    assert_int_equal(do_va(vcpu, FAKE_VA(FAKE_TABLES_AT + 3), (pte_t){0}, UVMF_NONE), 0);
    assert_int_equal(do_update(vcpu, guest.l2, 0, (pte_t){0}), 0);
    assert_int_equal(frame_give_back(fake_frame(guest.l1)), STATUS_OK);
    while (machine.free_count > 0) {
        (void)fake_give(next);
    }
    assert_int_equal(fake_frame(guest.l1)->owner, 2);
    assert_false(fake_guest_read(1, other_vcpu, PAGE_ADDRESS, &value));
    assert_false(fake_guest_read(1, other_vcpu, FAKE_VA(2), &value));
}

/* ---- what is flushed when ------------------------------------------------------------------ */

static void an_upper_level_update_flushes_the_domains_cpus_once(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 1);
    struct mmu_update requests[2] = {
        {.ptr = (guest.l2.value << PAGE_SHIFT) + 5 * sizeof(pte_t),
         .val = pte_make(tree.table[1], FAKE_TABLE).raw},
        {.ptr = (guest.l2.value << PAGE_SHIFT) + 5 * sizeof(pte_t), .val = 0},
    };
    assert_int_equal(do_pin(vcpu, tree.table[1], 1), 0);
    unsigned int flushes = fake.full_flushes;

    assert_int_equal(do_mmu_update(vcpu, requests, 2, DOMID_SELF), 0);

    assert_int_equal(fake.full_flushes, flushes + 1);
    assert_int_equal(fake.last_flush_cpus, 3);
}

static void an_upper_level_update_flushes_also_when_a_later_element_is_refused(void **state)
{
    (void)state;
    struct mmu_update requests[2] = {
        {.ptr = (guest.l2.value << PAGE_SHIFT) + 5 * sizeof(pte_t), .val = 0},
        {.ptr = 7, .val = 0},
    };
    unsigned int flushes = fake.full_flushes;
    assert_int_equal(do_mmu_update(vcpu, requests, 2, DOMID_SELF), -XEN_ENOSYS);
    assert_int_equal(fake.full_flushes, flushes + 1);
}

static void an_l1_update_flushes_nothing(void **state)
{
    (void)state;
    unsigned int flushes = fake.full_flushes;
    assert_int_equal(do_update(vcpu, guest.l1, 3, (pte_t){0}), 0);
    assert_int_equal(fake.full_flushes, flushes);
    assert_int_equal(fake.page_flushes, 0);
}

static void a_new_use_of_the_same_type_needs_no_flush(void **state)
{
    (void)state;
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_NONE), 0);
    unsigned int flushes = fake.full_flushes;
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, pte_make(guest.pages[0], FAKE_RW), UVMF_NONE), 0);
    assert_int_equal(fake.full_flushes, flushes);
}

static void a_flush_since_the_last_use_saves_the_next(void **state)
{
    (void)state;
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_NONE), 0);
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        tlb_flush_end(cpu, tlb_flush_begin());
        fake_tlb_drop_all(cpu);
    }
    unsigned int flushes = fake.full_flushes;
    assert_int_equal(do_pin(vcpu, guest.pages[0], 1), 0);
    assert_int_equal(fake.full_flushes, flushes);
}

static void only_cpus_that_have_not_flushed_since_are_flushed(void **state)
{
    (void)state;
    assert_int_equal(do_va(vcpu, PAGE_ADDRESS, (pte_t){0}, UVMF_NONE), 0);
    tlb_flush_end(2, tlb_flush_begin());
    assert_int_equal(do_pin(vcpu, guest.pages[0], 1), 0);
    assert_int_equal(fake.last_flush_cpus, machine.cpus_online & ~UINT64_C(4));
}

static void flush_always_takes_every_stamp_for_stale(void **state)
{
    (void)state;
    mfn_t table = fake_give(domain);
    unsigned int flushes = fake.full_flushes;
    assert_int_equal(do_pin(vcpu, table, 1), 0);
    assert_int_equal(fake.full_flushes, flushes);
    machine.flush_always = true;
    assert_int_equal(do_pin(vcpu, fake_give(domain), 1), 0);
    assert_true(fake.full_flushes > flushes);
    assert_int_equal(fake.last_flush_cpus, machine.cpus_online);
}

static void a_full_clock_flushes_at_every_reuse(void **state)
{
    (void)state;
    machine.flush_clock = UINT32_MAX - 1;
    assert_int_equal(tlb_flush_begin(), UINT32_MAX);
    assert_int_equal(tlb_flush_begin(), UINT32_MAX);
    assert_int_equal(now(), UINT32_MAX);
    for (unsigned int i = 1; i <= 3; i++) {
        uint64_t address = FAKE_VA(i);
        assert_true(fake_guest_write(1, other_vcpu, address, 0));
        assert_int_equal(do_va(vcpu, address, (pte_t){0}, UVMF_NONE), 0);
        unsigned int flushes = fake.full_flushes;
        assert_int_equal(do_pin(vcpu, guest.pages[i], 1), 0);
        assert_int_equal(fake.full_flushes, flushes + 1);
        assert_int_equal(fake.last_flush_cpus, machine.cpus_online);
        assert_false(fake_guest_write(1, other_vcpu, address, 1));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_model_reads_and_writes_through_the_tables),
        TEST(the_model_keeps_what_nobody_flushed),
        TEST(the_model_notices_a_lost_flush),
        TEST(the_model_notices_a_stale_table),
        TEST(a_stale_writable_leaf_is_gone_when_the_frame_becomes_a_table),
        TEST(a_stale_writable_leaf_is_gone_when_the_frame_becomes_descriptors),
        TEST(a_stale_leaf_is_gone_when_the_frame_belongs_to_another_domain),
        TEST(a_foreign_leaf_is_flushed_from_its_mapper_before_it_is_dropped),
        TEST(foreign_leaves_dropped_in_one_batch_share_their_flushes),
        TEST(a_former_table_is_walked_by_nobody_once_it_is_data),
        TEST(the_stamps_alone_flush_a_former_table),
        TEST(a_table_freed_and_given_away_is_walked_by_nobody),
        TEST(an_upper_level_update_flushes_the_domains_cpus_once),
        TEST(an_upper_level_update_flushes_also_when_a_later_element_is_refused),
        TEST(an_l1_update_flushes_nothing),
        TEST(a_new_use_of_the_same_type_needs_no_flush),
        TEST(a_flush_since_the_last_use_saves_the_next),
        TEST(only_cpus_that_have_not_flushed_since_are_flushed),
        TEST(flush_always_takes_every_stamp_for_stale),
        TEST(a_full_clock_flushes_at_every_reuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
