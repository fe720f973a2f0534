/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/bases.h"

#include "core/descriptors.h"
#include "core/mmu_call.h"
#include "core/port.h"
#include "core/pt_validate.h"

static void show_m2p(mfn_t l4, bool visible)
{
    pte_t *table = port_map_frame(l4);
    pte_write(&table[L4_M2P_SLOT], visible ? machine.hypervisor_slots[0] : (pte_t){0});
}

/* User mode is to run on this L4. */
static void hide_m2p_from_user(const struct domain *domain, mfn_t l4)
{
    if (domain_has_assist(domain, VMASST_TYPE_m2p_strict)) {
        show_m2p(l4, false);
    }
}

static void drop_base(struct mmu_context *context, mfn_t base)
{
    if (!mfn_equal(base, MFN_INVALID)) {
        pt_drop(context, frame_find(base));
    }
}

/* Take `mfn` as an L4 and be ready to drop the base before it. */
static enum status take_base(struct mmu_context *context, mfn_t mfn)
{
    struct frame *frame = context_find_frame(context, mfn);
    if (frame == NULL) {
        return STATUS_TABLE_NOT_OWNED;
    }
    enum status status = pt_make_room(context, frame);
    return status == STATUS_OK ? pt_take(context, frame, 4) : status;
}

/* For bases that do not come by mmuext_op. */
static void explain_base(struct mmu_context *context, enum status status, const char *what,
                         mfn_t base)
{
    context_explain(
        context, status,
        &(struct refusal){.what = what, .number = base.value, .frame = frame_find(base)});
}

enum status bases_set_kernel(struct mmu_context *context, mfn_t base)
{
    struct vcpu *vcpu = context->vcpu;
    mfn_t old = vcpu->kernel_base;
    if (mfn_equal(base, old)) {
        port_base_changed(vcpu);
        return STATUS_OK;
    }
    enum status status = take_base(context, base);
    if (status != STATUS_OK) {
        return status;
    }
    vcpu_forget_ldt_pages(context);
    show_m2p(base, true);
    vcpu->kernel_base = base;
    port_base_changed(vcpu);
    drop_base(context, old);
    return STATUS_OK;
}

enum status bases_set_user(struct mmu_context *context, mfn_t base)
{
    struct vcpu *vcpu = context->vcpu;
    mfn_t old = vcpu->user_base;
    if (mfn_equal(base, old)) {
        return STATUS_OK;
    }
    bool is_none = mfn_equal(base, MFN_INVALID);
    enum status status = is_none ? pt_make_room(context, NULL) : take_base(context, base);
    if (status != STATUS_OK) {
        return status;
    }
    if (!is_none) {
        hide_m2p_from_user(vcpu->domain, base);
    }
    vcpu->user_base = base;
    drop_base(context, old);
    return STATUS_OK;
}

/* ---- by MOV to CR3 ------------------------------------------------------------------------- */

enum status vcpu_new_kernel_base(struct vcpu *vcpu, mfn_t l4)
{
    if (!pt_begin_call(vcpu, vcpu->domain)) {
        return STATUS_AGAIN;
    }
    struct mmu_context context;
    context_open_self(&context, vcpu);
    enum status status = bases_set_kernel(&context, l4);
    if (status > STATUS_AGAIN) {
        explain_base(&context, status, "MOV to CR3", l4);
    }
    if (!pt_finish_release(&context)) {
        status = STATUS_AGAIN; /* the base is set; executed again, only the release is left to do */
    }
    context_close(&context);
    return status;
}

/* ---- a vCPU's first ------------------------------------------------------------------------ */

/* The base in *slot is to be `wanted`. */
static enum status take_first_base(struct mmu_context *context, mfn_t *slot, mfn_t wanted)
{
    if (!mfn_equal(*slot, MFN_INVALID) && !mfn_equal(*slot, wanted)) {
        /* Another was asked for before, perhaps together with what the walk is at. */
        enum status room = pt_make_room(context, NULL);
        if (room != STATUS_OK) {
            return room;
        }
        mfn_t old = *slot;
        *slot = MFN_INVALID;
        drop_base(context, old);
    }
    if (mfn_equal(*slot, wanted)) {
        return STATUS_OK;
    }
    enum status status;
    do {
        status = take_base(context, wanted);
    } while (status == STATUS_PREEMPTED && context_breathe(context));
    if (status == STATUS_OK) {
        *slot = wanted;
    } else if (status > STATUS_AGAIN) {
        explain_base(context, status, "first base of a vCPU", wanted);
    }
    return status;
}

static enum status take_bases(struct mmu_context *context, mfn_t kernel_base, mfn_t user_base)
{
    struct vcpu *vcpu = context->vcpu;
    if (mfn_equal(kernel_base, MFN_INVALID)) {
        return STATUS_TABLE_NOT_OWNED;
    }
    enum status status = take_first_base(context, &vcpu->kernel_base, kernel_base);
    if (status != STATUS_OK) {
        return status;
    }
    show_m2p(kernel_base, true);
    status = take_first_base(context, &vcpu->user_base, user_base);
    if (status == STATUS_OK && !mfn_equal(user_base, MFN_INVALID)) {
        hide_m2p_from_user(vcpu->domain, user_base);
    }
    return status;
}

/* The walk of the vCPU ends, also what was asked for before. False: there is more to do. */
static bool end_walk(struct mmu_context *context)
{
    if (context->vcpu->walk.mode == PT_WALK_VALIDATE) {
        enum status room = pt_make_room(context, NULL);
        (void)room; /* it is cancelled now */
    }
    return pt_finish_release(context);
}

/* Nobody runs on the vCPU who would go on with a walk, and others would wait for it: it is over
 * before there is an answer. */
static enum status answer_bases(struct mmu_context *context, enum status status)
{
    struct vcpu *vcpu = context->vcpu;
    if (status == STATUS_PREEMPTED || status == STATUS_AGAIN) {
        return status;
    }
    vcpu->bases_refusal = status;
    bool finished = end_walk(context);
    if (finished && status != STATUS_OK) {
        mfn_t base = vcpu->kernel_base;
        vcpu->kernel_base = MFN_INVALID;
        drop_base(context, base);
        finished = pt_finish_release(context);
    }
    if (!finished) {
        return STATUS_AGAIN;
    }
    vcpu->bases_refusal = STATUS_OK;
    return status;
}

enum status vcpu_take_bases(struct vcpu *vcpu, mfn_t kernel_base, mfn_t user_base)
{
    if (vcpu->domain->is_dying) {
        return STATUS_NO_DOMAIN;
    }
    if (!pt_begin_call(vcpu, vcpu->domain)) {
        return STATUS_AGAIN;
    }
    struct mmu_context context;
    context_open_self(&context, vcpu);
    enum status status = vcpu->bases_refusal;
    if (status == STATUS_OK) {
        status = take_bases(&context, kernel_base, user_base);
    }
    status = answer_bases(&context, status);
    context_close(&context);
    return status;
}
