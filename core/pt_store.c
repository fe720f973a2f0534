/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/pt_store.h"

#include "core/port.h"
#include "core/pte_update.h"
#include "lib/insn.h"

/* Is the frame a live L1 table of the domain, which wants stores to it completed? */
static bool is_own_table(const struct domain *domain, const struct frame *frame)
{
    return frame_class(frame) == FRAME_GUEST && frame->owner == domain->id &&
           frame_is_table(frame, 1) && domain_has_assist(domain, VMASST_TYPE_writable_pagetables);
}

/* Is the address mapped read-only, to a table (*table) or to a device that may be looked at and not
 * changed (NULL)? Whoever maps that has the right. */
static bool find_target(const struct vcpu *vcpu, uint64_t address, pte_t **table)
{
    const pte_t *mapping =
        address_is_guest(address) ? pt_find_leaf(vcpu->kernel_base, address) : NULL;
    if (mapping == NULL) {
        return false;
    }
    pte_t pte = pte_read(mapping);
    if (!pte_is_present(pte) || pte_is_writable(pte)) {
        return false;
    }
    mfn_t mfn = pte_mfn(pte);
    const struct frame *frame = frame_find(mfn);
    if (UNLIKELY(frame_is_io(frame))) {
        *table = NULL;
        return pte_io_is_read_only(mfn);
    }
    *table = port_map_frame(mfn);
    return is_own_table(vcpu->domain, frame);
}

/* The instruction at RIP; it may end at a page behind which nothing is mapped. */
static bool fetch(uint64_t rip, struct insn *insn)
{
    uint8_t bytes[16]; /* a whole number of words is copied fastest */
    _Static_assert(sizeof(bytes) > INSN_MAX_LENGTH, "the longest instruction");
    size_t count = sizeof(bytes);
    if (!port_copy_from_guest(bytes, rip, count)) {
        count = PAGE_SIZE - (rip & PAGE_MASK);
        if (count >= sizeof(bytes) || !port_copy_from_guest(bytes, rip, count)) {
            return false;
        }
    }
    return insn_decode(bytes, count, insn);
}

static uint64_t segment_base(enum insn_segment segment)
{
    return segment == INSN_SEGMENT_FLAT ? 0 : port_segment_base(segment == INSN_SEGMENT_GS);
}

/* MOVS reads a second operand, with the guest's rights. */
static bool read_source(const struct insn *insn, const struct cpu_user_regs *regs, uint64_t *source)
{
    uint64_t address;
    uint64_t base = segment_base(insn->source_segment);
    *source = 0;
    return !insn_source_address(insn, regs, base, base, &address) ||
           port_copy_from_guest(source, address, insn->size);
}

/* The entry with `size` bytes at byte `offset` replaced. */
static pte_t merge(pte_t old, uint64_t value, unsigned int offset, unsigned int size)
{
    unsigned int shift = offset * 8;
    uint64_t mask = (size == 8 ? UINT64_MAX : (UINT64_C(1) << (size * 8)) - 1) << shift;
    return (pte_t){.raw = (old.raw & ~mask) | ((value << shift) & mask)};
}

COLD static void explain(struct mmu_context *context, enum status status, uint64_t address,
                         pte_t entry)
{
    context_explain(context, status,
                    &(struct refusal){.what = "store to an L1 entry",
                                      .level = 1,
                                      .address = address,
                                      .number = entry.raw,
                                      .frame = frame_find(pte_mfn(entry))});
}

/* Put what the instruction stores at `address` into the entry, which was `seen`. STATUS_AGAIN: the
 * processor has set A or D meanwhile. */
static enum status store(struct mmu_context *context, pte_t *slot, pte_t seen, uint64_t address,
                         uint64_t value, unsigned int size)
{
    pte_t entry = merge(seen, value, (unsigned int)(address % sizeof(pte_t)), size);
    enum status status = pte_update_leaf(context, slot, entry, PTE_STORE_EXCHANGE, &seen);
    if (UNLIKELY(status > STATUS_AGAIN)) {
        explain(context, status, address, entry);
    }
    return status;
}

/* Do what the instruction does to its operand at `address`: in an entry of the table, or in a
 * device (NULL), where the store is left out. */
static bool perform(struct mmu_context *context, const struct insn *insn,
                    struct cpu_user_regs *regs, pte_t *table, uint64_t address)
{
    uint64_t source;
    uint64_t memory = 0;
    pte_t *slot = NULL;
    pte_t seen = {0};
    if (!read_source(insn, regs, &source)) {
        return false;
    }
    if (LIKELY(table != NULL)) {
        slot = &table[(address & PAGE_MASK) / sizeof(pte_t)];
        seen = pte_read(slot);
        memory = seen.raw >> (address % sizeof(pte_t) * 8);
    } else if (!port_copy_from_guest(&memory, address, insn->size)) {
        return false;
    }
    struct insn_outcome outcome;
    insn_evaluate(insn, regs, memory, source, &outcome);
    if (LIKELY(slot != NULL) && outcome.memory_written) {
        enum status status = store(context, slot, seen, address, outcome.memory, insn->size);
        if (UNLIKELY(status != STATUS_OK)) {
            return status == STATUS_AGAIN; /* the guest executes it again */
        }
    }
    insn_commit(&outcome, regs);
    return true;
}

/* The instruction and its operand: aligned to its size, so inside one entry, and in the page that
 * faulted; at a device, at the very address. */
static bool emulate(struct mmu_context *context, struct cpu_user_regs *regs, pte_t *table,
                    uint64_t address)
{
    struct insn insn;
    if (!fetch(regs->rip, &insn)) {
        return false;
    }
    uint64_t base = segment_base(insn.memory.segment);
    uint64_t operand = insn_memory_address(&insn, regs, base, base);
    bool is_there =
        table != NULL ? operand >> PAGE_SHIFT == address >> PAGE_SHIFT : operand == address;
    return is_there && operand % insn.size == 0 && perform(context, &insn, regs, table, operand);
}

/* Not inlined into the entry of traps, where each fault would pay for its registers. */
NOINLINE bool pt_emulate_store(struct vcpu *vcpu, struct cpu_user_regs *regs, uint64_t address)
{
    /* Asked without the lock: a vCPU that switches the assist meanwhile races with this store. */
    if (!domain_has_assist(vcpu->domain, VMASST_TYPE_writable_pagetables) &&
        !vcpu->domain->has_io) {
        return false;
    }
    struct mmu_context context;
    context_open_self(&context, vcpu);
    pte_t *table;
    bool done = find_target(vcpu, address, &table) && emulate(&context, regs, table, address);
    context_close(&context);
    return done;
}
