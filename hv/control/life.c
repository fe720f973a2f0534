/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl: domains are made, stopped, started and destroyed, and have limits. */
#include "hv/control/control.h"

#include "hv/refuse.h"
#include "hv/sched/sched.h"

#define FRAMES_PER_KIB_SHIFT (PAGE_SHIFT - 10)

static bool is_callers_own(const struct domctl *call)
{
    return call->domain == hv_vcpu_domain(call->caller);
}

/* ---- making one ---------------------------------------------------------------------------- */

/* Why a domain cannot be as it is asked for, or NULL. */
static const char *refuse_kind(const struct xen_domctl_createdomain *create)
{
    if ((create->flags & XEN_DOMCTL_CDF_hvm) != 0) {
        return "there are PV domains only, no HVM or PVH";
    }
    if ((create->flags & (XEN_DOMCTL_CDF_hap | XEN_DOMCTL_CDF_nested_virt)) != 0) {
        return "assisted paging and nested virtualisation are for HVM domains";
    }
    if ((create->flags & XEN_DOMCTL_CDF_iommu) != 0 || create->iommu_opts != 0) {
        return "there is no IOMMU";
    }
    if ((create->flags & XEN_DOMCTL_CDF_vpmu) != 0 || create->vmtrace_size != 0) {
        return "there are no virtual performance counters or traces";
    }
    if ((create->flags & XEN_DOMCTL_CDF_xs_domain) != 0) {
        return "the store is in the first domain";
    }
    if ((create->flags & ~(XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off)) != 0) {
        return "a flag is not known";
    }
    if ((create->arch.emulation_flags & ~XEN_X86_EMU_ALL) != 0 || create->arch.misc_flags != 0) {
        return "a flag of the architecture's is not known, or relaxes what always faults";
    }
    return NULL;
}

static const char *refuse_limits(const struct xen_domctl_createdomain *create)
{
    if (create->max_vcpus == 0 || create->max_vcpus > DOMAIN_VCPU_LIMIT) {
        return "a domain has 1 to 32 vCPUs";
    }
    if (XEN_DOMCTL_GRANT_version(create->grant_opts) == 0 ||
        XEN_DOMCTL_GRANT_version(create->grant_opts) > 2 ||
        (create->grant_opts & ~(uint32_t)XEN_DOMCTL_GRANT_version_mask) != 0) {
        return "the highest grant-table version is 1 or 2 (which is like 1)";
    }
    return create->cpupool_id != 0 ? "there is one CPU pool, 0" : NULL;
}

/* The highest port it may open is a number of ports, less one. */
static unsigned int port_limit(uint32_t highest)
{
    return highest < EVTCHN_LIMIT ? highest + 1 : EVTCHN_LIMIT;
}

struct call_result domctl_createdomain(struct domctl *call)
{
    const struct xen_domctl_createdomain *create = &call->op.u.createdomain;
    const char *why = refuse_kind(create);
    if (why == NULL) {
        why = refuse_limits(create);
    }
    if (why != NULL) {
        return call_done(refuse(-XEN_EINVAL, "%s", why));
    }
    if ((create->arch.emulation_flags & ~XEN_X86_EMU_PIT) != 0) {
        return call_done(refuse(-XEN_EOPNOTSUPP, "no devices are emulated for PV domains"));
    }
    bool chosen = call->op.domain != 0 && call->op.domain < DOMID_FIRST_RESERVED;
    struct domain_config config = {
        .id = chosen ? call->op.domain : DOMID_INVALID,
        .vcpus = create->max_vcpus,
        .port_limit = port_limit(create->max_evtchn_port),
        .grant_frames = create->max_grant_frames,
        .maptrack_frames = create->max_maptrack_frames,
    };
    memcpy(config.handle, create->handle, sizeof(config.handle));
    struct hv_domain *domain;
    int result = hv_domain_create(&config, &domain);
    if (result == 0) {
        call->op.domain = domain->core.id;
    }
    return call_done(result);
}

/* The number must be the one it was created with: the ABI has it twice. */
struct call_result domctl_max_vcpus(struct domctl *call)
{
    if (is_callers_own(call)) {
        return call_done(refuse_own());
    }
    if (call->op.u.max_vcpus.max != call->domain->vcpu_limit) {
        return call_done(refuse(-XEN_EINVAL, "%u vCPUs: it was created for %u",
                                call->op.u.max_vcpus.max, call->domain->vcpu_limit));
    }
    return call_done(hv_domain_add_vcpus(call->domain, call->op.u.max_vcpus.max));
}

/* It may be less than the domain has: then it gains nothing until it has given some back. */
struct call_result domctl_max_mem(struct domctl *call)
{
    uint64_t frames = call->op.u.max_mem.max_memkb >> FRAMES_PER_KIB_SHIFT;
    struct mmu_locked locked = domain_mmu_lock(&call->domain->core);
    call->domain->core.page_limit = min_u64(frames, UINT32_MAX);
    domain_mmu_unlock(locked);
    return call_done(0);
}

struct call_result domctl_setdomainhandle(struct domctl *call)
{
    memcpy(call->domain->handle, call->op.u.setdomainhandle.handle, sizeof(call->domain->handle));
    return call_done(0);
}

/* ---- running ------------------------------------------------------------------------------- */

struct call_result domctl_pausedomain(struct domctl *call)
{
    return call_done(is_callers_own(call) ? refuse_own() : hv_domain_pause(call->domain));
}

struct call_result domctl_unpausedomain(struct domctl *call)
{
    return call_done(hv_domain_unpause(call->domain));
}

struct call_result domctl_resumedomain(struct domctl *call)
{
    return call_done(is_callers_own(call) ? refuse_own() : hv_domain_resume(call->domain));
}

struct call_result domctl_destroydomain(struct domctl *call)
{
    if (is_callers_own(call)) {
        return call_done(refuse_own());
    }
    return hv_domain_destroy(call->domain, call->caller) ? call_done(0) : call_again();
}
