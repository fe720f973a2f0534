/* SPDX-License-Identifier: BSD-2-Clause */
/* mmu_update(requests, count, done, domains): change page-table entries by machine address, and
 * entries of the M2P (xen/xen.h, HYPERVISOR_mmu_update). */
#include "core/batch.h"
#include "core/mmu_call.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "core/pte_update.h"

#define COMMAND_MASK UINT64_C(7) /* low bits of `ptr`; 4 to 7 are not defined */

/* The caller must be allowed to act for the owner of the frames, and for that of the tables. */
static enum status check_rights(const struct mmu_context *context)
{
    const struct domain *caller = context->vcpu->domain;
    bool pages = context->pg_owner == &domain_io || domain_may_target(caller, context->pg_owner);
    return pages && domain_may_target(caller, context->pt_owner) ? STATUS_OK
                                                                 : STATUS_NOT_PERMITTED;
}

/* The frame is no page table now: the store is a plain one, if the frame can be written at all. */
static enum status store_untyped(struct frame *frame, unsigned int index, uint64_t value)
{
    enum status status = frame_get_writable(frame);
    if (status != STATUS_OK) {
        return STATUS_TABLE_WRONG_TYPE;
    }
    pte_t *slot = (pte_t *)port_map_frame(frame_mfn(frame)) + index;
    pte_write(slot, (pte_t){.raw = value});
    frame_put_writable(frame);
    return STATUS_OK;
}

static enum status update_entry(struct mmu_context *context, const struct mmu_update *request,
                                enum pte_store_mode mode)
{
    mfn_t mfn = mfn_make(request->ptr >> PAGE_SHIFT);
    unsigned int index = (unsigned int)((request->ptr & PAGE_MASK) / sizeof(pte_t));
    struct frame *frame = frame_find(mfn);
    if (UNLIKELY(frame == NULL || frame_class(frame) != FRAME_GUEST ||
                 frame->owner != context->pt_owner->id)) {
        return STATUS_TABLE_NOT_OWNED;
    }
    enum status status = pt_settle_frame(context, frame);
    if (UNLIKELY(status != STATUS_OK)) {
        return status;
    }
    if (!frame_is_validated(frame) || !frame_type_is_table(frame_type(frame))) {
        return store_untyped(frame, index, request->val);
    }
    unsigned int level = (unsigned int)frame->type - FRAME_L1 + 1;
    if (UNLIKELY(level > 1 && context->pg_owner != context->pt_owner)) {
        return STATUS_FOREIGN_TABLE; /* whatever the new entry is */
    }
    status = pte_update(context, frame, level, index, (pte_t){.raw = request->val}, mode, NULL);
    if (UNLIKELY(status != STATUS_OK && status != STATUS_PREEMPTED && status != STATUS_AGAIN)) {
        port_explain_refusal(context->vcpu, status, "mmu_update of an entry", level, request->val,
                             frame_find(pte_mfn((pte_t){.raw = request->val})));
    }
    return status;
}

static enum status update_m2p(struct mmu_context *context, const struct mmu_update *request)
{
    if (context->pt_owner != context->vcpu->domain) {
        return STATUS_NOT_PERMITTED;
    }
    mfn_t mfn = mfn_make(request->ptr >> PAGE_SHIFT);
    if (context_find_frame(context, mfn) == NULL) {
        return STATUS_BAD_FRAME_NUMBER;
    }
    m2p_set(mfn, request->val);
    return STATUS_OK;
}

static enum status update_element(struct mmu_context *context, uint64_t address)
{
    struct mmu_update request;
    if (UNLIKELY(!port_copy_from_guest(&request, address, sizeof(request)))) {
        return STATUS_FAULT;
    }
    uint64_t command = request.ptr & COMMAND_MASK;
    if (UNLIKELY(command > MMU_PT_UPDATE_NO_TRANSLATE)) {
        return STATUS_UNKNOWN_COMMAND;
    }
    enum status status = check_rights(context);
    if (UNLIKELY(status != STATUS_OK)) {
        return status;
    }
    if (UNLIKELY(command == MMU_MACHPHYS_UPDATE)) {
        return update_m2p(context, &request);
    }
    return update_entry(context, &request,
                        command == MMU_PT_UPDATE_PRESERVE_AD ? PTE_STORE_PRESERVE_AD : PTE_STORE);
}

/* The upper half of the domain word: whose tables, plus one; 0 is the caller. */
static enum status find_table_owner(struct vcpu *vcpu, uint32_t word, struct domain **owner)
{
    uint32_t number = word >> 16;
    *owner = number == 0 ? vcpu->domain : domain_find((uint16_t)(number - 1));
    if (*owner == NULL) {
        return STATUS_NO_DOMAIN;
    }
    return (*owner)->vcpu_count > 0 ? STATUS_OK : STATUS_BAD_ARGUMENT;
}

struct call_result call_mmu_update(struct vcpu *vcpu, uint64_t arg[])
{
    uint32_t word = (uint32_t)arg[3];
    struct domain *pt_owner = NULL;
    enum status status = find_table_owner(vcpu, word, &pt_owner);
    if (UNLIKELY(!pt_begin_call(vcpu, status == STATUS_OK ? pt_owner : vcpu->domain))) {
        return call_again();
    }
    struct batch batch;
    switch (batch_start(&batch, arg, sizeof(struct mmu_update))) {
    case BATCH_FINISHED:
        return call_done((int64_t)arg[3]);
    case BATCH_FAULT:
        return call_status(STATUS_FAULT);
    case BATCH_RUN:
        break;
    }
    if (UNLIKELY(status != STATUS_OK)) {
        return call_status(status);
    }
    struct domain *pg_owner = context_find_page_owner(vcpu, (uint16_t)word);
    if (UNLIKELY(pg_owner == NULL)) {
        batch_report(&batch);
        return call_status(STATUS_NO_DOMAIN);
    }
    struct mmu_context context;
    context_open(&context, vcpu, pt_owner, pg_owner);
    return batch_run(&batch, &context, update_element, sizeof(struct mmu_update), arg);
}
