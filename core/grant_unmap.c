/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unmap_grant_ref and unmap_and_replace. The order is what makes them safe:
 *
 *   1. the L1 entry is emptied, and the uses are taken from the handle: nobody can end them again;
 *   2. the mapper's CPUs are flushed, once for up to GRANT_ENDED_LIMIT mappings;
 *   3. pins, marks and references are dropped. The granter may use the frame for something else as
 *      soon as the marks are clear.
 */
#include "core/grant_op.h"
#include "core/port.h"
#include "core/pt_validate.h"

struct request {
    uint32_t handle;
    uint64_t host_address;   /* 0: the host mapping stays */
    uint64_t device_address; /* 0: the device mapping stays */
    uint64_t new_address;    /* whose entry takes the mapping's place, or 0 */
};

/* Take the entry that maps `address` out of its slot: what it holds goes along. */
static enum status take_replacement(const struct mmu_context *context,
                                    const struct grant_handle *handle, const pte_t *place,
                                    uint64_t address, pte_t *replacement)
{
    pte_t *slot;
    if (handle->is_pte_address || grant_find_slot(context, address, false, &slot) != STATUS_OK ||
        slot == place) {
        return STATUS_GRANT_CANNOT_REPLACE;
    }
    *replacement = pte_exchange(slot, (pte_t){0});
    return STATUS_OK;
}

/* Step 1 for the host mapping. The entry must hold exactly what is going to be dropped for it. */
static enum status remove_entry(const struct mmu_context *context,
                                const struct grant_handle *handle, mfn_t mfn,
                                const struct request *request)
{
    pte_t *slot;
    if (grant_find_slot(context, request->host_address, handle->is_pte_address, &slot) !=
        STATUS_OK) {
        return STATUS_GRANT_MAPPING_GONE;
    }
    pte_t pte = pte_read(slot);
    if (!pte_is_present(pte) || !mfn_equal(pte_mfn(pte), mfn) ||
        pte_is_writable(pte) != ((handle->uses & GRANT_HOST_WRITE) != 0)) {
        return STATUS_GRANT_MAPPING_GONE; /* overwritten, and its references are gone (XSA-234) */
    }
    pte_t replacement = {0};
    if (request->new_address != 0) {
        enum status status =
            take_replacement(context, handle, slot, request->new_address, &replacement);
        if (status != STATUS_OK) {
            return status;
        }
    }
    pte_write(slot, replacement);
    return STATUS_OK;
}

/* Step 1. */
static enum status begin(struct grant_call *call, const struct mmu_context *context,
                         const struct request *request)
{
    struct grant_handle *handle = grant_handle_find(context->pt_owner->grants, request->handle);
    if (handle == NULL || handle->granter != context->pg_owner->id) {
        return STATUS_GRANT_BAD_HANDLE;
    }
    mfn_t mfn = grant_active(context->pg_owner->grants, handle->ref)->mfn;
    call->about.frame = frame_find(mfn);
    unsigned int gone = request->device_address != 0 ? handle->uses & GRANT_DEVICE : 0;
    if (gone != 0 && request->device_address != mfn.value << PAGE_SHIFT) {
        return STATUS_GRANT_BAD_DEVICE_ADDRESS;
    }
    if (request->host_address != 0 && (handle->uses & GRANT_HOST) != 0) {
        enum status status = remove_entry(context, handle, mfn, request);
        if (status != STATUS_OK) {
            return status;
        }
        gone |= handle->uses & GRANT_HOST;
    }
    if (gone != 0) {
        handle->uses = (uint8_t)(handle->uses & ~gone);
        call->ended[call->ended_count++] = (struct grant_ended){
            .ref = handle->ref,
            .handle = request->handle,
            .granter = handle->granter,
            .uses = (uint8_t)gone,
            .is_last = handle->uses == 0,
        };
    }
    return STATUS_OK;
}

/* The handle says which domain's lock is needed besides our own; false: there is no such handle. A
 * pin keeps the record of a domain that has died. */
static bool find_granter(struct domain *mapper, uint32_t number, struct domain **granter)
{
    struct mmu_locked locked = domain_mmu_lock(mapper);
    const struct grant_handle *handle = grant_handle_find(mapper->grants, number);
    *granter = handle != NULL ? domain_find(handle->granter) : NULL;
    CHECK(handle == NULL || *granter != NULL);
    domain_mmu_unlock(locked);
    return handle != NULL;
}

static enum status unmap(struct grant_call *call, const struct request *request)
{
    call->about.number = request->handle;
    call->about.address = request->host_address;
    struct domain *granter;
    if (!find_granter(call->vcpu->domain, request->handle, &granter)) {
        return STATUS_GRANT_BAD_HANDLE;
    }
    struct mmu_context context;
    context_open(&context, call->vcpu, call->vcpu->domain, granter);
    enum status status = begin(call, &context, request);
    context_close(&context);
    return status;
}

enum status grant_unmap(struct grant_call *call, union grant_element *element)
{
    const struct request request = {
        .handle = element->unmap.handle,
        .host_address = element->unmap.host_addr,
        .device_address = element->unmap.dev_bus_addr,
    };
    return unmap(call, &request);
}

enum status grant_unmap_and_replace(struct grant_call *call, union grant_element *element)
{
    const struct request request = {
        .handle = element->replace.handle,
        .host_address = element->replace.host_addr,
        .new_address = element->replace.new_addr,
    };
    return unmap(call, &request);
}

/* ---- steps 2 and 3 ------------------------------------------------------------------------- */

void grant_end_uses(struct domain *granter, uint32_t ref, unsigned int uses, unsigned int held)
{
    struct frame *frame = frame_find(grant_active(granter->grants, ref)->mfn);
    grant_unpin(granter->grants, ref, uses);
    for (unsigned int use = 1; use < 1U << GRANT_USE_KINDS; use <<= 1) {
        if ((held & use) != 0) {
            pt_put_leaf(grant_hold(use), frame);
        }
    }
}

static void finish(struct domain *mapper, const struct grant_ended *ended)
{
    struct domain *granter = domain_find(ended->granter);
    CHECK(granter != NULL);
    struct mmu_locked locked = domain_mmu_lock_two(mapper, granter);
    grant_end_uses(granter, ended->ref, ended->uses, ended->uses);
    if (ended->is_last) {
        grant_handle_free(mapper->grants, ended->handle);
        grant_table_end_use(granter->grants);
    }
    domain_mmu_unlock(locked);
}

void grant_finish_unmaps(struct grant_call *call)
{
    struct domain *mapper = call->vcpu->domain;
    unsigned int host = 0;
    for (unsigned int i = 0; i < call->ended_count; i++) {
        host |= call->ended[i].uses & GRANT_HOST;
    }
    if (host != 0) {
        port_flush_tlb(domain_cpus(mapper));
    }
    for (unsigned int i = 0; i < call->ended_count; i++) {
        finish(mapper, &call->ended[i]);
    }
    call->ended_count = 0;
}
