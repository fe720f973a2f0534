/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptor tables: which descriptors a guest may have, set_gdt, update_descriptor, the LDT. */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include "core/descriptors.h"

static struct domain *domain;
static struct vcpu *vcpu;
static struct fake_guest guest;

#define PRESENT      (UINT64_C(1) << 47)
#define CODE_OR_DATA (UINT64_C(1) << 44)
#define DPL(n)       ((uint64_t)(n) << 45)
#define TYPE(n)      ((uint64_t)(n) << 40)
#define LDT_ADDRESS  FAKE_VA(64)

static int setup(void **state)
{
    (void)state;
    fake_start(128);
    domain = fake_domain(1, 1);
    vcpu = domain->vcpus[0];
    fake_guest_build(&guest, domain);
    return 0;
}

static int64_t set_gdt(const mfn_t frames[], unsigned int frame_count, uint64_t entries)
{
    for (unsigned int i = 0; i < frame_count; i++) {
        memcpy(fake.buffers[0].bytes + i * sizeof(frames[0]), &frames[i], sizeof(frames[0]));
    }
    uint64_t arg[6] = {FAKE_ARGUMENTS, entries};
    return fake_call(call_set_gdt, vcpu, arg);
}

static int64_t update(uint64_t address, uint64_t descriptor)
{
    uint64_t arg[6] = {address, descriptor};
    return fake_call(call_update_descriptor, vcpu, arg);
}

static int64_t set_ldt(uint64_t base, unsigned int entries)
{
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = MMUEXT_SET_LDT;
    op.arg1.linear_addr = base;
    op.arg2.nr_ents = entries;
    return do_mmuext(vcpu, &op, 1, DOMID_SELF);
}

/* ---- descriptors --------------------------------------------------------------------------- */

static void descriptors_that_are_not_present_may_be_anything(void **state)
{
    (void)state;
    for (unsigned int type = 0; type < 32; type++) {
        uint64_t descriptor = ~PRESENT & ~(UINT64_C(31) << 40);
        descriptor |= (uint64_t)type << 40;
        uint64_t before = descriptor;
        assert_true(descriptor_check(&descriptor));
        assert_int_equal(descriptor, before);
    }
}

static void code_and_data_are_raised_to_ring_3(void **state)
{
    (void)state;
    for (unsigned int type = 0; type < 16; type++) {
        for (unsigned int dpl = 0; dpl < 4; dpl++) {
            uint64_t descriptor = PRESENT | CODE_OR_DATA | TYPE(type) | DPL(dpl) | 0xffff;
            assert_true(descriptor_check(&descriptor));
            assert_int_equal(descriptor, PRESENT | CODE_OR_DATA | TYPE(type) | DPL(3) | 0xffff);
        }
    }
}

static void system_descriptors_are_refused_but_for_upper_halves(void **state)
{
    (void)state;
    for (unsigned int type = 0; type < 16; type++) {
        for (unsigned int dpl = 0; dpl < 4; dpl++) {
            uint64_t descriptor = PRESENT | TYPE(type) | DPL(dpl);
            assert_int_equal(descriptor_check(&descriptor), type == 0);
        }
    }
}

/* ---- set_gdt ------------------------------------------------------------------------------- */

static void gdt_frames_are_taken_checked_and_shown(void **state)
{
    (void)state;
    mfn_t frames[] = {fake_give(domain), fake_give(domain)};
    fake_entries(frames[1])[511].raw = PRESENT | CODE_OR_DATA;
    assert_int_equal(set_gdt(frames, 2, 513), 0);
    assert_int_equal(vcpu->gdt_entries, 513);
    assert_int_equal(fake_entries(frames[1])[511].raw, PRESENT | CODE_OR_DATA | DPL(3));
    for (unsigned int i = 0; i < 2; i++) {
        assert_int_equal(fake_frame(frames[i])->type, FRAME_DESCRIPTORS);
        assert_int_equal(fake_frame(frames[i])->ref_count, 2);
        assert_int_equal(fake_window(vcpu)[i].value, frames[i].value);
    }
    assert_int_equal(fake_window(vcpu)[2].value, UINT64_MAX);
}

static void a_new_gdt_lets_go_of_the_old_one(void **state)
{
    (void)state;
    mfn_t frames[] = {fake_give(domain), fake_give(domain), fake_give(domain)};
    assert_int_equal(set_gdt(frames, 3, 3 * 512), 0);
    mfn_t next[] = {frames[2]};
    assert_int_equal(set_gdt(next, 1, 1), 0);
    assert_int_equal(fake_frame(frames[0])->type_count, 0);
    assert_int_equal(fake_frame(frames[2])->type_count, 1);
    assert_int_equal(fake_window(vcpu)[0].value, frames[2].value);
    assert_int_equal(fake_window(vcpu)[2].value, UINT64_MAX);
    assert_int_equal(set_gdt(NULL, 0, 0), 0);
    assert_int_equal(fake_frame(frames[2])->ref_count, 1);
    assert_int_equal(fake_window(vcpu)[0].value, UINT64_MAX);
}

static void one_frame_may_be_shown_several_times(void **state)
{
    (void)state;
    mfn_t frames[GDT_PAGES];
    frames[0] = fake_give(domain);
    for (unsigned int i = 1; i < GDT_PAGES; i++) {
        frames[i] = frames[0];
    }
    assert_int_equal(set_gdt(frames, GDT_PAGES, GDT_ENTRIES_MAX), 0);
    assert_int_equal(fake_frame(frames[0])->type_count, GDT_PAGES);
    assert_int_equal(set_gdt(frames, 1, 1), 0);
    assert_int_equal(fake_frame(frames[0])->type_count, 1);
}

static void a_refused_gdt_leaves_the_old_one(void **state)
{
    (void)state;
    mfn_t good = fake_give(domain);
    mfn_t bad = fake_give(domain);
    struct domain *stranger = fake_domain(2, 1);
    fake_entries(bad)[100].raw = PRESENT | TYPE(11);
    assert_int_equal(set_gdt(&good, 1, 512), 0);
    const mfn_t last[] = {guest.pages[0],
                          guest.l1,
                          guest.l4,
                          fake_give(stranger),
                          bad,
                          mfn_make(0),
                          mfn_make(FAKE_HYPERVISOR),
                          mfn_make(FAKE_SHARED_READ),
                          mfn_make(127),
                          MFN_INVALID};
    mfn_t second = fake_give(domain);
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(last); i++) {
        mfn_t frames[] = {good, second, last[i]};
        assert_int_equal(set_gdt(frames, 3, 3 * 512), -XEN_EINVAL);
        assert_int_equal(fake_window(vcpu)[0].value, good.value);
        assert_int_equal(fake_window(vcpu)[1].value, UINT64_MAX);
    }
    assert_int_equal(set_gdt(&good, 1, GDT_ENTRIES_MAX + 1), -XEN_EINVAL);
    assert_int_equal(set_gdt(&good, 1, UINT32_MAX), -XEN_EINVAL);
    uint64_t arg[6] = {FAKE_VA(300), 512};
    assert_int_equal(fake_call(call_set_gdt, vcpu, arg), -XEN_EFAULT);
    assert_unchanged(before);
}

static void a_gdt_frame_cannot_be_mapped_writable_until_it_is_dropped(void **state)
{
    (void)state;
    mfn_t frame = fake_give(domain);
    assert_int_equal(set_gdt(&frame, 1, 512), 0);
    assert_int_equal(do_va(vcpu, FAKE_VA(70), pte_make(frame, FAKE_RW), 0), -XEN_EBUSY);
    assert_int_equal(do_va(vcpu, FAKE_VA(70), pte_make(frame, FAKE_RO), 0), 0);
    assert_int_equal(do_pin(vcpu, frame, 1), -XEN_EINVAL);
    assert_int_equal(set_gdt(NULL, 0, 0), 0);
    assert_int_equal(do_va(vcpu, FAKE_VA(70), pte_make(frame, FAKE_RW), 0), 0);
}

/* ---- update_descriptor --------------------------------------------------------------------- */

static void a_descriptor_is_stored_in_a_live_table_or_an_unused_frame(void **state)
{
    (void)state;
    mfn_t gdt = fake_give(domain);
    mfn_t plain = fake_give(domain);
    assert_int_equal(set_gdt(&gdt, 1, 512), 0);
    const mfn_t frames[] = {gdt, plain, guest.pages[0]};
    for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++) {
        assert_int_equal(update((frames[i].value << PAGE_SHIFT) + 511 * 8, PRESENT | CODE_OR_DATA),
                         0);
        assert_int_equal(fake_entries(frames[i])[511].raw, PRESENT | CODE_OR_DATA | DPL(3));
    }
    assert_int_equal(fake_frame(plain)->type_count, 0);
}

static void bad_descriptor_updates_change_nothing(void **state)
{
    (void)state;
    mfn_t gdt = fake_give(domain);
    struct domain *stranger = fake_domain(2, 1);
    mfn_t foreign = fake_give(stranger);
    assert_int_equal(set_gdt(&gdt, 1, 512), 0);
    uint64_t base = gdt.value << PAGE_SHIFT;
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(update(base + 4, 0), -XEN_EINVAL);
    assert_int_equal(update(base, PRESENT | TYPE(9)), -XEN_EINVAL);
    assert_int_equal(update(base, PRESENT | TYPE(12)), -XEN_EINVAL);
    assert_int_equal(update(guest.l1.value << PAGE_SHIFT, 0), -XEN_EINVAL);
    assert_int_equal(update(foreign.value << PAGE_SHIFT, 0), -XEN_EINVAL);
    assert_int_equal(update(UINT64_C(127) << PAGE_SHIFT, 0), -XEN_EINVAL);
    assert_int_equal(update(~UINT64_C(7), 0), -XEN_EINVAL);
    assert_unchanged(before);
}

/* ---- the LDT ------------------------------------------------------------------------------- */

static mfn_t map_ldt(unsigned int page, uint64_t flags)
{
    mfn_t frame = fake_give(domain);
    assert_int_equal(do_va(vcpu, LDT_ADDRESS + page * PAGE_SIZE, pte_make(frame, flags), 0), 0);
    return frame;
}

static void an_ldt_page_is_shown_when_it_is_used(void **state)
{
    (void)state;
    mfn_t frame = map_ldt(1, FAKE_RO);
    assert_int_equal(set_ldt(LDT_ADDRESS, 1024), 0);
    assert_int_equal(fake.ldt_changes, 1);
    assert_int_equal(fake_frame(frame)->type_count, 0);

    assert_true(vcpu_ldt_fault(vcpu, PAGE_SIZE + 8));

    assert_audit_clean();
    assert_int_equal(fake_frame(frame)->type, FRAME_DESCRIPTORS);
    assert_int_equal(fake_window(vcpu)[FAKE_WINDOW_LDT + 1].value, frame.value);
    assert_false(
        vcpu_ldt_fault(vcpu, PAGE_SIZE + 8)); /* it is there: the fault has another cause */
}

static void ldt_faults_that_are_not_for_us_are_the_guests(void **state)
{
    (void)state;
    assert_false(vcpu_ldt_fault(vcpu, 0));
    (void)map_ldt(0, FAKE_RW);
    mfn_t bad = map_ldt(1, FAKE_RO);
    fake_entries(bad)[0].raw = PRESENT | TYPE(2);
    assert_int_equal(do_va(vcpu, LDT_ADDRESS + 3 * PAGE_SIZE, pte_make(guest.l1, FAKE_RO), 0), 0);
    assert_int_equal(set_ldt(LDT_ADDRESS, 2049), 0);
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int page = 0; page < 18; page++) {
        assert_false(vcpu_ldt_fault(vcpu, page * PAGE_SIZE)); /* page 2 is not mapped */
    }
    assert_false(vcpu_ldt_fault(vcpu, 2049 * 8));
    assert_false(vcpu_ldt_fault(vcpu, UINT64_MAX));
    assert_unchanged(before);
    assert_audit_clean();
}

static void a_new_base_or_ldt_forgets_the_pages(void **state)
{
    (void)state;
    mfn_t frame = map_ldt(0, FAKE_RO);
    struct fake_tree second;
    fake_tree_build(&second, domain, 4);
    assert_int_equal(set_ldt(LDT_ADDRESS, 512), 0);
    assert_true(vcpu_ldt_fault(vcpu, 0));
    assert_int_equal(do_base(vcpu, second.table[4]), 0);
    assert_int_equal(fake_frame(frame)->type_count, 0);
    assert_int_equal(fake_window(vcpu)[FAKE_WINDOW_LDT].value, UINT64_MAX);
    assert_int_equal(do_base(vcpu, guest.l4), 0);
    assert_true(vcpu_ldt_fault(vcpu, 0));
    assert_int_equal(set_ldt(0, 0), 0);
    assert_int_equal(fake_frame(frame)->type_count, 0);
    assert_false(vcpu_ldt_fault(vcpu, 0));
    assert_audit_clean();
}

static void bad_ldts_are_refused(void **state)
{
    (void)state;
    assert_int_equal(set_ldt(LDT_ADDRESS, 512), 0);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(set_ldt(LDT_ADDRESS, 8193), -XEN_EINVAL);
    assert_int_equal(set_ldt(LDT_ADDRESS + 8, 1), -XEN_EINVAL);
    assert_int_equal(set_ldt(HYPERVISOR_VIRT_START, 1), -XEN_EINVAL);
    assert_int_equal(set_ldt(UINT64_C(0x0000800000000000), 1), -XEN_EINVAL);
    assert_unchanged(before);
    assert_int_equal(set_ldt(UINT64_C(0x00007ffffffff000), 8192), 0);
    assert_false(vcpu_ldt_fault(vcpu, PAGE_SIZE)); /* its address is not canonical */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(descriptors_that_are_not_present_may_be_anything),
        TEST(code_and_data_are_raised_to_ring_3),
        TEST(system_descriptors_are_refused_but_for_upper_halves),
        TEST(gdt_frames_are_taken_checked_and_shown),
        TEST(a_new_gdt_lets_go_of_the_old_one),
        TEST(one_frame_may_be_shown_several_times),
        TEST(a_refused_gdt_leaves_the_old_one),
        TEST(a_gdt_frame_cannot_be_mapped_writable_until_it_is_dropped),
        TEST(a_descriptor_is_stored_in_a_live_table_or_an_unused_frame),
        TEST(bad_descriptor_updates_change_nothing),
        TEST(an_ldt_page_is_shown_when_it_is_used),
        TEST(ldt_faults_that_are_not_for_us_are_the_guests),
        TEST(a_new_base_or_ldt_forgets_the_pages),
        TEST(bad_ldts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
