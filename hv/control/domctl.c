/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/control/control.h"

#include "hv/guest_memory.h"
#include "hv/refuse.h"

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
            return refuse(-XEN_EINVAL, "numbers of domains are below %u", DOMID_FIRST_RESERVED);
        }
        while (call->domain == NULL && ++id < DOMAIN_LIMIT) {
            call->domain = hv_domain_find((uint16_t)id);
        }
    }
    return call->domain != NULL ? 0 : refuse_domain(call->op.domain);
}

COLD static void name_command(const struct domctl *call, int error)
{
    if (call->domain != NULL) {
        (void)refusal_name(error, "command %u for d%u", call->op.cmd, call->domain->core.id);
    } else {
        (void)refusal_name(error, "command %u", call->op.cmd);
    }
}

/* domctl(record). Who has no right learns nothing else: not even which domains there are. */
struct call_result hypercall_domctl(struct hv_vcpu *vcpu, uint64_t arg[])
{
    struct domctl call = {.caller = vcpu, .address = arg[0]};
    if (!vcpu->core.domain->is_control) {
        return call_done(refuse(-XEN_EPERM, "d%u is no control domain", vcpu->core.domain->id));
    }
    if (!guest_copy_in(&call.op, call.address, sizeof(call.op))) {
        return call_done(refuse_unreadable(call.address, sizeof(call.op)));
    }
    if (call.op.interface_version != XEN_DOMCTL_INTERFACE_VERSION) {
        return call_done(refuse(-XEN_EACCES, "interface version 0x%x: it must be 0x%x",
                                call.op.interface_version, XEN_DOMCTL_INTERFACE_VERSION));
    }
    if (call.op.cmd != XEN_DOMCTL_createdomain) {
        int result = find_domain(&call);
        if (result != 0) {
            return call_done(refusal_name(result, "command %u", call.op.cmd));
        }
    }
    bool answers = false;
    domctl_fn perform = find_command(call.op.cmd, &answers);
    if (perform == NULL) {
        return hypercall_unknown(vcpu, __HYPERVISOR_domctl, call.op.cmd);
    }
    struct call_result result = perform(&call);
    if (!result.again && result.value == 0 && answers &&
        !guest_copy_out(call.address, &call.op, sizeof(call.op))) {
        result = call_done(refuse_unwritable(call.address, sizeof(call.op)));
    }
    if (!result.again && result.value < 0) {
        name_command(&call, (int)result.value);
    }
    return result;
}
