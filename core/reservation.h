/* SPDX-License-Identifier: BSD-2-Clause */
/* A domain's frames: who may change whose, by how much at a time, and gaining some. */
#ifndef CORE_RESERVATION_H
#define CORE_RESERVATION_H

#include "core/context.h"

/* The domain that a reservation call names, if the caller may act on it; STATUS_NO_DOMAIN,
 * STATUS_NOT_PERMITTED. */
NODISCARD enum status reservation_find_domain(struct vcpu *vcpu, uint16_t id,
                                              struct domain **domain);

/* The largest extent order (log2 of frames): an extent is done in one go, so it is at most one unit
 * of work. Xen allows domains with devices 12 and control domains 18. */
#define RESERVATION_ORDER_MAX 9U

/* What the mem_flags of a reservation ask for: memory below 2^n bytes (64: anywhere), and of a node
 * that there is. */
unsigned int reservation_address_bits(uint32_t mem_flags);
bool reservation_node_exists(const struct domain *caller, uint32_t mem_flags);

/* 2^order contiguous frames below 2^address_bits bytes (64: anywhere) for the domain, not its own
 * yet: the first one, or MFN_INVALID when memory or quota is short. The domain's lock is held. */
NODISCARD mfn_t reservation_find(const struct domain *domain, unsigned int order,
                                 unsigned int address_bits);

/* Give the domain what was found for it, or a piece of that, wiped and with M2P entries unset. The
 * domain's lock is held. */
void reservation_give(struct domain *domain, mfn_t first, uint64_t count);

/*
 * Get an extent that frame_alloc() gave ready for the context's pg_owner: what others left in it is
 * wiped. False: somebody waits; give it back and begin again. Frames that are done stay clean while
 * they are free, so that each attempt leaves fewer. `*wiped` counts from 0, over all extents that
 * are got ready at a time.
 */
NODISCARD bool reservation_prepare(struct mmu_context *context, mfn_t first, unsigned int order,
                                   unsigned int *wiped);

#endif
