/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vCPUs' deadlines, and the one that the hardware timer is set to. A singleshot timer and the
 * end of a poll count whether the vCPU runs or not; a periodic one ticks only while it runs, as on
 * Xen. One lock, taken with interrupts off, nothing else under it.
 */
#ifndef HV_SCHED_TIMERS_H
#define HV_SCHED_TIMERS_H

#include "hv/vcpu.h"

/* One of the vCPU's deadlines has changed. */
void timers_changed(struct hv_vcpu *vcpu);

/* The vCPU has none any more. */
void timers_forget(struct hv_vcpu *vcpu);

/* `running` (NULL: nobody) has the CPU until `slice_end` (0: as long as it likes). */
void timers_set_running(struct hv_vcpu *running, uint64_t slice_end);

/* Boot work (CPU_WORK_BOOT) is to be done at this system time at the latest; 0: no longer. */
void timers_set_boot_deadline(uint64_t ns);

/* The hardware timer has fired: raise what is due, and set it to the next deadline. Interrupts off,
 * no lock held. */
void timers_expired(void);

#endif
