/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/fake_ways.h"

#include <string.h>

#include "builder/tables.h"
#include "core/pt_store.h"
#include "tests/fake/fake_builder.h"
#include "tests/fake/fake_grants.h"

#define IO_MFN        1000U /* I/O memory that the first domain may map as it likes */
#define IO_DENIED_MFN 1004U
#define IO_READ_MFN   1008U

#define AUDIT_INTERVAL 10U /* no multiple of how many calls an entry gets */

struct fake_ways ways;

/* ---- what an entry can name ---------------------------------------------------------------- */

static mfn_t give_table(struct domain *owner, unsigned int level)
{
    struct fake_tree tree;
    fake_tree_build(&tree, owner, level);
    assert_int_equal(do_pin(owner->vcpus[0], tree.table[level], level), 0);
    return tree.table[level];
}

void ways_grant(struct domain *granter, uint32_t ref, mfn_t mfn)
{
    const struct fake_guest from = {.domain = granter};
    const struct fake_guest to = {.domain = ways.domain};
    fake_grant(&from, ref, &to, mfn, GTF_permit_access);
}

static mfn_t give_granted(bool grants)
{
    const struct fake_guest granter = {.domain = ways.other};
    mfn_t mfn = fake_give(ways.other);
    if (grants) {
        assert_int_equal(grant_table_create(ways.domain, 1, 1), STATUS_OK);
        assert_int_equal(grant_table_create(ways.other, 1, 1), STATUS_OK);
        ways_grant(ways.other, WAYS_REF - 1, mfn);
        (void)fake_map(ways.vcpu, &granter, WAYS_REF - 1, FAKE_VA(60), GNTMAP_host_map);
    }
    return mfn;
}

static void choose_targets(const struct fake_guest *guest, bool grants)
{
    mfn_t *targets = ways.targets;
    targets[OWN_PLAIN] = fake_give(ways.domain);
    targets[OWN_WRITABLE] = guest->pages[0];
    targets[OWN_UNCHECKED_L1] = ways.children[1];
    for (unsigned int level = 1; level <= 4; level++) {
        targets[OWN_L1 + level - 1] = give_table(ways.domain, level);
    }
    targets[OWN_DESCRIPTORS] = fake_give(ways.domain);
    memcpy(fake.buffers[0].bytes, &targets[OWN_DESCRIPTORS], sizeof(mfn_t));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 512};
    assert_int_equal(fake_call(call_set_gdt, ways.vcpu, arg), 0);
    targets[OWN_SPECIAL] = frame_alloc(0, 64);
    frame_make_shared(fake_frame(targets[OWN_SPECIAL]), ways.domain);
    targets[FOREIGN] = fake_give(ways.other);
    targets[FOREIGN_L1] = give_table(ways.other, 1);
    targets[GRANTED] = give_granted(grants);
    targets[IO_FREE_USE] = mfn_make(IO_MFN);
    targets[IO_LOW] = mfn_make(FAKE_IO_FIRST);
    targets[IO_DENIED_KIND] = mfn_make(IO_DENIED_MFN);
    targets[IO_READ_KIND] = mfn_make(IO_READ_MFN);
    targets[BEYOND_PROCESSOR] = mfn_make(machine.mfn_limit);
    targets[INVALID_P2M] = mfn_make(PTE_MFN_ALL_ONES);
    targets[FREE_RAM] = mfn_make(WAYS_FRAMES - 1);
    targets[HYPERVISOR] = mfn_make(FAKE_HYPERVISOR);
    targets[M2P] = mfn_make(FAKE_SHARED_READ);
    assert_int_equal(frame_class(fake_frame(targets[FREE_RAM])), FRAME_FREE);
}

/* ---- a tree as the builder leaves it -------------------------------------------------------- */

/* PFNs: pages, then tables in the builder's order, the L4 first. All are mapped, the tables
 * read-only. */
#define BUILT_PAGES   3U
#define BUILT_FRAMES  (BUILT_PAGES + 4U)
#define BUILT_ADDRESS UINT64_C(0xffffffff80000000)

static struct {
    mfn_t frames[BUILT_FRAMES];
    pte_t tables[5][PTE_COUNT]; /* by level, not validated yet */
} built;

static pfn_t built_pfn(unsigned int level)
{
    return pfn_make(BUILT_PAGES + 4U - level);
}

static mfn_t built_table(unsigned int level)
{
    return built.frames[built_pfn(level).value];
}

/* The builder's machine has its own frames: ours stand in for them. */
static void copy_built_table(const struct build_target *target, unsigned int level)
{
    mfn_t mfn = build_port_mfn((struct build_target *)(uintptr_t)target, built_pfn(level));
    memcpy(built.tables[level], fake_builder_frame(target, mfn.value), PAGE_SIZE);
    for (unsigned int i = 0; i < PTE_COUNT; i++) {
        pte_t *entry = &built.tables[level][i];
        if (pte_is_present(*entry)) {
            uint64_t pfn = fake_builder_pfn(target, pte_mfn(*entry).value);
            *entry = pte_make(built.frames[pfn], entry->raw & ~PTE_MFN_MASK);
        }
    }
}

static void build_tree(void)
{
    const struct page_range tables = {built_pfn(4), 4};
    struct build_target target;
    struct build_detail detail;
    struct table_tree tree = table_tree_make(BUILT_ADDRESS, BUILT_FRAMES);
    assert_int_equal(table_tree_table_count(&tree), 3);
    table_tree_place(&tree, pfn_make(0), built_pfn(3));
    fake_builder_init(&target, BUILT_FRAMES, 1);
    assert_true(build_port_allocate(&target, pfn_make(0), BUILT_FRAMES));
    assert_int_equal(table_tree_fill(&target, &tree, built_pfn(4), tables, &detail), BUILD_OK);
    for (unsigned int level = 1; level <= 4; level++) {
        copy_built_table(&target, level);
        assert_false(pte_is_present(built.tables[level][WAYS_SLOT]));
    }
    fake_builder_free(&target);
}

/* ---- the machine --------------------------------------------------------------------------- */

static void make_domains(bool controls)
{
    ways.domain = fake_domain(1, 2); /* the second vCPU has not been started */
    ways.other = fake_domain(2, 1);
    ways.tools = fake_domain(3, 1);
    ways.vcpu = ways.domain->vcpus[0];
    ways.other->vcpus[0]->cpus = 4;
    ways.tools->vcpus[0]->cpus = 8;
    ways.domain->assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
    ways.domain->is_control = ways.domain->has_io = controls;
    ways.tools->is_control = true;
    ways.tools->has_io = !controls; /* the table's owner has the right, or nobody */
}

static void make_tables(struct fake_guest *guest)
{
    fake_guest_build(guest, ways.domain);
    ways.live[1] = guest->l1;
    ways.live[2] = guest->l2;
    ways.live[3] = guest->l3;
    ways.live[4] = guest->l4;
    struct fake_tree tree;
    fake_tree_build(&tree, ways.domain, 4);
    memcpy(ways.children, tree.table, sizeof(ways.children));
    for (unsigned int level = 1; level <= 4; level++) {
        ways.prepared[level] = fake_give(ways.domain);
    }
    for (unsigned int i = 0; i < BUILT_FRAMES; i++) {
        built.frames[i] = fake_give(ways.domain);
    }
}

void ways_start(struct ways_options options)
{
    struct fake_guest guest;
    fake_start(WAYS_FRAMES);
    machine.linear_pt = options.linear;
    machine_add_io_range(mfn_make(IO_DENIED_MFN), mfn_make(IO_DENIED_MFN), IO_DENIED);
    machine_add_io_range(mfn_make(IO_READ_MFN), mfn_make(IO_READ_MFN), IO_READ_ONLY);
    make_domains(options.controls);
    make_tables(&guest);
    build_tree();
    choose_targets(&guest, options.grants);
    mirror_adopt(&ways.model);
    fake.audit_interval = AUDIT_INTERVAL;
}

bool ways_uses(mfn_t mfn)
{
    for (unsigned int i = 0; i < BUILT_FRAMES; i++) {
        if (mfn_equal(mfn, built.frames[i])) {
            return true;
        }
    }
    for (unsigned int level = 1; level <= 4; level++) {
        if (mfn_equal(mfn, ways.prepared[level])) {
            return true;
        }
    }
    return false;
}

/* ---- both are asked ------------------------------------------------------------------------ */

struct reference_caller ways_caller(void)
{
    return mirror_caller(&ways.model, ways.vcpu);
}

void ways_agree(int64_t core, int64_t reference, const char *what, pte_t entry)
{
    if (core != reference) {
        fail_msg("%s of %#llx: core says %lld, the model %lld", what, (unsigned long long)entry.raw,
                 (long long)core, (long long)reference);
    }
}

/* The slot of a table of the domain's, on behalf of `by`. `name`: whose frames it may name. */
static int64_t both_update(struct vcpu *by, uint32_t name, mfn_t table, pte_t entry,
                           unsigned int command)
{
    uint32_t done;
    struct mmu_update request = {
        .ptr = (table.value << PAGE_SHIFT) + WAYS_SLOT * sizeof(pte_t) + command, .val = entry.raw};
    int64_t answer = do_mmu_update(by, &request, 1, name);
    ways_agree(
        answer,
        reference_mmu_update(&ways.model, mirror_caller(&ways.model, by), &request, 1, name, &done),
        way_names[UPDATE], entry);
    return answer;
}

/* The same by the tools: the domain's tables, and its frames. */
static int64_t both_update_by_tools(mfn_t table, pte_t entry)
{
    uint32_t id = ways.domain->id;
    return both_update(ways.tools->vcpus[0], (id + 1) << 16 | id, table, entry,
                       MMU_NORMAL_PT_UPDATE);
}

static int64_t both_extended(struct vcpu *by, unsigned int command, mfn_t mfn, pte_t entry)
{
    uint32_t done;
    struct mmuext_op op;
    uint16_t name = by->domain == ways.domain ? DOMID_SELF : ways.domain->id;
    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.arg1.mfn = mfn.value;
    int64_t answer = do_mmuext(by, &op, 1, name);
    ways_agree(answer,
               reference_mmuext(&ways.model, mirror_caller(&ways.model, by), &op, 1, name, &done),
               way_names[PIN], entry);
    return answer;
}

static int64_t both_va(pte_t entry)
{
    int64_t answer = do_va(ways.vcpu, FAKE_VA(WAYS_SLOT), entry, 0);
    ways_agree(answer,
               reference_va_mapping(&ways.model, ways_caller(), FAKE_VA(WAYS_SLOT), entry.raw),
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
    regs.rdi = FAKE_VA(FAKE_TABLES_AT + 3) + WAYS_SLOT * sizeof(pte_t);
    regs.rax = entry.raw;
    fake.vcpu = ways.vcpu;
    bool done = pt_emulate_store(ways.vcpu, &regs, regs.rdi);
    fake.vcpu = NULL;
    ways_agree(done, reference_store(&ways.model, ways_caller(), regs.rdi, entry.raw),
               way_names[STORE], entry);
    return done ? 0 : (int64_t)NO_STORE;
}

/* The hypervisor's own functions, which are no calls of a guest's. */
static int64_t both_pin_built(mfn_t l4, pte_t entry)
{
    int64_t answer = status_to_errno(vcpu_pin_built(ways.vcpu, l4));
    uint32_t done;
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = MMUEXT_PIN_L4_TABLE;
    op.arg1.mfn = l4.value;
    ways_agree(answer, reference_mmuext(&ways.model, ways_caller(), &op, 1, DOMID_SELF, &done),
               way_names[BUILT], entry);
    return answer;
}

static int64_t both_first_bases(mfn_t kernel, mfn_t user, pte_t entry)
{
    struct vcpu *fresh = ways.domain->vcpus[1];
    int64_t answer = status_to_errno(vcpu_take_bases(fresh, kernel, user));
    ways_agree(answer,
               reference_first_bases(&ways.model, mirror_caller(&ways.model, fresh), kernel.value,
                                     user.value),
               way_names[FIRST_BASE], entry);
    return answer;
}

/* ---- ways ---------------------------------------------------------------------------------- */

const char *const way_names[WAY_COUNT] = {
    [UPDATE] = "mmu_update",
    [UPDATE_PRESERVE_AD] = "mmu_update, preserving A and D",
    [UPDATE_NO_TRANSLATE] = "mmu_update, untranslated",
    [UPDATE_BY_TOOLS] = "mmu_update by the tools",
    [VA_MAPPING] = "update_va_mapping",
    [STORE] = "a store",
    [PIN] = "a pin",
    [PIN_BY_TOOLS] = "a pin by the tools",
    [BASE] = "a new base",
    [USER_BASE] = "a new user base",
    [BUILT] = "a built tree",
    [BUILT_BY_TOOLS] = "a tree built by the tools",
    [FIRST_BASE] = "a vCPU's first base",
    [FIRST_USER_BASE] = "a vCPU's first user base",
};

bool way_fits(enum way way, unsigned int level)
{
    switch (way) {
    case VA_MAPPING:
    case STORE:
        return level == 1;
    case BASE:
    case USER_BASE:
        return level == 4;
    case UPDATE:
    case UPDATE_PRESERVE_AD:
    case UPDATE_NO_TRANSLATE:
    case UPDATE_BY_TOOLS:
    case PIN:
    case PIN_BY_TOOLS:
    case BUILT:
    case BUILT_BY_TOOLS:
    case FIRST_BASE:
    case FIRST_USER_BASE:
    case WAY_COUNT:
        break;
    }
    return true;
}

/* Which table has the slot. */
static mfn_t table_of(enum way way, unsigned int level)
{
    if (way < LIVE_WAY_COUNT) {
        return ways.live[level];
    }
    return way < BUILT ? ways.prepared[level] : built_table(level);
}

static void write_table(mfn_t table, const void *contents)
{
    memcpy(fake_entries(table), contents, PAGE_SIZE);
    memcpy(ways.model.words[table.value], contents, PAGE_SIZE);
}

/* Tables that nobody uses are memory: the domain, or who builds it, writes what it likes. */
static void prepare(enum way way, unsigned int level, pte_t entry)
{
    static const pte_t empty[PTE_COUNT];
    for (unsigned int i = 1; i <= 4 && way >= BUILT; i++) {
        write_table(built_table(i), built.tables[i]);
    }
    mfn_t table = table_of(way, level);
    if (way < BUILT) {
        write_table(table, empty);
    }
    fake_entries(table)[WAYS_SLOT] = entry;
    ways.model.words[table.value][WAYS_SLOT] = entry.raw;
}

static int64_t both_install(enum way way, unsigned int level, pte_t entry)
{
    struct vcpu *vcpu = ways.vcpu;
    struct vcpu *tools = ways.tools->vcpus[0];
    mfn_t table = table_of(way, level);
    switch (way) {
    case UPDATE:
        return both_update(vcpu, DOMID_SELF, table, entry, MMU_NORMAL_PT_UPDATE);
    case UPDATE_PRESERVE_AD:
        return both_update(vcpu, DOMID_SELF, table, entry, MMU_PT_UPDATE_PRESERVE_AD);
    case UPDATE_NO_TRANSLATE:
        return both_update(vcpu, DOMID_SELF, table, entry, MMU_PT_UPDATE_NO_TRANSLATE);
    case UPDATE_BY_TOOLS:
        return both_update_by_tools(table, entry);
    case VA_MAPPING:
        return both_va(entry);
    case STORE:
        return both_store(entry);
    case PIN:
        return both_extended(vcpu, MMUEXT_PIN_L1_TABLE + level - 1, table, entry);
    case PIN_BY_TOOLS:
        return both_extended(tools, MMUEXT_PIN_L1_TABLE + level - 1, table, entry);
    case BASE:
        return both_extended(vcpu, MMUEXT_NEW_BASEPTR, table, entry);
    case USER_BASE:
        return both_extended(vcpu, MMUEXT_NEW_USER_BASEPTR, table, entry);
    case BUILT:
        return both_pin_built(built_table(4), entry);
    case BUILT_BY_TOOLS:
        return both_extended(tools, MMUEXT_PIN_L4_TABLE, built_table(4), entry);
    case FIRST_BASE:
        return both_first_bases(built_table(4), MFN_INVALID, entry);
    case FIRST_USER_BASE:
        return both_first_bases(ways.live[4], built_table(4), entry);
    case WAY_COUNT:
        break;
    }
    return -1;
}

struct verdict way_install(enum way way, unsigned int level, pte_t entry)
{
    if (way >= LIVE_WAY_COUNT) {
        prepare(way, level, entry);
    }
    struct verdict verdict = {.answer = both_install(way, level, entry)};
    if (verdict.answer == 0) {
        verdict.stored = fake_entries(table_of(way, level))[WAYS_SLOT].raw;
    }
    mirror_compare(&ways.model, way_names[way]);
    return verdict;
}

struct verdict ways_update_in_name_of(uint16_t name, unsigned int level, pte_t entry)
{
    mfn_t table = ways.live[level];
    struct verdict verdict = {.answer =
                                  both_update(ways.vcpu, name, table, entry, MMU_NORMAL_PT_UPDATE)};
    mirror_compare(&ways.model, "mmu_update in another's name");
    verdict.stored = fake_entries(table)[WAYS_SLOT].raw;
    return verdict;
}

void way_undo(enum way way, unsigned int level, bool installed)
{
    pte_t none = {0};
    int64_t answer = 0;
    if (!installed) {
        return;
    }
    switch (way) {
    case PIN:
    case PIN_BY_TOOLS:
        answer = both_extended(ways.vcpu, MMUEXT_UNPIN_TABLE, ways.prepared[level], none);
        break;
    case BASE:
        answer = both_extended(ways.vcpu, MMUEXT_NEW_BASEPTR, ways.live[4], none);
        break;
    case USER_BASE:
        answer = both_extended(ways.vcpu, MMUEXT_NEW_USER_BASEPTR, mfn_make(0), none);
        break;
    case BUILT:
    case BUILT_BY_TOOLS:
        answer = both_extended(ways.vcpu, MMUEXT_UNPIN_TABLE, built_table(4), none);
        break;
    case FIRST_BASE:
    case FIRST_USER_BASE:
        answer = both_first_bases(ways.live[4], MFN_INVALID, none);
        break;
    case UPDATE:
    case UPDATE_PRESERVE_AD:
    case UPDATE_NO_TRANSLATE:
    case UPDATE_BY_TOOLS:
    case VA_MAPPING:
    case STORE:
    case WAY_COUNT:
        answer = both_update(ways.vcpu, DOMID_SELF, ways.live[level], none, MMU_NORMAL_PT_UPDATE);
        break;
    }
    assert_int_equal(answer, 0);
}
