/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of memory_op for domains whose frame numbers are translated, or whose memory comes
 * on demand or from nodes that they are told. No PV domain is one: once its arguments are in order,
 * the answer of the ABI is a refusal.
 */
#include "core/physmap.h"

#include "core/reservation.h"

#include <xen/memory.h>

/* Read the record and look at the domain it names, which has to be done before the answer. */
static enum status find(struct vcpu *vcpu, uint64_t address, void *record, size_t size,
                        const uint16_t *id, struct refusal *about)
{
    struct domain *domain;
    if (!port_copy_from_guest(record, address, size)) {
        return refusal_fault(about, address, size);
    }
    refusal_number(about, "domain", *id);
    return reservation_find_domain(vcpu, *id, &domain);
}

static enum status add(struct vcpu *vcpu, uint64_t address, struct refusal *about)
{
    struct xen_add_to_physmap request;
    enum status status = find(vcpu, address, &request, sizeof(request), &request.domid, about);
    if (status != STATUS_FAULT && request.space == XENMAPSPACE_gmfn_foreign) {
        refusal_number(about, "space", request.space);
        return STATUS_NEEDS_BATCH;
    }
    return status == STATUS_OK ? STATUS_NOT_TRANSLATED : status;
}

static enum status add_batch(struct vcpu *vcpu, uint64_t address, struct refusal *about)
{
    struct xen_add_to_physmap_batch request;
    enum status status = find(vcpu, address, &request, sizeof(request), &request.domid, about);
    if (status != STATUS_FAULT && request.space == XENMAPSPACE_gmfn_range) {
        refusal_number(about, "space", request.space);
        return STATUS_BATCH_OF_RANGE;
    }
    return status == STATUS_OK ? STATUS_NOT_TRANSLATED : status;
}

static enum status remove_page(struct vcpu *vcpu, uint64_t address, struct refusal *about)
{
    struct xen_remove_from_physmap request;
    enum status status = find(vcpu, address, &request, sizeof(request), &request.domid, about);
    return status == STATUS_OK ? STATUS_NOT_TRANSLATED : status;
}

static enum status populate_on_demand(struct vcpu *vcpu, uint64_t address, struct refusal *about)
{
    xen_pod_target_t request;
    enum status status = find(vcpu, address, &request, sizeof(request), &request.domid, about);
    if (status == STATUS_OK && !vcpu->domain->is_control) {
        status = STATUS_NOT_PERMITTED;
    }
    return status == STATUS_OK ? STATUS_NOT_ON_DEMAND : status;
}

static enum status virtual_nodes(struct vcpu *vcpu, uint64_t address, struct refusal *about)
{
    struct xen_vnuma_topology_info request;
    enum status status = find(vcpu, address, &request, sizeof(request), &request.domid, about);
    return status == STATUS_OK ? STATUS_NO_VIRTUAL_NODES : status;
}

enum status physmap_refuse(struct vcpu *vcpu, uint64_t command, uint64_t address,
                           struct refusal *about)
{
    switch (command) {
    case XENMEM_add_to_physmap:
        about->what = "add_to_physmap";
        return add(vcpu, address, about);
    case XENMEM_add_to_physmap_batch:
        about->what = "add_to_physmap_batch";
        return add_batch(vcpu, address, about);
    case XENMEM_remove_from_physmap:
        about->what = "remove_from_physmap";
        return remove_page(vcpu, address, about);
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
        about->what = "pod_target";
        return populate_on_demand(vcpu, address, about);
    case XENMEM_get_vnumainfo:
        about->what = "get_vnumainfo";
        return virtual_nodes(vcpu, address, about);
    default:
        return STATUS_UNKNOWN_COMMAND;
    }
}
