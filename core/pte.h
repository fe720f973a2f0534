/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page-table entry of any level (SDM volume 3, section 4.5). It does not say of which: who needs
 * the level takes it beside.
 *
 *   63  62..52  51 .............. 12  11..9  8  7   6  5  4    3    2  1  0
 *   NX  avail   machine frame number  avail  G  PS  D  A  PCD  PWT  U  W  P
 *
 * Bit 7 is PAT in an L1 entry. Bit 52 marks a guest kernel's page: guest kernel and guest user both
 * run in ring 3, so every stored entry has U, and the guest's own intent is kept in bit 52.
 */
#ifndef CORE_PTE_H
#define CORE_PTE_H

#include "lib/frame_number.h"

typedef struct {
    uint64_t raw;
} pte_t;

#define PTE_PRESENT      (UINT64_C(1) << 0)
#define PTE_WRITABLE     (UINT64_C(1) << 1)
#define PTE_USER         (UINT64_C(1) << 2)
#define PTE_PWT          (UINT64_C(1) << 3)
#define PTE_PCD          (UINT64_C(1) << 4)
#define PTE_ACCESSED     (UINT64_C(1) << 5)
#define PTE_DIRTY        (UINT64_C(1) << 6)
#define PTE_PAT          (UINT64_C(1) << 7) /* L1 */
#define PTE_PAGE_SIZE    (UINT64_C(1) << 7) /* L2 and above */
#define PTE_GLOBAL       (UINT64_C(1) << 8)
#define PTE_GUEST_KERNEL (UINT64_C(1) << 52)
#define PTE_NO_EXECUTE   (UINT64_C(1) << 63)
#define PTE_CACHE        (PTE_PWT | PTE_PCD | PTE_PAT)
#define PTE_MFN_MASK     UINT64_C(0x000ffffffffff000)

/* The MFN that an entry made from an invalid P2M entry (all ones) names. */
#define PTE_MFN_ALL_ONES (PTE_MFN_MASK >> PAGE_SHIFT)

#define PTE_COUNT 512 /* entries of one table, of any level */
_Static_assert(PTE_COUNT * sizeof(pte_t) == PAGE_SIZE, "a table must fill one frame");

static inline pte_t pte_make(mfn_t mfn, uint64_t flags)
{
    return (pte_t){.raw = (mfn.value << PAGE_SHIFT) | flags};
}

static inline mfn_t pte_mfn(pte_t pte)
{
    return mfn_make((pte.raw & PTE_MFN_MASK) >> PAGE_SHIFT);
}

static inline bool pte_has(pte_t pte, uint64_t flags)
{
    return (pte.raw & flags) == flags;
}

static inline bool pte_is_present(pte_t pte)
{
    return (pte.raw & PTE_PRESENT) != 0;
}

static inline bool pte_is_writable(pte_t pte)
{
    return (pte.raw & PTE_WRITABLE) != 0;
}

/* Read a live entry once: the processor may set A and D at any moment. */
static inline pte_t pte_read(const pte_t *slot)
{
    return (pte_t){.raw = __atomic_load_n(&slot->raw, __ATOMIC_RELAXED)};
}

/* One aligned 8-byte store. */
static inline void pte_write(pte_t *slot, pte_t pte)
{
    __atomic_store_n(&slot->raw, pte.raw, __ATOMIC_RELAXED);
}

/* Store `pte` if the slot still holds *expected; else put what it holds into *expected. */
static inline bool pte_compare_exchange(pte_t *slot, pte_t *expected, pte_t pte)
{
    return __atomic_compare_exchange_n(&slot->raw, &expected->raw, pte.raw, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* Store `pte`; what the slot held until then. */
static inline pte_t pte_exchange(pte_t *slot, pte_t pte)
{
    return (pte_t){.raw = __atomic_exchange_n(&slot->raw, pte.raw, __ATOMIC_SEQ_CST)};
}

/* Index of the entry that maps `address` in a table of this level. */
static inline unsigned int pte_index(unsigned int level, uint64_t address)
{
    return (unsigned int)(address >> (PAGE_SHIFT + 9 * (level - 1))) & (PTE_COUNT - 1);
}

/* L4 slots 256 to 271 are the hypervisor's in every address space (xen/arch-x86/xen-x86_64.h:
 * HYPERVISOR_VIRT_START to HYPERVISOR_VIRT_END). This is the one place that says so. */
#define L4_HYPERVISOR_FIRST 256U
#define L4_HYPERVISOR_LAST  271U
#define L4_M2P_SLOT         256U

static inline bool pte_slot_is_hypervisor(unsigned int level, unsigned int index)
{
    return level == 4 && index >= L4_HYPERVISOR_FIRST && index <= L4_HYPERVISOR_LAST;
}

#endif
