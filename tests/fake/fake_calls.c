/* SPDX-License-Identifier: BSD-2-Clause */
/* The MMU calls as a guest makes them, and model guests. */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include <xen/memory.h>

/* More re-executions than any test's call needs: beyond it the call makes no progress. */
#define EXECUTION_LIMIT 20000U

void fake_yield_never(void)
{
    fake.yield = FAKE_YIELD_NEVER;
}

void fake_yield_always(void)
{
    fake.yield = FAKE_YIELD_ALWAYS;
}

void fake_yield_at(unsigned int query)
{
    fake.yield = FAKE_YIELD_AT;
    fake.yield_at = query;
    fake.yield_queries = 0;
}

/* No lock is left behind, and nothing that would have to be dropped yet. */
static void check_idle(const struct vcpu *vcpu)
{
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *domain = machine.domains[i];
        assert_true(domain == NULL || domain->mmu_lock.next == domain->mmu_lock.serving);
    }
    assert_true(domain_io.mmu_lock.next == domain_io.mmu_lock.serving);
    assert_true(domain_xen.mmu_lock.next == domain_xen.mmu_lock.serving);
    assert_true(machine.alloc_lock.next == machine.alloc_lock.serving);
    assert_int_equal(vcpu->foreign_drop_count, 0);
}

struct call_result fake_call_once(fake_call_fn call, struct vcpu *vcpu, uint64_t arg[])
{
    struct vcpu *before = fake.vcpu;
    fake.vcpu = vcpu;
    struct call_result result = call(vcpu, arg);
    fake.vcpu = before;
    if (fake.yield == FAKE_YIELD_AT && fake.yield_queries >= fake.yield_at) {
        fake_yield_never(); /* whoever wanted the CPU has had it */
    }
    check_idle(vcpu);
    if (fake.is_being_built) {
        return result;
    }
    if (fake.calls_until_audit == 0) {
        assert_audit_clean();
        fake.calls_until_audit = fake.audit_interval;
    } else {
        fake.calls_until_audit--;
    }
    if (!fake.flushes_are_lost) {
        fake_tlb_check();
    }
    return result;
}

/* Each refusal explains itself, once; what is not refused says nothing. Grant operations and
 * reservations that answer 0 or a count may hold refusals: their callers look into them. */
static void check_explained(fake_call_fn call, int64_t answer, unsigned int sentences)
{
    bool by_element = call == call_grant_table_op || call == call_memory_op;
    if (answer < 0) {
        assert_true(by_element ? sentences >= 1 : sentences == 1);
    } else if (!by_element) {
        assert_int_equal(sentences, 0);
    }
}

int64_t fake_call(fake_call_fn call, struct vcpu *vcpu, uint64_t arg[])
{
    unsigned int refusals = fake.refusal.count;
    /* What a guest says of an earlier answer is no refusal of ours. */
    bool is_forged = arg[0] == 0 && (uint32_t)arg[1] == UINT32_C(1) << 31;
    struct call_result result = fake_call_once(call, vcpu, arg);
    unsigned int executions = 1;
    while (result.again) {
        if (++executions > EXECUTION_LIMIT) {
            fail_msg("the call makes no progress");
        }
        if (fake.between != NULL) {
            fake.between();
        }
        result = fake_call_once(call, vcpu, arg);
    }
    fake.executions = executions;
    /* A call that has answered has finished what it began to release. */
    assert_int_not_equal(vcpu->walk.mode, PT_WALK_RELEASE);
    if (!is_forged) {
        check_explained(call, result.value, fake.refusal.count - refusals);
    }
    return result.value;
}

static void put_arguments(const void *from, size_t size)
{
    assert_true(size <= fake.buffers[0].size && fake.buffers[0].address == FAKE_ARGUMENTS);
    if (size > 0) {
        memcpy(fake.buffers[0].bytes, from, size);
    }
    memset(fake.buffers[1].bytes, 0xee, fake.buffers[1].size); /* not a count of done elements */
}

int64_t do_mmu_update(struct vcpu *vcpu, const struct mmu_update requests[], unsigned int count,
                      uint32_t fd)
{
    put_arguments(requests, count * sizeof(requests[0]));
    uint64_t arg[6] = {FAKE_ARGUMENTS, count, FAKE_RESULT, fd};
    return fake_call(call_mmu_update, vcpu, arg);
}

int64_t do_mmuext(struct vcpu *vcpu, const struct mmuext_op ops[], unsigned int count, uint32_t fd)
{
    put_arguments(ops, count * sizeof(ops[0]));
    uint64_t arg[6] = {FAKE_ARGUMENTS, count, FAKE_RESULT, fd};
    return fake_call(call_mmuext_op, vcpu, arg);
}

int64_t do_va(struct vcpu *vcpu, uint64_t address, pte_t pte, uint64_t flags)
{
    uint64_t arg[6] = {address, pte.raw, flags};
    return fake_call(call_update_va_mapping, vcpu, arg);
}

int64_t do_memory_op(struct vcpu *vcpu, uint64_t command, uint64_t address)
{
    unsigned int refusals = fake.refusal.count;
    uint64_t arg[6] = {command, address};
    int64_t answer = fake_call(call_memory_op, vcpu, arg);
    if (address == FAKE_ARGUMENTS &&
        (command == XENMEM_increase_reservation || command == XENMEM_decrease_reservation ||
         command == XENMEM_populate_physmap)) {
        struct xen_memory_reservation reservation;
        memcpy(&reservation, fake.buffers[0].bytes, sizeof(reservation));
        bool is_short = (uint64_t)answer < reservation.nr_extents;
        assert_int_equal(fake.refusal.count - refusals, is_short ? 1 : 0);
    }
    return answer;
}

uint32_t fake_done(void)
{
    uint32_t done;
    memcpy(&done, fake.buffers[1].bytes, sizeof(done));
    return done;
}

int64_t do_update(struct vcpu *vcpu, mfn_t table, unsigned int index, pte_t pte)
{
    struct mmu_update request = {
        .ptr = (table.value << PAGE_SHIFT) + index * sizeof(pte_t) + MMU_NORMAL_PT_UPDATE,
        .val = pte.raw,
    };
    return do_mmu_update(vcpu, &request, 1, DOMID_SELF);
}

static int64_t do_operation(struct vcpu *vcpu, unsigned int command, mfn_t mfn)
{
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.arg1.mfn = mfn.value;
    return do_mmuext(vcpu, &op, 1, DOMID_SELF);
}

int64_t do_pin(struct vcpu *vcpu, mfn_t table, unsigned int level)
{
    return do_operation(vcpu, MMUEXT_PIN_L1_TABLE + level - 1, table);
}

int64_t do_unpin(struct vcpu *vcpu, mfn_t table)
{
    return do_operation(vcpu, MMUEXT_UNPIN_TABLE, table);
}

int64_t do_base(struct vcpu *vcpu, mfn_t table)
{
    return do_operation(vcpu, MMUEXT_NEW_BASEPTR, table);
}

int64_t do_user_base(struct vcpu *vcpu, mfn_t table)
{
    return do_operation(vcpu, MMUEXT_NEW_USER_BASEPTR, table);
}

/* ---- model guests -------------------------------------------------------------------------- */

void fake_guest_build(struct fake_guest *guest, struct domain *domain)
{
    *guest = (struct fake_guest){.domain = domain, .vcpu = domain->vcpus[0]};
    guest->l4 = fake_give(domain);
    guest->l3 = fake_give(domain);
    guest->l2 = fake_give(domain);
    guest->l1 = fake_give(domain);
    fake_entries(guest->l4)[0] = pte_make(guest->l3, FAKE_TABLE);
    fake_entries(guest->l3)[0] = pte_make(guest->l2, FAKE_TABLE);
    fake_entries(guest->l2)[0] = pte_make(guest->l1, FAKE_TABLE);
    pte_t *l1 = fake_entries(guest->l1);
    for (unsigned int i = 0; i < FAKE_GUEST_PAGES; i++) {
        guest->pages[i] = fake_give(domain);
        l1[i] = pte_make(guest->pages[i], FAKE_RW);
    }
    l1[FAKE_TABLES_AT] = pte_make(guest->l4, FAKE_RO);
    l1[FAKE_TABLES_AT + 1] = pte_make(guest->l3, FAKE_RO);
    l1[FAKE_TABLES_AT + 2] = pte_make(guest->l2, FAKE_RO);
    l1[FAKE_TABLES_AT + 3] = pte_make(guest->l1, FAKE_RO);
    assert_int_equal(do_pin(guest->vcpu, guest->l4, 4), 0);
    assert_int_equal(do_base(guest->vcpu, guest->l4), 0);
}

void fake_tree_build(struct fake_tree *tree, struct domain *domain, unsigned int level)
{
    tree->table[0] = fake_give(domain);
    for (unsigned int i = 1; i <= level; i++) {
        tree->table[i] = fake_give(domain);
        fake_entries(tree->table[i])[0] =
            pte_make(tree->table[i - 1], i == 1 ? FAKE_RO : FAKE_TABLE);
    }
}

mfn_t fake_wide_tree_build(struct domain *domain, mfn_t page)
{
    mfn_t root = fake_give(domain);
    for (unsigned int i = 0; i < 3; i++) {
        mfn_t l3 = fake_give(domain);
        fake_entries(root)[i * 200] = pte_make(l3, FAKE_TABLE);
        for (unsigned int j = 0; j < 2; j++) {
            mfn_t l2 = fake_give(domain);
            fake_entries(l3)[j * 511] = pte_make(l2, FAKE_TABLE);
            for (unsigned int k = 0; k < 2; k++) {
                mfn_t l1 = fake_give(domain);
                fake_entries(l2)[k * 3] = pte_make(l1, FAKE_TABLE);
                fake_entries(l1)[5] = pte_make(page, FAKE_RW);
            }
        }
    }
    return root;
}
