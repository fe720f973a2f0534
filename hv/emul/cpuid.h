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

struct cpuid_result cpuid_for_guest(const struct hv_vcpu *vcpu, uint32_t leaf, uint32_t subleaf);

#endif
