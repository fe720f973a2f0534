/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl and sysctl: what a domain is, and how it does. */
#include "hv/control/control.h"

#include "hv/sched/sched.h"

/* Bits of an address that names a frame of this machine. */
static uint8_t address_bits(void)
{
    uint8_t bits = PAGE_SHIFT;
    while (((machine.mfn_limit - 1) >> (bits - PAGE_SHIFT)) != 0) {
        bits++;
    }
    return bits;
}

static uint32_t life_flags(const struct hv_domain *domain)
{
    uint32_t flags = domain->core.is_dying ? XEN_DOMINF_dying : 0;
    flags |= domain->pause_count > 0 ? XEN_DOMINF_paused : 0;
    if (domain->is_shut_down) {
        flags |= XEN_DOMINF_shutdown | (domain->shutdown_code & XEN_DOMINF_shutdownmask)
                                           << XEN_DOMINF_shutdownshift;
    }
    return flags;
}

/* A domain is blocked when all of its vCPUs that are up are, and running if one is. */
static void fill_vcpus(const struct hv_domain *domain, struct xen_domctl_getdomaininfo *info)
{
    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    bool blocked = true;
    for (unsigned int id = 0; id < domain->vcpu_limit; id++) {
        const struct hv_vcpu *vcpu = hv_domain_vcpu(domain, id);
        if (vcpu == NULL) {
            continue;
        }
        info->max_vcpu_id = id;
        if (vcpu->is_up) {
            info->nr_online_vcpus++;
            blocked = blocked && vcpu->blocked;
            info->flags |= vcpu == sched_running() ? XEN_DOMINF_running : 0;
        }
    }
    info->flags |= blocked ? XEN_DOMINF_blocked : 0;
}

void domain_info_fill(const struct hv_domain *domain, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = domain->core.id;
    info->flags = life_flags(domain);
    fill_vcpus(domain, info);
    info->tot_pages = domain->core.page_count;
    info->max_pages = min_u64(domain->core.page_limit, UINT32_MAX);
    info->shared_info_frame = domain->shared_mfn.value;
    info->cpu_time = sched_domain_ns(domain);
    memcpy(info->handle, domain->handle, sizeof(info->handle));
    info->gpaddr_bits = address_bits();
}

struct call_result domctl_getdomaininfo(struct domctl *call)
{
    domain_info_fill(call->domain, &call->op.u.getdomaininfo);
    call->op.domain = call->domain->core.id;
    return call_done(0);
}
