/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/pt_store.h"

#include "core/port.h"
#include "core/pte_update.h"
#include "lib/insn.h"

/* Is the address mapped read-only? Then to what. */
static bool find_mapping(const struct vcpu *vcpu, uint64_t address, pte_t *pte)
{
    if (!address_is_guest(address)) {
        return false;
    }
    const pte_t *mapping = pt_find_leaf(vcpu->kernel_base, address);
    if (mapping == NULL) {
        return false;
    }
    *pte = pte_read(mapping);
    return pte_is_present(*pte) && !pte_is_writable(*pte);
}

/* Is the frame a live L1 table of the domain? That table, or NULL. */
static pte_t *find_table(const struct vcpu *vcpu, mfn_t mfn)
{
    const struct frame *table = frame_find(mfn);
    if (!domain_has_assist(vcpu->domain, VMASST_TYPE_writable_pagetables) || table == NULL ||
        frame_class(table) != FRAME_GUEST || table->owner != vcpu->domain->id ||
        !frame_is_table(table, 1)) {
        return NULL;
    }
    return port_map_frame(mfn);
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

/* Do what the instruction does to its operand at `address`, which is in the entry at `slot`. */
static bool perform(struct mmu_context *context, const struct insn *insn,
                    struct cpu_user_regs *regs, pte_t *slot, uint64_t address)
{
    uint64_t source;
    if (!read_source(insn, regs, &source)) {
        return false;
    }
    unsigned int offset = (unsigned int)(address % sizeof(pte_t));
    pte_t seen = pte_read(slot);
    struct insn_outcome outcome;
    insn_evaluate(insn, regs, seen.raw >> (offset * 8), source, &outcome);
    if (outcome.memory_written) {
        pte_t entry = merge(seen, outcome.memory, offset, insn->size);
        enum status status = pte_update_leaf(context, slot, entry, PTE_STORE_EXCHANGE, &seen);
        if (status == STATUS_AGAIN) {
            return true; /* the processor set A or D meanwhile: the guest executes it again */
        }
        if (status != STATUS_OK) {
            context_explain(context, status,
                            &(struct refusal){.what = "store to an L1 entry",
                                              .level = 1,
                                              .address = address,
                                              .number = entry.raw,
                                              .frame = frame_find(pte_mfn(entry))});
            return false;
        }
    }
    insn_commit(&outcome, regs);
    return true;
}

/* A device that the domain may look at and not change: all but the store is done. */
static bool pass_over(const struct insn *insn, struct cpu_user_regs *regs, uint64_t address)
{
    uint64_t source;
    uint64_t seen = 0;
    if (!read_source(insn, regs, &source) || !port_copy_from_guest(&seen, address, insn->size)) {
        return false;
    }
    struct insn_outcome outcome;
    insn_evaluate(insn, regs, seen, source, &outcome);
    insn_commit(&outcome, regs);
    return true;
}

bool pt_emulate_store(struct vcpu *vcpu, struct cpu_user_regs *regs, uint64_t address)
{
    struct mmu_context context;
    context_open_self(&context, vcpu);
    struct insn insn;
    bool done = false;
    pte_t mapping;
    pte_t *table = NULL;
    bool is_device = false;
    if (find_mapping(vcpu, address, &mapping)) {
        table = find_table(vcpu, pte_mfn(mapping));
        /* Whoever maps it has the right. */
        is_device = table == NULL && pte_io_is_read_only(pte_mfn(mapping));
    }
    if ((table != NULL || is_device) && fetch(regs->rip, &insn)) {
        uint64_t base = segment_base(insn.memory.segment);
        uint64_t operand = insn_memory_address(&insn, regs, base, base);
        /* Naturally aligned, so inside one entry, and in the page that faulted. */
        if (operand % insn.size == 0 && operand >> PAGE_SHIFT == address >> PAGE_SHIFT) {
            if (is_device) {
                done = operand == address && pass_over(&insn, regs, operand);
            } else {
                pte_t *slot = &table[(operand & PAGE_MASK) / sizeof(pte_t)];
                done = perform(&context, &insn, regs, slot, operand);
            }
        }
    }
    context_close(&context);
    return done;
}
