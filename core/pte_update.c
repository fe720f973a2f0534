/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/pte_update.h"

#include "core/port.h"
#include "core/pt_validate.h"

/* Under the owner's lock only the processor changes a live entry, and only A and D. */
static void store_preserving(pte_t *slot, pte_t store)
{
    pte_t current = pte_read(slot);
    pte_t merged;
    do {
        merged.raw = store.raw | (current.raw & (PTE_ACCESSED | PTE_DIRTY));
    } while (!pte_compare_exchange(slot, &current, merged));
}

enum status pte_update_leaf(struct mmu_context *context, pte_t *slot, pte_t new_pte,
                            enum pte_store_mode mode, pte_t *seen)
{
    pte_t old = mode == PTE_STORE_EXCHANGE ? *seen : pte_read(slot);
    struct pte_decision decision = pte_decide(&context->owners, 1, NULL, old, new_pte);
    if (UNLIKELY(decision.status != STATUS_OK)) {
        return decision.status;
    }
    if (decision.take != PTE_HOLD_NOTHING) {
        enum status status = pt_take_leaf(decision.take, decision.new_frame);
        if (UNLIKELY(status != STATUS_OK)) {
            return status;
        }
    }
    if (LIKELY(mode == PTE_STORE)) {
        pte_write(slot, decision.store);
    } else if (mode == PTE_STORE_PRESERVE_AD) {
        store_preserving(slot, decision.store);
    } else if (UNLIKELY(!pte_compare_exchange(slot, seen, decision.store))) {
        if (decision.take != PTE_HOLD_NOTHING) {
            pt_put_leaf(decision.take, decision.new_frame);
        }
        return STATUS_AGAIN;
    }
    if (decision.drop != PTE_HOLD_NOTHING) {
        pt_drop_leaf(context, decision.drop, decision.old_frame);
    }
    return STATUS_OK;
}

static enum status take_entry(struct mmu_context *context, struct frame *table, unsigned int level,
                              const struct pte_decision *decision)
{
    enum status status = STATUS_OK;
    if (decision->drop != PTE_HOLD_NOTHING) {
        status = pt_make_room(context, decision->new_frame);
    }
    if (status == STATUS_OK && decision->take == PTE_HOLD_TABLE) {
        status = pt_take(context, decision->new_frame, level - 1);
    }
    if (status == STATUS_OK && decision->take == PTE_HOLD_SAME_LEVEL) {
        status = pt_take_same_level(table, decision->new_frame);
    }
    return status;
}

enum status pte_update_table(struct mmu_context *context, struct frame *table, unsigned int index,
                             pte_t new_pte, enum pte_store_mode mode)
{
    unsigned int level = frame_level(table);
    if (pte_slot_is_hypervisor(level, index)) {
        return STATUS_HYPERVISOR_SLOT;
    }
    pte_t *slot = (pte_t *)port_map_frame(frame_mfn(table)) + index;
    struct pte_decision decision =
        pte_decide(&context->owners, level, table, pte_read(slot), new_pte);
    enum status status = decision.status;
    if (status == STATUS_OK) {
        status = take_entry(context, table, level, &decision);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (mode == PTE_STORE) {
        pte_write(slot, decision.store);
    } else {
        store_preserving(slot, decision.store);
    }
    if (decision.drop == PTE_HOLD_SAME_LEVEL) {
        pt_unlink_same_level(table, decision.old_frame);
    }
    if (decision.drop != PTE_HOLD_NOTHING) {
        pt_drop(context, decision.old_frame);
    }
    context->flush_all = true;
    return STATUS_OK;
}

pte_t *pt_find_leaf(mfn_t root, uint64_t address)
{
    mfn_t mfn = root;
    for (unsigned int level = 4; level > 1; level--) {
        const pte_t *entries = port_map_frame(mfn);
        pte_t pte = pte_read(&entries[pte_index(level, address)]);
        if (!pte_is_present(pte)) {
            return NULL;
        }
        mfn = pte_mfn(pte);
    }
    /* By way of a same-level entry the fourth table is one of an upper level, or even ours. */
    const struct frame *table = frame_find(mfn);
    return table != NULL && frame_is_table(table, 1)
               ? (pte_t *)port_map_frame(mfn) + pte_index(1, address)
               : NULL;
}

bool pt_meets_hypervisor_slot(mfn_t root, uint64_t address)
{
    mfn_t mfn = root;
    for (unsigned int level = 4; level > 1; level--) {
        const pte_t *entries = port_map_frame(mfn);
        pte_t pte = pte_read(&entries[pte_index(level, address)]);
        mfn = pte_mfn(pte);
        if (!pte_is_present(pte) || !frame_is_table(frame_find(mfn), 4)) {
            return false; /* from here on every table is the guest's own */
        }
        if (pte_slot_is_hypervisor(4, pte_index(level - 1, address))) {
            return true;
        }
    }
    return false;
}
