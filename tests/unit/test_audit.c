/* SPDX-License-Identifier: BSD-2-Clause */
/* The audit finds what is planted in the frame table, and names the frame and the rule. */
#include "tests/fake/fake_grants.h"

#include <stdio.h>
#include <string.h>

static struct domain *domain;
static struct vcpu *vcpu;
static struct fake_guest guest;

/* What the audit reported. */
struct finding {
    mfn_t mfn;
    const char *rule;
    uint64_t counted;
    uint64_t recorded;
};
static struct finding findings[64];
static unsigned int finding_count;

static void remember(mfn_t mfn, const char *rule, uint64_t counted, uint64_t recorded)
{
    if (finding_count < ARRAY_SIZE(findings)) {
        findings[finding_count++] = (struct finding){mfn, rule, counted, recorded};
    }
}

static struct audit_result audit_with(uint64_t scratch_count)
{
    struct audit_count scratch[128];
    assert_true(scratch_count <= ARRAY_SIZE(scratch));
    finding_count = 0;
    return audit_run(scratch, scratch_count, remember);
}

/* Exactly one difference is found, about this frame. */
static void assert_finds(mfn_t mfn, const char *rule)
{
    static const uint64_t scratch_counts[] = {128, 64, 7, 1};
    for (unsigned int i = 0; i < ARRAY_SIZE(scratch_counts); i++) {
        struct audit_result result = audit_with(scratch_counts[i]);
        for (unsigned int j = 0; j < finding_count && finding_count != 1; j++) {
            print_message("found: %#llx %s\n", (unsigned long long)findings[j].mfn.value,
                          findings[j].rule);
        }
        assert_int_equal(result.frames, machine.frame_count);
        assert_int_equal(result.differences, 1);
        assert_int_equal(finding_count, 1);
        assert_int_equal(findings[0].mfn.value, mfn.value);
        assert_non_null(strstr(findings[0].rule, rule));
    }
}

/* At least one of the differences is this. */
static void assert_finds_among_others(mfn_t mfn, const char *rule)
{
    bool found = false;
    struct audit_result result = audit_with(128);
    assert_int_equal(result.differences, finding_count);
    for (unsigned int i = 0; i < finding_count; i++) {
        found =
            found || (mfn_equal(findings[i].mfn, mfn) && strstr(findings[i].rule, rule) != NULL);
    }
    assert_true(found);
}

static int setup(void **state)
{
    (void)state;
    fake_start(128);
    domain = fake_domain(1, 2);
    vcpu = domain->vcpus[0];
    fake_guest_build(&guest, domain);
    return 0;
}

static void a_sound_machine_has_no_differences(void **state)
{
    (void)state;
    struct audit_result result = audit_with(128);
    assert_int_equal(result.differences, 0);
    assert_int_equal(result.frames, 128);
    /* 20 in the reservation, the M2P's own, a pin, a base, 3 tables, 16 pages, 4 read-only. */
    assert_int_equal(result.references, 20 + 1 + 1 + 1 + 3 + 16 + 4);
}

static void the_counts_are_the_same_however_small_the_rounds(void **state)
{
    (void)state;
    uint64_t references = audit_with(128).references;
    for (uint64_t scratch_count = 1; scratch_count < 128; scratch_count++) {
        struct audit_result result = audit_with(scratch_count);
        assert_int_equal(result.references, references);
        assert_int_equal(result.differences, 0);
    }
}

static void a_wrong_reference_count_is_found(void **state)
{
    (void)state;
    fake_frame(guest.pages[3])->ref_count++;
    assert_finds(guest.pages[3], "wrong reference count");
    assert_int_equal(findings[0].counted, 2);
    assert_int_equal(findings[0].recorded, 3);
}

static void a_wrong_type_count_is_found(void **state)
{
    (void)state;
    fake_frame(guest.l2)->type_count++;
    assert_finds(guest.l2, "wrong type count");
}

static void a_missing_type_count_is_found(void **state)
{
    (void)state;
    fake_frame(guest.pages[0])->type_count--;
    assert_finds(guest.pages[0], "wrong type count");
}

static void a_writable_mapping_of_a_table_is_found(void **state)
{
    (void)state;
    fake_entries(guest.l1)[FAKE_TABLES_AT + 2].raw |= PTE_WRITABLE;
    assert_finds_among_others(guest.l2, "mapped writable while it is of another type");
    assert_finds_among_others(guest.l2, "wrong type count");
}

static void an_entry_for_a_strangers_frame_is_counted(void **state)
{
    (void)state;
    domain->is_control = true; /* it may map the frame */
    struct domain *stranger = fake_domain(2, 1);
    mfn_t mfn = fake_give(stranger);
    fake_entries(guest.l1)[100] = pte_make(mfn, FAKE_RO);
    assert_finds(mfn, "wrong reference count");
}

static void an_entry_for_the_hypervisors_memory_is_found(void **state)
{
    (void)state;
    fake_entries(guest.l1)[100] = pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_RO);
    assert_finds_among_others(guest.l1, "entry that would be refused");
}

static void an_entry_with_a_forbidden_bit_is_found(void **state)
{
    (void)state;
    fake_entries(guest.l2)[0].raw |= PTE_PAGE_SIZE;
    assert_finds(guest.l2, "entry that would be refused");
}

static void an_entry_that_ring_3_cannot_use_is_found(void **state)
{
    (void)state;
    fake_entries(guest.l1)[0].raw &= ~PTE_USER;
    assert_finds(guest.l1, "entry that would be refused or changed");
}

static void a_table_of_another_level_is_found(void **state)
{
    (void)state;
    fake_entries(guest.l3)[9] = pte_make(guest.l1, FAKE_TABLE);
    assert_finds_among_others(guest.l1, "used as a table of another level");
}

static void a_wrong_hypervisor_slot_is_found(void **state)
{
    (void)state;
    fake_entries(guest.l4)[260].raw ^= PTE_WRITABLE;
    assert_finds(guest.l4, "wrong hypervisor slot");
}

static void accessed_bits_in_hypervisor_slots_are_no_difference(void **state)
{
    (void)state;
    fake_entries(guest.l4)[260].raw ^= PTE_ACCESSED;
    assert_int_equal(audit_with(128).differences, 0);
}

static void a_frame_that_is_free_and_owned_is_found(void **state)
{
    (void)state;
    frame_alloc_undo(guest.pages[5], 0);
    assert_finds_among_others(guest.pages[5], "free in one place only");
    assert_finds_among_others(MFN_INVALID, "free frames");
}

static void a_free_frame_that_is_not_in_the_list_is_found(void **state)
{
    (void)state;
    mfn_t mfn = frame_alloc(0, 64);
    assert_finds_among_others(mfn, "free in one place only");
}

static void a_wrong_page_count_is_found(void **state)
{
    (void)state;
    domain->page_count++;
    assert_finds(MFN_INVALID, "frames of a domain");
}

static void a_free_frame_with_an_m2p_entry_is_found(void **state)
{
    (void)state;
    machine.m2p[120] = 5;
    assert_finds(mfn_make(120), "M2P entry");
}

static void a_pin_mark_that_holds_nothing_is_found(void **state)
{
    (void)state;
    fake_frame(guest.l3)->flags |= FRAME_PINNED;
    assert_finds_among_others(guest.l3, "wrong type count");
    assert_finds_among_others(guest.l3, "wrong reference count");
}

static void a_pinned_frame_that_is_no_table_is_found(void **state)
{
    (void)state;
    fake_frame(guest.pages[1])->flags |= FRAME_PINNED;
    assert_finds_among_others(guest.pages[1], "pinned and not a validated table");
}

static void a_table_that_is_neither_validated_nor_half_done_is_found(void **state)
{
    (void)state;
    fake_frame(guest.l1)->flags &= (uint8_t)~FRAME_VALIDATED;
    assert_finds_among_others(guest.l1, "either validated or half");
}

static void a_half_done_table_nobody_works_on_is_found(void **state)
{
    (void)state;
    struct frame *frame = fake_frame(guest.l3);
    frame->flags = (uint8_t)((frame->flags & ~FRAME_VALIDATED) | FRAME_HALF);
    frame->progress = PTE_COUNT; /* all counts are right */
    assert_finds_among_others(guest.l3, "used as a table and not validated");
    assert_finds_among_others(guest.l3, "nobody works on it");
    frame->progress = 0; /* its entry for the L2 does not count then */
    assert_finds_among_others(guest.l2, "wrong reference count");
}

static void a_half_done_table_of_a_vcpu_that_is_not_there_is_found(void **state)
{
    (void)state;
    struct frame *frame = fake_frame(guest.l3);
    struct vcpu *second = domain->vcpus[1];
    frame->flags = (uint8_t)((frame->flags & ~FRAME_VALIDATED) | FRAME_HALF);
    frame->progress = PTE_COUNT;
    domain->vcpus[1] = NULL;
    assert_finds_among_others(guest.l3, "nobody works on it");
    domain->vcpus[1] = second;
}

static void a_table_of_no_domain_is_found(void **state)
{
    (void)state;
    fake_frame(guest.l1)->owner = 77;
    assert_finds_among_others(MFN_INVALID, "frames of a domain");
    assert_finds_among_others(guest.l2, "an entry that would be refused");
}

static void a_wrong_count_of_same_level_entries_is_found(void **state)
{
    (void)state;
    fake_frame(guest.l3)->same_level = 1;
    assert_finds(guest.l3, "entries of its own level");
}

static void same_level_entries_are_counted_however_small_the_rounds(void **state)
{
    (void)state;
    struct fake_tree tree;
    machine.linear_pt = true;
    fake_tree_build(&tree, domain, 3);
    assert_int_equal(do_pin(vcpu, tree.table[3], 3), 0);
    pte_t entry = pte_make(tree.table[3], PTE_PRESENT | PTE_USER | PTE_ACCESSED);
    assert_int_equal(do_update(vcpu, guest.l3, 9, entry), 0);
    for (uint64_t count = 1; count < 128; count++) {
        assert_int_equal(audit_with(count).differences, 0);
    }
    fake_frame(tree.table[3])->same_level = 0;
    assert_finds(tree.table[3], "entries of its own level");
}

static void a_wrong_count_of_shared_frames_is_found(void **state)
{
    (void)state;
    domain->shared_count++;
    assert_finds(MFN_INVALID, "shared frames of a domain");
}

static void a_stale_translation_is_found(void **state)
{
    (void)state;
    struct frame *frame = fake_frame(guest.l1);
    frame->writable_stamp = machine.cpu_flushed[0];
    assert_finds_among_others(guest.l1, "not flushed since its last other use");
}

/* A table of one kind may be a table of that kind again without a flush; of another kind not. */
static void a_stale_translation_of_a_table_of_another_level_is_found(void **state)
{
    (void)state;
    mfn_t mfn = fake_give(domain);
    uint32_t before = machine.cpu_flushed[1];
    assert_int_equal(do_pin(vcpu, mfn, 1), 0);
    assert_int_equal(do_unpin(vcpu, mfn), 0);
    uint32_t stamp = fake_frame(mfn)->table_stamp;
    assert_int_equal(do_pin(vcpu, mfn, 1), 0);
    assert_audit_clean();
    assert_int_equal(do_unpin(vcpu, mfn), 0);
    assert_int_equal(do_pin(vcpu, mfn, 2), 0);
    assert_audit_clean();
    assert_true(machine.cpu_flushed[1] > before);
    machine.cpu_flushed[1] = stamp; /* as if the flush of this one had been forgotten */
    assert_finds_among_others(mfn, "not flushed since its last other use");
}

static void a_descriptor_that_would_be_refused_is_found(void **state)
{
    (void)state;
    mfn_t gdt = fake_give(domain);
    memcpy(fake.buffers[0].bytes, &gdt, sizeof(gdt));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 512};
    assert_int_equal(fake_call(call_set_gdt, vcpu, arg), 0);
    fake_entries(gdt)[17].raw = UINT64_C(0x00008b0000000000); /* a busy TSS */
    assert_finds(gdt, "descriptor that would be refused");
}

static void a_use_by_a_vcpu_that_is_not_counted_is_found(void **state)
{
    (void)state;
    vcpu->user_base = guest.l4;
    assert_finds_among_others(guest.l4, "wrong type count");
}

static void a_frame_of_a_domain_that_does_not_exist_is_found(void **state)
{
    (void)state;
    mfn_t mfn = fake_give(domain);
    domain->page_count--;
    fake_frame(mfn)->owner = 77;
    assert_finds(mfn, "domain that does not exist");
}

static void a_free_frame_with_a_mark_is_found(void **state)
{
    (void)state;
    mfn_t mfn = frame_alloc(0, 64);
    frame_alloc_undo(mfn, 0);
    fake_frame(mfn)->flags |= FRAME_ALLOCATED;
    assert_finds_among_others(mfn, "type, flags or references");
}

static void a_shared_frame_of_another_type_is_found(void **state)
{
    (void)state;
    mfn_t mfn = frame_alloc(0, 64);
    frame_make_shared(fake_frame(mfn), domain);
    fake_frame(mfn)->type = FRAME_DESCRIPTORS;
    assert_finds(mfn, "type of guests' frames");
    fake_frame(mfn)->type = FRAME_WRITABLE;
    m2p_set(mfn, 5);
    assert_finds(mfn, "M2P entry");
}

static void a_shared_frame_with_a_mark_of_guests_frames_is_found(void **state)
{
    (void)state;
    static const uint8_t marks[] = {FRAME_HALF, FRAME_PINNED, FRAME_VALIDATED};
    mfn_t mfn = frame_alloc(0, 64);
    frame_make_shared(fake_frame(mfn), domain);
    for (unsigned int i = 0; i < ARRAY_SIZE(marks); i++) {
        fake_frame(mfn)->flags ^= marks[i];
        assert_finds_among_others(mfn, "type of guests' frames");
        fake_frame(mfn)->flags ^= marks[i];
    }
    assert_int_equal(audit_with(128).differences, 0);
}

/* ---- mappings of others' frames ------------------------------------------------------------ */

/* A read-only entry, and what it holds. */
static void plant_mapping(unsigned int index, mfn_t mfn)
{
    fake_entries(guest.l1)[index] = pte_make(mfn, FAKE_RO);
    fake_frame(mfn)->ref_count++;
}

/* Another domain's frame, well counted, but nobody granted it. */
static void a_mapping_that_was_not_granted_is_found(void **state)
{
    (void)state;
    struct domain *other = fake_domain(2, 1);
    mfn_t mfn = fake_give(other);
    plant_mapping(100, mfn);
    assert_finds_among_others(mfn, "not granted to");
    assert_finds_among_others(mfn, "more often than it is granted");
    assert_int_equal(finding_count, 2);
    domain->is_control = true; /* has the right */
    assert_int_equal(audit_with(128).differences, 0);
}

static void a_lock_that_is_held_is_found(void **state)
{
    (void)state;
    ticket_lock_take(&domain->mmu_lock);
    assert_finds(MFN_INVALID, "MMU is locked");
    ticket_lock_release(&domain->mmu_lock);
    ticket_lock_take(&machine.alloc_lock);
    assert_finds(MFN_INVALID, "allocator is locked");
    ticket_lock_release(&machine.alloc_lock);
}

/* Well counted, but a call that ends drops what was deferred. */
static void a_drop_that_was_forgotten_is_found(void **state)
{
    (void)state;
    vcpu->foreign_drops[0] = (struct foreign_drop){guest.pages[2], false};
    vcpu->foreign_drop_count = 1;
    fake_frame(guest.pages[2])->ref_count++;
    assert_finds(guest.pages[2], "waits to be dropped");
}

static void a_window_that_shows_something_else_is_found(void **state)
{
    (void)state;
    assert_int_equal(fake_audit(false), 0);
    fake_window(vcpu)[3] = guest.pages[0];
    fake_window(vcpu)[FAKE_WINDOW_LDT + 3] = guest.pages[0];
    assert_int_equal(fake_audit(false), 2);
}

/* Its handles are gone by then, and its page tables not yet. */
static void what_a_dying_domain_still_maps_is_no_difference(void **state)
{
    (void)state;
    plant_mapping(100, fake_give(fake_domain(2, 1)));
    domain->is_dying = true;
    assert_int_equal(audit_with(128).differences, 0);
}

static void the_hypervisors_frames_in_any_table_are_no_difference(void **state)
{
    (void)state;
    struct domain *control = fake_domain(2, 1);
    control->is_control = true;
    struct mmu_update request = {
        .ptr = (guest.l1.value << PAGE_SHIFT) + 100 * sizeof(pte_t) + MMU_NORMAL_PT_UPDATE,
        .val = pte_make(mfn_make(FAKE_SHARED_READ), FAKE_RO).raw,
    };
    uint32_t fd = DOMID_XEN | (domain->id + 1U) << 16;
    assert_int_equal(do_mmu_update(control->vcpus[0], &request, 1, fd), 0);
    assert_int_equal(audit_with(128).differences, 0);
}

/* A handle is for one frame of one domain. */
static void a_mapping_that_another_handle_is_for_is_found(void **state)
{
    (void)state;
    struct fake_guest granters[2];
    assert_int_equal(grant_table_create(domain, 1, 1), STATUS_OK);
    for (unsigned int i = 0; i < ARRAY_SIZE(granters); i++) {
        fake_guest_build(&granters[i], fake_domain((uint16_t)(2 + i), 1));
        assert_int_equal(grant_table_create(granters[i].domain, 1, 1), STATUS_OK);
        fake_grant(&granters[i], 8, &guest, granters[i].pages[0], GTF_permit_access | GTF_readonly);
        fake_map(vcpu, &granters[i], 8, FAKE_VA(100 + i), GNTMAP_host_map | GNTMAP_readonly);
    }
    assert_int_equal(audit_with(128).differences, 0);
    plant_mapping(110, granters[0].pages[1]);
    assert_finds_among_others(granters[0].pages[1], "not granted to");
}

static void a_vcpu_on_what_is_no_l4_is_found(void **state)
{
    (void)state;
    vcpu->user_base = guest.l3;
    fake_frame(guest.l3)->ref_count++;
    fake_frame(guest.l3)->type_count++;
    assert_finds(guest.l3, "base and no L4");
}

static void a_vcpu_on_a_frame_that_does_not_exist_is_found(void **state)
{
    (void)state;
    vcpu->user_base = mfn_make(machine.frame_count);
    assert_finds(vcpu->user_base, "base and no L4");
}

static void a_vcpu_on_anothers_l4_is_found(void **state)
{
    (void)state;
    struct fake_guest other;
    fake_guest_build(&other, fake_domain(2, 1));
    vcpu->user_base = other.l4;
    fake_frame(other.l4)->ref_count++;
    fake_frame(other.l4)->type_count++;
    assert_finds(other.l4, "base and no L4");
}

static void a_vcpu_on_an_l4_that_was_not_checked_is_found(void **state)
{
    (void)state;
    fake_frame(guest.l4)->flags &= (uint8_t)~FRAME_VALIDATED;
    assert_finds_among_others(guest.l4, "base and no L4");
}

static void a_vcpu_info_in_a_frame_without_uses_is_found(void **state)
{
    (void)state;
    mfn_t mfn = fake_give(domain);
    fake_frame(mfn)->type = FRAME_WRITABLE; /* once, and no more */
    vcpu->info_frame = mfn;
    assert_finds_among_others(mfn, "vcpu_info and not writable");
}

static void a_descriptor_table_that_is_none_is_found(void **state)
{
    (void)state;
    vcpu->gdt_entries = 512;
    vcpu->gdt_frames[0] = guest.pages[0];
    fake_frame(guest.pages[0])->ref_count++;
    fake_frame(guest.pages[0])->type_count++;
    assert_finds(guest.pages[0], "descriptor table and is none");
    vcpu->gdt_entries = 0;
    assert_finds_among_others(guest.pages[0], "beyond the end");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sound_machine_has_no_differences),
        TEST(the_counts_are_the_same_however_small_the_rounds),
        TEST(a_wrong_reference_count_is_found),
        TEST(a_wrong_type_count_is_found),
        TEST(a_missing_type_count_is_found),
        TEST(a_writable_mapping_of_a_table_is_found),
        TEST(an_entry_for_a_strangers_frame_is_counted),
        TEST(an_entry_for_the_hypervisors_memory_is_found),
        TEST(an_entry_with_a_forbidden_bit_is_found),
        TEST(an_entry_that_ring_3_cannot_use_is_found),
        TEST(a_table_of_another_level_is_found),
        TEST(a_wrong_hypervisor_slot_is_found),
        TEST(accessed_bits_in_hypervisor_slots_are_no_difference),
        TEST(a_frame_that_is_free_and_owned_is_found),
        TEST(a_free_frame_that_is_not_in_the_list_is_found),
        TEST(a_wrong_page_count_is_found),
        TEST(a_free_frame_with_an_m2p_entry_is_found),
        TEST(a_pin_mark_that_holds_nothing_is_found),
        TEST(a_pinned_frame_that_is_no_table_is_found),
        TEST(a_table_that_is_neither_validated_nor_half_done_is_found),
        TEST(a_half_done_table_nobody_works_on_is_found),
        TEST(a_half_done_table_of_a_vcpu_that_is_not_there_is_found),
        TEST(a_table_of_no_domain_is_found),
        TEST(a_wrong_count_of_same_level_entries_is_found),
        TEST(same_level_entries_are_counted_however_small_the_rounds),
        TEST(a_wrong_count_of_shared_frames_is_found),
        TEST(a_stale_translation_is_found),
        TEST(a_stale_translation_of_a_table_of_another_level_is_found),
        TEST(a_descriptor_that_would_be_refused_is_found),
        TEST(a_use_by_a_vcpu_that_is_not_counted_is_found),
        TEST(a_frame_of_a_domain_that_does_not_exist_is_found),
        TEST(a_free_frame_with_a_mark_is_found),
        TEST(a_shared_frame_of_another_type_is_found),
        TEST(a_shared_frame_with_a_mark_of_guests_frames_is_found),
        TEST(a_mapping_that_was_not_granted_is_found),
        TEST(a_lock_that_is_held_is_found),
        TEST(a_drop_that_was_forgotten_is_found),
        TEST(a_window_that_shows_something_else_is_found),
        TEST(what_a_dying_domain_still_maps_is_no_difference),
        TEST(the_hypervisors_frames_in_any_table_are_no_difference),
        TEST(a_mapping_that_another_handle_is_for_is_found),
        TEST(a_vcpu_on_what_is_no_l4_is_found),
        TEST(a_vcpu_on_a_frame_that_does_not_exist_is_found),
        TEST(a_vcpu_on_anothers_l4_is_found),
        TEST(a_vcpu_on_an_l4_that_was_not_checked_is_found),
        TEST(a_vcpu_info_in_a_frame_without_uses_is_found),
        TEST(a_descriptor_table_that_is_none_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
