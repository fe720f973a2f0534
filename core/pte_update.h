/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing one entry of a live page table: decide, take, store, drop. */
#ifndef CORE_PTE_UPDATE_H
#define CORE_PTE_UPDATE_H

#include "core/context.h"

enum pte_store_mode {
    PTE_STORE,             /* one 8-byte store; A and D as given */
    PTE_STORE_PRESERVE_AD, /* A and D that the slot has at that moment stay set */
    PTE_STORE_EXCHANGE,    /* only if the slot still holds what the caller saw */
};

/*
 * Put `new_pte` into a slot of a live L1 table. With PTE_STORE_EXCHANGE *seen is what the slot must
 * hold; STATUS_AGAIN says that it does not, that nothing changed, and *seen is what it holds.
 * Otherwise `seen` is NULL. A refusal changes nothing.
 */
NODISCARD enum status pte_update_leaf(struct mmu_context *context, pte_t *slot, pte_t new_pte,
                                      enum pte_store_mode mode, pte_t *seen);

/*
 * The same for entry `index` of a live table of level 2 to 4, without PTE_STORE_EXCHANGE.
 * STATUS_PREEMPTED and STATUS_AGAIN: nothing changed, ask again. What the old entry held is
 * dropped, its tree's release perhaps only begun (pt_finish_release()). The flush is owed to the
 * context.
 */
NODISCARD enum status pte_update_table(struct mmu_context *context, struct frame *table,
                                       unsigned int index, pte_t new_pte, enum pte_store_mode mode);

/*
 * The L1 slot that maps `address` in the tree under `root`, found by software through the
 * hypervisor's own mapping: no TLB is asked. NULL: a table on the way is missing, or the way leads
 * over an entry that names a table of its own level, so that no L1 is at its end. `address` is the
 * guest's (address_is_guest()).
 */
NODISCARD pte_t *pt_find_leaf(mfn_t root, uint64_t address);

/*
 * With pv-linear-pt=, an L4 that names itself leads, by the slots that the hypervisor has in every
 * L4, to the hypervisor's tables as pages, at addresses that are the guest's. The processor keeps
 * the guest out of them, but not the hypervisor, which reads memory for it. False: `address` is one
 * of those, or no L3 is there.
 */
NODISCARD bool pt_page_is_guests(mfn_t root, uint64_t address);

/* Canonical and outside the hypervisor's slots: the guest may map it. */
static inline bool address_is_guest(uint64_t address)
{
    return address < UINT64_C(0x0000800000000000) || address >= HYPERVISOR_VIRT_END;
}

/* So are the first and the last byte, and between them lies no part of the hypervisor's range: that
 * is larger than any range asked about, which has less than 2^43 bytes. */
static inline bool address_range_is_guest(uint64_t address, uint64_t size)
{
    if (LIKELY(address >= HYPERVISOR_VIRT_END)) {
        return size <= UINT64_C(0) - address;
    }
    return size == 0 || (address_is_guest(address) && address_is_guest(address + size - 1));
}

#endif
