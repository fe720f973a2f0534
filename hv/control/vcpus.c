/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl: the state of a vCPU, to start it with and to look at. */
#include "hv/control/control.h"

#include "hv/domain/vcpu_context.h"
#include "hv/guest_memory.h"
#include "hv/sched/sched.h"

static struct vcpu_guest_context context; /* too large for a stack; one CPU yet */

/* The state must be the vCPU's first: it cannot be put back into reset, nor be given another while
 * the one it has holds frames. */
struct call_result domctl_setvcpucontext(struct domctl *call)
{
    struct hv_vcpu *vcpu = hv_domain_vcpu(call->domain, call->op.u.vcpucontext.vcpu);
    uint64_t address = HANDLE_ADDRESS(call->op.u.vcpucontext.ctxt);
    if (call->domain == hv_vcpu_domain(call->caller) || vcpu == NULL) {
        return call_done(-XEN_EINVAL);
    }
    if (address == 0) {
        return control_refuse(call, -XEN_EOPNOTSUPP, "a vCPU cannot be reset");
    }
    if (!guest_copy_in(&context, address, sizeof(context))) {
        return call_done(-XEN_EFAULT);
    }
    if (vcpu->is_initialised) {
        return control_refuse(call, -XEN_EOPNOTSUPP, "the vCPU has its first state already");
    }
    return vcpu_context_set(vcpu, &context);
}

struct call_result domctl_getvcpucontext(struct domctl *call)
{
    const struct hv_vcpu *vcpu = hv_domain_vcpu(call->domain, call->op.u.vcpucontext.vcpu);
    if (call->domain == hv_vcpu_domain(call->caller) || vcpu == NULL) {
        return call_done(-XEN_EINVAL);
    }
    if (!vcpu->is_initialised) {
        return call_done(-XEN_ENODATA);
    }
    vcpu_context_get(vcpu, &context);
    bool copied =
        guest_copy_out(HANDLE_ADDRESS(call->op.u.vcpucontext.ctxt), &context, sizeof(context));
    return call_done(copied ? 0 : -XEN_EFAULT);
}

struct call_result domctl_getvcpuinfo(struct domctl *call)
{
    struct xen_domctl_getvcpuinfo *info = &call->op.u.getvcpuinfo;
    if (info->vcpu >= call->domain->vcpu_limit) {
        return call_done(-XEN_EINVAL);
    }
    const struct hv_vcpu *vcpu = hv_domain_vcpu(call->domain, info->vcpu);
    if (vcpu == NULL) {
        return call_done(-XEN_ESRCH);
    }
    info->online = vcpu->is_up;
    info->blocked = vcpu->blocked;
    info->running = vcpu == sched_running();
    info->cpu_time = sched_vcpu_ns(vcpu);
    info->cpu = 0;
    return call_done(0);
}
