/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID as guests are to see it. Features are shown by name, never hidden by name: a bit that
 * nobody has thought about is 0. Without CPUID faulting, user mode's bare CPUID shows the
 * processor's own answers; only the forced-emulation form comes here.
 */
#ifndef HV_EMUL_CPUID_H
#define HV_EMUL_CPUID_H

#include "hv/cpu/msr.h"
#include "hv/vcpu.h"

/* The MSR a guest may write the address of a hypercall page to. */
#define MSR_HYPERCALL_PAGE 0x40000000U

/* The highest leaves anybody is shown; the hypervisor's own are from XEN_CPUID_FIRST_LEAF on. */
#define CPUID_BASIC_LAST        0xdU
#define CPUID_HYPERVISOR_LEAVES 0x100U
#define CPUID_EXTENDED_FIRST    0x80000000U
#define CPUID_EXTENDED_LAST     0x80000021U

/* What a domain can be shown; what one is shown, as far as all of its vCPUs see the same; and what
 * the vCPU gets. */
struct cpuid_result cpuid_shown(uint32_t leaf, uint32_t subleaf);
struct cpuid_result cpuid_for_domain(const struct hv_domain *domain, uint32_t leaf,
                                     uint32_t subleaf);
struct cpuid_result cpuid_for_guest(const struct hv_vcpu *vcpu, uint32_t leaf, uint32_t subleaf);

#endif
