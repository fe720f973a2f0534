/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/domain.h"

#include "core/port.h"
#include "lib/string.h"

struct domain domain_io = {.id = DOMID_IO};
struct domain domain_xen = {.id = DOMID_XEN};

void domain_init(struct domain *domain, uint16_t id)
{
    memset(domain, 0, sizeof(*domain));
    domain->id = id;
    domain->page_limit = UINT64_MAX;
    domain->console_frame = MFN_INVALID;
    CHECK(id < DOMAIN_LIMIT && machine.domains[id] == NULL);
    machine.domains[id] = domain;
}

void domain_note_empty(struct domain *domain)
{
    if (domain_is_empty(domain)) {
        port_domain_empty(domain);
    }
}

void vcpu_init(struct vcpu *vcpu, struct domain *domain, unsigned int id)
{
    memset(vcpu, 0, sizeof(*vcpu));
    vcpu->domain = domain;
    vcpu->id = id;
    vcpu->kernel_base = MFN_INVALID;
    vcpu->user_base = MFN_INVALID;
    vcpu->info_frame = MFN_INVALID;
    for (unsigned int i = 0; i < GDT_PAGES; i++) {
        vcpu->gdt_frames[i] = MFN_INVALID;
    }
    for (unsigned int i = 0; i < LDT_PAGES; i++) {
        vcpu->ldt_frames[i] = MFN_INVALID;
    }
    CHECK(id < VCPU_LIMIT && domain->vcpus[id] == NULL);
    domain->vcpus[id] = vcpu;
    domain->vcpu_count++;
}

uint64_t domain_cpus(const struct domain *domain)
{
    uint64_t cpus = 0;
    for (unsigned int i = 0; i < domain->vcpu_count; i++) {
        cpus |= domain->vcpus[i] != NULL ? domain->vcpus[i]->cpus : 0;
    }
    return cpus;
}

struct mmu_locked domain_mmu_lock_two(struct domain *domain, struct domain *second)
{
    if (second == domain) {
        return domain_mmu_lock(domain);
    }
    struct domain *first = domain->id < second->id ? domain : second;
    struct domain *last = first == domain ? second : domain;
    ticket_lock_take(&first->mmu_lock);
    ticket_lock_take(&last->mmu_lock);
    return (struct mmu_locked){.domain = domain, .second = second};
}
