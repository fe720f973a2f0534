/* SPDX-License-Identifier: BSD-2-Clause */
/* INS and OUTS: between a port and the guest's memory. */
#ifndef HV_EMUL_STRING_IO_H
#define HV_EMUL_STRING_IO_H

#include "hv/vcpu.h"
#include "lib/insn.h"

struct string_io_fault {
    uint64_t address;
    uint32_t error; /* of the page fault */
};

/*
 * Carry out one element or, with REP, as many as fit in a short while, and move the registers on.
 * The instruction is complete when it has no REP or RCX is 0; else the guest is to execute it once
 * more. False: the guest's memory cannot be reached; no register has changed, and no port was
 * touched (unless another vCPU unmapped the memory just then).
 */
NODISCARD bool string_io(const struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                         struct cpu_user_regs *regs, struct string_io_fault *fault);

#endif
