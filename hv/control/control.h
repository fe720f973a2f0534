/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control calls, domctl and sysctl (xen/domctl.h, xen/sysctl.h): how a control domain makes
 * domains, rules them and asks about the machine. Each copies one record in, has a small function
 * for each command, and copies the record out again where the command answers in it.
 *
 * Includes of this file come first: the public headers have these records for tools alone.
 */
#ifndef HV_CONTROL_CONTROL_H
#define HV_CONTROL_CONTROL_H

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif

#include "hv/domain/domain.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"
#include "lib/string.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

/* One domctl under way. */
struct domctl {
    struct hv_vcpu *caller;
    struct hv_domain *domain; /* the one it names; NULL: the command names none */
    struct xen_domctl op;     /* the caller's record as it was read; answers go into it */
    uint64_t address;         /* where the record is */
};

/* A command: 0, or a negative number of <xen/errno.h> with its reason (hv/refuse.h), and then
 * nothing has changed; `again` where the same call has to be made once more. */
typedef struct call_result (*domctl_fn)(struct domctl *call);

/* hv/control/life.c */
struct call_result domctl_createdomain(struct domctl *call);
struct call_result domctl_destroydomain(struct domctl *call);
struct call_result domctl_pausedomain(struct domctl *call);
struct call_result domctl_unpausedomain(struct domctl *call);
struct call_result domctl_resumedomain(struct domctl *call);
struct call_result domctl_max_vcpus(struct domctl *call);
struct call_result domctl_max_mem(struct domctl *call);
struct call_result domctl_setdomainhandle(struct domctl *call);

/* hv/control/info.c */
struct call_result domctl_getdomaininfo(struct domctl *call);
/* What a list of domains and a question about one say. */
void domain_info_fill(const struct hv_domain *domain, struct xen_domctl_getdomaininfo *info);

/* hv/control/frames.c */
struct call_result domctl_hypercall_init(struct domctl *call);
struct call_result domctl_getpageframeinfo3(struct domctl *call);

/* hv/control/vcpus.c */
struct call_result domctl_setvcpucontext(struct domctl *call);
struct call_result domctl_getvcpucontext(struct domctl *call);
struct call_result domctl_getvcpuinfo(struct domctl *call);

/* hv/control/affinity.c: there is one CPU and one node */
struct call_result domctl_setvcpuaffinity(struct domctl *call);
struct call_result domctl_getvcpuaffinity(struct domctl *call);
struct call_result domctl_setnodeaffinity(struct domctl *call);
struct call_result domctl_getnodeaffinity(struct domctl *call);
/* Answer a set that has just its first member: 0, or -EFAULT. */
NODISCARD int bitmap_write_first(const struct xenctl_bitmap *bitmap);

/* hv/control/settings.c */
struct call_result domctl_scheduler_op(struct domctl *call);
struct call_result domctl_set_address_size(struct domctl *call);
struct call_result domctl_get_address_size(struct domctl *call);
struct call_result domctl_settscinfo(struct domctl *call);
struct call_result domctl_gettscinfo(struct domctl *call);
struct call_result domctl_iomem_permission(struct domctl *call);
struct call_result domctl_ioport_permission(struct domctl *call);
struct call_result domctl_irq_permission(struct domctl *call);
struct call_result domctl_unsupported(struct domctl *call);

/* hv/control/cpu_policy.c */
struct call_result domctl_get_cpu_policy(struct domctl *call);

/* hv/control/set_cpu_policy.c */
struct call_result domctl_set_cpu_policy(struct domctl *call);

/* -EINVAL: the command names the caller, and is for others. */
static inline int refuse_own(void)
{
    return refuse(-XEN_EINVAL, "a domain may not do this to itself");
}

/* The guest address in a handle, whatever it points to. */
#define HANDLE_ADDRESS(handle) ((uint64_t)(handle).p)

#endif
