/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transfer: a frame and its contents become another domain's, which has said in an entry that it
 * takes one from the caller, and as which PFN. The caller loses the frame even if that fails.
 */
#include "core/grant_op.h"
#include "core/port.h"

/* Commit the recipient's entry to this transfer: it can be withdrawn no more. */
static bool commit(const struct grant_table *table, uint32_t ref, uint16_t giver)
{
    if (ref >= grant_entry_count(table)) {
        return false;
    }
    uint32_t expected = GTF_accept_transfer | (uint32_t)giver << 16;
    return __atomic_compare_exchange_n(grant_entry_word(grant_entry(table, ref)), &expected,
                                       expected | GTF_transfer_committed, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* The frame is the caller's no more, and nobody's yet. */
static enum status give(struct domain *giver, struct domain *recipient, uint32_t ref,
                        struct frame *frame)
{
    mfn_t mfn = frame_mfn(frame);
    if (mfn.value > UINT32_MAX) {
        return STATUS_GRANT_MFN_TOO_LARGE;
    }
    if (recipient->is_dying || recipient->page_count >= recipient->page_limit) {
        return STATUS_GRANT_NO_ROOM;
    }
    if (!commit(recipient->grants, ref, giver->id)) {
        return STATUS_GRANT_NOT_GIVEN;
    }
    grant_entry_v1_t *entry = grant_entry(recipient->grants, ref);
    uint32_t pfn = __atomic_load_n(&entry->frame, __ATOMIC_RELAXED);
    frame_hand_over(frame, recipient);
    m2p_set(mfn, pfn);
    __atomic_store_n(&entry->frame, (uint32_t)mfn.value, __ATOMIC_RELAXED);
    __atomic_fetch_or(&entry->flags, GTF_transfer_completed, __ATOMIC_RELEASE);
    return STATUS_OK;
}

static enum status transfer(struct domain *giver, struct domain *recipient,
                            const struct gnttab_transfer *op)
{
    struct frame *frame = frame_find(mfn_make(op->mfn));
    if (frame == NULL || frame->owner != giver->id || frame_steal(frame) != STATUS_OK) {
        return STATUS_GRANT_BAD_PAGE;
    }
    enum status status =
        recipient == NULL ? STATUS_NO_DOMAIN : give(giver, recipient, op->ref, frame);
    if (status != STATUS_OK) {
        frame_free_stolen(frame);
    }
    return status;
}

enum status grant_transfer(struct grant_call *call, union grant_element *element)
{
    const struct gnttab_transfer *op = &element->transfer;
    call->about.number = op->mfn;
    call->about.frame = frame_find(mfn_make(op->mfn));
    struct domain *giver = call->vcpu->domain;
    struct domain *recipient = domain_find(op->domid);
    if (recipient != NULL && recipient->grants == NULL) {
        recipient = NULL;
    }
    struct mmu_locked locked = domain_mmu_lock_two(giver, recipient != NULL ? recipient : giver);
    enum status status = transfer(giver, recipient, op);
    domain_mmu_unlock(locked);
    return status;
}
