/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bases of FS and GS while a vCPU is loaded. The hypervisor uses neither segment, so the
 * registers are the guest's all the time: GS_BASE has the base of the mode it is in, KERNEL_GS_BASE
 * that of the other, and a change of mode is a SWAPGS. Every base is canonical; the setters'
 * callers have checked it.
 */
#ifndef HV_CPU_SEGMENTS_H
#define HV_CPU_SEGMENTS_H

#include "hv/vcpu.h"

static inline bool address_is_canonical(uint64_t address)
{
    return address < (UINT64_C(1) << 47) || address >= ~UINT64_C(0) << 47;
}

/* The selectors of a vCPU that leaves this CPU, into ds to gs of its registers. */
void segments_save(struct cpu_user_regs *regs);
/* Those of one that comes. Its bases are to be set afterwards. False: the processor refused one or
 * more, which are null now. */
NODISCARD bool segments_load(const struct cpu_user_regs *regs);

uint64_t segment_fs_base(void);
void segment_set_fs_base(uint64_t base);

/* Of the mode the vCPU is in. */
uint64_t segment_gs_base_active(void);
void segment_set_gs_base_active(uint64_t base);

/* Of the other mode: the user's, in a hypercall or an emulated instruction. */
uint64_t segment_gs_base_inactive(void);
void segment_set_gs_base_inactive(uint64_t base);

#endif
