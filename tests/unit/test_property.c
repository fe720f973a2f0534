/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random operations of two domains with two vCPUs each on a small machine: after every execution
 * the audit must be clean, and no guest access may reach what the types exclude. Calls are
 * interrupted, mixed with others and given up at random.
 *
 * PINNACE_SEED chooses the stream, PINNACE_STEPS its length; the seed is printed.
 */
#include "tests/fake/fake_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/memory.h>

#include "core/descriptors.h"
#include "core/pt_store.h"

#define FRAMES 96U
#define STEPS  120000U
/* In a build of its own the counts meet their limit; they never wrap. */
#define COUNTS_ARE_SMALL (FRAME_COUNT_MAX < UINT32_MAX)
#define PATIENCE         60U   /* executions before a call is given up that others may block */
#define EXECUTION_MAX    5000U /* executions after which a call that nobody blocks must be done */
#define BUFFER_PAGES     8U    /* of arguments for each nesting depth */

static struct domain *domains[2];
static struct fake_guest guests[2];
static uint64_t random_state;
static unsigned int steps_left;
static unsigned int succeeded;
static unsigned int gave_up;
static unsigned int interrupted;
static unsigned int accesses;
static unsigned int overflows; /* of counts, refused */

static unsigned int roll(unsigned int sides)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned int)((random_state >> 33) % sides);
}

static bool chance(unsigned int percent)
{
    return roll(100) < percent;
}

/* ---- random arguments ---------------------------------------------------------------------- */

/* Of the domain's frames of this level, the one with most references. */
static mfn_t most_used_frame(const struct domain *domain, unsigned int level)
{
    uint64_t most = 0;
    for (uint64_t mfn = FAKE_RAM_FIRST; mfn < FRAMES; mfn++) {
        const struct frame *frame = &machine.frames[mfn];
        if (frame->owner == domain->id && frame_class(frame) == FRAME_GUEST && mfn % 5 == level &&
            frame->ref_count > machine.frames[most].ref_count) {
            most = mfn;
        }
    }
    return mfn_make(most);
}

/* A frame that is probably the domain's, and by its number probably used as this level. */
static mfn_t random_frame(const struct domain *domain, unsigned int level)
{
    if (chance(4)) {
        return mfn_make(chance(50) ? roll(FRAMES + 4) : UINT64_MAX >> roll(64));
    }
    if (COUNTS_ARE_SMALL && chance(50)) {
        return most_used_frame(domain, level);
    }
    bool half = chance(10); /* one that a walk is in the middle of, if there is any */
    for (unsigned int tries = 0; tries < 100; tries++) {
        uint64_t mfn = FAKE_RAM_FIRST + roll(FRAMES - FAKE_RAM_FIRST);
        const struct frame *frame = &machine.frames[mfn];
        bool suits = mfn % 5 == level || (frame->type == level && frame->type_count > 0);
        suits = half && tries < 50 ? frame_is_half(frame) : suits;
        if (frame->owner == domain->id && frame_class(frame) == FRAME_GUEST &&
            (suits || chance(10))) {
            return mfn_make(mfn);
        }
    }
    return mfn_make(roll(FRAMES));
}

static unsigned int random_index(void)
{
    static const unsigned int indices[] = {0, 1, 2, 32, 33, 34, 35, 255, 256, 257, 271, 272, 511};
    return chance(70) ? roll(COUNTS_ARE_SMALL ? 32 : 2) : indices[roll(ARRAY_SIZE(indices))];
}

static pte_t random_entry(const struct domain *domain, unsigned int level)
{
    static const uint64_t rare[] = {PTE_PAGE_SIZE,  PTE_PWT,           PTE_PCD,  PTE_GLOBAL,
                                    PTE_NO_EXECUTE, UINT64_C(1) << 60, PTE_DIRTY};
    if (chance(15)) {
        return (pte_t){.raw = chance(50) ? 0 : (uint64_t)roll(1U << 20) << 1};
    }
    uint64_t flags = PTE_PRESENT | (chance(60) ? PTE_WRITABLE : 0) | (chance(60) ? PTE_USER : 0) |
                     (chance(50) ? PTE_ACCESSED : 0) | (chance(20) ? PTE_GUEST_KERNEL : 0);
    flags |= chance(6) ? rare[roll(ARRAY_SIZE(rare))] : 0;
    mfn_t mfn = random_frame(domain, level > 0 ? level - 1 : roll(5));
    return pte_make(mfn_make(mfn.value & PTE_MFN_ALL_ONES), flags);
}

static uint64_t random_address(void)
{
    static const uint64_t l4[] = {0, 1, 511, 256};
    static const uint64_t l1[] = {0, 1, 2, 32, 33, 34, 35, 255};
    uint64_t top = l4[chance(80) ? 0 : roll(4)];
    uint64_t address =
        (top << 39) | ((uint64_t)roll(2) << 30) | ((uint64_t)roll(2) << 21) | (l1[roll(8)] << 12);
    return top >= 256 ? address | UINT64_C(0xffff000000000000) : address;
}

static struct vcpu *random_vcpu(void)
{
    return domains[roll(2)]->vcpus[roll(2)];
}

/* Mostly oneself; sometimes the other domain, I/O, or nobody. */
static uint16_t random_foreign(const struct vcpu *vcpu)
{
    static const uint16_t others[] = {0, 1, DOMID_IO, DOMID_XEN, 77};
    (void)vcpu;
    return chance(75) ? DOMID_SELF : others[roll(ARRAY_SIZE(others))];
}

static const struct domain *domain_of(const struct vcpu *vcpu, uint16_t foreign)
{
    return foreign < 2 ? domains[foreign] : vcpu->domain;
}

/* ---- calls --------------------------------------------------------------------------------- */

struct operation {
    fake_call_fn call;
    struct vcpu *vcpu;
    uint64_t arg[6];
};

static uint64_t arguments_at(unsigned int depth)
{
    return FAKE_ARGUMENTS + depth * BUFFER_PAGES * PAGE_SIZE;
}

static void put(unsigned int depth, size_t offset, const void *from, size_t size)
{
    memcpy(fake.buffers[0].bytes + depth * BUFFER_PAGES * PAGE_SIZE + offset, from, size);
}

static void make_update(struct operation *operation, unsigned int depth)
{
    unsigned int count = roll(4);
    uint16_t foreign = random_foreign(operation->vcpu);
    uint32_t word = foreign;
    const struct domain *owner = operation->vcpu->domain;
    if (chance(10)) {
        owner = domains[roll(2)];
        word |= (owner->id + 1U) << 16;
    }
    for (unsigned int i = 0; i < count; i++) {
        unsigned int level = roll(5);
        mfn_t table = random_frame(owner, level);
        struct mmu_update request = {
            .ptr = (table.value << PAGE_SHIFT) + random_index() * sizeof(pte_t) +
                   (chance(80) ? 0 : roll(5)),
            .val = random_entry(domain_of(operation->vcpu, foreign), level).raw,
        };
        put(depth, i * sizeof(request), &request, sizeof(request));
    }
    operation->call = call_mmu_update;
    operation->arg[1] = count;
    operation->arg[2] = chance(50) ? FAKE_RESULT : random_address();
    operation->arg[3] = word;
}

static void make_extended(struct operation *operation, unsigned int depth)
{
    unsigned int count = 1 + roll(2);
    uint16_t foreign = random_foreign(operation->vcpu);
    const struct domain *owner = domain_of(operation->vcpu, foreign);
    for (unsigned int i = 0; i < count; i++) {
        static const unsigned int commands[] = {
            MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,    MMUEXT_PIN_L3_TABLE,
            MMUEXT_PIN_L4_TABLE, MMUEXT_UNPIN_TABLE,     MMUEXT_UNPIN_TABLE,
            MMUEXT_UNPIN_TABLE,  MMUEXT_NEW_BASEPTR,     MMUEXT_NEW_USER_BASEPTR,
            MMUEXT_SET_LDT,      MMUEXT_CLEAR_PAGE,      MMUEXT_COPY_PAGE,
            MMUEXT_INVLPG_LOCAL, MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_MARK_SUPER,
        };
        struct mmuext_op op;
        memset(&op, 0, sizeof(op));
        op.cmd = commands[roll(ARRAY_SIZE(commands))];
        unsigned int level = op.cmd <= MMUEXT_PIN_L4_TABLE  ? op.cmd + 1
                             : op.cmd == MMUEXT_UNPIN_TABLE ? 1 + roll(4)
                                                            : 4;
        op.arg1.mfn = random_frame(owner, op.cmd >= MMUEXT_CLEAR_PAGE ? roll(5) : level).value;
        op.arg2.src_mfn = random_frame(owner, roll(5)).value;
        if (op.cmd == MMUEXT_SET_LDT) {
            op.arg1.linear_addr = random_address();
            op.arg2.nr_ents = roll(3) * 512;
        } else if (op.cmd == MMUEXT_NEW_USER_BASEPTR && chance(20)) {
            op.arg1.mfn = 0;
        }
        put(depth, i * sizeof(op), &op, sizeof(op));
    }
    operation->call = call_mmuext_op;
    operation->arg[1] = count;
    operation->arg[2] = FAKE_RESULT;
    operation->arg[3] = foreign;
}

static void make_va_mapping(struct operation *operation, unsigned int depth)
{
    (void)depth;
    uint16_t foreign = random_foreign(operation->vcpu);
    operation->call =
        foreign == DOMID_SELF ? call_update_va_mapping : call_update_va_mapping_otherdomain;
    operation->arg[0] = random_address();
    operation->arg[1] = random_entry(domain_of(operation->vcpu, foreign), 1).raw;
    operation->arg[2] = roll(8);
    operation->arg[3] = foreign;
}

static void make_gdt(struct operation *operation, unsigned int depth)
{
    mfn_t frames[2] = {random_frame(operation->vcpu->domain, 0),
                       random_frame(operation->vcpu->domain, 0)};
    put(depth, 0, frames, sizeof(frames));
    operation->call = call_set_gdt;
    operation->arg[1] = roll(3) * 512;
}

static void make_descriptor(struct operation *operation, unsigned int depth)
{
    (void)depth;
    operation->call = call_update_descriptor;
    operation->arg[0] =
        (random_frame(operation->vcpu->domain, 0).value << PAGE_SHIFT) + random_index() * 8;
    operation->arg[1] = ((uint64_t)roll(1U << 16) << 40) | roll(1U << 16);
}

static void make_reservation(struct operation *operation, unsigned int depth)
{
    static const uint64_t commands[] = {
        XENMEM_decrease_reservation, XENMEM_populate_physmap, XENMEM_populate_physmap,
        XENMEM_increase_reservation, XENMEM_exchange,         XENMEM_exchange};
    uint64_t command = commands[roll(ARRAY_SIZE(commands))];
    uint64_t list[8];
    for (unsigned int i = 0; i < ARRAY_SIZE(list); i++) {
        list[i] = random_frame(operation->vcpu->domain, roll(5)).value;
    }
    put(depth, PAGE_SIZE, list, sizeof(list));
    put(depth, 2 * PAGE_SIZE, list, sizeof(list));
    uint64_t in_address = arguments_at(depth) + PAGE_SIZE;
    uint64_t out_address = arguments_at(depth) + 2 * PAGE_SIZE;
    struct xen_memory_exchange exchange;
    memset(&exchange, 0, sizeof(exchange));
    memcpy(&exchange.in.extent_start, &in_address, sizeof(in_address));
    memcpy(&exchange.out.extent_start, &out_address, sizeof(out_address));
    exchange.in.nr_extents = 1 + roll(2);
    exchange.out.nr_extents = exchange.in.nr_extents;
    exchange.in.domid = exchange.out.domid = random_foreign(operation->vcpu);
    put(depth, 0, &exchange, sizeof(exchange));
    operation->call = call_memory_op;
    operation->arg[0] = command;
    operation->arg[1] = arguments_at(depth);
}

static void run_operation(unsigned int depth);

/* Can somebody else's unfinished work keep this vCPU waiting? */
static bool may_be_blocked(const struct vcpu *vcpu)
{
    for (unsigned int i = 0; i < 2; i++) {
        for (unsigned int j = 0; j < 2; j++) {
            const struct vcpu *other = domains[i]->vcpus[j];
            if (other != vcpu && other->walk.mode != PT_WALK_NONE) {
                return true;
            }
        }
    }
    return false;
}

static void random_yield(void)
{
    unsigned int kind = roll(10);
    if (kind < 5) {
        fake_yield_never();
    } else if (kind < 9) {
        fake_yield_at(1 + roll(8));
    } else {
        fake_yield_always();
    }
}

/* Execute until there is an answer, or the call is given up. */
static void execute(struct operation *operation, unsigned int depth)
{
    for (unsigned int executions = 1;; executions++) {
        random_yield();
        fake.cpu = (unsigned int)__builtin_ctzll(operation->vcpu->cpus);
        struct call_result result =
            fake_call_once(operation->call, operation->vcpu, operation->arg);
        if (!result.again) {
            assert_true(result.value > -200);
            succeeded += result.value >= 0 ? 1 : 0;
            assert_int_not_equal(operation->vcpu->walk.mode, PT_WALK_RELEASE);
            return;
        }
        interrupted++;
        bool blocked = may_be_blocked(operation->vcpu);
        if (chance(5) || (blocked && executions > PATIENCE)) {
            gave_up++;
            return;
        }
        assert_true(blocked || executions < EXECUTION_MAX);
        if (depth == 0 && chance(30)) {
            run_operation(1);
        }
    }
}

/* An address that the tables under this root map, if they map any; else any. */
static uint64_t mapped_address(mfn_t root)
{
    uint64_t address = 0;
    for (unsigned int level = 4; level >= 1; level--) {
        unsigned int index = random_index();
        pte_t pte = fake_entries(root)[index];
        for (unsigned int tries = 0; !pte_is_present(pte) && tries < 10; tries++) {
            index = random_index();
            pte = fake_entries(root)[index];
        }
        if (!pte_is_present(pte) || pte_slot_is_hypervisor(level, index)) {
            return random_address();
        }
        address |= (uint64_t)index << (PAGE_SHIFT + 9 * (level - 1));
        root = pte_mfn(pte);
    }
    return (address >> 47) != 0 ? address | UINT64_C(0xffff000000000000) : address;
}

static void guest_access(void)
{
    struct vcpu *vcpu = random_vcpu();
    unsigned int cpu = (unsigned int)__builtin_ctzll(vcpu->cpus);
    mfn_t root = chance(80) ? vcpu->kernel_base : vcpu->user_base;
    if (mfn_equal(root, MFN_INVALID)) {
        return;
    }
    enum fake_access access = chance(60) ? FAKE_WRITE : FAKE_READ;
    uint64_t address = chance(80) ? mapped_address(root) : random_address();
    uint8_t *bytes = fake_access(cpu, vcpu->domain, root, address, access);
    if (bytes != NULL) {
        accesses++;
        if (access == FAKE_WRITE) {
            uint64_t entry = random_entry(vcpu->domain, 1 + roll(4)).raw;
            memcpy(bytes + random_index() * sizeof(entry), &entry, sizeof(entry));
        }
    }
}

/* mov %rax,(%rdi) at a test buffer's address. */
static void emulated_store(void)
{
    static const uint8_t code[15] = {0x48, 0x89, 0x07};
    struct vcpu *vcpu = random_vcpu();
    struct cpu_user_regs regs;
    memset(&regs, 0, sizeof(regs));
    put(2, 0, code, sizeof(code));
    regs.rip = arguments_at(2);
    regs.rdi = random_address() + random_index() * sizeof(pte_t);
    regs.rax = random_entry(vcpu->domain, 1).raw;
    fake.vcpu = vcpu;
    fake.cpu = (unsigned int)__builtin_ctzll(vcpu->cpus);
    succeeded += pt_emulate_store(vcpu, &regs, regs.rdi) ? 1 : 0;
    succeeded += vcpu_ldt_fault(vcpu, (uint64_t)roll(3) * PAGE_SIZE) ? 1 : 0;
    fake.vcpu = NULL;
    assert_audit_clean();
}

static void run_operation(unsigned int depth)
{
    typedef void (*make_fn)(struct operation * operation, unsigned int depth);
    static const make_fn makers[] = {make_update,   make_update,     make_update,
                                     make_update,   make_extended,   make_extended,
                                     make_extended, make_va_mapping, make_va_mapping,
                                     make_gdt,      make_descriptor, make_reservation};
    struct operation operation = {.vcpu = random_vcpu(), .arg = {arguments_at(depth)}};
    makers[roll(ARRAY_SIZE(makers))](&operation, depth);
    unsigned int refusals = fake.refusal.count;
    execute(&operation, depth);
    if (fake.refusal.count != refusals && fake.refusal.status == STATUS_COUNT_OVERFLOW) {
        overflows++;
    }
    for (uint64_t i = 0; i < FRAMES; i++) {
        assert_true(machine.frames[i].ref_count < FRAME_COUNT_MAX);
    }
}

/* ---- the stream ---------------------------------------------------------------------------- */

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

/* Contents that make most unused frames tables of the level their number suggests. */
static void fill_frames(const struct domain *domain)
{
    for (uint64_t mfn = FAKE_RAM_FIRST; mfn < FRAMES; mfn++) {
        const struct frame *frame = &machine.frames[mfn];
        unsigned int level = (unsigned int)(mfn % 5);
        if (frame->owner != domain->id || frame->ref_count != 1 || level == 0) {
            continue;
        }
        for (unsigned int i = 0; i < 2; i++) {
            uint64_t flags = level == 1 && chance(60) ? FAKE_RO : FAKE_RW;
            fake_entries(mfn_make(mfn))[i] = pte_make(random_frame(domain, level - 1), flags);
        }
    }
}

static void run_stream(uint64_t seed)
{
    random_state = seed;
    fake_start(FRAMES);
    for (unsigned int i = 0; i < 2; i++) {
        domains[i] = fake_domain((uint16_t)i, 2);
        fake_guest_build(&guests[i], domains[i]);
        domains[i]->page_limit = 44;
        domains[i]->assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
        for (unsigned int j = 0; j < 2; j++) {
            domains[i]->vcpus[j]->cpus = UINT64_C(1) << (2 * i + j);
        }
        assert_int_equal(do_base(domains[i]->vcpus[1], guests[i].l4), 0);
        while (domains[i]->page_count < 40) {
            (void)fake_give(domains[i]);
        }
        fill_frames(domains[i]);
    }
    domains[0]->is_control = true;
    domains[0]->has_io = true;
    while (steps_left > 0) {
        steps_left--;
        for (unsigned int i = roll(4); i > 0; i--) {
            guest_access();
        }
        if (chance(10)) {
            emulated_store();
        } else {
            run_operation(0);
        }
    }
    fake_stop();
}

static void random_operations_keep_the_audit_clean(void **state)
{
    (void)state;
    uint64_t seed = number_from("PINNACE_SEED", 20261121);
    unsigned int steps =
        (unsigned int)number_from("PINNACE_STEPS", COUNTS_ARE_SMALL ? STEPS / 8 : STEPS);
    print_message("seed %llu, %u steps\n", (unsigned long long)seed, steps);
    /* Several short lives: a long one drifts into states where little succeeds. */
    for (unsigned int life = 0; life < steps; life += 600) {
        steps_left = 600;
        run_stream(seed + life);
    }
    print_message("%u calls succeeded, %u executions were interrupted, %u calls were given up, %u "
                  "guest accesses, %u counts did not overflow\n",
                  succeeded, interrupted, gave_up, accesses, overflows);
    assert_int_equal(overflows > steps / 1000, COUNTS_ARE_SMALL);
    assert_true(succeeded > steps / 20);
    assert_true(interrupted > steps / 100);
    assert_true(accesses > steps / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_keep_the_audit_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
