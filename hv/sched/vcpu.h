/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU comes to the CPU and leaves it, and is told about time. */
#ifndef HV_SCHED_VCPU_H
#define HV_SCHED_VCPU_H

#include "hv/vcpu.h"

/* Number of the vCPU's descriptor window. Window 0 is for CPUs without a vCPU. */
static inline unsigned int vcpu_window(const struct vcpu *vcpu)
{
    const struct hv_vcpu *record = (const struct hv_vcpu *)(const void *)vcpu;
    return 1 + record->slot;
}

/* Make the zeroed record of a vCPU ready: callbacks none, kernel mode, not initialised, down; its
 * descriptor window; its vcpu_info in shared_info. False: no memory for the window. */
NODISCARD bool hv_vcpu_init(struct hv_vcpu *vcpu, struct hv_domain *domain, unsigned int id);

/* Take the CPU from the vCPU that is loaded, if any, and give it to this one. Interrupts off. */
void vcpu_switch(struct hv_vcpu *next);

/* The loaded vCPU, if any, will not run again: leave the CPU to nobody, as it was at boot, so that
 * the vCPU's domain can be taken apart. Only while the CPU is idle. */
void vcpu_unload(void);

/* Give up what is under way for the loaded vCPU, and leave the hypervisor. */
NORETURN void vcpu_abandon(void);

/* Switch between guest kernel and guest user: GS bases and CR3. The base must exist. */
void vcpu_enter_kernel_mode(struct hv_vcpu *vcpu);
void vcpu_enter_user_mode(struct hv_vcpu *vcpu);

#endif
