/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a grant mapping ends: the order of its unmapping, mappings that were overwritten by other
 * means, unmap_and_replace, batches that are interrupted, and whoever dies first.
 */
#include "core/teardown.h"
#include "tests/fake/fake_grants.h"

#include <string.h>

#define REF    8U
#define HOST   FAKE_VA(100)
#define SECOND FAKE_VA(101)
#define BUS    (page.value << PAGE_SHIFT)

static struct fake_grants grants;
static struct vcpu *mapper;
static mfn_t page;

static int setup(void **state)
{
    (void)state;
    fake_grants_start(&grants);
    mapper = grants.mapper.vcpu;
    page = fake_give(grants.granter.domain);
    fake_grant(&grants.granter, REF, &grants.mapper, page, GTF_permit_access);
    return 0;
}

static uint16_t marks(void)
{
    return fake_grant_entry(&grants.granter, REF)->flags & (GTF_reading | GTF_writing);
}

static uint32_t map_host(void)
{
    return fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map);
}

/* ---- the order ----------------------------------------------------------------------------- */

/* What is found when the mapper's CPU is flushed. */
static struct {
    unsigned int flushes;
    unsigned int tlb_size;
    uint64_t entry;
    uint32_t references;
    uint32_t types;
    uint16_t marks;
} at_flush;

static void look(const char *what)
{
    if (strcmp(what, "flush_tlb") == 0) {
        at_flush.flushes++;
        at_flush.tlb_size = fake_tlb_size(1);
        at_flush.entry = fake_entries(grants.mapper.l1)[100].raw;
        at_flush.references = fake_frame(page)->ref_count;
        at_flush.types = fake_frame(page)->type_count;
        at_flush.marks = marks();
    }
}

static void watch(void)
{
    memset(&at_flush, 0, sizeof(at_flush));
    fake.watch = look;
}

/* XSA-218: the granter hears that the use has ended only when the mapper's TLB has forgotten it. */
static void the_mapper_is_flushed_between_the_entry_and_the_rest(void **state)
{
    (void)state;
    uint32_t handle = map_host();
    assert_true(fake_guest_write(1, mapper, HOST, 1));
    watch();
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_okay);
    assert_int_equal(at_flush.flushes, 1);
    assert_int_equal(fake.last_flush_cpus, UINT64_C(1) << 1);
    assert_true(at_flush.tlb_size > 0);
    assert_int_equal(at_flush.entry, 0);
    assert_int_equal(at_flush.references, 2);
    assert_int_equal(at_flush.types, 1);
    assert_int_equal(at_flush.marks, GTF_reading | GTF_writing);
    assert_int_equal(marks(), 0);
    assert_int_equal(fake_frame(page)->type_count, 0);
    assert_false(fake_guest_write(1, mapper, HOST, 2));
}

static void a_device_mapping_needs_no_flush(void **state)
{
    (void)state;
    uint32_t handle = fake_map(mapper, &grants.granter, REF, 0, GNTMAP_device_map);
    fake.full_flushes = 0;
    assert_int_equal(do_grant_unmap(mapper, handle, 0, BUS), GNTST_okay);
    assert_int_equal(fake.full_flushes, 0);
}

static void one_flush_is_for_32_mappings(void **state)
{
    (void)state;
    struct gnttab_unmap_grant_ref unmaps[80];
    for (unsigned int i = 0; i < ARRAY_SIZE(unmaps); i++) {
        uint32_t handle = fake_map(mapper, &grants.granter, REF, FAKE_VA(100 + i), GNTMAP_host_map);
        unmaps[i] =
            (struct gnttab_unmap_grant_ref){.host_addr = FAKE_VA(100 + i), .handle = handle};
    }
    fake.full_flushes = 0;
    assert_int_equal(
        do_grant(mapper, GNTTABOP_unmap_grant_ref, unmaps, sizeof(unmaps[0]), ARRAY_SIZE(unmaps)),
        0);
    assert_int_equal(fake.full_flushes, 3);
    for (unsigned int i = 0; i < ARRAY_SIZE(unmaps); i++) {
        assert_int_equal(unmaps[i].status, GNTST_okay);
    }
    assert_int_equal(marks(), 0);
    assert_int_equal(fake_frame(page)->ref_count, 1);
}

/* ---- overwritten by other means (XSA-234) -------------------------------------------------- */

static void expect_gone(uint32_t handle)
{
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_general_error);
    assert_int_equal(fake.refusal.status, STATUS_GRANT_MAPPING_GONE);
    assert_unchanged(before);
    assert_int_equal(marks(), GTF_reading | GTF_writing);
    assert_int_equal(fake_frame(page)->ref_count, 1);
    assert_int_equal(fake_frame(page)->type_count, 0);
}

/* The references went with the entry, and before they did this mapper was flushed. */
static void expect_flushed_first(void)
{
    assert_int_equal(at_flush.flushes, 1);
    assert_true(at_flush.tlb_size > 0);
    assert_int_equal(at_flush.types, 1);
    assert_int_equal(fake_frame(page)->type_count, 0);
    assert_false(fake_guest_write(1, mapper, HOST, 3));
}

static void an_update_by_address_overwrites_a_mapping(void **state)
{
    (void)state;
    uint32_t handle = map_host();
    assert_true(fake_guest_write(1, mapper, HOST, 1));
    watch();
    assert_int_equal(do_va(mapper, HOST, (pte_t){0}, UVMF_NONE), 0);
    expect_flushed_first();
    expect_gone(handle);
}

static void a_batch_of_updates_overwrites_a_mapping(void **state)
{
    (void)state;
    uint32_t handle = map_host();
    assert_true(fake_guest_write(1, mapper, HOST, 1));
    watch();
    assert_int_equal(do_update(mapper, grants.mapper.l1, 100, pte_make(grants.mapper.l1, FAKE_RO)),
                     0);
    expect_flushed_first();
    expect_gone(handle);
}

/* With the same rights, so that the frame alone tells it from the mapping. */
static void a_page_of_ones_own_overwrites_a_mapping(void **state)
{
    (void)state;
    mfn_t own = fake_give(grants.mapper.domain);
    uint32_t handle = map_host();
    assert_int_equal(do_va(mapper, HOST, pte_make(own, FAKE_RW), UVMF_NONE), 0);
    expect_gone(handle);
}

static void the_table_that_holds_a_mapping_is_released(void **state)
{
    (void)state;
    mfn_t table = fake_give(grants.mapper.domain);
    assert_int_equal(do_pin(mapper, table, 1), 0);
    assert_int_equal(do_update(mapper, grants.mapper.l2, 1, pte_make(table, FAKE_TABLE)), 0);
    assert_int_equal(do_unpin(mapper, table), 0);
    uint64_t address = UINT64_C(1) << 21;
    uint32_t handle = fake_map(mapper, &grants.granter, REF, address, GNTMAP_host_map);
    assert_true(fake_guest_write(1, mapper, address, 1));
    watch();
    assert_int_equal(do_update(mapper, grants.mapper.l2, 1, (pte_t){0}), 0);
    assert_int_equal(at_flush.flushes, 1);
    assert_int_equal(at_flush.types, 1);
    assert_int_equal(fake_frame(page)->type_count, 0);
    assert_int_equal(do_grant_unmap(mapper, handle, address, 0), GNTST_general_error);
    /* A table that names a foreign frame is not taken again. */
    assert_int_equal(do_pin(mapper, table, 1), -XEN_EBUSY);
}

static void the_same_frame_with_another_right_is_not_the_mapping(void **state)
{
    (void)state;
    fake_grant(&grants.mapper, REF, &grants.mapper, grants.mapper.pages[5], GTF_permit_access);
    uint32_t handle = fake_map(mapper, &grants.mapper, REF, HOST, GNTMAP_host_map);
    pte_t right = fake_entries(grants.mapper.l1)[100];
    assert_int_equal(do_va(mapper, HOST, (pte_t){right.raw & ~PTE_WRITABLE}, UVMF_NONE), 0);
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_general_error);
    assert_int_equal(do_va(mapper, HOST, (pte_t){right.raw & ~PTE_PRESENT}, UVMF_NONE), 0);
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_general_error);
    assert_int_equal(do_va(mapper, HOST, right, UVMF_NONE), 0);
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_okay);
}

static void another_grant_over_a_mapping_is_not_the_mapping(void **state)
{
    (void)state;
    uint32_t first = map_host();
    uint32_t second =
        fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map | GNTMAP_readonly);
    assert_int_equal(fake_frame(page)->ref_count, 2);
    assert_int_equal(fake_frame(page)->type_count, 0);
    assert_int_equal(do_grant_unmap(mapper, first, HOST, 0), GNTST_general_error);
    assert_int_equal(do_grant_unmap(mapper, second, HOST, 0), GNTST_okay);
    assert_int_equal(marks(), GTF_reading | GTF_writing);
    assert_int_equal(do_grant_unmap(mapper, first, HOST, 0), GNTST_general_error);
    assert_int_equal(fake_frame(page)->ref_count, 1);
}

static void a_mapping_may_have_its_bits_changed(void **state)
{
    (void)state;
    uint32_t handle = map_host();
    pte_t pte = fake_entries(grants.mapper.l1)[100];
    pte.raw &= ~(PTE_DIRTY | PTE_ACCESSED | PTE_NO_EXECUTE);
    struct mmu_update request = {.ptr = (grants.mapper.l1.value << PAGE_SHIFT) + 800,
                                 .val = pte.raw | UINT64_C(0xe00)};
    assert_int_equal(do_mmu_update(mapper, &request, 1, DOMID_SELF), 0);
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_okay);
}

/* ---- unmap and replace --------------------------------------------------------------------- */

static void a_replacement_moves_with_its_references(void **state)
{
    (void)state;
    uint32_t handle = map_host();
    pte_t moved = pte_make(grants.mapper.pages[0], FAKE_RW);
    assert_int_equal(do_va(mapper, SECOND, moved, UVMF_NONE), 0);
    assert_true(fake_guest_write(1, mapper, SECOND, 5));
    uint32_t references = fake_frame(grants.mapper.pages[0])->ref_count;
    assert_int_equal(do_grant_replace(mapper, handle, HOST, SECOND), GNTST_okay);
    assert_int_equal(fake_entries(grants.mapper.l1)[101].raw, 0);
    assert_int_equal(pte_mfn(fake_entries(grants.mapper.l1)[100]).value,
                     grants.mapper.pages[0].value);
    assert_int_equal(fake_frame(grants.mapper.pages[0])->ref_count, references);
    assert_false(fake_guest_write(1, mapper, SECOND, 6));
    assert_true(fake_guest_write(1, mapper, HOST, 6));
    assert_int_equal(marks(), 0);
    assert_int_equal(do_grant_replace(mapper, handle, HOST, SECOND), GNTST_bad_handle);
}

static void a_replacement_may_be_another_grant(void **state)
{
    (void)state;
    uint32_t first = map_host();
    uint32_t second = fake_map(mapper, &grants.granter, REF, SECOND, GNTMAP_host_map);
    assert_int_equal(do_grant_replace(mapper, first, HOST, SECOND), GNTST_okay);
    assert_int_equal(fake_frame(page)->ref_count, 2);
    assert_int_equal(do_grant_unmap(mapper, second, SECOND, 0), GNTST_general_error);
    assert_int_equal(do_grant_unmap(mapper, second, HOST, 0), GNTST_okay);
    assert_int_equal(fake_frame(page)->ref_count, 1);
}

static void what_cannot_be_replaced_stays(void **state)
{
    (void)state;
    uint32_t handle = map_host();
    mfn_t table = fake_give(grants.mapper.domain);
    assert_int_equal(do_pin(mapper, table, 1), 0);
    uint64_t by_machine = table.value << PAGE_SHIFT;
    uint32_t other =
        fake_map(mapper, &grants.granter, REF, by_machine, GNTMAP_host_map | GNTMAP_contains_pte);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(do_grant_replace(mapper, handle, HOST, HOST), GNTST_general_error);
    assert_int_equal(fake.refusal.status, STATUS_GRANT_CANNOT_REPLACE);
    assert_int_equal(do_grant_replace(mapper, handle, HOST, HOST + 8), GNTST_general_error);
    assert_int_equal(do_grant_replace(mapper, handle, HOST, UINT64_C(1) << 30),
                     GNTST_general_error);
    assert_int_equal(do_grant_replace(mapper, handle, HOST, HYPERVISOR_VIRT_START),
                     GNTST_general_error);
    assert_int_equal(do_grant_replace(mapper, other, by_machine, SECOND), GNTST_general_error);
    assert_int_equal(do_grant_replace(mapper, handle, SECOND, FAKE_VA(0)), GNTST_general_error);
    assert_unchanged(before);
    assert_int_equal(do_grant_replace(mapper, handle, HOST, 0), GNTST_okay);
    assert_int_equal(do_grant_replace(mapper, other, by_machine, 0), GNTST_okay);
}

/* ---- interruptions ------------------------------------------------------------------------- */

#define BATCH 70U

static void map_batch(struct gnttab_map_grant_ref maps[])
{
    for (unsigned int i = 0; i < BATCH; i++) {
        maps[i] = fake_map_of(&grants.granter, i % 7 == 3 ? 9999 : REF, FAKE_VA(100 + i),
                              GNTMAP_host_map);
        maps[i].status = 99;
    }
    assert_int_equal(do_grant(mapper, GNTTABOP_map_grant_ref, maps, sizeof(maps[0]), BATCH), 0);
}

static void unmap_batch(const struct gnttab_map_grant_ref maps[],
                        struct gnttab_unmap_grant_ref unmaps[])
{
    for (unsigned int i = 0; i < BATCH; i++) {
        uint32_t handle = maps[i].status == GNTST_okay ? maps[i].handle : 99999;
        unmaps[i] = (struct gnttab_unmap_grant_ref){
            .host_addr = maps[i].host_addr, .handle = handle, .status = 99};
    }
    assert_int_equal(do_grant(mapper, GNTTABOP_unmap_grant_ref, unmaps, sizeof(unmaps[0]), BATCH),
                     0);
}

/* Interrupted after each element, each has its status and is done once. */
static void a_batch_goes_on_where_it_was_interrupted(void **state)
{
    (void)state;
    struct gnttab_map_grant_ref maps[BATCH];
    struct gnttab_unmap_grant_ref unmaps[BATCH];
    fake_yield_always();
    map_batch(maps);
    assert_int_equal(fake.executions, BATCH);
    for (unsigned int i = 0; i < BATCH; i++) {
        assert_int_equal(maps[i].status, i % 7 == 3 ? GNTST_bad_gntref : GNTST_okay);
    }
    assert_int_equal(fake_frame(page)->ref_count, 61);
    unmap_batch(maps, unmaps);
    assert_int_equal(fake.executions, BATCH);
    for (unsigned int i = 0; i < BATCH; i++) {
        assert_int_equal(unmaps[i].status, i % 7 == 3 ? GNTST_bad_handle : GNTST_okay);
    }
    assert_int_equal(marks(), 0);
    assert_int_equal(fake_frame(page)->ref_count, 1);
}

/* An element that cannot be read ends the call; what was unmapped before it has ended too. */
static void a_fault_ends_the_batch_after_what_was_done(void **state)
{
    (void)state;
    uint32_t handle = map_host();
    struct gnttab_unmap_grant_ref unmap = {.host_addr = HOST, .handle = handle};
    uint64_t last = FAKE_ARGUMENTS + 64 * PAGE_SIZE - sizeof(unmap);
    memcpy(fake.buffers[0].bytes + 64 * PAGE_SIZE - sizeof(unmap), &unmap, sizeof(unmap));
    uint64_t arg[6] = {GNTTABOP_unmap_grant_ref, last, 2};
    assert_int_equal(fake_call(call_grant_table_op, mapper, arg), -XEN_EFAULT);
    assert_int_equal(marks(), 0);
    assert_int_equal(fake_frame(page)->ref_count, 1);
}

static void a_status_that_cannot_be_written_is_a_fault(void **state)
{
    (void)state;
    struct gnttab_map_grant_ref map = fake_map_of(&grants.granter, REF, HOST, GNTMAP_host_map);
    struct fake_buffer *buffer = fake_buffer(UINT64_C(0x620000000000), sizeof(map), false);
    memcpy(buffer->bytes, &map, sizeof(map));
    uint64_t arg[6] = {GNTTABOP_map_grant_ref, buffer->address, 1};
    assert_int_equal(fake_call(call_grant_table_op, mapper, arg), -XEN_EFAULT);
    assert_int_equal(marks(),
                     GTF_reading | GTF_writing); /* mapped all the same, as the ABI has it */
}

/* ---- death --------------------------------------------------------------------------------- */

static void release_mappings(struct domain *domain)
{
    domain->is_dying = true;
    unsigned int rounds = 0;
    while (!grant_release_mappings(domain)) {
        assert_true(++rounds < 1000);
    }
    assert_audit_clean();
}

static void a_dying_mapper_gives_its_uses_back(void **state)
{
    (void)state;
    (void)fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map | GNTMAP_device_map);
    (void)fake_map(mapper, &grants.granter, REF, SECOND, GNTMAP_host_map | GNTMAP_readonly);
    (void)fake_map(mapper, &grants.granter, REF, 0, GNTMAP_device_map | GNTMAP_readonly);
    assert_int_equal(fake_frame(page)->ref_count, 5);
    release_mappings(grants.mapper.domain);
    assert_int_equal(marks(), 0);
    assert_int_equal(fake_frame(page)->ref_count, 3); /* those of its two entries */
    assert_int_equal(fake_frame(page)->type_count, 1);
    /* They go with the tables. */
    assert_int_equal(do_va(mapper, HOST, (pte_t){0}, UVMF_NONE), 0);
    assert_int_equal(do_va(mapper, SECOND, (pte_t){0}, UVMF_NONE), 0);
    assert_int_equal(fake_frame(page)->ref_count, 1);
    grant_release_table(grants.mapper.domain);
    assert_int_equal(grants.mapper.domain->shared_count, 0);
    grant_table_free(grants.mapper.domain);
    assert_null(grants.mapper.domain->grants);
    assert_audit_clean();
}

static void releasing_many_mappings_can_be_interrupted(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 128; i++) {
        (void)fake_map(mapper, &grants.granter, REF, FAKE_VA(100 + i), GNTMAP_host_map);
    }
    grants.mapper.domain->is_dying = true;
    fake_yield_always();
    unsigned int rounds = 1;
    while (!grant_release_mappings(grants.mapper.domain)) {
        assert_audit_clean();
        rounds++;
    }
    fake_yield_never();
    assert_int_equal(rounds, GRANT_HANDLES_PER_FRAME / 64 + 1);
    assert_int_equal(marks(), 0);
    assert_audit_clean();
}

static void a_dead_granters_grants_are_unmapped_all_the_same(void **state)
{
    (void)state;
    struct domain *granter = grants.granter.domain;
    uint32_t handle = map_host();
    uint64_t shared = granter->shared_count;
    release_mappings(granter);
    grant_release_table(granter);
    grant_release_table(granter); /* once more does nothing */
    assert_audit_clean();
    assert_int_equal(granter->shared_count, shared);
    assert_int_equal(fake_frame(page)->ref_count, 2);
    struct gnttab_map_grant_ref map = fake_map_of(&grants.granter, REF, SECOND, GNTMAP_host_map);
    assert_int_equal(do_grant_map(mapper, &map), GNTST_bad_domain);

    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_okay);
    assert_int_equal(granter->shared_count, 0);
    assert_int_equal(fake_frame(page)->ref_count, 1);
    grant_table_free(granter);
    assert_audit_clean();
}

static void the_last_use_tells_that_the_domain_is_empty(void **state)
{
    (void)state;
    struct domain *ghost = fake_domain(4, 0);
    assert_int_equal(grant_table_create(ghost, 1, 1), STATUS_OK);
    struct fake_guest guest = {.domain = ghost};
    mfn_t frame = fake_give(ghost);
    fake_grant(&guest, REF, &grants.mapper, frame, GTF_permit_access);
    uint32_t gone = fake_map(mapper, &guest, REF, HOST, GNTMAP_host_map);
    uint32_t handle = fake_map(mapper, &guest, REF, SECOND, GNTMAP_host_map);
    assert_int_equal(do_va(mapper, HOST, (pte_t){0}, UVMF_NONE), 0);

    release_mappings(ghost);
    grant_release_table(ghost);
    assert_int_equal(frame_give_back(fake_frame(frame)), STATUS_OK);
    ghost->is_torn_down = true;
    assert_int_equal(do_grant_unmap(mapper, handle, SECOND, 0), GNTST_okay);
    assert_int_equal(ghost->page_count, 0);
    /* The mapping that was overwritten still has its handle, which names this record. */
    assert_false(fake.empty_domains[4]);
    assert_int_equal(do_grant_unmap(mapper, gone, HOST, 0), GNTST_general_error);
    release_mappings(grants.mapper.domain);
    assert_true(fake.empty_domains[4]);
    grant_table_free(ghost);
    assert_audit_clean();
}

/* Two domains that map each other's grants die one after the other, interrupted wherever that can
 * be: the first lives on in what the second maps of it, and nothing is left of either. */
static void tear_down(struct fake_guest *guest, mfn_t shared_info)
{
    struct vcpu *caller = grants.other.vcpu;
    domain_begin_teardown(guest->domain);
    unsigned int rounds = 0;
    fake_yield_always();
    while (!domain_tear_down(guest->domain, caller)) {
        assert_audit_clean();
        assert_true(++rounds < 5000);
    }
    fake_yield_never();
    domain_end_teardown(guest->domain, shared_info);
    assert_audit_clean();
}

static mfn_t give_shared_info(struct domain *domain)
{
    mfn_t mfn = frame_alloc(0, 64);
    struct mmu_locked locked = domain_mmu_lock(domain);
    frame_make_shared(fake_frame(mfn), domain);
    domain_mmu_unlock(locked);
    return mfn;
}

static void domains_that_use_each_others_grants_leave_nothing(void **state)
{
    (void)state;
    mfn_t first_info = give_shared_info(grants.granter.domain);
    mfn_t second_info = give_shared_info(grants.mapper.domain);
    uint32_t both = GNTMAP_host_map | GNTMAP_device_map;
    fake_grant(&grants.mapper, REF, &grants.granter, grants.mapper.pages[2], GTF_permit_access);
    fake_grant(&grants.mapper, 9, &grants.mapper, grants.mapper.pages[3], GTF_permit_access);
    (void)fake_map(mapper, &grants.granter, REF, HOST, both);
    (void)fake_map(mapper, &grants.mapper, 9, SECOND, both);
    (void)fake_map(grants.granter.vcpu, &grants.mapper, REF, HOST, both);
    tear_down(&grants.granter, first_info);
    assert_int_equal(grants.granter.domain->page_count, 1); /* what the mapper has mapped */
    assert_int_equal(grants.granter.domain->shared_count, 1);
    assert_false(fake.empty_domains[1]);
    assert_int_equal(fake_grant_entry(&grants.mapper, REF)->flags, GTF_permit_access);
    tear_down(&grants.mapper, second_info);
    assert_true(fake.empty_domains[1]);
    assert_true(fake.empty_domains[2]);
    assert_int_equal(grants.mapper.domain->page_count + grants.mapper.domain->shared_count, 0);
    grant_table_free(grants.granter.domain);
    grant_table_free(grants.mapper.domain);
    assert_audit_clean();
}

static void a_table_nobody_uses_ends_at_once(void **state)
{
    (void)state;
    struct domain *other = grants.other.domain;
    uint64_t free_before = machine.free_count;
    release_mappings(other);
    grant_release_table(other);
    assert_int_equal(other->shared_count, 0);
    grant_table_free(other);
    grant_table_free(other);
    assert_true(grant_release_mappings(other));
    grant_release_table(other);
    assert_int_equal(machine.free_count, free_before + 4); /* record, entries, two of active ones */
    assert_audit_clean();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_mapper_is_flushed_between_the_entry_and_the_rest),
        TEST(a_device_mapping_needs_no_flush),
        TEST(one_flush_is_for_32_mappings),
        TEST(an_update_by_address_overwrites_a_mapping),
        TEST(a_batch_of_updates_overwrites_a_mapping),
        TEST(a_page_of_ones_own_overwrites_a_mapping),
        TEST(the_table_that_holds_a_mapping_is_released),
        TEST(the_same_frame_with_another_right_is_not_the_mapping),
        TEST(another_grant_over_a_mapping_is_not_the_mapping),
        TEST(a_mapping_may_have_its_bits_changed),
        TEST(a_replacement_moves_with_its_references),
        TEST(a_replacement_may_be_another_grant),
        TEST(what_cannot_be_replaced_stays),
        TEST(a_batch_goes_on_where_it_was_interrupted),
        TEST(a_fault_ends_the_batch_after_what_was_done),
        TEST(a_status_that_cannot_be_written_is_a_fault),
        TEST(a_dying_mapper_gives_its_uses_back),
        TEST(releasing_many_mappings_can_be_interrupted),
        TEST(a_dead_granters_grants_are_unmapped_all_the_same),
        TEST(the_last_use_tells_that_the_domain_is_empty),
        TEST(domains_that_use_each_others_grants_leave_nothing),
        TEST(a_table_nobody_uses_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
