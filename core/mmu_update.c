/* SPDX-License-Identifier: BSD-2-Clause */
/* mmu_update(requests, count, done, domains): change page-table entries by machine address, and
 * entries of the M2P (xen/xen.h, HYPERVISOR_mmu_update). */
#include "core/batch.h"
#include "core/mmu_call.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "core/pte_update.h"

#define COMMAND_MASK UINT64_C(7) /* low bits of `ptr`; 4 to 7 are not defined */

/* Frames of a third domain, which the owner of the tables has no right to. */
static bool is_third(const struct domain *caller, const struct domain *pt_owner,
                     const struct domain *pg_owner)
{
    return pg_owner != caller && pg_owner != &domain_io && pg_owner != &domain_xen &&
           !domain_may_target(pt_owner, pg_owner);
}

/* The caller must be allowed to act for the owner of the frames, and for that of the tables; but it
 * does not hand on what is another's: that is for grants. */
static enum status check_rights(const struct domain *caller, const struct domain *pt_owner,
                                const struct domain *pg_owner)
{
    bool pages = pg_owner == &domain_io || domain_may_target(caller, pg_owner);
    if (!pages || !domain_may_target(caller, pt_owner)) {
        return STATUS_NOT_PERMITTED;
    }
    return is_third(caller, pt_owner, pg_owner) ? STATUS_THIRD_DOMAIN : STATUS_OK;
}

/* The frame is no page table now: the store is a plain one, if the frame can be written at all. */
static enum status store_untyped(struct frame *frame, pte_t *slot, uint64_t value)
{
    bool in_use = frame_is_writable(frame); /* stays so: the lock is held */
    if (UNLIKELY(!in_use) && frame_get_writable(frame) != STATUS_OK) {
        return STATUS_TABLE_WRONG_TYPE;
    }
    pte_write(slot, (pte_t){.raw = value});
    if (UNLIKELY(!in_use)) {
        frame_put_writable(frame);
    }
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
        return STATUS_FRAME_NOT_OWNED;
    }
    pte_t *slot = (pte_t *)port_map_frame(mfn) + index;
    enum status status = pt_settle_frame(context, frame);
    if (UNLIKELY(status != STATUS_OK)) {
        return status;
    }
    if (!frame_is_validated(frame) || !frame_type_is_table(frame_type(frame))) {
        return store_untyped(frame, slot, request->val);
    }
    unsigned int level = frame_level(frame);
    if (UNLIKELY(level > 1 && context->pg_owner != context->pt_owner)) {
        return STATUS_FOREIGN_TABLE; /* whatever the new entry is */
    }
    pte_t entry = {.raw = request->val};
    return LIKELY(level == 1) ? pte_update_leaf(context, slot, entry, mode, NULL)
                              : pte_update_table(context, frame, index, entry, mode);
}

static enum status update_m2p(struct mmu_context *context, const struct mmu_update *request)
{
    if (context->pt_owner != context->vcpu->domain) {
        return STATUS_OWN_ONLY;
    }
    mfn_t mfn = mfn_make(request->ptr >> PAGE_SHIFT);
    if (context_find_frame(context, mfn) == NULL) {
        return STATUS_FRAME_NOT_OWNED;
    }
    m2p_set(mfn, request->val);
    return STATUS_OK;
}

static enum status perform(struct mmu_context *context, const struct mmu_update *request)
{
    uint64_t command = request->ptr & COMMAND_MASK;
    if (UNLIKELY(command > MMU_PT_UPDATE_NO_TRANSLATE)) {
        return STATUS_UNKNOWN_COMMAND;
    }
    if (UNLIKELY(context->rights != STATUS_OK)) {
        return context->rights;
    }
    if (UNLIKELY(command == MMU_MACHPHYS_UPDATE)) {
        return update_m2p(context, request);
    }
    return update_entry(context, request,
                        command == MMU_PT_UPDATE_PRESERVE_AD ? PTE_STORE_PRESERVE_AD : PTE_STORE);
}

/* What is wrong is wrong with the frame that the new entry names, if the place is one for entries;
 * else with the place. */
COLD static void explain_entry(struct mmu_context *context, enum status status,
                               const struct mmu_update *request)
{
    const struct frame *place = frame_find(mfn_make(request->ptr >> PAGE_SHIFT));
    bool is_table = place != NULL && place->owner == context->pt_owner->id &&
                    frame_is_validated(place) && frame_type_is_table(frame_type(place));
    bool is_entry = is_table && (request->ptr & COMMAND_MASK) != MMU_MACHPHYS_UPDATE;
    context_explain(
        context, status,
        &(struct refusal){.what = "mmu_update",
                          .level = is_entry ? frame_level(place) : 0,
                          .address = request->ptr,
                          .number = request->val,
                          .frame = is_entry ? frame_find(pte_mfn((pte_t){.raw = request->val}))
                                            : place});
}

COLD static void explain(struct mmu_context *context, enum status status,
                         const struct mmu_update *request)
{
    struct refusal about = {.what = "mmu_update", .address = request->ptr};
    if (status == STATUS_UNKNOWN_COMMAND) {
        refusal_number(&about, "command", request->ptr & COMMAND_MASK);
    } else if (status == STATUS_NOT_PERMITTED) {
        bool tables = domain_may_target(context->vcpu->domain, context->pt_owner);
        refusal_number(&about, "domain", (tables ? context->pg_owner : context->pt_owner)->id);
    } else if (status == STATUS_THIRD_DOMAIN) {
        refusal_number(&about, "domain", context->pg_owner->id);
    } else if (status == STATUS_OWN_ONLY) {
        refusal_number(&about, "domain", context->pt_owner->id);
    } else {
        explain_entry(context, status, request);
        return;
    }
    context_explain(context, status, &about);
}

static enum status update_element(struct mmu_context *context, uint64_t address)
{
    struct mmu_update request;
    if (UNLIKELY(!port_copy_from_guest(&request, address, sizeof(request)))) {
        context_explain(
            context, STATUS_FAULT,
            &(struct refusal){.what = "mmu_update", .address = address, .size = sizeof(request)});
        return STATUS_FAULT;
    }
    enum status status = perform(context, &request);
    if (UNLIKELY(status > STATUS_AGAIN)) {
        explain(context, status, &request);
    }
    return status;
}

/* Whose tables and whose frames. */
struct owners {
    struct domain *tables;
    struct domain *pages;
    enum status rights;
    bool report;         /* the refusal comes with a count of elements done */
    enum status refusal; /* of every element at once */
};

/* The word names the owner of the frames and, in its upper half plus one, that of the tables (0:
 * the caller). */
COLD static struct owners find_others(struct vcpu *vcpu, uint32_t word)
{
    uint32_t tables = word >> 16;
    struct owners owners = {
        .tables = tables == 0 ? vcpu->domain : domain_find((uint16_t)(tables - 1)),
        .pages = context_find_page_owner(vcpu, (uint16_t)word),
    };
    if (owners.tables == NULL) {
        owners.refusal = STATUS_NO_DOMAIN;
    } else if (owners.tables->vcpu_count == 0) {
        owners.refusal = STATUS_NO_VCPU;
    } else if (owners.pages == NULL) {
        owners.refusal = STATUS_NO_DOMAIN;
        owners.report = true;
    } else {
        owners.rights = check_rights(vcpu->domain, owners.tables, owners.pages);
    }
    return owners;
}

static inline struct owners find_owners(struct vcpu *vcpu, uint32_t word)
{
    if (LIKELY(word == DOMID_SELF)) {
        return (struct owners){.tables = vcpu->domain, .pages = vcpu->domain, .rights = STATUS_OK};
    }
    return find_others(vcpu, word);
}

struct call_result call_mmu_update(struct vcpu *vcpu, uint64_t arg[])
{
    struct owners owners = find_owners(vcpu, (uint32_t)arg[3]);
    if (UNLIKELY(!pt_begin_call(vcpu, owners.tables != NULL ? owners.tables : vcpu->domain))) {
        return call_again();
    }
    struct batch batch;
    enum batch_start start = batch_start(&batch, arg, sizeof(struct mmu_update));
    if (UNLIKELY(start != BATCH_RUN)) {
        return start == BATCH_FINISHED ? call_done((int64_t)arg[3])
                                       : call_refuse_memory(vcpu, "mmu_update", arg[0],
                                                            batch.left * sizeof(struct mmu_update));
    }
    if (UNLIKELY(owners.refusal != STATUS_OK)) {
        if (owners.report) {
            batch_report(&batch);
        }
        return call_refuse_number(vcpu, owners.refusal, "mmu_update", "domains", arg[3]);
    }
    struct mmu_context context;
    context_open(&context, vcpu, owners.tables, owners.pages);
    context.rights = owners.rights;
    return batch_run(&batch, &context, update_element, sizeof(struct mmu_update), arg);
}
