/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/pte_decide.h"

static const struct io_range *find_range(mfn_t mfn)
{
    for (unsigned int i = 0; i < machine.io_range_count; i++) {
        const struct io_range *range = &machine.io_ranges[i];
        if (mfn.value >= range->first.value && mfn.value <= range->last.value) {
            return range;
        }
    }
    return NULL;
}

bool pte_io_is_read_only(mfn_t mfn)
{
    const struct io_range *range = find_range(mfn);
    return range != NULL && range->rule == IO_READ_ONLY;
}

/* The PAT the hypervisor sets makes index 0 write-back, 1 write-through, 5 write-protect; 2, 3 and
 * 4 (UC-, UC, WC) and above are left as the guest chose. */
static pte_t make_uncached(pte_t pte)
{
    uint64_t cache = pte.raw & PTE_CACHE;
    if (cache == 0 || cache == PTE_PWT || cache == (PTE_PAT | PTE_PWT)) {
        pte.raw = (pte.raw & ~PTE_CACHE) | PTE_PCD | PTE_PWT;
    }
    return pte;
}

enum status pte_refuse_uncached(const struct pte_owners *owners, const struct frame *frame)
{
    if (!owners->table->has_io) { /* the bits are not for it, whatever the entry names */
        return STATUS_RESERVED_BITS;
    }
    enum frame_class class = frame_class(frame);
    if (class == FRAME_FREE || class == FRAME_HYPERVISOR || frame->owner != owners->page->id) {
        return STATUS_LEAF_NOT_OWNED;
    }
    return class == FRAME_GUEST ? STATUS_RESERVED_BITS : STATUS_LEAF_UNCACHED;
}

enum status pte_decide_io(const struct pte_owners *owners, pte_t *store)
{
    mfn_t mfn = pte_mfn(*store);
    if ((store->raw & PTE_CACHE) != 0 && !owners->table->has_io) {
        return STATUS_RESERVED_BITS;
    }
    if (mfn.value == PTE_MFN_ALL_ONES) {
        return STATUS_BAD_FRAME_NUMBER;
    }
    if (mfn.value >= machine.mfn_limit || !owners->io->has_io || !owners->table->has_io) {
        return STATUS_NO_IO_RIGHT;
    }
    const struct io_range *range = find_range(mfn);
    if (range != NULL && range->rule == IO_DENIED) {
        return STATUS_NO_IO_RIGHT;
    }
    if (range != NULL && range->rule == IO_READ_ONLY) {
        store->raw &= ~PTE_WRITABLE;
    }
    *store = make_uncached(*store);
    return STATUS_OK;
}
