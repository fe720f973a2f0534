/* SPDX-License-Identifier: BSD-2-Clause */
/* map_grant_ref and unmap_grant_ref between two domains: each status, each combination of flags,
 * and what each use holds. Families H and I of the known failures. */
#include "tests/fake/fake_grants.h"

#include <string.h>

#define REF  8U
#define HOST FAKE_VA(100)
#define BUS  (page.value << PAGE_SHIFT)

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
    /* The mapper's first frame of handles: from here on a refusal changes nothing at all. */
    uint32_t handle = fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map);
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_okay);
    fake.full_flushes = 0;
    return 0;
}

static pte_t host_entry(void)
{
    return fake_entries(grants.mapper.l1)[100];
}

static uint16_t marks(void)
{
    return fake_grant_entry(&grants.granter, REF)->flags & (GTF_reading | GTF_writing);
}

static int16_t try_map(uint32_t ref, uint64_t address, uint32_t flags)
{
    struct gnttab_map_grant_ref map = fake_map_of(&grants.granter, ref, address, flags);
    return do_grant_map(mapper, &map);
}

/* ---- what a use holds ---------------------------------------------------------------------- */

static void a_host_mapping_is_an_entry_of_the_mappers_table(void **state)
{
    (void)state;
    uint32_t handle = fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map);
    assert_int_equal(host_entry().raw,
                     pte_make(page, FAKE_RW | PTE_ACCESSED | PTE_DIRTY | PTE_NO_EXECUTE).raw);
    assert_int_equal(fake_frame(page)->ref_count, 2);
    assert_int_equal(fake_frame(page)->type_count, 1);
    assert_int_equal(marks(), GTF_reading | GTF_writing);
    assert_true(fake_guest_write(1, mapper, HOST, 77));
    assert_int_equal(fake_entries(page)[0].raw, 77);
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_okay);
    assert_int_equal(host_entry().raw, 0);
    assert_int_equal(fake_frame(page)->ref_count, 1);
    assert_int_equal(fake_frame(page)->type_count, 0);
    assert_int_equal(marks(), 0);
}

/* Of all flags that select a use: what is taken, then what each way of unmapping gives back, and
 * that nothing is left for a second time (XSA-224). */
static void every_combination_of_flags_takes_and_gives_back_the_same(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    for (uint32_t flags = 0; flags < 16; flags++) {
        for (unsigned int order = 0; order < 4; order++) {
            struct gnttab_map_grant_ref map = fake_map_of(&grants.granter, REF, HOST, flags);
            int16_t expected = (flags & 3) != 0 ? GNTST_okay : GNTST_bad_gntref;
            assert_int_equal(do_grant_map(mapper, &map), expected);
            if (expected != GNTST_okay) {
                continue;
            }
            unsigned int uses = ((flags & GNTMAP_host_map) != 0) + (flags & GNTMAP_device_map);
            bool write = (flags & GNTMAP_readonly) == 0;
            assert_int_equal(fake_frame(page)->ref_count, 1 + uses);
            assert_int_equal(fake_frame(page)->type_count, write ? uses : 0);
            assert_int_equal(marks(), write ? GTF_reading | GTF_writing : GTF_reading);
            assert_int_equal(map.dev_bus_addr, BUS);
            bool host_first = (order & 1) != 0;
            bool together = (order & 2) != 0;
            uint64_t host = together || host_first ? HOST : 0;
            uint64_t device = together || !host_first ? BUS : 0;
            assert_int_equal(do_grant_unmap(mapper, map.handle, host, device), GNTST_okay);
            bool ends_host = host != 0 && (flags & GNTMAP_host_map) != 0;
            bool ends_device = device != 0 && (flags & GNTMAP_device_map) != 0;
            unsigned int gone = (ends_host ? 1U : 0) + (ends_device ? 1U : 0);
            assert_int_equal(fake_frame(page)->ref_count, 1 + uses - gone);
            assert_int_equal(do_grant_unmap(mapper, map.handle, HOST, BUS),
                             gone < uses ? GNTST_okay : GNTST_bad_handle);
            assert_int_equal(do_grant_unmap(mapper, map.handle, HOST, BUS), GNTST_bad_handle);
        }
    }
    assert_unchanged(before);
}

static void unmapping_one_half_again_takes_nothing_more(void **state)
{
    (void)state;
    uint32_t handle =
        fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map | GNTMAP_device_map);
    for (unsigned int i = 0; i < 100; i++) {
        assert_int_equal(do_grant_unmap(mapper, handle, 0, BUS), GNTST_okay);
        assert_int_equal(do_grant_unmap(mapper, handle, 0, 0), GNTST_okay);
        assert_int_equal(fake_frame(page)->ref_count, 2);
        assert_int_equal(fake_frame(page)->type_count, 1);
        assert_int_equal(marks(), GTF_reading | GTF_writing);
    }
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_okay);
    assert_int_equal(marks(), 0);
}

static void an_entry_by_its_machine_address_is_mapped(void **state)
{
    (void)state;
    mfn_t table = fake_give(grants.mapper.domain);
    assert_int_equal(do_pin(mapper, table, 1), 0);
    uint64_t address = (table.value << PAGE_SHIFT) + 511 * sizeof(pte_t);
    uint32_t flags = GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_readonly;
    uint32_t handle = fake_map(mapper, &grants.granter, REF, address, flags);
    assert_int_equal(pte_mfn(fake_entries(table)[511]).value, page.value);
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_general_error);
    assert_int_equal(do_grant_unmap(mapper, handle, address - 8, 0), GNTST_general_error);
    assert_int_equal(do_grant_unmap(mapper, handle, address, 0), GNTST_okay);
    assert_int_equal(fake_entries(table)[511].raw, 0);
}

static void a_domain_may_map_its_own_grants(void **state)
{
    (void)state;
    fake_grant(&grants.mapper, REF, &grants.mapper, grants.mapper.pages[3], GTF_permit_access);
    uint32_t handle =
        fake_map(mapper, &grants.mapper, REF, HOST, GNTMAP_host_map | GNTMAP_device_map);
    assert_int_equal(fake_frame(grants.mapper.pages[3])->ref_count, 4);
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, grants.mapper.pages[3].value << 12),
                     GNTST_okay);
    assert_int_equal(fake_frame(grants.mapper.pages[3])->ref_count, 2);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void refusals_have_their_status_and_change_nothing(void **state)
{
    (void)state;
    mfn_t table = fake_give(grants.granter.domain);
    assert_int_equal(do_pin(grants.granter.vcpu, table, 1), 0);
    const struct fake_guest *granter = &grants.granter;
    fake_grant(granter, 20, &grants.other, page, GTF_permit_access);
    fake_grant(granter, 21, &grants.mapper, page, GTF_accept_transfer);
    fake_grant(granter, 22, &grants.mapper, page, GTF_transitive);
    fake_grant(granter, 23, &grants.mapper, page, GTF_permit_access | GTF_sub_page);
    fake_grant(granter, 24, &grants.mapper, page, GTF_permit_access | GTF_readonly);
    fake_grant(granter, 25, &grants.mapper, table, GTF_permit_access);
    fake_grant(granter, 26, &grants.mapper, grants.other.pages[0], GTF_permit_access);
    fake_grant(granter, 27, &grants.mapper, mfn_make(1), GTF_permit_access);
    fake_grant(granter, 28, &grants.mapper, mfn_make(FAKE_HYPERVISOR), GTF_permit_access);
    fake_grant(granter, 29, &grants.mapper, mfn_make(UINT32_MAX), GTF_permit_access);
    fake_grant(granter, 30, &grants.mapper, granter->domain->grants->frames[0].entries,
               GTF_permit_access);
    const struct {
        uint32_t ref;
        uint64_t address;
        uint32_t flags;
        int16_t status;
        enum status reason;
    } cases[] = {
        {REF, HOST, 0, GNTST_bad_gntref, STATUS_GRANT_NO_USE},
        {REF, HOST, GNTMAP_readonly | GNTMAP_contains_pte, GNTST_bad_gntref, STATUS_GRANT_NO_USE},
        {512, HOST, GNTMAP_host_map, GNTST_bad_gntref, STATUS_GRANT_BAD_REFERENCE},
        {UINT32_MAX, HOST, GNTMAP_host_map, GNTST_bad_gntref, STATUS_GRANT_BAD_REFERENCE},
        {19, HOST, GNTMAP_host_map, GNTST_general_error, STATUS_GRANT_NOT_GIVEN},
        {20, HOST, GNTMAP_host_map, GNTST_general_error, STATUS_GRANT_NOT_GIVEN},
        {21, HOST, GNTMAP_host_map, GNTST_general_error, STATUS_GRANT_NOT_GIVEN},
        {22, HOST, GNTMAP_host_map, GNTST_general_error, STATUS_GRANT_NOT_GIVEN},
        {23, HOST, GNTMAP_host_map, GNTST_general_error, STATUS_GRANT_NOT_GIVEN},
        {24, HOST, GNTMAP_host_map, GNTST_general_error, STATUS_GRANT_READ_ONLY},
        {24, HOST, GNTMAP_device_map, GNTST_general_error, STATUS_GRANT_READ_ONLY},
        {25, HOST, GNTMAP_host_map, GNTST_general_error, STATUS_LEAF_WRONG_TYPE},
        {25, HOST, GNTMAP_device_map, GNTST_general_error, STATUS_LEAF_WRONG_TYPE},
        {25, HOST, GNTMAP_host_map | GNTMAP_device_map, GNTST_general_error,
         STATUS_LEAF_WRONG_TYPE},
        {26, HOST, GNTMAP_host_map, GNTST_bad_page, STATUS_GRANT_BAD_PAGE},
        {27, HOST, GNTMAP_host_map, GNTST_bad_page, STATUS_GRANT_BAD_PAGE},
        {28, HOST, GNTMAP_host_map, GNTST_bad_page, STATUS_GRANT_BAD_PAGE},
        {29, HOST, GNTMAP_device_map, GNTST_bad_page, STATUS_GRANT_BAD_PAGE},
        {30, HOST, GNTMAP_host_map, GNTST_bad_page, STATUS_GRANT_BAD_PAGE},
        {REF, UINT64_C(1) << 30, GNTMAP_host_map, GNTST_general_error, STATUS_GRANT_BAD_SLOT},
        {REF, HYPERVISOR_VIRT_START, GNTMAP_host_map, GNTST_general_error, STATUS_GRANT_BAD_SLOT},
        {REF, UINT64_C(1) << 30, GNTMAP_host_map | GNTMAP_device_map, GNTST_general_error,
         STATUS_GRANT_BAD_SLOT},
        {REF, (grants.mapper.l1.value << 12) + 4, GNTMAP_host_map | GNTMAP_contains_pte,
         GNTST_general_error, STATUS_GRANT_BAD_SLOT},
        {REF, grants.mapper.l2.value << 12, GNTMAP_host_map | GNTMAP_contains_pte,
         GNTST_general_error, STATUS_GRANT_BAD_SLOT},
        {REF, grants.mapper.pages[0].value << 12, GNTMAP_host_map | GNTMAP_contains_pte,
         GNTST_general_error, STATUS_GRANT_BAD_SLOT},
        {REF, grants.other.l1.value << 12, GNTMAP_host_map | GNTMAP_contains_pte,
         GNTST_general_error, STATUS_GRANT_BAD_SLOT},
        {REF, grants.granter.l1.value << 12, GNTMAP_host_map | GNTMAP_contains_pte,
         GNTST_general_error, STATUS_GRANT_BAD_SLOT},
        {REF, UINT64_C(1) << 50, GNTMAP_host_map | GNTMAP_contains_pte, GNTST_general_error,
         STATUS_GRANT_BAD_SLOT},
    };
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(try_map(cases[i].ref, cases[i].address, cases[i].flags), cases[i].status);
        assert_int_equal(fake.refusal.status, cases[i].reason);
        assert_int_equal(fake.refusal.count, i + 1);
        if (cases[i].reason != STATUS_GRANT_NO_USE) {
            assert_int_equal(fake.refusal.about.number, cases[i].ref);
        }
    }
    assert_unchanged(before);
}

static void only_domains_by_their_number_grant_anything(void **state)
{
    (void)state;
    static const uint16_t ids[] = {DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_INVALID, 0, 77, 0xffff};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
        struct gnttab_map_grant_ref map = fake_map_of(&grants.granter, REF, HOST, GNTMAP_host_map);
        map.dom = ids[i];
        assert_int_equal(do_grant_map(mapper, &map), GNTST_bad_domain);
    }
    grants.granter.domain->is_dying = true;
    assert_int_equal(try_map(REF, HOST, GNTMAP_host_map), GNTST_bad_domain);
    grants.granter.domain->is_dying = false;
    grants.mapper.domain->is_dying = true;
    assert_int_equal(try_map(REF, HOST, GNTMAP_host_map), GNTST_bad_domain);
    grants.mapper.domain->is_dying = false;
    assert_unchanged(before);
}

static void a_domain_without_a_table_grants_nothing(void **state)
{
    (void)state;
    struct domain *bare = fake_domain(0, 1);
    struct gnttab_map_grant_ref map = fake_map_of(&grants.granter, REF, HOST, GNTMAP_host_map);
    map.dom = bare->id;
    assert_int_equal(do_grant_map(mapper, &map), GNTST_bad_domain);
}

static void pins_of_one_kind_are_at_most_128(void **state)
{
    (void)state;
    uint32_t handles[GRANT_PIN_LIMIT];
    for (unsigned int i = 0; i < GRANT_PIN_LIMIT; i++) {
        handles[i] = fake_map(mapper, &grants.granter, REF, FAKE_VA(100 + i), GNTMAP_host_map);
    }
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(try_map(REF, FAKE_VA(99), GNTMAP_host_map), GNTST_general_error);
    assert_int_equal(fake.refusal.status, STATUS_COUNT_OVERFLOW);
    assert_int_equal(try_map(REF, FAKE_VA(99), GNTMAP_host_map | GNTMAP_device_map),
                     GNTST_general_error);
    assert_unchanged(before);
    uint32_t device = fake_map(mapper, &grants.granter, REF, 0, GNTMAP_device_map);
    assert_int_equal(do_grant_unmap(mapper, device, 0, BUS), GNTST_okay);
    for (unsigned int i = 0; i < GRANT_PIN_LIMIT; i++) {
        assert_int_equal(do_grant_unmap(mapper, handles[i], FAKE_VA(100 + i), 0), GNTST_okay);
    }
    assert_int_equal(marks(), 0);
    assert_int_equal(fake_frame(page)->ref_count, 1);
}

static void handles_end_at_the_domains_limit(void **state)
{
    (void)state;
    unsigned int limit = FAKE_MAPTRACK_FRAMES * (unsigned int)GRANT_HANDLES_PER_FRAME;
    static uint32_t handles[FAKE_MAPTRACK_FRAMES * GRANT_HANDLES_PER_FRAME];
    for (unsigned int i = 0; i < limit; i++) {
        uint32_t ref = 32 + i / GRANT_PIN_LIMIT;
        fake_grant(&grants.granter, ref, &grants.mapper, page,
                   GTF_permit_access | (i % GRANT_PIN_LIMIT != 0 ? GTF_reading : 0));
        handles[i] = fake_map(mapper, &grants.granter, ref, 0, GNTMAP_device_map | GNTMAP_readonly);
        assert_true(handles[i] < limit);
        assert_true(i == 0 || handles[i] != handles[i - 1]);
    }
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(try_map(REF, HOST, GNTMAP_host_map), GNTST_no_space);
    assert_int_equal(try_map(9999, HOST, GNTMAP_host_map), GNTST_no_space);
    assert_unchanged(before);
    assert_int_equal(do_grant_unmap(mapper, handles[5], 0, BUS), GNTST_okay);
    assert_int_equal(fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map), handles[5]);
}

static void handles_need_memory(void **state)
{
    (void)state;
    struct fake_guest *other = &grants.other; /* has no frame of handles yet */
    fake_grant(&grants.granter, REF, other, page, GTF_permit_access);
    for (unsigned int left = 0; left < 2; left++) {
        mfn_t held[512];
        unsigned int count = 0;
        while (machine.free_count > left) {
            held[count++] = frame_take_hypervisor(0);
        }
        struct gnttab_map_grant_ref map = fake_map_of(&grants.granter, REF, HOST, GNTMAP_host_map);
        assert_int_equal(do_grant_map(other->vcpu, &map), GNTST_no_space);
        while (count > 0) {
            frame_free_hypervisor(held[--count], 0);
        }
        assert_audit_clean();
    }
    assert_int_equal(marks(), 0);
    (void)fake_map(other->vcpu, &grants.granter, REF, HOST, GNTMAP_host_map);
}

/* ---- who is using it ----------------------------------------------------------------------- */

static void an_entry_has_one_mapper_at_a_time(void **state)
{
    (void)state;
    uint32_t handle = fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map);
    fake_grant(&grants.granter, REF, &grants.other, page,
               GTF_permit_access | GTF_reading | GTF_writing);
    struct gnttab_map_grant_ref map = fake_map_of(&grants.granter, REF, HOST, GNTMAP_host_map);
    assert_int_equal(do_grant_map(grants.other.vcpu, &map), GNTST_general_error);
    assert_int_equal(fake.refusal.status, STATUS_GRANT_OTHER_MAPPER);
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, 0), GNTST_okay);
    assert_int_equal(do_grant_map(grants.other.vcpu, &map), GNTST_okay);
}

/* What a pinned entry names is what was recorded, whatever the guest writes meanwhile (XSA-500). */
static void a_pinned_entry_names_what_it_named_first(void **state)
{
    (void)state;
    mfn_t second = fake_give(grants.granter.domain);
    uint32_t first =
        fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map | GNTMAP_readonly);
    fake_grant_entry(&grants.granter, REF)->frame = (uint32_t)second.value;
    uint32_t other = fake_map(mapper, &grants.granter, REF, FAKE_VA(101), GNTMAP_host_map);
    assert_int_equal(pte_mfn(fake_entries(grants.mapper.l1)[101]).value, page.value);
    assert_int_equal(do_grant_unmap(mapper, first, HOST, 0), GNTST_okay);
    assert_int_equal(do_grant_unmap(mapper, other, FAKE_VA(101), 0), GNTST_okay);
    (void)fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map);
    assert_int_equal(pte_mfn(host_entry()).value, second.value);
}

static void marks_follow_the_pins_of_all_kinds(void **state)
{
    (void)state;
    uint32_t read = fake_map(mapper, &grants.granter, REF, 0, GNTMAP_device_map | GNTMAP_readonly);
    assert_int_equal(marks(), GTF_reading);
    uint32_t write = fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map);
    uint32_t device = fake_map(mapper, &grants.granter, REF, 0, GNTMAP_device_map);
    assert_int_equal(marks(), GTF_reading | GTF_writing);
    assert_int_equal(do_grant_unmap(mapper, write, HOST, 0), GNTST_okay);
    assert_int_equal(marks(), GTF_reading | GTF_writing);
    assert_int_equal(do_grant_unmap(mapper, device, 0, BUS), GNTST_okay);
    assert_int_equal(marks(), GTF_reading);
    assert_int_equal(do_grant_unmap(mapper, read, 0, BUS), GNTST_okay);
    assert_int_equal(marks(), 0);
}

/* The mark `readonly` that comes while the entry is read keeps writers out; a grant that is
 * withdrawn stays what it was for the one who uses it. */
static void the_first_writer_asks_whether_it_may_write(void **state)
{
    (void)state;
    grant_entry_v1_t *entry = fake_grant_entry(&grants.granter, REF);
    (void)fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map | GNTMAP_readonly);
    entry->flags |= GTF_readonly;
    assert_int_equal(try_map(REF, FAKE_VA(101), GNTMAP_host_map), GNTST_general_error);
    assert_int_equal(marks(), GTF_reading);
    entry->flags = 0;
    (void)fake_map(mapper, &grants.granter, REF, FAKE_VA(102), GNTMAP_host_map);
    assert_int_equal(entry->flags, GTF_reading | GTF_writing);
}

/* ---- handles ------------------------------------------------------------------------------- */

static void handles_of_others_and_of_nobody_are_refused(void **state)
{
    (void)state;
    uint32_t handle = fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(do_grant_unmap(grants.other.vcpu, handle, HOST, 0), GNTST_bad_handle);
    assert_int_equal(do_grant_unmap(mapper, handle + 1, HOST, 0), GNTST_bad_handle);
    assert_int_equal(do_grant_unmap(mapper, GRANT_HANDLES_PER_FRAME, HOST, 0), GNTST_bad_handle);
    assert_int_equal(do_grant_unmap(mapper, UINT32_MAX, HOST, 0), GNTST_bad_handle);
    assert_unchanged(before);
}

static void a_wrong_device_address_is_refused(void **state)
{
    (void)state;
    uint32_t handle =
        fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map | GNTMAP_device_map);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(do_grant_unmap(mapper, handle, HOST, BUS + 1), GNTST_bad_dev_addr);
    assert_int_equal(do_grant_unmap(mapper, handle, FAKE_VA(101), BUS), GNTST_general_error);
    assert_unchanged(before);
}

/* ---- the audit ----------------------------------------------------------------------------- */

static void the_audit_notices_what_does_not_fit(void **state)
{
    (void)state;
    uint32_t number =
        fake_map(mapper, &grants.granter, REF, HOST, GNTMAP_host_map | GNTMAP_device_map);
    struct grant_table *granted = grants.granter.domain->grants;
    struct grant_table *mapped = grants.mapper.domain->grants;
    struct grant_active *active = grant_active(granted, REF);
    struct grant_handle *handle = grant_handle_at(mapped, number);
    assert_audit_clean();
    for (unsigned int i = 0; i < GRANT_USE_KINDS; i++) {
        active->pins[i]++;
        assert_int_equal(fake_audit(false), 1);
        active->pins[i]--;
    }
    const struct grant_active active_before = *active;
    active->mapper = 3;
    assert_int_equal(fake_audit(false), 1);
    *active = active_before;
    const struct grant_handle before = *handle;
    handle->ref = 512; /* names no entry: pins, the device's references and the L1 entry have no
                        * reason */
    assert_int_equal(fake_audit(false), 6);
    *handle = before;
    handle->granter = 77; /* nor is it counted among the granter's */
    assert_int_equal(fake_audit(false), 7);
    handle->granter = fake_domain(9, 1)->id; /* which has no grants */
    assert_int_equal(fake_audit(false), 7);
    *handle = before;
    handle->uses = GRANT_HOST_WRITE;
    assert_int_equal(fake_audit(false), 3);
    *handle = before;
    pte_t *table = fake_entries(grants.mapper.l1);
    table[200] = table[100]; /* well counted, but one handle allows one */
    struct frame *frame = fake_frame(pte_mfn(table[200]));
    frame->ref_count++;
    frame->type_count++;
    assert_int_equal(fake_audit(false), 1);
    frame->ref_count--;
    frame->type_count--;
    table[200] = (pte_t){0};
    assert_audit_clean();
    granted->use_count++;
    assert_int_equal(fake_audit(false), 1);
    granted->use_count--;
    uint32_t head = mapped->free_handle;
    mapped->free_handle = grant_handle_at(mapped, head)->ref; /* one is lost */
    assert_int_equal(fake_audit(false), 1);
    mapped->free_handle = number; /* one that is used */
    assert_true(fake_audit(false) >= 1);
    mapped->free_handle = head;
    uint32_t next = grant_handle_at(mapped, head)->ref;
    grant_handle_at(mapped, head)->ref = head; /* a circle */
    assert_int_equal(fake_audit(false), 1);
    grant_handle_at(mapped, head)->ref = next;
    assert_audit_clean();
    fake.audit_scratch = 1; /* in many rounds */
    assert_audit_clean();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_host_mapping_is_an_entry_of_the_mappers_table),
        TEST(every_combination_of_flags_takes_and_gives_back_the_same),
        TEST(unmapping_one_half_again_takes_nothing_more),
        TEST(an_entry_by_its_machine_address_is_mapped),
        TEST(a_domain_may_map_its_own_grants),
        TEST(refusals_have_their_status_and_change_nothing),
        TEST(only_domains_by_their_number_grant_anything),
        TEST(a_domain_without_a_table_grants_nothing),
        TEST(pins_of_one_kind_are_at_most_128),
        TEST(handles_end_at_the_domains_limit),
        TEST(handles_need_memory),
        TEST(an_entry_has_one_mapper_at_a_time),
        TEST(a_pinned_entry_names_what_it_named_first),
        TEST(marks_follow_the_pins_of_all_kinds),
        TEST(the_first_writer_asks_whether_it_may_write),
        TEST(handles_of_others_and_of_nobody_are_refused),
        TEST(a_wrong_device_address_is_refused),
        TEST(the_audit_notices_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
