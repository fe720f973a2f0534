/* SPDX-License-Identifier: BSD-2-Clause */
/* CR4 as a guest sees it and as it is. */
#ifndef HV_CPU_CONTROL_H
#define HV_CPU_CONTROL_H

#include "hv/vcpu.h"

/* What the vCPU reads: the bits it chose, and those that every guest sees set. */
uint64_t control_guest_cr4(const struct hv_vcpu *vcpu);

/* The running vCPU writes CR4: the bits it may choose count, the others are ignored. */
void control_set_guest_cr4(struct hv_vcpu *vcpu, uint64_t value);

/* The same for a vCPU that is not loaded. */
void control_choose_cr4(struct hv_vcpu *vcpu, uint64_t value);

/* Make this CPU's CR4 that of the vCPU, which is about to run on it. */
void control_load_cr4(const struct hv_vcpu *vcpu);

#endif
