/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of guests that the hypervisor itself writes as long as they are named for it: each holds a
 * reference and a writable count, and so is never a page table meanwhile. */
#include "core/context.h"
#include "core/mmu_call.h"
#include "core/pt_validate.h"

enum status vcpu_take_info_frame(struct vcpu *vcpu, mfn_t mfn)
{
    struct mmu_context context;
    context_open_self(&context, vcpu);
    struct frame *frame = frame_find(mfn);
    enum status status = STATUS_TABLE_NOT_OWNED;
    if (frame != NULL && frame->owner == vcpu->domain->id &&
        (frame_class(frame) == FRAME_GUEST || frame_class(frame) == FRAME_SHARED)) {
        status = pt_take_leaf(PTE_HOLD_WRITABLE, frame);
    }
    if (status == STATUS_OK) {
        vcpu->info_frame = mfn;
    } else {
        context_explain(
            &context, status,
            &(struct refusal){.what = "vcpu_info", .number = mfn.value, .frame = frame});
    }
    context_close(&context);
    return status;
}

enum status domain_take_console_frame(struct domain *domain, mfn_t mfn)
{
    struct mmu_locked locked = domain_mmu_lock(domain);
    struct frame *frame = frame_find(mfn);
    enum status status = STATUS_TABLE_NOT_OWNED;
    if (!mfn_equal(domain->console_frame, MFN_INVALID)) {
        status = STATUS_FRAME_IN_USE;
    } else if (frame != NULL && frame->owner == domain->id && frame_class(frame) == FRAME_GUEST) {
        status = pt_take_leaf(PTE_HOLD_WRITABLE, frame);
    }
    if (status == STATUS_OK) {
        domain->console_frame = mfn;
    }
    domain_mmu_unlock(locked);
    return status;
}

void domain_drop_console_frame(struct domain *domain)
{
    struct mmu_locked locked = domain_mmu_lock(domain);
    if (!mfn_equal(domain->console_frame, MFN_INVALID)) {
        struct frame *frame = frame_find(domain->console_frame);
        frame_put_writable(frame);
        frame_put(frame);
        domain->console_frame = MFN_INVALID;
    }
    domain_mmu_unlock(locked);
}
