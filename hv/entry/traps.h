/* SPDX-License-Identifier: BSD-2-Clause */
/* What the assembly of hv/entry calls. Interrupts are off on entry. */
#ifndef HV_ENTRY_TRAPS_H
#define HV_ENTRY_TRAPS_H

#include "lib/abi.h"

/* An exception or interrupt, from ring 3 or from the hypervisor itself. */
void trap_handle(struct cpu_user_regs *regs);
/* SYSCALL from ring 3: entry_vector is SYSCALL_ENTRY or SYSCALL32_ENTRY. */
void syscall_handle(struct cpu_user_regs *regs);

#define SYSCALL_ENTRY   0x100U
#define SYSCALL32_ENTRY 0x101U

/* Continue on the main stack with nothing on it but the guest's frame, by calling `function` with
 * it, then leave to the guest. */
__attribute__((noreturn)) void stack_restart(struct cpu_user_regs *frame,
                                             void (*function)(struct cpu_user_regs *regs));

#endif
