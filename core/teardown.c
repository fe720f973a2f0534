/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/teardown.h"

#include "core/descriptors.h"
#include "core/grant.h"
#include "core/port.h"
#include "core/pt_validate.h"

#define FRAMES_A_TURN 1024U /* looked at with the lock held */

void domain_begin_teardown(struct domain *domain)
{
    struct mmu_locked locked = domain_mmu_lock(domain);
    domain->is_dying = true;
    domain_mmu_unlock(locked);
}

/* ---- vCPUs --------------------------------------------------------------------------------- */

static bool drop_base(struct mmu_context *context, mfn_t *base)
{
    if (!mfn_equal(*base, MFN_INVALID)) {
        struct frame *frame = frame_find(*base);
        *base = MFN_INVALID;
        pt_drop(context, frame);
    }
    return pt_finish_release(context);
}

static void drop_info_frame(struct mmu_context *context)
{
    struct vcpu *vcpu = context->vcpu;
    if (!mfn_equal(vcpu->info_frame, MFN_INVALID)) {
        struct frame *frame = frame_find(vcpu->info_frame);
        vcpu->info_frame = MFN_INVALID;
        pt_drop_leaf(context, PTE_HOLD_WRITABLE, frame);
    }
}

/* All that the vCPU holds. Its own walk does the work: it may be in the middle of one. */
static bool tear_down_vcpu(struct vcpu *vcpu)
{
    if (!pt_settle(vcpu)) {
        return false;
    }
    struct mmu_context context;
    context_open_self(&context, vcpu);
    bool done = drop_base(&context, &vcpu->user_base) && drop_base(&context, &vcpu->kernel_base);
    if (done) {
        CHECK(vcpu_set_gdt(&context, NULL, 0) == STATUS_OK);
        CHECK(vcpu_set_ldt(&context, 0, 0) == STATUS_OK);
        drop_info_frame(&context);
    }
    context_close(&context);
    return done;
}

static bool tear_down_vcpus(const struct domain *domain)
{
    for (unsigned int i = 0; i < VCPU_LIMIT; i++) {
        if (domain->vcpus[i] != NULL && !tear_down_vcpu(domain->vcpus[i])) {
            return false;
        }
    }
    return true;
}

/* ---- frames -------------------------------------------------------------------------------- */

/* What the domain itself holds on a frame of its own. False: a release has begun and is not over.
 */
static bool let_go(struct mmu_context *context, struct frame *frame)
{
    if (frame_is_pinned(frame)) {
        frame_set_pinned(frame, false);
        pt_drop(context, frame);
        if (!pt_finish_release(context)) {
            return false;
        }
    }
    if ((frame->flags & FRAME_ALLOCATED) != 0) {
        CHECK(frame_give_back(frame) == STATUS_OK);
    }
    return true;
}

/* One turn under one hold of the lock. False: the CPU is wanted. */
static bool let_go_of_some(struct mmu_context *context)
{
    struct domain *domain = context->pt_owner;
    for (unsigned int i = 0; i < FRAMES_A_TURN && domain->teardown_mfn < machine.frame_count; i++) {
        struct frame *frame = frame_find(mfn_make(domain->teardown_mfn));
        bool is_own = frame->owner == domain->id && frame_class(frame) == FRAME_GUEST;
        if (is_own && !let_go(context, frame)) {
            return false;
        }
        frame_forget_owner(frame, domain->id);
        domain->teardown_mfn++; /* also past one that stays, because others hold it */
        if (is_own && context_should_stop(context)) {
            return false;
        }
    }
    return true;
}

static bool let_go_of_frames(struct domain *domain, struct vcpu *caller)
{
    struct mmu_context context;
    context_open(&context, caller, domain, domain);
    bool go_on = pt_finish_release(&context);
    while (go_on && domain->teardown_mfn < machine.frame_count) {
        go_on = let_go_of_some(&context) && !context_should_stop(&context);
    }
    context_close(&context);
    return domain->teardown_mfn == machine.frame_count;
}

bool domain_tear_down(struct domain *domain, struct vcpu *caller)
{
    CHECK(domain->is_dying);
    return pt_settle(caller) && grant_release_mappings(domain) && tear_down_vcpus(domain) &&
           let_go_of_frames(domain, caller);
}

void domain_end_teardown(struct domain *domain, mfn_t shared_info)
{
    grant_release_table(domain);
    struct mmu_locked locked = domain_mmu_lock(domain);
    frame_end_shared(frame_find(shared_info));
    domain->is_torn_down = true;
    domain_note_empty(domain);
    domain_mmu_unlock(locked);
}
