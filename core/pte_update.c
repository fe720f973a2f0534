/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/pte_update.h"

#include "core/port.h"
#include "core/pt_validate.h"

/* Store by the mode's rule. False: the exchange found something else, now in *seen. */
static bool store_pte(pte_t *slot, pte_t store, enum pte_store_mode mode, pte_t *seen)
{
    if (mode == PTE_STORE) {
        pte_write(slot, store);
        return true;
    }
    if (mode == PTE_STORE_EXCHANGE) {
        return pte_compare_exchange(slot, seen, store);
    }
    /* Under the owner's lock only the processor changes the entry, and only A and D. */
    pte_t current = pte_read(slot);
    pte_t merged;
    do {
        merged.raw = store.raw | (current.raw & (PTE_ACCESSED | PTE_DIRTY));
    } while (!pte_compare_exchange(slot, &current, merged));
    return true;
}

enum status pte_update(struct mmu_context *context, struct frame *table, unsigned int level,
                       unsigned int index, pte_t new_pte, enum pte_store_mode mode, pte_t *seen)
{
    if (pte_slot_is_hypervisor(level, index)) {
        return STATUS_HYPERVISOR_SLOT;
    }
    pte_t *slot = (pte_t *)port_map_frame(frame_mfn(table)) + index;
    pte_t old = mode == PTE_STORE_EXCHANGE ? *seen : pte_read(slot);
    struct pte_decision decision = pte_decide(&context->owners, level, old, new_pte);
    if (UNLIKELY(decision.status != STATUS_OK)) {
        return decision.status;
    }
    if (decision.drop == PTE_HOLD_TABLE) {
        const struct frame *wanted =
            decision.take == PTE_HOLD_TABLE ? frame_find(pte_mfn(decision.store)) : NULL;
        enum status status = pt_make_room(context, wanted);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = pt_take_hold(context, decision.take, level, decision.store);
    if (UNLIKELY(status != STATUS_OK)) {
        return status;
    }
    if (UNLIKELY(!store_pte(slot, decision.store, mode, seen))) {
        pt_drop_hold(context, decision.take, decision.store);
        return STATUS_AGAIN;
    }
    pt_drop_hold(context, decision.drop, old);
    if (level > 1) {
        context->flush_all = true;
    }
    return STATUS_OK;
}

bool pt_walk_to_l1(mfn_t root, uint64_t address, struct frame **table, unsigned int *index)
{
    mfn_t mfn = root;
    for (unsigned int level = 4; level > 1; level--) {
        const pte_t *entries = port_map_frame(mfn);
        pte_t pte = pte_read(&entries[pte_index(level, address)]);
        if (!pte_is_present(pte)) {
            return false;
        }
        mfn = pte_mfn(pte);
    }
    *table = frame_find(mfn);
    *index = pte_index(1, address);
    return true;
}
