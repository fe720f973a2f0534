/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The privileged instructions that a PV kernel executes although it runs in ring 3. They arrive as
 * #GP with error code 0, or as #UD in the forced-emulation form. What is not carried out here is
 * the guest's own fault.
 */
#ifndef HV_EMUL_PRIVILEGED_H
#define HV_EMUL_PRIVILEGED_H

#include "hv/vcpu.h"

enum emulation {
    EMULATED, /* done, and RIP is behind it; or it is to be executed again, and RIP is on it */
    EMULATED_FAULT, /* the guest has been given the exception it raises instead */
    NOT_OURS, /* the exception is the guest's: user mode, or not emulated, or operands refused */
};

/* #GP(0) from ring 3. Nothing has changed if the answer is NOT_OURS, which it also is when another
 * vCPU has taken away the bytes of the instruction since the processor fetched them. */
enum emulation emulate_privileged(struct hv_vcpu *vcpu, struct cpu_user_regs *regs);

/* #UD from ring 3, either mode. True: it was UD2, "xen", CPUID, and has been carried out. */
bool emulate_forced_cpuid(const struct hv_vcpu *vcpu, struct cpu_user_regs *regs);

#endif
