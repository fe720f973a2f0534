/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way in gives the same verdict. Each kind of frame an entry can name, times each single bit
 * and each pair of bits, times each way to install the entry: all answers agree with each other and
 * with the reference model's, and so does what is stored. After each, the state is the model's.
 */
#include "tests/fake/fake_grants.h"
#include "tests/fake/fake_machine.h"

#include <stdlib.h>
#include <string.h>

#include "core/pt_store.h"
#include "tests/model/mirror.h"

#define FRAMES        96U
#define IO_MFN        1000U /* I/O memory that the first domain may map as it likes */
#define IO_DENIED_MFN 1004U
#define IO_READ_MFN   1008U
#define SLOT          7U         /* of the live table */
#define NO_STORE      UINT64_MAX /* an answer: the guest gets its page fault */

static struct reference model;
static struct domain *domain;
static struct vcpu *vcpu;
static struct domain *other;
static mfn_t live[5];     /* the vCPU's tables, by level */
static mfn_t prepared[5]; /* tables of each level that nobody uses */
static mfn_t children[5]; /* prepared tables with one entry each, for upper entries to name */

static bool linear;      /* entries may name tables of their own level */
static bool with_grants; /* the domains have grant tables, which audits take their time for */

/* ---- what an entry can name ---------------------------------------------------------------- */

enum kind {
    OWN_PLAIN,
    OWN_WRITABLE,
    OWN_UNCHECKED_L1,
    OWN_L1,
    OWN_L2,
    OWN_L3,
    OWN_L4,
    OWN_DESCRIPTORS,
    OWN_SPECIAL,
    FOREIGN,
    FOREIGN_L1,
    GRANTED, /* the other domain's, mapped by a grant, if there are grants */
    IO_FREE_USE,
    IO_LOW,
    IO_DENIED_KIND,
    IO_READ_KIND,
    BEYOND_PROCESSOR,
    INVALID_P2M,
    FREE_RAM,
    HYPERVISOR,
    M2P,
    KIND_COUNT,
};

static mfn_t targets[KIND_COUNT];

static mfn_t give_table(struct domain *owner, unsigned int level)
{
    struct fake_tree tree;
    fake_tree_build(&tree, owner, level);
    assert_int_equal(do_pin(owner->vcpus[0], tree.table[level], level), 0);
    return tree.table[level];
}

#define GRANT_REF 9U /* what the sweep grants */

/* Entry `ref` of the granter's table, for the domain. */
static void grant(struct domain *granter, uint32_t ref, mfn_t mfn)
{
    const struct fake_guest from = {.domain = granter};
    const struct fake_guest to = {.domain = domain};
    fake_grant(&from, ref, &to, mfn, GTF_permit_access);
}

static mfn_t give_granted(void)
{
    const struct fake_guest granter = {.domain = other};
    mfn_t mfn = fake_give(other);
    if (with_grants) {
        assert_int_equal(grant_table_create(domain, 1, 1), STATUS_OK);
        assert_int_equal(grant_table_create(other, 1, 1), STATUS_OK);
        grant(other, GRANT_REF - 1, mfn);
        (void)fake_map(vcpu, &granter, GRANT_REF - 1, FAKE_VA(60), GNTMAP_host_map);
    }
    return mfn;
}

static void choose_targets(const struct fake_guest *guest)
{
    targets[OWN_PLAIN] = fake_give(domain);
    targets[OWN_WRITABLE] = guest->pages[0];
    targets[OWN_UNCHECKED_L1] = children[1];
    for (unsigned int level = 1; level <= 4; level++) {
        targets[OWN_L1 + level - 1] = give_table(domain, level);
    }
    targets[OWN_DESCRIPTORS] = fake_give(domain);
    memcpy(fake.buffers[0].bytes, &targets[OWN_DESCRIPTORS], sizeof(mfn_t));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 512};
    assert_int_equal(fake_call(call_set_gdt, vcpu, arg), 0);
    targets[OWN_SPECIAL] = frame_alloc(0, 64);
    frame_make_shared(fake_frame(targets[OWN_SPECIAL]), domain);
    targets[FOREIGN] = fake_give(other);
    targets[FOREIGN_L1] = give_table(other, 1);
    targets[GRANTED] = give_granted();
    targets[IO_FREE_USE] = mfn_make(IO_MFN);
    targets[IO_LOW] = mfn_make(FAKE_IO_FIRST);
    targets[IO_DENIED_KIND] = mfn_make(IO_DENIED_MFN);
    targets[IO_READ_KIND] = mfn_make(IO_READ_MFN);
    targets[BEYOND_PROCESSOR] = mfn_make(machine.mfn_limit);
    targets[INVALID_P2M] = mfn_make(PTE_MFN_ALL_ONES);
    targets[FREE_RAM] = mfn_make(FRAMES - 1);
    targets[HYPERVISOR] = mfn_make(FAKE_HYPERVISOR);
    targets[M2P] = mfn_make(FAKE_SHARED_READ);
    assert_int_equal(frame_class(fake_frame(targets[FREE_RAM])), FRAME_FREE);
}

/* ---- the machine --------------------------------------------------------------------------- */

/* `controls`: the domain is the first one, with I/O rights and rights over the other. */
static void start(bool controls)
{
    struct fake_guest guest;
    fake_start(FRAMES);
    machine.linear_pt = linear;
    machine_add_io_range(mfn_make(IO_DENIED_MFN), mfn_make(IO_DENIED_MFN), IO_DENIED);
    machine_add_io_range(mfn_make(IO_READ_MFN), mfn_make(IO_READ_MFN), IO_READ_ONLY);
    domain = fake_domain(1, 1);
    other = fake_domain(2, 1);
    vcpu = domain->vcpus[0];
    other->vcpus[0]->cpus = 2;
    fake_guest_build(&guest, domain);
    domain->assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
    domain->is_control = domain->has_io = controls;
    live[1] = guest.l1;
    live[2] = guest.l2;
    live[3] = guest.l3;
    live[4] = guest.l4;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 4);
    memcpy(children, tree.table, sizeof(children));
    for (unsigned int level = 1; level <= 4; level++) {
        prepared[level] = fake_give(domain);
    }
    choose_targets(&guest);
    mirror_adopt(&model);
}

/* ---- ways in ------------------------------------------------------------------------------- */

enum way {
    UPDATE,
    UPDATE_PRESERVE_AD,
    UPDATE_NO_TRANSLATE,
    VA_MAPPING,
    STORE,
    PIN,
    BASE,
    WAY_COUNT,
};

static const char *const way_names[] = {"mmu_update",
                                        "mmu_update, preserving A and D",
                                        "mmu_update, untranslated",
                                        "update_va_mapping",
                                        "a store",
                                        "a pin",
                                        "a new base"};

static bool way_fits(enum way way, unsigned int level)
{
    switch (way) {
    case VA_MAPPING:
    case STORE:
        return level == 1;
    case BASE:
        return level == 4;
    case UPDATE:
    case UPDATE_PRESERVE_AD:
    case UPDATE_NO_TRANSLATE:
    case PIN:
    case WAY_COUNT:
        break;
    }
    return true;
}

/* What core answers, and what it stored. */
struct verdict {
    int64_t answer;
    uint64_t stored; /* where the answer is 0 */
};

static struct reference_caller caller(void)
{
    return mirror_caller(&model, vcpu);
}

static void agree(int64_t core, int64_t reference, const char *what, pte_t entry)
{
    if (core != reference) {
        fail_msg("%s of %#llx: core says %lld, the model %lld", what, (unsigned long long)entry.raw,
                 (long long)core, (long long)reference);
    }
}

static int64_t both_update(mfn_t table, unsigned int index, pte_t entry, unsigned int command)
{
    uint32_t done;
    struct mmu_update request = {
        .ptr = (table.value << PAGE_SHIFT) + index * sizeof(pte_t) + command, .val = entry.raw};
    int64_t answer = do_mmu_update(vcpu, &request, 1, DOMID_SELF);
    agree(answer, reference_mmu_update(&model, caller(), &request, 1, DOMID_SELF, &done),
          way_names[UPDATE], entry);
    return answer;
}

static int64_t both_extended(unsigned int command, mfn_t mfn, pte_t entry)
{
    uint32_t done;
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.arg1.mfn = mfn.value;
    int64_t answer = do_mmuext(vcpu, &op, 1, DOMID_SELF);
    agree(answer, reference_mmuext(&model, caller(), &op, 1, DOMID_SELF, &done), way_names[PIN],
          entry);
    return answer;
}

static int64_t both_va(pte_t entry)
{
    int64_t answer = do_va(vcpu, FAKE_VA(SLOT), entry, 0);
    agree(answer, reference_va_mapping(&model, caller(), FAKE_VA(SLOT), entry.raw),
          way_names[VA_MAPPING], entry);
    return answer;
}

/* mov %rax,(%rdi). A refusal has no number here: the caller compares only whether it is one. */
static int64_t both_store(pte_t entry)
{
    static const uint8_t code[15] = {0x48, 0x89, 0x07};
    struct cpu_user_regs regs;
    memset(&regs, 0, sizeof(regs));
    memcpy(fake.buffers[0].bytes, code, sizeof(code));
    regs.rip = FAKE_ARGUMENTS;
    regs.rdi = FAKE_VA(FAKE_TABLES_AT + 3) + SLOT * sizeof(pte_t);
    regs.rax = entry.raw;
    fake.vcpu = vcpu;
    bool done = pt_emulate_store(vcpu, &regs, regs.rdi);
    fake.vcpu = NULL;
    agree(done, reference_store(&model, caller(), regs.rdi, entry.raw), way_names[STORE], entry);
    assert_audit_clean();
    return done ? 0 : (int64_t)NO_STORE;
}

/* Into a table that nobody uses yet, which is then pinned or becomes the base. */
static int64_t both_prepared(enum way way, unsigned int level, pte_t entry)
{
    mfn_t table = prepared[level];
    fake_entries(table)[SLOT] = entry;
    model.words[table.value][SLOT] = entry.raw;
    unsigned int command = way == BASE ? MMUEXT_NEW_BASEPTR : MMUEXT_PIN_L1_TABLE + level - 1;
    return both_extended(command, table, entry);
}

static int64_t both_install(enum way way, unsigned int level, pte_t entry)
{
    switch (way) {
    case UPDATE:
        return both_update(live[level], SLOT, entry, MMU_NORMAL_PT_UPDATE);
    case UPDATE_PRESERVE_AD:
        return both_update(live[level], SLOT, entry, MMU_PT_UPDATE_PRESERVE_AD);
    case UPDATE_NO_TRANSLATE:
        return both_update(live[level], SLOT, entry, MMU_PT_UPDATE_NO_TRANSLATE);
    case VA_MAPPING:
        return both_va(entry);
    case STORE:
        return both_store(entry);
    case PIN:
    case BASE:
        return both_prepared(way, level, entry);
    case WAY_COUNT:
        break;
    }
    return -1;
}

/* As it was before: the slot empty, the prepared table unused, the old base back. */
static void undo(enum way way, unsigned int level, bool installed)
{
    pte_t none = {0};
    if (way == BASE && installed) {
        assert_int_equal(both_extended(MMUEXT_NEW_BASEPTR, live[4], none), 0);
    } else if (way == PIN && installed) {
        assert_int_equal(both_extended(MMUEXT_UNPIN_TABLE, prepared[level], none), 0);
    } else if (installed) {
        assert_int_equal(both_update(live[level], SLOT, none, MMU_NORMAL_PT_UPDATE), 0);
    }
    if (way == PIN || way == BASE) {
        memset(fake_entries(prepared[level]), 0, PAGE_SIZE);
        memset(model.words[prepared[level].value], 0, PAGE_SIZE);
    }
}

static struct verdict try_way(enum way way, unsigned int level, pte_t entry)
{
    struct verdict verdict = {.answer = both_install(way, level, entry)};
    bool prepares = way == PIN || way == BASE;
    if (verdict.answer == 0) {
        verdict.stored = fake_entries(prepares ? prepared[level] : live[level])[SLOT].raw;
    }
    mirror_compare(&model, way_names[way]);
    undo(way, level, verdict.answer == 0);
    return verdict;
}

/* ---- the sweep ----------------------------------------------------------------------------- */

static unsigned int accepted;
static unsigned int refused;

/* All ways say what the first one says. */
static void try_entry(unsigned int level, pte_t entry)
{
    struct verdict first = try_way(UPDATE, level, entry);
    accepted += first.answer == 0 ? 1 : 0;
    refused += first.answer != 0 ? 1 : 0;
    for (enum way way = UPDATE + 1; way < WAY_COUNT; way++) {
        if (!way_fits(way, level)) {
            continue;
        }
        struct verdict verdict = try_way(way, level, entry);
        int64_t expected = way == STORE && first.answer != 0 ? (int64_t)NO_STORE : first.answer;
        if (verdict.answer != expected || verdict.stored != first.stored) {
            fail_msg("level %u, entry %#llx: %s says %lld and stores %#llx, %s %lld and %#llx",
                     level, (unsigned long long)entry.raw, way_names[UPDATE],
                     (long long)first.answer, (unsigned long long)first.stored, way_names[way],
                     (long long)verdict.answer, (unsigned long long)verdict.stored);
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

static void sweep_level(unsigned int level, bool controls)
{
    accepted = 0;
    refused = 0;
    start(controls);
    for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
        sweep(level, targets[kind]);
    }
    assert_true(accepted > 10 && refused > 10);
    fake_stop();
}

static void each_l1_entry_gets_one_verdict(void **state)
{
    (void)state;
    sweep_level(1, false);
}

static void each_l1_entry_of_the_first_domain_gets_one_verdict(void **state)
{
    (void)state;
    with_grants = true;
    sweep_level(1, true);
    with_grants = false;
}

static void each_l2_entry_gets_one_verdict(void **state)
{
    (void)state;
    sweep_level(2, false);
}

static void each_l3_entry_gets_one_verdict(void **state)
{
    (void)state;
    sweep_level(3, false);
}

static void each_l4_entry_gets_one_verdict(void **state)
{
    (void)state;
    sweep_level(4, true);
}

static void each_upper_entry_gets_one_verdict_with_linear_tables(void **state)
{
    (void)state;
    linear = true;
    for (unsigned int level = 2; level <= 4; level++) {
        sweep_level(level, false);
    }
    linear = false;
}

/* ---- all frames, all levels ---------------------------------------------------------------- */

/* Every frame number there is, and some there is not, as an entry of each level. */
static void each_frame_of_the_machine_gets_one_verdict_at_each_level(void **state)
{
    (void)state;
    for (unsigned int variant = 0; variant < 4; variant++) {
        linear = variant >= 2;
        start(variant % 2 == 1);
        for (uint64_t mfn = 0; mfn < FRAMES + 2; mfn++) {
            for (unsigned int level = 1; level <= 4; level++) {
                if (mfn == prepared[level].value) {
                    continue; /* a table that names itself is another thing when it is pinned */
                }
                try_entry(level, pte_make(mfn_make(mfn), FAKE_RO));
                try_entry(level, pte_make(mfn_make(mfn), FAKE_RW));
            }
        }
        fake_stop();
    }
    linear = false;
}

/* The frames of another, named by FD: only mmu_update and update_va_mapping_otherdomain can. */
static void each_kind_of_frame_in_anothers_name_gets_one_verdict(void **state)
{
    (void)state;
    static const uint16_t names[] = {2, DOMID_IO, DOMID_XEN, 1, 77};
    with_grants = true;
    start(true);
    with_grants = false;
    for (unsigned int i = 0; i < ARRAY_SIZE(names) * KIND_COUNT * 4; i++) {
        uint16_t name = names[i / 4 % ARRAY_SIZE(names)];
        mfn_t target = targets[i / 4 / ARRAY_SIZE(names)];
        pte_t entry = pte_make(target, PTE_PRESENT | ((i & 1) != 0 ? PTE_WRITABLE : 0) |
                                           ((i & 2) != 0 ? PTE_PCD : 0));
        uint32_t done;
        struct mmu_update request = {.ptr = (live[1].value << PAGE_SHIFT) + SLOT * sizeof(pte_t),
                                     .val = entry.raw};
        int64_t answer = do_mmu_update(vcpu, &request, 1, name);
        agree(answer, reference_mmu_update(&model, caller(), &request, 1, name, &done),
              "mmu_update in another's name", entry);
        mirror_compare(&model, "mmu_update in another's name");
        uint64_t stored = fake_entries(live[1])[SLOT].raw;
        undo(UPDATE, 1, answer == 0);

        uint64_t arg[6] = {FAKE_VA(SLOT), entry.raw, 0, name};
        int64_t second = fake_call(call_update_va_mapping_otherdomain, vcpu, arg);
        agree(second, reference_va_mapping_other(&model, caller(), arg[0], arg[1], name),
              "update_va_mapping in another's name", entry);
        mirror_compare(&model, "update_va_mapping in another's name");
        assert_int_equal(second, answer);
        assert_int_equal(fake_entries(live[1])[SLOT].raw, stored);
        undo(UPDATE, 1, second == 0);
    }
    fake_stop();
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
    uint32_t done;
    uint16_t name = granter == domain ? DOMID_SELF : granter->id;
    struct mmu_update request = {(live[1].value << PAGE_SHIFT) + SLOT * sizeof(pte_t), entry.raw};
    struct verdict verdict = {.answer = do_mmu_update(vcpu, &request, 1, name)};
    agree(verdict.answer, reference_mmu_update(&model, caller(), &request, 1, name, &done),
          way_names[UPDATE], entry);
    mirror_compare(&model, way_names[UPDATE]);
    verdict.stored = fake_entries(live[1])[SLOT].raw;
    undo(UPDATE, 1, verdict.answer == 0);
    return verdict;
}

static void both_unmap(uint32_t handle, uint64_t host, uint64_t device, pte_t entry)
{
    struct gnttab_unmap_grant_ref op = {
        .host_addr = host, .dev_bus_addr = device, .handle = handle};
    int status = do_grant_unmap(vcpu, handle, host, device);
    agree(status, reference_grant_unmap(&model, caller(), &op), "an unmapped grant", entry);
    assert_int_equal(status, GNTST_okay);
    mirror_compare(&model, "an unmapped grant");
}

static struct verdict map_grant(const struct domain *granter, uint32_t flags, pte_t entry)
{
    bool by_entry = (flags & GNTMAP_contains_pte) != 0;
    struct gnttab_map_grant_ref op = {.host_addr = by_entry ? (live[1].value << PAGE_SHIFT) +
                                                                  SLOT * sizeof(pte_t)
                                                            : FAKE_VA(SLOT),
                                      .flags = flags,
                                      .ref = GRANT_REF,
                                      .dom = granter->id};
    struct verdict verdict = {.answer = do_grant_map(vcpu, &op)};
    agree(verdict.answer, reference_grant_map(&model, caller(), &op, op.handle), "a mapped grant",
          entry);
    mirror_compare(&model, "a mapped grant");
    verdict.stored = fake_entries(live[1])[SLOT].raw;
    if (verdict.answer == GNTST_okay) {
        uint64_t device = (flags & GNTMAP_device_map) != 0 ? op.dev_bus_addr : 0;
        both_unmap(op.handle, op.host_addr, device, entry);
    }
    return verdict;
}

static void try_granted(struct domain *granter, mfn_t target, uint32_t flags)
{
    grant(granter, GRANT_REF, target);
    mirror_adopt_contents(&model);
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
    with_grants = true;
    start(true);
    accepted = 0;
    refused = 0;
    for (unsigned int i = 0; i < KIND_COUNT * 64U; i++) {
        mfn_t target = targets[i / 64];
        uint32_t flags = (i & 1) != 0 ? GNTMAP_readonly : 0;
        flags |= (i & 2) != 0 ? GNTMAP_application_map : 0;
        flags |= (i & 4) != 0 ? GNTMAP_contains_pte : 0;
        flags |= (i & 8) != 0 ? GNTMAP_device_map : 0;
        flags |= (i & 16) != 0 ? 5U << _GNTMAP_guest_avail0 : 0;
        if (target.value <= UINT32_MAX) { /* what an entry can name */
            try_granted((i & 32) != 0 ? domain : other, target, flags);
        }
    }
    assert_true(accepted > 100 && refused > 100);
    with_grants = false;
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
