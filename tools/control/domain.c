/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/domain.h"

#include <errno.h>
#include <string.h>

#include "tools/control/machine.h"

/* More ports than a guest of one vCPU needs; they cost the hypervisor nothing until used. */
#define EVTCHN_PORT_MAX 1023

static int simple_call(struct control *control, uint32_t domain, uint32_t command)
{
    struct xen_domctl request = {.cmd = command, .domain = (domid_t)domain};
    return control_domctl(control, &request);
}

static int set_vcpu_count(struct control *control, uint32_t domain, unsigned int vcpus)
{
    struct xen_domctl request = {.cmd = XEN_DOMCTL_max_vcpus, .domain = (domid_t)domain};
    request.u.max_vcpus.max = vcpus;
    return control_domctl(control, &request);
}

int domain_create(struct control *control, const uint8_t uuid[16], unsigned int vcpus,
                  uint32_t *domain)
{
    struct xen_domctl request = {.cmd = XEN_DOMCTL_createdomain, .domain = DOMID_INVALID};
    request.u.createdomain = (struct xen_domctl_createdomain){
        .max_vcpus = vcpus,
        .max_evtchn_port = EVTCHN_PORT_MAX,
        .max_grant_frames = -1, /* the hypervisor's own limits */
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
    memcpy(request.u.createdomain.handle, uuid, sizeof(request.u.createdomain.handle));
    int result = control_domctl(control, &request);
    if (result != 0) {
        return result;
    }
    *domain = request.domain;
    result = set_vcpu_count(control, *domain, vcpus);
    if (result != 0) {
        int undone = domain_destroy(control, *domain);
        result = undone != 0 ? undone : result;
    }
    return result;
}

int domain_set_memory_limit(struct control *control, uint32_t domain, uint64_t kib)
{
    struct xen_domctl request = {.cmd = XEN_DOMCTL_max_mem, .domain = (domid_t)domain};
    request.u.max_mem.max_memkb = kib;
    return control_domctl(control, &request);
}

int domain_set_weight(struct control *control, uint32_t domain, uint16_t weight)
{
    uint32_t scheduler;
    int result = machine_get_scheduler(control, &scheduler);
    if (result != 0) {
        return result;
    }
    struct xen_domctl request = {.cmd = XEN_DOMCTL_scheduler_op, .domain = (domid_t)domain};
    struct xen_domctl_scheduler_op *op = &request.u.scheduler_op;
    op->sched_id = scheduler;
    op->cmd = XEN_DOMCTL_SCHEDOP_getinfo; /* the cap, which stays */
    result = control_domctl(control, &request);
    if (result != 0) {
        return result;
    }
    op->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    if (scheduler == XEN_SCHEDULER_CREDIT2) {
        op->u.credit2.weight = weight;
    } else if (scheduler == XEN_SCHEDULER_CREDIT) {
        op->u.credit.weight = weight;
    } else {
        return -EOPNOTSUPP;
    }
    return control_domctl(control, &request);
}

int domain_destroy(struct control *control, uint32_t domain)
{
    int result;
    do {
        result = simple_call(control, domain, XEN_DOMCTL_destroydomain);
    } while (result == -EAGAIN);
    return result;
}

int domain_pause(struct control *control, uint32_t domain)
{
    return simple_call(control, domain, XEN_DOMCTL_pausedomain);
}

int domain_unpause(struct control *control, uint32_t domain)
{
    return simple_call(control, domain, XEN_DOMCTL_unpausedomain);
}

int domain_get_info(struct control *control, uint32_t domain, struct xen_domctl_getdomaininfo *info)
{
    struct xen_domctl request = {.cmd = XEN_DOMCTL_getdomaininfo, .domain = (domid_t)domain};
    int result = control_domctl(control, &request);
    if (result == 0 && request.u.getdomaininfo.domain != domain) {
        result = -ESRCH;
    }
    *info = request.u.getdomaininfo;
    return result;
}

static int move_vcpu(struct control *control, uint32_t domain, uint32_t command, unsigned int vcpu,
                     struct vcpu_guest_context *context)
{
    struct vcpu_guest_context *buffer = control_buffer(control, sizeof(*buffer));
    if (buffer == NULL) {
        return -ENOMEM;
    }
    *buffer = *context;
    struct xen_domctl request = {.cmd = command, .domain = (domid_t)domain};
    request.u.vcpucontext.vcpu = vcpu;
    set_xen_guest_handle_raw(request.u.vcpucontext.ctxt, buffer);
    int result = control_domctl(control, &request);
    *context = *buffer;
    control_buffer_free(control, buffer);
    return result;
}

int domain_set_vcpu(struct control *control, uint32_t domain,
                    const struct vcpu_guest_context *context)
{
    struct vcpu_guest_context copy = *context;
    return move_vcpu(control, domain, XEN_DOMCTL_setvcpucontext, 0, &copy);
}

int domain_get_vcpu(struct control *control, uint32_t domain, unsigned int vcpu,
                    struct vcpu_guest_context *context)
{
    memset(context, 0, sizeof(*context));
    return move_vcpu(control, domain, XEN_DOMCTL_getvcpucontext, vcpu, context);
}

int domain_get_frame_types(struct control *control, uint32_t domain, xen_pfn_t *frames,
                           size_t count)
{
    struct xen_domctl request = {.cmd = XEN_DOMCTL_getpageframeinfo3, .domain = (domid_t)domain};
    request.u.getpageframeinfo3.num = count;
    set_xen_guest_handle_raw(request.u.getpageframeinfo3.array, frames);
    return control_domctl(control, &request);
}
