/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vCPU runs (run_queue.h), and when that is decided anew.
 *
 * One lock, taken with interrupts off, covers the run queue; the event channels' lock may be held.
 * Switching happens on the way out to a guest (hv/entry/work.h).
 */
#ifndef HV_SCHED_SCHED_H
#define HV_SCHED_SCHED_H

#include "hv/vcpu.h"

#define VCPU_TOTAL_LIMIT 2048U /* vCPUs of all domains */

/* Boot is over: run the domains. */
NORETURN void sched_start(void);

/* Whether the vCPU can run may have changed (it was woken, brought up or down; its domain was
 * paused, unpaused, shut down): put it into the run queue, or take it out. */
void sched_update(struct hv_vcpu *vcpu);
void sched_update_domain(const struct hv_domain *domain);

/* The running vCPU lets whoever is next go first, once. */
void sched_yield(struct hv_vcpu *vcpu);

/* Each vCPU of the domain, also a future one, has this share from now on (1 .. WEIGHT_LIMIT). */
void sched_set_weight(struct hv_domain *domain, unsigned int weight);

/* Choose, and load, the vCPU that is to run now. False: none can. Interrupts off; no lock held;
 * only for cpu_work_perform(). */
NODISCARD bool sched_choose(void);

/* The vCPU that runs on this CPU, NULL while it is idle (current_vcpu() is then the last one). */
struct hv_vcpu *sched_running(void);

/* A vCPU comes or goes: a slot for it, and with it room in the queues. False: there are
 * VCPU_TOTAL_LIMIT. */
NODISCARD bool sched_add_vcpu(struct hv_vcpu *vcpu, unsigned int weight);
void sched_remove_vcpu(struct hv_vcpu *vcpu);

/* Nanoseconds a vCPU has run, and all those of a domain together; and that none has. */
uint64_t sched_vcpu_ns(const struct hv_vcpu *vcpu);
uint64_t sched_domain_ns(const struct hv_domain *domain);
uint64_t sched_idle_ns(void);

#endif
