/* SPDX-License-Identifier: BSD-2-Clause */
/* Entering the guest kernel where it asked for: exceptions, events, system calls; and iret back. */
#ifndef HV_ENTRY_BOUNCE_H
#define HV_ENTRY_BOUNCE_H

#include "hv/vcpu.h"

struct cpu_user_regs;

/* An unmasked event is pending: the upcall. Called on the way out, interrupts off. */
void vcpu_deliver_event(struct cpu_user_regs *regs);

/* A system call of guest user mode, for its kernel. Without a callback the guest gets #UD. */
void bounce_syscall(struct hv_vcpu *vcpu, struct cpu_user_regs *regs,
                    const struct guest_callback *callback);

/* Hypercall 23: go on where the frame on the guest kernel's stack says (struct iret_context of
 * xen/arch-x86/xen-x86_64.h). */
void guest_iret(struct hv_vcpu *vcpu, struct cpu_user_regs *regs);

#endif
