/* SPDX-License-Identifier: BSD-2-Clause */
/* update_va_mapping: the address, the entry, and each form of the flush flags. */
#include "tests/fake/fake_machine.h"

#include <string.h>

static struct domain *domain;
static struct domain *control;
static struct vcpu *vcpu;
static struct fake_guest guest;
static struct fake_guest controller;
#define BITMAP (FAKE_ARGUMENTS + PAGE_SIZE)

static int setup(void **state)
{
    (void)state;
    fake_start(128);
    control = fake_domain(0, 1);
    control->is_control = true;
    control->vcpus[0]->cpus = UINT64_C(1) << 3;
    domain = fake_domain(1, 3);
    vcpu = domain->vcpus[0];
    fake_guest_build(&controller, control);
    fake_guest_build(&guest, domain);
    fake.full_flushes = 0;
    return 0;
}

static int64_t other_domain(struct vcpu *caller, uint64_t address, pte_t pte, uint64_t id)
{
    uint64_t arg[6] = {address, pte.raw, UVMF_NONE, id};
    return fake_call(call_update_va_mapping_otherdomain, caller, arg);
}

static void the_entry_that_maps_the_address_is_changed(void **state)
{
    (void)state;
    assert_int_equal(do_va(vcpu, FAKE_VA(100) + 0xabc, pte_make(guest.pages[0], PTE_PRESENT), 0),
                     0);
    assert_int_equal(fake_entries(guest.l1)[100].raw, pte_make(guest.pages[0], FAKE_RO).raw);
    assert_int_equal(fake.full_flushes + fake.page_flushes, 0);
}

static void addresses_without_a_table_are_refused(void **state)
{
    (void)state;
    static const uint64_t addresses[] = {UINT64_C(1) << 21,
                                         UINT64_C(1) << 30,
                                         UINT64_C(1) << 39,
                                         UINT64_C(0xfffffffffffff000),
                                         HYPERVISOR_VIRT_START,
                                         HYPERVISOR_VIRT_END - 1,
                                         UINT64_C(0x0000800000000000),
                                         UINT64_C(0xffff7fffffffffff)};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
        assert_int_equal(do_va(vcpu, addresses[i], (pte_t){0}, UVMF_INVLPG | UVMF_ALL),
                         -XEN_EINVAL);
    }
    assert_unchanged(before);
    assert_int_equal(fake.full_flushes + fake.page_flushes, 0);
}

static void refused_entries_change_and_flush_nothing(void **state)
{
    (void)state;
    const struct {
        uint64_t value;
        int64_t error;
    } cases[] = {{pte_make(guest.l1, FAKE_RW).raw, -XEN_EBUSY},
                 {pte_make(controller.pages[0], FAKE_RO).raw, -XEN_EBUSY},
                 {pte_make(guest.pages[0], FAKE_RO | PTE_PAT).raw, -XEN_EINVAL},
                 {pte_make(mfn_make(1), FAKE_RO).raw, -XEN_EPERM}};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(
            do_va(vcpu, FAKE_VA(3), (pte_t){cases[i].value}, UVMF_TLB_FLUSH | UVMF_ALL),
            cases[i].error);
    }
    assert_unchanged(before);
    assert_int_equal(fake.full_flushes + fake.page_flushes, 0);
}

static void a_full_flush_reaches_the_cpus_that_the_flags_name(void **state)
{
    (void)state;
    uint64_t vcpus = 0xc;
    memcpy(fake.buffers[0].bytes + PAGE_SIZE, &vcpus, sizeof(vcpus));
    fake.cpu = 1;
    assert_int_equal(do_va(vcpu, FAKE_VA(3), (pte_t){0}, UVMF_TLB_FLUSH | UVMF_LOCAL), 0);
    assert_int_equal(fake.last_flush_cpus, 2);
    assert_int_equal(do_va(vcpu, FAKE_VA(3), (pte_t){0}, UVMF_TLB_FLUSH | UVMF_ALL), 0);
    assert_int_equal(fake.last_flush_cpus, 7);
    assert_int_equal(do_va(vcpu, FAKE_VA(3), (pte_t){0}, UVMF_TLB_FLUSH | BITMAP), 0);
    assert_int_equal(fake.last_flush_cpus, 4);
    assert_int_equal(fake.full_flushes, 3);
    assert_int_equal(fake.page_flushes, 0);
}

static void a_page_flush_reaches_the_cpus_that_the_flags_name(void **state)
{
    (void)state;
    uint64_t vcpus = 0x3;
    memcpy(fake.buffers[0].bytes + PAGE_SIZE, &vcpus, sizeof(vcpus));
    fake.cpu = 2;
    assert_int_equal(do_va(vcpu, FAKE_VA(3), (pte_t){0}, UVMF_INVLPG | UVMF_LOCAL), 0);
    assert_int_equal(fake.last_flush_cpus, 4);
    assert_int_equal(do_va(vcpu, FAKE_VA(3), (pte_t){0}, UVMF_INVLPG | UVMF_ALL), 0);
    assert_int_equal(fake.last_flush_cpus, 7);
    assert_int_equal(do_va(vcpu, FAKE_VA(3), (pte_t){0}, UVMF_INVLPG | BITMAP), 0);
    assert_int_equal(fake.last_flush_cpus, 3);
    assert_int_equal(fake.last_flush_address >> PAGE_SHIFT, 3);
    assert_int_equal(fake.page_flushes, 3);
    assert_int_equal(fake.full_flushes, 0);
}

static void flush_type_three_is_none(void **state)
{
    (void)state;
    assert_int_equal(do_va(vcpu, FAKE_VA(3), (pte_t){0}, 3 | UVMF_ALL), 0);
    assert_int_equal(do_va(vcpu, FAKE_VA(3), (pte_t){0}, UVMF_NONE | HYPERVISOR_VIRT_START), 0);
    assert_int_equal(fake.full_flushes + fake.page_flushes, 0);
}

static void an_unreadable_bitmap_is_a_fault_after_the_change(void **state)
{
    (void)state;
    assert_int_equal(do_va(vcpu, FAKE_VA(3), (pte_t){0}, UVMF_TLB_FLUSH | FAKE_VA(300)),
                     -XEN_EFAULT);
    assert_int_equal(fake_entries(guest.l1)[3].raw, 0);
    assert_int_equal(fake.full_flushes + fake.page_flushes, 0);
    assert_int_equal(do_va(vcpu, FAKE_VA(4), (pte_t){0}, UVMF_INVLPG | HYPERVISOR_VIRT_START),
                     -XEN_EFAULT);
    assert_int_equal(fake_entries(guest.l1)[4].raw, 0);
}

static void an_update_is_in_the_current_tables_not_in_what_a_tlb_remembers(void **state)
{
    (void)state;
    struct fake_tree second;
    fake_tree_build(&second, domain, 1);
    uint64_t value;
    assert_true(fake_guest_read(0, vcpu, FAKE_VA(0), &value));
    struct mmu_update request = {.ptr = guest.l2.value << PAGE_SHIFT,
                                 .val = pte_make(second.table[1], FAKE_TABLE).raw};
    pte_t before = fake_entries(guest.l1)[7];
    assert_int_equal(do_mmu_update(vcpu, &request, 1, DOMID_SELF), 0);
    assert_int_equal(do_va(vcpu, FAKE_VA(7), pte_make(guest.pages[9], FAKE_RO), 0), 0);
    assert_int_equal(fake_entries(guest.l1)[7].raw, before.raw);
    assert_int_equal(fake_entries(second.table[1])[7].raw, pte_make(guest.pages[9], FAKE_RO).raw);
}

static void another_domains_frames_need_the_right(void **state)
{
    (void)state;
    pte_t pte = pte_make(guest.pages[0], FAKE_RW);
    assert_int_equal(other_domain(control->vcpus[0], FAKE_VA(60), pte, domain->id), 0);
    assert_int_equal(fake_frame(guest.pages[0])->type_count, 2);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(other_domain(vcpu, FAKE_VA(60), pte, control->id), -XEN_EPERM);
    assert_int_equal(other_domain(vcpu, FAKE_VA(60), pte, domain->id), -XEN_ESRCH);
    assert_int_equal(other_domain(vcpu, FAKE_VA(60), pte, 50), -XEN_ESRCH);
    assert_int_equal(other_domain(vcpu, FAKE_VA(60), pte, DOMID_IO), -XEN_EPERM);
    assert_unchanged(before);
    assert_int_equal(other_domain(vcpu, FAKE_VA(60), pte, DOMID_SELF), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_entry_that_maps_the_address_is_changed),
        TEST(addresses_without_a_table_are_refused),
        TEST(refused_entries_change_and_flush_nothing),
        TEST(a_full_flush_reaches_the_cpus_that_the_flags_name),
        TEST(a_page_flush_reaches_the_cpus_that_the_flags_name),
        TEST(flush_type_three_is_none),
        TEST(an_unreadable_bitmap_is_a_fault_after_the_change),
        TEST(an_update_is_in_the_current_tables_not_in_what_a_tlb_remembers),
        TEST(another_domains_frames_need_the_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
