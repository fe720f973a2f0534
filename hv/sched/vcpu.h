/* SPDX-License-Identifier: BSD-2-Clause */
/* Which vCPU runs, what it waits for, and what it is told about time. */
#ifndef HV_SCHED_VCPU_H
#define HV_SCHED_VCPU_H

#include "hv/vcpu.h"

/* Number of the vCPU's descriptor window. */
unsigned int vcpu_window(const struct vcpu *vcpu);

/* Make the record of a vCPU ready: callbacks none, kernel mode, its descriptor window, its
 * vcpu_info in shared_info. */
void hv_vcpu_init(struct hv_vcpu *vcpu, struct hv_domain *domain, unsigned int id);

/* Load the vCPU's state on this CPU (bases, windows, FPU, debug registers) and enter it with these
 * registers. Never comes back. */
NORETURN void vcpu_start(struct hv_vcpu *vcpu, const struct cpu_user_regs *regs);

/* The hardware timer has fired: raise what is due and program the next deadline. */
void vcpu_timer_expired(void);

/* Switch between guest kernel and guest user: GS bases and CR3. The base must exist. */
void vcpu_enter_kernel_mode(struct hv_vcpu *vcpu);
void vcpu_enter_user_mode(struct hv_vcpu *vcpu);

#endif
