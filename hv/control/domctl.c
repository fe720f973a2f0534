/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/control/control.h"

#include "hv/console/console.h"
#include "hv/guest_memory.h"

/* `answers`: the record is copied back when the command has succeeded. */
static const struct {
    domctl_fn perform;
    bool answers;
} commands[] = {
    [XEN_DOMCTL_createdomain] = {domctl_createdomain, true},
    [XEN_DOMCTL_destroydomain] = {domctl_destroydomain, false},
    [XEN_DOMCTL_pausedomain] = {domctl_pausedomain, false},
    [XEN_DOMCTL_unpausedomain] = {domctl_unpausedomain, false},
    [XEN_DOMCTL_getdomaininfo] = {domctl_getdomaininfo, true},
    [XEN_DOMCTL_setvcpuaffinity] = {domctl_setvcpuaffinity, false},
    [XEN_DOMCTL_shadow_op] = {domctl_unsupported, false},
    [XEN_DOMCTL_max_mem] = {domctl_max_mem, false},
    [XEN_DOMCTL_setvcpucontext] = {domctl_setvcpucontext, false},
    [XEN_DOMCTL_getvcpucontext] = {domctl_getvcpucontext, false},
    [XEN_DOMCTL_getvcpuinfo] = {domctl_getvcpuinfo, true},
    [XEN_DOMCTL_max_vcpus] = {domctl_max_vcpus, false},
    [XEN_DOMCTL_scheduler_op] = {domctl_scheduler_op, true},
    [XEN_DOMCTL_setdomainhandle] = {domctl_setdomainhandle, false},
    [XEN_DOMCTL_irq_permission] = {domctl_irq_permission, false},
    [XEN_DOMCTL_iomem_permission] = {domctl_iomem_permission, false},
    [XEN_DOMCTL_ioport_permission] = {domctl_ioport_permission, false},
    [XEN_DOMCTL_hypercall_init] = {domctl_hypercall_init, false},
    [XEN_DOMCTL_getvcpuaffinity] = {domctl_getvcpuaffinity, false},
    [XEN_DOMCTL_resumedomain] = {domctl_resumedomain, false},
    [XEN_DOMCTL_set_address_size] = {domctl_set_address_size, false},
    [XEN_DOMCTL_get_address_size] = {domctl_get_address_size, true},
    [XEN_DOMCTL_assign_device] = {domctl_unsupported, false},
    [XEN_DOMCTL_test_assign_device] = {domctl_unsupported, false},
    [XEN_DOMCTL_deassign_device] = {domctl_unsupported, false},
    [XEN_DOMCTL_gettscinfo] = {domctl_gettscinfo, true},
    [XEN_DOMCTL_settscinfo] = {domctl_settscinfo, false},
    [XEN_DOMCTL_getpageframeinfo3] = {domctl_getpageframeinfo3, false},
    [XEN_DOMCTL_setnodeaffinity] = {domctl_setnodeaffinity, false},
    [XEN_DOMCTL_getnodeaffinity] = {domctl_getnodeaffinity, false},
    [XEN_DOMCTL_get_cpu_policy] = {domctl_get_cpu_policy, true},
    [XEN_DOMCTL_set_cpu_policy] = {domctl_set_cpu_policy, true},
};

struct call_result control_refuse(const struct domctl *call, int error, const char *why)
{
    const struct vcpu *caller = &call->caller->core;
    if (call->domain != NULL) {
        console_log_guest(caller->domain->id, caller->id, LOG_INFO, "domctl %u for d%u refused: %s",
                          call->op.cmd, call->domain->core.id, why);
    } else {
        console_log_guest(caller->domain->id, caller->id, LOG_INFO, "domctl %u refused: %s",
                          call->op.cmd, why);
    }
    return call_done(error);
}

static domctl_fn find_command(uint32_t number, bool *answers)
{
    if (number >= ARRAY_SIZE(commands)) {
        return NULL;
    }
    size_t index = index_nospec(number, ARRAY_SIZE(commands));
    *answers = commands[index].answers;
    return commands[index].perform;
}

/* The domain a command names. A question about a domain that is not there is answered for the next
 * one: tools go through all of them that way. */
static int find_domain(struct domctl *call)
{
    uint32_t id = call->op.domain;
    call->domain = hv_domain_find((uint16_t)id);
    if (call->op.cmd == XEN_DOMCTL_getdomaininfo) {
        if (id >= DOMID_FIRST_RESERVED) {
            return -XEN_EINVAL;
        }
        while (call->domain == NULL && ++id < DOMAIN_LIMIT) {
            call->domain = hv_domain_find((uint16_t)id);
        }
    }
    return call->domain != NULL ? 0 : -XEN_ESRCH;
}

/* domctl(record). Who has no right learns nothing else: not even which domains there are. */
struct call_result hypercall_domctl(struct hv_vcpu *vcpu, uint64_t arg[])
{
    struct domctl call = {.caller = vcpu, .address = arg[0]};
    if (!vcpu->core.domain->is_control) {
        return call_done(-XEN_EPERM);
    }
    if (!guest_copy_in(&call.op, call.address, sizeof(call.op))) {
        return call_done(-XEN_EFAULT);
    }
    if (call.op.interface_version != XEN_DOMCTL_INTERFACE_VERSION) {
        return control_refuse(&call, -XEN_EACCES, "the interface version is not Xen 4.17's");
    }
    if (call.op.cmd != XEN_DOMCTL_createdomain) {
        int result = find_domain(&call);
        if (result != 0) {
            return call_done(result);
        }
    }
    bool answers = false;
    domctl_fn perform = find_command(call.op.cmd, &answers);
    if (perform == NULL) {
        return hypercall_unknown(vcpu, __HYPERVISOR_domctl, "domctl", call.op.cmd);
    }
    struct call_result result = perform(&call);
    if (!result.again && result.value == 0 && answers &&
        !guest_copy_out(call.address, &call.op, sizeof(call.op))) {
        return call_done(-XEN_EFAULT);
    }
    return result;
}
