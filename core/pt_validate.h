/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-table types: taking one validates a table's contents, dropping the last one releases them.
 *
 * Both are one walk over a tree of at most four levels, without recursion: an explicit stack in the
 * vCPU's record, and in each frame on it the number of entries that count. A walk can stop between
 * any two entries of an L2, L3 or L4 table; an L1 table (512 entries) is one unit of work. A walk
 * belongs to the vCPU that began it. At the vCPU's next MMU call an unfinished release is finished
 * first; an unfinished validation is gone on with when the same table is asked for again, and
 * cancelled (released) as soon as the walk is needed for another.
 *
 * All functions: the context's locks are held.
 */
#ifndef CORE_PT_VALIDATE_H
#define CORE_PT_VALIDATE_H

#include "core/context.h"

/*
 * Every MMU call begins with this, before it opens its context: an unfinished release is finished,
 * and so is, by cancelling it, an unfinished validation in another domain's tables. False: there is
 * more to do, and the CPU is wanted; call again.
 */
NODISCARD bool pt_begin_call_settling(struct vcpu *vcpu);
NODISCARD static inline bool pt_begin_call(struct vcpu *vcpu, const struct domain *pt_owner)
{
    return LIKELY(vcpu->walk.mode == PT_WALK_NONE ||
                  (vcpu->walk.mode == PT_WALK_VALIDATE && vcpu->walk.domain == pt_owner)) ||
           pt_begin_call_settling(vcpu);
}

/* The vCPU is to have no walk under way at all: an unfinished validation is cancelled. False: there
 * is more to do, and the CPU is wanted. */
NODISCARD static inline bool pt_settle(struct vcpu *vcpu)
{
    return vcpu->walk.mode == PT_WALK_NONE || pt_begin_call_settling(vcpu);
}

/*
 * One more reference and one more type count on `frame` as a table of `level`; its contents are
 * validated if nobody uses it yet. The caller has checked class and owner. STATUS_PREEMPTED: ask
 * again for the same frame. STATUS_AGAIN: another vCPU's walk is in the middle of it. A refusal
 * leaves everything as it was (but for entries that were normalised), perhaps only after
 * pt_finish_release().
 */
NODISCARD enum status pt_take(struct mmu_context *context, struct frame *frame, unsigned int level);

/*
 * Drop what pt_take() took. The last user's drop of an upper table only begins the release:
 * pt_finish_release() does it. The vCPU's walk must be free (pt_make_room()).
 */
void pt_drop(struct mmu_context *context, struct frame *frame);

/* An entry of `table` comes to name `frame`, another validated table of its level, or no longer
 * does; what the entry holds besides is for pt_drop(). STATUS_SAME_LEVEL_CHAIN: one is part of such
 * a pair in the other role already; nothing was taken. */
NODISCARD enum status pt_take_same_level(struct frame *table, struct frame *frame);
void pt_unlink_same_level(struct frame *table, struct frame *frame);

/* Finish a release that was begun; every call does this before it ends. False: there is more to do,
 * and the CPU is wanted: the call must go on later. */
NODISCARD bool pt_run_release(struct mmu_context *context);
NODISCARD static inline bool pt_finish_release(struct mmu_context *context)
{
    return LIKELY(context->vcpu->walk.mode != PT_WALK_RELEASE) || pt_run_release(context);
}

/* Make sure that the vCPU's walk is free, or is the unfinished validation of `wanted` (may be
 * NULL). STATUS_OK: it was so. STATUS_PREEMPTED: something had to be released, perhaps all of it;
 * frames may have been freed by that, so the caller begins again with its checks. */
NODISCARD enum status pt_make_room(struct mmu_context *context, const struct frame *wanted);

/* If this frame is in the middle of the calling vCPU's own validation, cancel that. STATUS_OK: the
 * frame is not HALF; STATUS_PREEMPTED: as pt_make_room(); STATUS_AGAIN: it is another vCPU's. */
NODISCARD enum status pt_settle_half(struct mmu_context *context);
NODISCARD static inline enum status pt_settle_frame(struct mmu_context *context,
                                                    const struct frame *frame)
{
    return LIKELY(!frame_is_half(frame)) ? STATUS_OK : pt_settle_half(context);
}

/* Take what an L1 entry holds on `frame` (PTE_HOLD_REFERENCE or _WRITABLE). */
NODISCARD static inline enum status pt_take_leaf(enum pte_hold hold, struct frame *frame)
{
    enum status status = frame_get(frame);
    if (LIKELY(status == STATUS_OK) && hold == PTE_HOLD_WRITABLE) {
        status = frame_get_writable(frame);
        if (UNLIKELY(status != STATUS_OK)) {
            frame_put(frame);
        }
    }
    return status;
}

/* Give back what pt_take_leaf() took. The lock of the frame's owner is held. */
static inline void pt_put_leaf(enum pte_hold hold, struct frame *frame)
{
    if (hold == PTE_HOLD_WRITABLE) {
        frame_put_writable(frame);
    }
    frame_put(frame);
}

/*
 * An entry that named another domain's frame is gone: remembered, and dropped when the table
 * owner's CPUs have been flushed. The frame's owner may learn that it is no longer used, and use it
 * for itself, while its own stamps say nothing to the mapper's TLB. (XSA-217)
 */
void pt_drop_leaf_later(struct mmu_context *context, enum pte_hold hold, struct frame *frame);

/* Drop what an entry of the context's tables held. */
static inline void pt_drop_leaf(struct mmu_context *context, enum pte_hold hold,
                                struct frame *frame)
{
    if (UNLIKELY(frame->owner != context->locked.domain->id)) {
        pt_drop_leaf_later(context, hold, frame);
        return;
    }
    pt_put_leaf(hold, frame);
}

#endif
