/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID for tools: what the processor says, and what domains are and can be shown. All of it is
 * asked of hv/emul/cpuid.h, or of the processor.
 */
#ifndef HV_CONTROL_CPU_POLICY_H
#define HV_CONTROL_CPU_POLICY_H

#include "hv/emul/cpuid.h"

#include <xen/arch-x86/cpuid.h>

struct xen_sysctl;

/* A policy is a list of leaves. Those with subleaves have at most so many of them in it. */
#define CACHES      6U
#define FEATURES    3U
#define LEVELS      2U
#define XSAVE_PARTS 63U
/* No list is longer. */
#define LEAVES_LIMIT                                                                               \
    (CPUID_BASIC_LAST + CACHES + FEATURES + LEVELS + XSAVE_PARTS + 2 + CPUID_EXTENDED_LAST + 1 -   \
     CPUID_EXTENDED_FIRST)

/* Of the hypervisor's own leaves a list has only how many there are besides the first: in that
 * one's EAX, where CPUID itself has the number of the last. */
static inline bool leaf_is_hypervisors(uint32_t leaf)
{
    return leaf >= XEN_CPUID_FIRST_LEAF && leaf < CPUID_EXTENDED_FIRST;
}
static inline uint32_t hypervisor_leaves(const struct cpuid_result *first)
{
    return first->eax % CPUID_HYPERVISOR_LEAVES;
}

int sysctl_get_cpu_featureset(struct xen_sysctl *op);
int sysctl_get_cpu_policy(struct xen_sysctl *op);

#endif
