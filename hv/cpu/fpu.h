/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floating-point and vector registers. The hypervisor itself uses none; a vCPU's are switched
 * as a whole, always, so that nothing of one is ever in the registers while another runs.
 *
 *   hardware CR0.TS = the guest's own CR0.TS, or its state is not loaded
 *
 * So a vCPU may begin unloaded: its first use raises #NM, and fpu_handle_nm() loads it. XCR0 is the
 * vCPU's while its state is loaded.
 */
#ifndef HV_CPU_FPU_H
#define HV_CPU_FPU_H

#include "hv/cpu/features.h"
#include "hv/vcpu.h"

/* This CPU: CR0 and CR4 so that guests can use all there is, TS set. After
 * cpu_features_detect(). */
void fpu_init_cpu(void);

/* The state of a new vCPU: the processor's own initial one (FNINIT, MXCSR 0x1f80). Its fpu_area is
 * there, one frame. */
void fpu_init_vcpu(struct hv_vcpu *vcpu);

/* The x87 and SSE state of a vCPU that is not loaded, as FXSAVE writes it (512 bytes). An image
 * that the processor refuses leaves the vCPU with the initial state when it runs. */
void fpu_set_legacy(struct hv_vcpu *vcpu, const void *image);
void fpu_get_legacy(const struct hv_vcpu *vcpu, void *image);

/* Give the registers from one vCPU to another; either may be NULL. `from` is the one that ran on
 * this CPU last. Interrupts off. */
void fpu_switch(struct hv_vcpu *from, struct hv_vcpu *to);

/* #NM from the guest. True: the state has been loaded, let it try again. False: it had set its own
 * TS, which is clear now as the ABI wants: the exception is the guest's. */
NODISCARD bool fpu_handle_nm(struct hv_vcpu *vcpu);

/* The running vCPU changes its own CR0.TS. */
void fpu_set_guest_ts(struct hv_vcpu *vcpu, bool ts);

/* What a guest may have in XCR0: components that there are, x87 always, AVX with SSE only. */
static inline bool fpu_xcr0_is_legal(uint64_t xcr0)
{
    bool has_parents = (xcr0 & XCR0_AVX) == 0 || (xcr0 & XCR0_SSE) != 0;
    return (xcr0 & ~(cpu_features.xcr0 | XCR0_X87)) == 0 && (xcr0 & XCR0_X87) != 0 && has_parents;
}

/* The running vCPU executes XSETBV on XCR0. False: it may not have that value. */
NODISCARD bool fpu_set_xcr0(struct hv_vcpu *vcpu, uint64_t xcr0);

/* Bytes of the standard XSAVE format with these components. */
uint32_t fpu_area_size(uint64_t xcr0);

#endif
