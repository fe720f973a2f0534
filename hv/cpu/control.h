/* SPDX-License-Identifier: BSD-2-Clause */
/* CR4 as a guest sees it and as it is. */
#ifndef HV_CPU_CONTROL_H
#define HV_CPU_CONTROL_H

#include "hv/vcpu.h"

/* Choices that user mode can tell: the hardware follows them. OSXSAVE is not among them, as the
 * hypervisor's own XSAVE needs it always. */
#define CR4_FOLLOWED (CR4_TSD | CR4_DE | CR4_FSGSBASE)

/* At boot, once CR4 has all it needs for the hypervisor: those bits never change again. */
void control_fix(void);
uint64_t control_fixed_cr4(void);

/* CR4 while the vCPU is loaded. */
uint64_t control_cr4(const struct hv_vcpu *vcpu);

/* The bits a guest may choose. */
uint64_t control_choices(void);

/* What the vCPU reads: the bits it chose, and those that every guest sees set. */
uint64_t control_guest_cr4(const struct hv_vcpu *vcpu);

/* The running vCPU writes CR4: the bits it may choose count, the others are ignored. */
void control_set_guest_cr4(struct hv_vcpu *vcpu, uint64_t value);

/* The same for a vCPU that is not loaded. */
void control_choose_cr4(struct hv_vcpu *vcpu, uint64_t value);

/* Make this CPU's CR4 that of the vCPU, which is about to run on it. */
void control_load_cr4(const struct hv_vcpu *vcpu);

#endif
