/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one decision about page-table entries. Every way to change an entry (mmu_update,
 * update_va_mapping, an emulated store, validating a table) asks pte_decide(), and so do the audit
 * and the tests. It is pure: it reads the classes and owners of frames and changes nothing.
 */
#ifndef CORE_PTE_DECIDE_H
#define CORE_PTE_DECIDE_H

#include "core/domain.h"

/* What a stored entry holds on the frame it names. */
enum pte_hold {
    PTE_HOLD_NOTHING,    /* not present, or I/O memory */
    PTE_HOLD_REFERENCE,  /* L1, read-only: a reference */
    PTE_HOLD_WRITABLE,   /* L1, writable: a reference and a writable type count */
    PTE_HOLD_TABLE,      /* L2 to L4: a reference and a type count as a table one level below */
    PTE_HOLD_SAME_LEVEL, /* L2 to L4: the same as a table of the entry's own level */
};

/* Whose table the entry is in, whose frames it may name, and whose I/O rights count (the page
 * owner's, or the caller's when it named DOMID_IO). */
struct pte_owners {
    const struct domain *table;
    const struct domain *page;
    const struct domain *io;
};

struct pte_decision {
    enum status status;
    enum pte_hold take;      /* to be taken on new_frame before the store */
    enum pte_hold drop;      /* to be dropped on old_frame after it */
    pte_t store;             /* what goes into the slot */
    struct frame *new_frame; /* set where take is not PTE_HOLD_NOTHING */
    struct frame *old_frame; /* set where drop is not PTE_HOLD_NOTHING */
};

/* Bits a present entry may have besides its frame number, by level. An L1 entry may have cache bits
 * where it names I/O memory (checked there); RAM is always write-back. */
static const uint64_t pte_permitted[5] = {
    [1] = PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_CACHE | PTE_ACCESSED | PTE_DIRTY |
          PTE_GLOBAL | UINT64_C(0xfff0000000000e00),
    [2] = PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED | PTE_DIRTY |
          UINT64_C(0xfff0000000000e00),
    [3] = PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED | PTE_DIRTY |
          UINT64_C(0xfff0000000000e00),
    [4] = PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED | PTE_DIRTY |
          UINT64_C(0xfff0000000000e00),
};

/* A change of other bits only moves no reference: what the entry names, whether it is writable and
 * how it is cached stay the same. */
#define PTE_USE_BITS (PTE_MFN_MASK | PTE_PRESENT | PTE_WRITABLE | PTE_CACHE)

/* What an L1 entry that names this frame (NULL: none of RAM) holds on it. */
static inline enum pte_hold pte_hold_leaf(pte_t stored, const struct frame *frame)
{
    if (UNLIKELY(frame_is_io(frame))) {
        return PTE_HOLD_NOTHING;
    }
    return pte_is_writable(stored) ? PTE_HOLD_WRITABLE : PTE_HOLD_REFERENCE;
}

/*
 * Same-level ("linear") tables: an L2, L3 or L4 entry without RW may name a table of its own level,
 * if the option pv-linear-pt= allows it; a guest then sees its tables through it, read-only. In its
 * own table it holds nothing. Such entries do not form chains: a table that has some is named by
 * none (XSA-240), so a walk meets at most one such step at each level.
 *
 * A frame is used as one thing at a time, so the frame tells which kind an entry is: while the
 * entry counts, what it names keeps its type.
 */
static inline bool pte_names_same_level(unsigned int level, const struct frame *frame)
{
    return frame->type == FRAME_L1 + level - 1 && frame->type_count > 0;
}

/* What an entry that is stored in `table` (of no interest for level 1) holds, and on which frame: a
 * function of the entry alone, so that taking and dropping cannot disagree. */
static inline enum pte_hold pte_hold(unsigned int level, const struct frame *table, pte_t stored,
                                     struct frame **frame)
{
    if (!pte_is_present(stored)) {
        return PTE_HOLD_NOTHING;
    }
    *frame = frame_find(pte_mfn(stored));
    if (level == 1) {
        return pte_hold_leaf(stored, *frame);
    }
    if (UNLIKELY(pte_names_same_level(level, *frame))) {
        return *frame == table ? PTE_HOLD_NOTHING : PTE_HOLD_SAME_LEVEL;
    }
    return PTE_HOLD_TABLE;
}

/*
 * What the hypervisor stores for what the guest wrote (present entries of RAM). Everything is
 * mapped for ring 3. Bit 52 keeps a kernel page apart from a user page; user pages are global, so
 * that they outlive the switch to the kernel and back, and kernel pages are not, so that user mode
 * never meets them. L4 entries have A set, as Xen does.
 */
static inline pte_t pte_adjust(unsigned int level, pte_t pte)
{
    if (level == 4) {
        pte.raw |= PTE_USER | PTE_ACCESSED;
    } else if (level > 1) {
        pte.raw |= PTE_USER;
    } else if ((pte.raw & PTE_USER) == 0) {
        pte.raw |= PTE_USER | PTE_GUEST_KERNEL;
    } else if ((pte.raw & PTE_GUEST_KERNEL) == 0) {
        pte.raw |= PTE_GLOBAL;
    }
    return pte;
}

/* The rule for I/O memory: the owner's right, never cacheable (PAT index 0, 1 and 5 become UC). May
 * clear RW in *store. */
enum status pte_decide_io(const struct pte_owners *owners, pte_t *store);

/* I/O memory of which nobody has a writable entry. */
bool pte_io_is_read_only(mfn_t mfn);

/* RAM is always write-back: why an entry with cache bits that names this frame of it is refused. */
enum status pte_refuse_uncached(const struct pte_owners *owners, const struct frame *frame);

static inline enum status pte_check_leaf(const struct pte_owners *owners, pte_t store,
                                         const struct frame *frame)
{
    if (UNLIKELY((store.raw & PTE_CACHE) != 0)) {
        return pte_refuse_uncached(owners, frame);
    }
    enum frame_class class = frame_class(frame);
    if (UNLIKELY(class != FRAME_GUEST)) {
        if (class == FRAME_FREE || class == FRAME_HYPERVISOR) {
            return STATUS_LEAF_NOT_OWNED;
        }
        if (class == FRAME_SHARED_READ_ONLY && pte_is_writable(store)) {
            return STATUS_LEAF_WRONG_TYPE;
        }
    }
    return frame->owner == owners->page->id ? STATUS_OK : STATUS_LEAF_NOT_OWNED;
}

static inline enum status pte_check_table(const struct pte_owners *owners,
                                          const struct frame *frame)
{
    if (owners->page != owners->table) {
        return STATUS_FOREIGN_TABLE;
    }
    if (frame == NULL) {
        return STATUS_BAD_FRAME_NUMBER;
    }
    if (frame->owner != owners->table->id) {
        return STATUS_TABLE_NOT_OWNED;
    }
    return frame_class(frame) == FRAME_GUEST ? STATUS_OK : STATUS_TABLE_NOT_RAM;
}

/* The entry names a table of its own level, whose contents have been checked or are its own. */
static inline enum status pte_check_same_level(pte_t store)
{
    if (!machine.linear_pt) {
        return STATUS_TABLE_WRONG_TYPE;
    }
    return pte_is_writable(store) ? STATUS_SAME_LEVEL_WRITABLE : STATUS_OK;
}

/* What an upper-level entry that owners and flags allow is to take; one frame of the same level
 * that is half done is not looked at: taking it tells why it cannot be had. */
static inline void pte_decide_table(struct pte_decision *decision, unsigned int level,
                                    const struct frame *table)
{
    struct frame *frame = decision->new_frame;
    decision->take = PTE_HOLD_TABLE;
    if (UNLIKELY(pte_names_same_level(level, frame)) && (!frame_is_half(frame) || frame == table)) {
        decision->status = pte_check_same_level(decision->store);
        decision->take = frame == table ? PTE_HOLD_NOTHING : PTE_HOLD_SAME_LEVEL;
    }
}

/*
 * May `new_pte` replace `old` (a stored entry, or 0) in `table`, of this level? Answers what to
 * store, what to take first and what to drop afterwards, or which rule refuses. The writable or
 * table type itself may still be unavailable: taking it tells. Inlined everywhere: it is the inner
 * loop of everything, and the level is mostly a constant.
 */
static ALWAYS_INLINE struct pte_decision pte_decide(const struct pte_owners *owners,
                                                    unsigned int level, const struct frame *table,
                                                    pte_t old, pte_t new_pte)
{
    struct pte_decision decision = {.status = STATUS_OK, .store = new_pte};
    if (!pte_is_present(new_pte)) {
        decision.drop = pte_hold(level, table, old, &decision.old_frame);
        return decision;
    }
    if (UNLIKELY((new_pte.raw & ~(pte_permitted[level] | PTE_MFN_MASK)) != 0)) {
        decision.status = STATUS_RESERVED_BITS;
        return decision;
    }
    decision.store = pte_adjust(level, new_pte);
    struct frame *frame = frame_find(pte_mfn(new_pte));
    if (level == 1 && UNLIKELY(frame_is_io(frame))) {
        decision.status = pte_decide_io(owners, &decision.store);
        decision.drop = pte_hold(level, table, old, &decision.old_frame);
        return decision;
    }
    if (pte_is_present(old) && ((old.raw ^ decision.store.raw) & PTE_USE_BITS) == 0) {
        return decision; /* same frame, same use: nothing to take, nothing to drop */
    }
    decision.new_frame = frame;
    if (level == 1) {
        decision.status = pte_check_leaf(owners, decision.store, frame);
        decision.take = pte_hold_leaf(decision.store, frame);
    } else {
        decision.status = pte_check_table(owners, frame);
        if (LIKELY(decision.status == STATUS_OK)) {
            pte_decide_table(&decision, level, table);
        }
    }
    decision.drop = pte_hold(level, table, old, &decision.old_frame);
    return decision;
}

#endif
