/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way in gives the same verdict. Each kind of frame an entry can name, times each single bit
 * and each pair of bits, times each way to install the entry (tests/fake/fake_ways.h): all answers
 * agree with each other and with the reference model's, and so does what is stored. After each, the
 * state is the model's. Then each kind of entry is replaced by each other one.
 */
#include "tests/fake/fake_grants.h"
#include "tests/fake/fake_ways.h"

static unsigned int accepted;
static unsigned int refused;

/* ---- into an empty slot --------------------------------------------------------------------- */

static struct verdict try_way(enum way way, unsigned int level, pte_t entry)
{
    struct verdict verdict = way_install(way, level, entry);
    way_undo(way, level, verdict.answer == 0);
    return verdict;
}

/* `way` says what mmu_update says. */
static void assert_same_verdict(enum way way, unsigned int level, pte_t entry,
                                struct verdict verdict, struct verdict first)
{
    int64_t expected = way == STORE && first.answer != 0 ? (int64_t)NO_STORE : first.answer;
    if (verdict.answer != expected || verdict.stored != first.stored) {
        fail_msg("level %u, entry %#llx: %s says %lld and stores %#llx, %s %lld and %#llx", level,
                 (unsigned long long)entry.raw, way_names[UPDATE], (long long)first.answer,
                 (unsigned long long)first.stored, way_names[way], (long long)verdict.answer,
                 (unsigned long long)verdict.stored);
    }
}

/* All ways say what the first one says. */
static void try_entry(unsigned int level, pte_t entry)
{
    struct verdict first = try_way(UPDATE, level, entry);
    accepted += first.answer == 0 ? 1 : 0;
    refused += first.answer != 0 ? 1 : 0;
    for (enum way way = UPDATE + 1; way < WAY_COUNT; way++) {
        if (way_fits(way, level)) {
            assert_same_verdict(way, level, entry, try_way(way, level, entry), first);
        }
    }
}

static const unsigned int bits[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 51, 52, 53, 59, 62, 63};

/* Present, with no bit changed, with each one, and with each pair. */
static void sweep(unsigned int level, mfn_t target)
{
    pte_t plain = pte_make(target, PTE_PRESENT);
    for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
        try_entry(level, (pte_t){plain.raw ^ (UINT64_C(1) << bits[i])});
        for (unsigned int j = 0; j < i; j++) {
            uint64_t changed = (UINT64_C(1) << bits[i]) | (UINT64_C(1) << bits[j]);
            try_entry(level, (pte_t){plain.raw ^ changed});
        }
    }
    try_entry(level, plain);
}

static void sweep_level(unsigned int level, struct ways_options options)
{
    accepted = 0;
    refused = 0;
    ways_start(options);
    for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
        sweep(level, ways.targets[kind]);
    }
    assert_true(accepted > 10 && refused > 10);
    fake_stop();
}

static void each_l1_entry_gets_one_verdict(void **state)
{
    (void)state;
    sweep_level(1, (struct ways_options){0});
}

static void each_l1_entry_of_the_first_domain_gets_one_verdict(void **state)
{
    (void)state;
    sweep_level(1, (struct ways_options){.controls = true, .grants = true});
}

static void each_l2_entry_gets_one_verdict(void **state)
{
    (void)state;
    sweep_level(2, (struct ways_options){0});
}

static void each_l3_entry_gets_one_verdict(void **state)
{
    (void)state;
    sweep_level(3, (struct ways_options){0});
}

static void each_l4_entry_gets_one_verdict(void **state)
{
    (void)state;
    sweep_level(4, (struct ways_options){.controls = true});
}

static void each_upper_entry_gets_one_verdict_with_linear_tables(void **state)
{
    (void)state;
    for (unsigned int level = 2; level <= 4; level++) {
        sweep_level(level, (struct ways_options){.linear = true});
    }
}

/* ---- all frames, all levels ---------------------------------------------------------------- */

/* Every frame number there is, and some there is not, as an entry of each level. */
static void each_frame_of_the_machine_gets_one_verdict_at_each_level(void **state)
{
    (void)state;
    for (unsigned int variant = 0; variant < 4; variant++) {
        ways_start((struct ways_options){.linear = variant >= 2, .controls = variant % 2 == 1});
        for (uint64_t mfn = 0; mfn < WAYS_FRAMES + 2; mfn++) {
            if (ways_uses(mfn_make(mfn))) {
                continue; /* a table that names itself is another thing when it comes into use */
            }
            for (unsigned int level = 1; level <= 4; level++) {
                try_entry(level, pte_make(mfn_make(mfn), FAKE_RO));
                try_entry(level, pte_make(mfn_make(mfn), FAKE_RW));
            }
        }
        fake_stop();
    }
}

/* The frames of another, named by FD: only mmu_update and update_va_mapping_otherdomain can. */
static void each_kind_of_frame_in_anothers_name_gets_one_verdict(void **state)
{
    (void)state;
    static const uint16_t names[] = {2, DOMID_IO, DOMID_XEN, 1, 77};
    ways_start((struct ways_options){.controls = true, .grants = true});
    for (unsigned int i = 0; i < ARRAY_SIZE(names) * KIND_COUNT * 4; i++) {
        uint16_t name = names[i / 4 % ARRAY_SIZE(names)];
        mfn_t target = ways.targets[i / 4 / ARRAY_SIZE(names)];
        pte_t entry = pte_make(target, PTE_PRESENT | ((i & 1) != 0 ? PTE_WRITABLE : 0) |
                                           ((i & 2) != 0 ? PTE_PCD : 0));
        struct verdict update = ways_update_in_name_of(name, 1, entry);
        way_undo(UPDATE, 1, update.answer == 0);

        uint64_t arg[6] = {FAKE_VA(WAYS_SLOT), entry.raw, 0, name};
        int64_t answer = fake_call(call_update_va_mapping_otherdomain, ways.vcpu, arg);
        ways_agree(answer,
                   reference_va_mapping_other(&ways.model, ways_caller(), arg[0], arg[1], name),
                   "update_va_mapping in another's name", entry);
        mirror_compare(&ways.model, "update_va_mapping in another's name");
        assert_int_equal(answer, update.answer);
        assert_int_equal(fake_entries(ways.live[1])[WAYS_SLOT].raw, update.stored);
        way_undo(UPDATE, 1, answer == 0);
    }
    fake_stop();
}

/* ---- in place of another entry --------------------------------------------------------------- */

/* What a way is to say and store where it replaces `old`: A and D may be kept from there. */
static struct verdict expect_kept(enum way way, struct verdict expected, uint64_t old)
{
    if (way == UPDATE_PRESERVE_AD && expected.answer == 0) {
        expected.stored |= old & (PTE_ACCESSED | PTE_DIRTY);
    }
    return expected;
}

/* Entries that replace others: of each kind, read-only, writable and not present. */
#define NEW_ENTRIES (KIND_COUNT * 3U)

static pte_t new_entry(unsigned int i)
{
    static const uint64_t flags[] = {PTE_PRESENT, PTE_PRESENT | PTE_WRITABLE, 0};
    return pte_make(ways.targets[i / 3], flags[i % 3]);
}

/* `old` is replaced by each entry in each way. What was there makes no difference, but that it can
 * be written once more. `empty`: the verdicts on an empty slot. */
static void replace(unsigned int level, uint16_t name, pte_t old, const struct verdict empty[])
{
    for (unsigned int i = 0; i < NEW_ENTRIES; i++) {
        for (enum way way = UPDATE; way < LIVE_WAY_COUNT; way++) {
            if (!way_fits(way, level)) {
                continue;
            }
            struct verdict before = ways_update_in_name_of(name, level, old);
            assert_int_equal(before.answer, 0);
            pte_t entry = new_entry(i);
            struct verdict expected =
                entry.raw == old.raw ? (struct verdict){.stored = before.stored} : empty[i];
            expected = expect_kept(way, expected, before.stored);
            assert_same_verdict(way, level, entry, way_install(way, level, entry), expected);
            way_undo(UPDATE, level, true);
        }
    }
}

static void replace_each(struct ways_options options, unsigned int level)
{
    static const uint16_t names[] = {DOMID_SELF, 2, DOMID_XEN};
    struct verdict empty[NEW_ENTRIES];
    unsigned int replaced = 0;
    ways_start(options);
    for (unsigned int i = 0; i < NEW_ENTRIES; i++) {
        empty[i] = try_way(UPDATE, level, new_entry(i));
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(names) * NEW_ENTRIES; i++) {
        uint16_t name = names[i / NEW_ENTRIES];
        pte_t old = new_entry(i % NEW_ENTRIES);
        bool installed = ways_update_in_name_of(name, level, old).answer == 0;
        way_undo(UPDATE, level, installed);
        if (installed && pte_is_present(old)) {
            replaced++;
            replace(level, name, old, empty);
        }
    }
    assert_true(replaced > 1);
    fake_stop();
}

static void each_entry_is_replaced_with_the_verdict_on_an_empty_slot(void **state)
{
    (void)state;
    for (unsigned int level = 1; level <= 4; level++) {
        replace_each((struct ways_options){.controls = true}, level);
        replace_each((struct ways_options){.linear = true}, level);
    }
}

/* ---- grants -------------------------------------------------------------------------------- */

/* The entry that a mapping with these flags is. */
static pte_t entry_of(uint32_t flags, mfn_t mfn)
{
    return pte_make(mfn, PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_NO_EXECUTE |
                             ((flags & GNTMAP_readonly) != 0 ? 0 : PTE_WRITABLE) |
                             ((flags & GNTMAP_application_map) != 0 ? PTE_USER : 0) |
                             (uint64_t)(flags >> _GNTMAP_guest_avail0) << 9);
}

/* As an ordinary update that names the granter's frames. */
static struct verdict update_in_name_of(const struct domain *granter, pte_t entry)
{
    uint16_t name = granter == ways.domain ? DOMID_SELF : granter->id;
    struct verdict verdict = ways_update_in_name_of(name, 1, entry);
    way_undo(UPDATE, 1, verdict.answer == 0);
    return verdict;
}

static int both_unmap(uint32_t handle, uint64_t host, uint64_t device, pte_t entry)
{
    struct gnttab_unmap_grant_ref op = {
        .host_addr = host, .dev_bus_addr = device, .handle = handle};
    int status = do_grant_unmap(ways.vcpu, handle, host, device);
    ways_agree(status, reference_grant_unmap(&ways.model, ways_caller(), &op), "an unmapped grant",
               entry);
    mirror_compare(&ways.model, "an unmapped grant");
    return status;
}

static struct verdict map_grant(const struct domain *granter, uint32_t flags, pte_t entry)
{
    bool by_entry = (flags & GNTMAP_contains_pte) != 0;
    struct gnttab_map_grant_ref op = {.host_addr = by_entry ? (ways.live[1].value << PAGE_SHIFT) +
                                                                  WAYS_SLOT * sizeof(pte_t)
                                                            : FAKE_VA(WAYS_SLOT),
                                      .flags = flags,
                                      .ref = WAYS_REF,
                                      .dom = granter->id};
    struct verdict verdict = {.answer = do_grant_map(ways.vcpu, &op)};
    ways_agree(verdict.answer, reference_grant_map(&ways.model, ways_caller(), &op, op.handle),
               "a mapped grant", entry);
    mirror_compare(&ways.model, "a mapped grant");
    verdict.stored = fake_entries(ways.live[1])[WAYS_SLOT].raw;
    if (verdict.answer == GNTST_okay) {
        uint64_t device = (flags & GNTMAP_device_map) != 0 ? op.dev_bus_addr : 0;
        assert_int_equal(both_unmap(op.handle, op.host_addr, device, entry), GNTST_okay);
    }
    return verdict;
}

static void try_granted(struct domain *granter, mfn_t target, uint32_t flags)
{
    ways_grant(granter, WAYS_REF, target);
    mirror_adopt_contents(&ways.model);
    const struct frame *frame = frame_find(target);
    bool is_ram = frame != NULL && frame_class(frame) == FRAME_GUEST;
    pte_t entry = entry_of(flags, target);
    struct verdict update = update_in_name_of(granter, entry);
    struct verdict mapping = map_grant(granter, flags | GNTMAP_host_map, entry);
    /* What is no RAM of the granter can be mapped, perhaps, but not granted. */
    assert_int_equal(mapping.answer == GNTST_okay, update.answer == 0 && is_ram);
    if (mapping.answer == GNTST_okay) {
        assert_int_equal(mapping.stored, update.stored);
        accepted++;
    } else {
        refused++;
    }
}

static void each_entry_that_a_grant_can_be_gets_an_updates_verdict(void **state)
{
    (void)state;
    ways_start((struct ways_options){.controls = true, .grants = true});
    accepted = 0;
    refused = 0;
    for (unsigned int i = 0; i < KIND_COUNT * 64U; i++) {
        mfn_t target = ways.targets[i / 64];
        uint32_t flags = (i & 1) != 0 ? GNTMAP_readonly : 0;
        flags |= (i & 2) != 0 ? GNTMAP_application_map : 0;
        flags |= (i & 4) != 0 ? GNTMAP_contains_pte : 0;
        flags |= (i & 8) != 0 ? GNTMAP_device_map : 0;
        flags |= (i & 16) != 0 ? 5U << _GNTMAP_guest_avail0 : 0;
        if (target.value <= UINT32_MAX) { /* what an entry can name */
            try_granted((i & 32) != 0 ? ways.domain : ways.other, target, flags);
        }
    }
    assert_true(accepted > 100 && refused > 100);
    fake_stop();
}

/* ---- in place of a grant, and a grant in place of others
 * ----------------------------------------- */

/* The other domain's page is mapped by a grant, and the mapping is replaced. Only the entry is: the
 * handle stays, and has nothing to unmap until the mapping is there again. */
static void replace_grant(enum way way, pte_t entry, uint32_t flags, struct verdict empty)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = FAKE_VA(WAYS_SLOT), .flags = flags, .ref = WAYS_REF, .dom = ways.other->id};
    assert_int_equal(do_grant_map(ways.vcpu, &op), GNTST_okay);
    assert_int_equal(reference_grant_map(&ways.model, ways_caller(), &op, op.handle), GNTST_okay);
    pte_t mapping = fake_entries(ways.live[1])[WAYS_SLOT];
    bool writable = (flags & GNTMAP_readonly) == 0;
    bool same = mfn_equal(pte_mfn(entry), ways.targets[FOREIGN]) && pte_is_present(entry) &&
                pte_is_writable(entry) == writable;
    struct verdict verdict = way_install(way, 1, entry);
    if (!same) {
        assert_same_verdict(way, 1, entry, verdict, expect_kept(way, empty, mapping.raw));
    } else {
        assert_int_equal(verdict.answer, 0);
    }
    if (verdict.answer == 0 && !same) {
        assert_int_equal(both_unmap(op.handle, op.host_addr, 0, entry), GNTST_general_error);
        assert_int_equal(ways_update_in_name_of(ways.other->id, 1, mapping).answer, 0);
    }
    assert_int_equal(both_unmap(op.handle, op.host_addr, 0, entry), GNTST_okay);
}

static void each_mapped_grant_is_replaced_with_the_verdict_on_an_empty_slot(void **state)
{
    (void)state;
    ways_start((struct ways_options){.controls = true, .grants = true});
    ways_grant(ways.other, WAYS_REF, ways.targets[FOREIGN]);
    mirror_adopt_contents(&ways.model);
    for (unsigned int i = 0; i < NEW_ENTRIES; i++) {
        struct verdict empty = try_way(UPDATE, 1, new_entry(i));
        for (enum way way = UPDATE; way < LIVE_WAY_COUNT; way++) {
            replace_grant(way, new_entry(i), GNTMAP_host_map, empty);
            replace_grant(way, new_entry(i), GNTMAP_host_map | GNTMAP_readonly, empty);
        }
    }
    fake_stop();
}

static void each_entry_is_replaced_by_a_grant(void **state)
{
    (void)state;
    unsigned int replaced = 0;
    ways_start((struct ways_options){.controls = true, .grants = true});
    ways_grant(ways.other, WAYS_REF, ways.targets[FOREIGN]);
    mirror_adopt_contents(&ways.model);
    for (unsigned int i = 0; i < NEW_ENTRIES * 2; i++) {
        uint32_t flags = GNTMAP_host_map | (i % 2 == 0 ? 0 : GNTMAP_readonly);
        struct verdict old = ways_update_in_name_of(DOMID_SELF, 1, new_entry(i / 2));
        struct verdict mapping =
            map_grant(ways.other, flags, entry_of(flags, ways.targets[FOREIGN]));
        assert_int_equal(mapping.answer, GNTST_okay);
        replaced += old.answer == 0 ? 1 : 0;
    }
    assert_true(replaced > 20);
    fake_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_l1_entry_gets_one_verdict),
        cmocka_unit_test(each_l1_entry_of_the_first_domain_gets_one_verdict),
        cmocka_unit_test(each_l2_entry_gets_one_verdict),
        cmocka_unit_test(each_l3_entry_gets_one_verdict),
        cmocka_unit_test(each_l4_entry_gets_one_verdict),
        cmocka_unit_test(each_upper_entry_gets_one_verdict_with_linear_tables),
        cmocka_unit_test(each_frame_of_the_machine_gets_one_verdict_at_each_level),
        cmocka_unit_test(each_kind_of_frame_in_anothers_name_gets_one_verdict),
        cmocka_unit_test(each_entry_that_a_grant_can_be_gets_an_updates_verdict),
        cmocka_unit_test(each_entry_is_replaced_with_the_verdict_on_an_empty_slot),
        cmocka_unit_test(each_mapped_grant_is_replaced_with_the_verdict_on_an_empty_slot),
        cmocka_unit_test(each_entry_is_replaced_by_a_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
