/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug registers of a vCPU (SDM volume 3, 17.2). What is stored in hv_vcpu.debug[] has been
 * checked and can be loaded at any time. Breakpoints never cover an address of the hypervisor, so
 * they stay on while it works for the vCPU; those it meets in guest memory are discarded.
 */
#ifndef HV_CPU_DEBUG_H
#define HV_CPU_DEBUG_H

#include "hv/vcpu.h"

#define DR6_INITIAL UINT64_C(0xffff0ff0)
#define DR7_INITIAL UINT64_C(0x400)

/* No breakpoints, nothing reported. */
void debug_init_vcpu(struct hv_vcpu *vcpu);

/*
 * Set or read register `number`, 0 to 7; 4 and 5 are other names of 6 and 7 while CR4.DE is clear.
 * Only what the vCPU has stored: debug_load() makes it effective. Answers 0, or -XEN_ENODEV: there
 * is no such register; -XEN_EPERM: a breakpoint where the guest may have none; -XEN_EINVAL: bits
 * that do not exist. A refusal changes nothing.
 */
NODISCARD int debug_set(struct hv_vcpu *vcpu, unsigned int number, uint64_t value);
NODISCARD int debug_get(const struct hv_vcpu *vcpu, unsigned int number, uint64_t *value);

/* Could debug_set() have stored all that? For the audit. */
bool debug_is_sound(const struct hv_vcpu *vcpu);

/* DR7 as the processor has it while the vCPU is loaded. */
uint64_t debug_hardware_control(const struct hv_vcpu *vcpu);

/* Load what is stored: when the vCPU comes to this CPU, and after a change while it is there. */
void debug_load(const struct hv_vcpu *vcpu);
/* The vCPU leaves this CPU, and perhaps nobody comes. */
void debug_unload(void);

/* #DB was raised by the guest: take what DR6 reports into the vCPU's, and clear DR6. */
void debug_take_status(struct hv_vcpu *vcpu);

/* #DB was raised while the hypervisor accessed memory that the guest watches: nobody hears of it.
 */
void debug_discard_status(void);

/* A single step ended with an emulated instruction: the vCPU's DR6 says so. */
void debug_report_step(struct hv_vcpu *vcpu);

#endif
