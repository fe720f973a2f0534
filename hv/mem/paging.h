/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own page tables. They are made at boot and do not change afterwards, but for
 * descriptor windows and device mappings made at boot; nothing a guest asks for reaches them. What
 * is writable is not executable, at every address it is mapped at.
 */
#ifndef HV_MEM_PAGING_H
#define HV_MEM_PAGING_H

#include "core/pte.h"

/* Build the final tables (direct map, image) and load them. After cpu_features_detect(). */
void paging_init(void);

/* Map `size` bytes at `address`, in whole pages, with these PTE_* flags besides PTE_PRESENT. Large
 * pages are used where they fit if `large`. At boot only. */
void paging_map(uint64_t address, uint64_t physical, uint64_t size, uint64_t flags, bool large);

/* The slot of the L1 entry that maps `address` in the hypervisor's part; tables are made, also
 * after boot. NULL: there is no memory for one. */
pte_t *paging_slot(uint64_t address);

/* Boot is over: nothing but descriptor windows changes any more. Answers the number of pages that
 * are mapped as none may be (own_count_wrong()). */
NODISCARD unsigned int paging_seal(void);
/* What own_digest() answered then. */
uint64_t paging_sealed_digest(void);

/* The hypervisor's own L4, and its machine address: for a CPU that runs no guest. */
mfn_t paging_root(void);
uint64_t paging_idle_base(void);

/* An L4 entry of the hypervisor's slots, to be shown in every guest L4. */
pte_t paging_l4_entry(unsigned int slot);

#endif
