/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl: the state of a vCPU, to start it with and to look at. */
#include "hv/control/control.h"

#include "hv/domain/vcpu_context.h"
#include "hv/guest_memory.h"
#include "hv/refuse.h"
#include "hv/sched/sched.h"

static struct vcpu_guest_context context; /* too large for a stack; one CPU yet */

static struct call_result refuse_number(const struct domctl *call, uint32_t id, int error)
{
    (void)refuse_vcpu(call->domain, id);
    return call_done(error);
}

/* The state must be the vCPU's first: it cannot be put back into reset, nor be given another while
 * the one it has holds frames. */
struct call_result domctl_setvcpucontext(struct domctl *call)
{
    struct hv_vcpu *vcpu = hv_domain_vcpu(call->domain, call->op.u.vcpucontext.vcpu);
    uint64_t address = HANDLE_ADDRESS(call->op.u.vcpucontext.ctxt);
    if (call->domain == hv_vcpu_domain(call->caller)) {
        return call_done(refuse_own());
    }
    if (vcpu == NULL) {
        return refuse_number(call, call->op.u.vcpucontext.vcpu, -XEN_EINVAL);
    }
    if (address == 0) {
        return call_done(refuse(-XEN_EOPNOTSUPP, "a vCPU cannot be reset"));
    }
    if (!guest_copy_in(&context, address, sizeof(context))) {
        return call_done(refuse_unreadable(address, sizeof(context)));
    }
    if (vcpu->is_initialised) {
        return call_done(refuse(-XEN_EOPNOTSUPP, "the vCPU has its first state already"));
    }
    return vcpu_context_set(vcpu, &context);
}

struct call_result domctl_getvcpucontext(struct domctl *call)
{
    const struct hv_vcpu *vcpu = hv_domain_vcpu(call->domain, call->op.u.vcpucontext.vcpu);
    if (call->domain == hv_vcpu_domain(call->caller)) {
        return call_done(refuse_own());
    }
    if (vcpu == NULL) {
        return refuse_number(call, call->op.u.vcpucontext.vcpu, -XEN_EINVAL);
    }
    if (!vcpu->is_initialised) {
        return call_done(refuse(-XEN_ENODATA, "vCPU %u has no state yet", vcpu->core.id));
    }
    vcpu_context_get(vcpu, &context);
    uint64_t to = HANDLE_ADDRESS(call->op.u.vcpucontext.ctxt);
    return call_done(
        guest_copy_out(to, &context, sizeof(context)) ? 0 : refuse_unwritable(to, sizeof(context)));
}

struct call_result domctl_getvcpuinfo(struct domctl *call)
{
    struct xen_domctl_getvcpuinfo *info = &call->op.u.getvcpuinfo;
    if (info->vcpu >= call->domain->vcpu_limit) {
        return refuse_number(call, info->vcpu, -XEN_EINVAL);
    }
    const struct hv_vcpu *vcpu = hv_domain_vcpu(call->domain, info->vcpu);
    if (vcpu == NULL) {
        return refuse_number(call, info->vcpu, -XEN_ESRCH);
    }
    info->online = vcpu->is_up;
    info->blocked = vcpu->blocked;
    info->running = vcpu == sched_running();
    info->cpu_time = sched_vcpu_ns(vcpu);
    info->cpu = 0;
    return call_done(0);
}
