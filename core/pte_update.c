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
    if (UNLIKELY(machine.linear_pt) && level == 4) {
        /* Guest memory is read again before the call ends: pt_page_is_guests() must not be told one
         * thing by the tables and the processor another by what it remembers. */
        context_flush(context);
    }
    return STATUS_OK;
}

/* Entries that name a table of their own level make a walk end at a table of a higher one, or pass
 * the hypervisor's slots. */
static bool is_next_table(mfn_t mfn, unsigned int level)
{
    return LIKELY(!machine.linear_pt) || frame_is_table(frame_find(mfn), level);
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
        if (!is_next_table(mfn, level - 1)) {
            return NULL;
        }
    }
    return (pte_t *)port_map_frame(mfn) + pte_index(1, address);
}

bool pt_page_is_guests(mfn_t root, uint64_t address)
{
    mfn_t mfn = root;
    for (unsigned int level = 4; level > 0 && frame_is_table(frame_find(mfn), 4); level--) {
        unsigned int index = pte_index(level, address);
        const pte_t *entries = port_map_frame(mfn);
        pte_t pte = pte_read(&entries[index]);
        if (pte_slot_is_hypervisor(4, index) || !pte_is_present(pte)) {
            return false;
        }
        mfn = pte_mfn(pte);
    }
    return true;
}
