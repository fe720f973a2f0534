/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XENMEM_acquire_resource: a control domain learns the frames of another domain's resource, to map
 * them with the domain's number as their owner. The one resource is the grant table, which grows to
 * have the frames; the toolstack writes a new domain's first entries that way.
 */
#include "core/resource.h"

#include "core/grant.h"
#include "core/port.h"
#include "lib/string.h"

#include <xen/memory.h>

static enum status check(const struct xen_mem_acquire_resource *request, struct refusal *about)
{
    uint64_t end;
    if (request->pad != 0) {
        refusal_number(about, "padding", request->pad);
        return STATUS_PADDING;
    }
    if (__builtin_add_overflow(request->frame, request->nr_frames, &end) || end > UINT32_MAX) {
        refusal_number(about, "first frame", request->frame);
        return STATUS_RESOURCE_RANGE;
    }
    return STATUS_OK;
}

/* A remote domain, for a control domain. */
static enum status find_domain(const struct vcpu *vcpu, uint16_t id, struct domain **domain)
{
    *domain = domain_find(id);
    if (*domain == NULL || (*domain)->grants == NULL) {
        return STATUS_NO_DOMAIN;
    }
    bool is_remote = *domain != vcpu->domain;
    return is_remote && vcpu->domain->is_control ? STATUS_OK : STATUS_NOT_PERMITTED;
}

static enum status report_frames(const struct domain *domain,
                                 const struct xen_mem_acquire_resource *request, uint64_t list,
                                 struct refusal *about)
{
    for (uint32_t i = 0; i < request->nr_frames; i++) {
        mfn_t mfn;
        enum status status = grant_frame_find(domain, (unsigned int)request->frame + i, &mfn);
        if (status != STATUS_OK) {
            refusal_number(about, "frame", request->frame + i);
            return status;
        }
        if (!port_copy_to_guest(list + i * sizeof(mfn.value), &mfn.value, sizeof(mfn.value))) {
            return refusal_fault(about, list + i * sizeof(mfn.value), sizeof(mfn.value));
        }
    }
    return STATUS_OK;
}

/* What is asked for: STATUS_OK, or why it is not to be had. */
static enum status check_kind(const struct xen_mem_acquire_resource *request, uint64_t list,
                              struct refusal *about)
{
    if (request->type != XENMEM_resource_grant_table) {
        refusal_number(about, "type", request->type);
        return STATUS_NO_RESOURCE;
    }
    if (request->id != XENMEM_resource_grant_table_id_shared) {
        refusal_number(about, "id", request->id);
        return STATUS_RESOURCE_ID;
    }
    if ((list == 0) != (request->nr_frames == 0)) {
        refusal_number(about, "count", request->nr_frames);
        return STATUS_RESOURCE_COUNT;
    }
    return STATUS_OK;
}

enum status resource_acquire(const struct vcpu *vcpu, uint64_t address, struct refusal *about)
{
    struct xen_mem_acquire_resource request;
    about->what = "acquire_resource";
    if (!port_copy_from_guest(&request, address, sizeof(request))) {
        return refusal_fault(about, address, sizeof(request));
    }
    struct domain *domain;
    enum status status = check(&request, about);
    if (status == STATUS_OK) {
        refusal_number(about, "domain", request.domid);
        status = find_domain(vcpu, request.domid, &domain);
    }
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t list;
    memcpy(&list, &request.frame_list, sizeof(list));
    bool asks_for_size = list == 0;
    status = check_kind(&request, list, about);
    if (status == STATUS_OK && !asks_for_size) {
        refusal_number(about, "frame count", request.frame + request.nr_frames);
        status = grant_table_reach(domain, request.frame + request.nr_frames);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct mmu_locked locked = domain_mmu_lock(domain);
    if (asks_for_size) {
        request.nr_frames = grant_frame_limit(domain);
    } else {
        status = report_frames(domain, &request, list, about);
    }
    domain_mmu_unlock(locked);
    if (asks_for_size && !port_copy_to_guest(address, &request, sizeof(request))) {
        status = refusal_fault(about, address, sizeof(request));
    }
    return status;
}
