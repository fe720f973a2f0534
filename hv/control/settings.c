/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl: settings of a domain; and rights that only the first domain has. */
#include "hv/control/control.h"

#include "hv/refuse.h"
#include "hv/sched/sched.h"
#include "hv/time/time.h"

#include <xen/arch-x86/cpuid.h>

#define TSC_MODE_DEFAULT       0U /* where the header names none */
#define TSC_MODE_NEVER_EMULATE 2U
#define WIDTH_64               64U

/* ---- share of the CPU ---------------------------------------------------------------------- */

static struct call_result put_weight(struct domctl *call)
{
    const struct xen_domctl_sched_credit2 *wanted = &call->op.u.scheduler_op.u.credit2;
    if (wanted->cap != 0) {
        return call_done(refuse(-XEN_EOPNOTSUPP,
                                "cap %u: a domain's use of the CPU cannot be capped", wanted->cap));
    }
    if (wanted->weight == 0) {
        return call_done(refuse(-XEN_EINVAL, "weight 0: weights are 1 to 65535"));
    }
    sched_set_weight(call->domain, wanted->weight);
    return call_done(0);
}

/* The weights mean what they mean for Xen's credit2 scheduler, whose number we say ours is. */
struct call_result domctl_scheduler_op(struct domctl *call)
{
    struct xen_domctl_scheduler_op *operation = &call->op.u.scheduler_op;
    if (operation->sched_id != XEN_SCHEDULER_CREDIT2) {
        return call_done(refuse(-XEN_EINVAL, "scheduler %u: it is no other than credit2, %u",
                                operation->sched_id, XEN_SCHEDULER_CREDIT2));
    }
    switch (operation->cmd) {
    case XEN_DOMCTL_SCHEDOP_putinfo:
        return put_weight(call);
    case XEN_DOMCTL_SCHEDOP_getinfo:
        operation->u.credit2.weight = (uint16_t)call->domain->weight;
        operation->u.credit2.cap = 0;
        return call_done(0);
    default:
        return call_done(refuse(-XEN_EINVAL,
                                "scheduler command %u: all vCPUs of a domain are scheduled alike",
                                operation->cmd));
    }
}

/* ---- width and clock ----------------------------------------------------------------------- */

struct call_result domctl_set_address_size(struct domctl *call)
{
    uint32_t size = call->op.u.address_size.size;
    if (size == WIDTH_64) {
        return call_done(0);
    }
    return call_done(refuse(size == WIDTH_64 / 2 ? -XEN_EOPNOTSUPP : -XEN_EINVAL,
                            "width %u: there are 64-bit domains only", size));
}

struct call_result domctl_get_address_size(struct domctl *call)
{
    call->op.u.address_size.size = WIDTH_64;
    return call_done(0);
}

struct call_result domctl_settscinfo(struct domctl *call)
{
    uint32_t mode = call->op.u.tsc_info.tsc_mode;
    if (call->domain == hv_vcpu_domain(call->caller)) {
        return call_done(refuse_own());
    }
    if (mode == TSC_MODE_DEFAULT || mode == TSC_MODE_NEVER_EMULATE) {
        return call_done(0);
    }
    return call_done(refuse(-XEN_EINVAL, "TSC mode %u: the TSC is never emulated (0, 2)", mode));
}

struct call_result domctl_gettscinfo(struct domctl *call)
{
    call->op.u.tsc_info = (struct xen_domctl_tsc_info){
        .tsc_mode = TSC_MODE_NEVER_EMULATE,
        .gtsc_khz = (uint32_t)(time_tsc_hz() / 1000),
        .elapsed_nsec = time_now_ns(),
    };
    return call_done(0);
}

/* ---- rights -------------------------------------------------------------------------------- */

/* The first domain has its rights from the start and for good; no other can be given any. */
static struct call_result permit(struct domctl *call, bool allow)
{
    if (allow == call->domain->core.has_io) {
        return call_done(0);
    }
    return call_done(
        refuse(-XEN_EOPNOTSUPP, "the machine's devices are the first domain's, all and always"));
}

struct call_result domctl_iomem_permission(struct domctl *call)
{
    const struct xen_domctl_iomem_permission *range = &call->op.u.iomem_permission;
    if (range->first_mfn + range->nr_mfns - 1 < range->first_mfn) {
        return call_done(refuse(-XEN_EINVAL, "frames 0x%lx and 0x%lx more: there are not so many",
                                range->first_mfn, range->nr_mfns));
    }
    return permit(call, range->allow_access != 0);
}

struct call_result domctl_ioport_permission(struct domctl *call)
{
    const struct xen_domctl_ioport_permission *range = &call->op.u.ioport_permission;
    if (range->nr_ports == 0 || range->first_port + (uint64_t)range->nr_ports > 0x10000) {
        return call_done(refuse(-XEN_EINVAL, "%u ports from 0x%x on: there are 0 to 0xffff",
                                range->nr_ports, range->first_port));
    }
    return permit(call, range->allow_access != 0);
}

struct call_result domctl_irq_permission(struct domctl *call)
{
    return permit(call, call->op.u.irq_permission.allow_access != 0);
}

struct call_result domctl_unsupported(struct domctl *call)
{
    (void)call;
    return call_done(
        refuse(-XEN_EOPNOTSUPP, "there are no shadow tables, dirty logs or assigned devices"));
}
