/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of a vCPU that is loaded on this CPU, or of the hypervisor itself, on the console. */
#ifndef HV_DEBUG_STATE_H
#define HV_DEBUG_STATE_H

#include "hv/vcpu.h"

struct cpu_user_regs;

void registers_print(const struct cpu_user_regs *regs);

/* Each level's entry on the way to `address` in the tree under `base`. */
void walk_print(mfn_t base, uint64_t address);

/* Some words of the guest's memory from here on. */
void stack_print(uint64_t rsp);

/* Where the vCPU is and what is in its registers. */
void vcpu_print_state(const struct hv_vcpu *vcpu, const struct cpu_user_regs *regs);

/* Walks to what it executes, to its stack, and to its last page fault's address. */
void vcpu_print_walks(const struct hv_vcpu *vcpu, const struct cpu_user_regs *regs);

#endif
