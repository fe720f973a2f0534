/* SPDX-License-Identifier: BSD-2-Clause */
/* What a domain asks of its grant table, or a control domain of another's: to have it, its size,
 * its version; and to swap two entries. */
#include "core/grant_op.h"
#include "core/port.h"
#include "core/pte_update.h"
#include "core/reservation.h"
#include "lib/string.h"

#define ONLY_VERSION 1U
#define LAST_VERSION 2U /* that the interface knows */

/* The domain, if the caller may ask about it and it has a table. */
static enum status find_domain(struct vcpu *vcpu, uint16_t id, struct domain **domain)
{
    enum status status = reservation_find_domain(vcpu, id, domain);
    return status == STATUS_OK && (*domain)->grants == NULL ? STATUS_NO_DOMAIN : status;
}

static enum status report_frames(const struct domain *domain, uint64_t list, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        mfn_t mfn;
        enum status status = grant_frame_find(domain, i, &mfn);
        if (status != STATUS_OK) { /* it has begun to die */
            return status;
        }
        if (!port_copy_to_guest(list + i * sizeof(mfn.value), &mfn.value, sizeof(mfn.value))) {
            return STATUS_GRANT_LIST_FAULT;
        }
    }
    return STATUS_OK;
}

enum status grant_setup_table(struct grant_call *call, union grant_element *element)
{
    const struct gnttab_setup_table *setup = &element->setup;
    call->about.number = setup->nr_frames;
    uint64_t list;
    memcpy(&list, &setup->frame_list, sizeof(list));
    uint64_t count = min_u64(setup->nr_frames, GRANT_FRAMES_MAX); /* more is refused below */
    if (!address_range_is_guest(list, count * sizeof(uint64_t))) {
        return refusal_fault(&call->about, list, count * sizeof(uint64_t));
    }
    struct domain *domain;
    enum status status = find_domain(call->vcpu, setup->dom, &domain);
    if (status != STATUS_OK) {
        refusal_number(&call->about, "domain", setup->dom);
        return status;
    }
    status = grant_table_reach(domain, setup->nr_frames);
    if (status != STATUS_OK) {
        return status;
    }
    struct mmu_locked locked = domain_mmu_lock(domain);
    status = report_frames(domain, list, setup->nr_frames);
    domain_mmu_unlock(locked);
    return status;
}

enum status grant_query_size(struct grant_call *call, union grant_element *element)
{
    struct gnttab_query_size *query = &element->query;
    call->about.number = query->dom;
    struct domain *domain;
    enum status status = find_domain(call->vcpu, query->dom, &domain);
    if (status == STATUS_OK) {
        struct mmu_locked locked = domain_mmu_lock(domain);
        query->nr_frames = domain->grants->frame_count;
        query->max_nr_frames = domain->grants->frame_limit;
        domain_mmu_unlock(locked);
    }
    return status;
}

/* Version 1 has no status frames: there are none to report, and more are refused. */
enum status grant_get_status_frames(struct grant_call *call, union grant_element *element)
{
    call->about.number = element->status_frames.nr_frames;
    struct domain *domain;
    enum status status = find_domain(call->vcpu, element->status_frames.dom, &domain);
    if (status != STATUS_OK) {
        refusal_number(&call->about, "domain", element->status_frames.dom);
    } else if (element->status_frames.nr_frames > 0) {
        status = STATUS_GRANT_TABLE_LIMIT;
    }
    return status;
}

enum status grant_set_version(uint64_t address, struct refusal *about)
{
    struct gnttab_set_version version;
    if (!port_copy_from_guest(&version, address, sizeof(version))) {
        return refusal_fault(about, address, sizeof(version));
    }
    refusal_number(about, "version", version.version);
    enum status status = version.version == ONLY_VERSION   ? STATUS_OK
                         : version.version == LAST_VERSION ? STATUS_GRANT_VERSION_2
                                                           : STATUS_GRANT_NO_VERSION;
    version.version = ONLY_VERSION;
    return port_copy_to_guest(address, &version, sizeof(version))
               ? status
               : refusal_fault(about, address, sizeof(version));
}

enum status grant_get_version(struct vcpu *vcpu, uint64_t address, struct refusal *about)
{
    struct gnttab_get_version version;
    if (!port_copy_from_guest(&version, address, sizeof(version))) {
        return refusal_fault(about, address, sizeof(version));
    }
    refusal_number(about, "domain", version.dom);
    struct domain *domain;
    enum status status = find_domain(vcpu, version.dom, &domain);
    if (status != STATUS_OK) {
        return status;
    }
    version.version = ONLY_VERSION;
    return port_copy_to_guest(address, &version, sizeof(version))
               ? STATUS_OK
               : refusal_fault(about, address, sizeof(version));
}

/* ---- swap ---------------------------------------------------------------------------------- */

static enum status swap(const struct grant_table *table, uint32_t first, uint32_t second,
                        struct refusal *about)
{
    about->number = first;
    if (first >= grant_entry_count(table)) {
        return STATUS_GRANT_BAD_REFERENCE;
    }
    if (second >= grant_entry_count(table)) {
        about->number = second;
        return STATUS_GRANT_BAD_REFERENCE;
    }
    if (first == second) {
        return STATUS_OK;
    }
    if (grant_is_pinned(grant_active(table, first))) {
        return STATUS_GRANT_IN_USE;
    }
    if (grant_is_pinned(grant_active(table, second))) {
        about->number = second;
        return STATUS_GRANT_IN_USE;
    }
    grant_entry_v1_t *one = grant_entry(table, first);
    grant_entry_v1_t *other = grant_entry(table, second);
    grant_entry_v1_t entry = *one;
    *one = *other;
    *other = entry;
    return STATUS_OK;
}

enum status grant_swap(struct grant_call *call, union grant_element *element)
{
    struct domain *domain = call->vcpu->domain;
    struct mmu_locked locked = domain_mmu_lock(domain);
    enum status status =
        swap(domain->grants, element->swap.ref_a, element->swap.ref_b, &call->about);
    domain_mmu_unlock(locked);
    return status;
}
