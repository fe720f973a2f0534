/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state a vCPU starts in, as the public struct vcpu_guest_context (xen/arch-x86/xen.h): of the
 * builder for vCPU 0, of XEN_DOMCTL_setvcpucontext, of VCPUOP_initialise. The only way in for
 * registers that the vCPU has not loaded itself.
 */
#ifndef HV_DOMAIN_VCPU_CONTEXT_H
#define HV_DOMAIN_VCPU_CONTEXT_H

#include "core/context.h"
#include "hv/vcpu.h"

/*
 * Give an uninitialised vCPU its state: registers, trap table, callbacks, GDT, LDT, bases. It is up
 * if VGCF_online says so. Everything is checked before anything is kept. The value is 0, or a
 * negative number of <xen/errno.h>: -EINVAL, and nothing changed; -EEXIST: it is initialised.
 * Again: its page tables are being validated and the CPU is wanted; call again with the same.
 */
NODISCARD struct call_result vcpu_context_set(struct hv_vcpu *vcpu,
                                              const struct vcpu_guest_context *context);

/* The state it has now. It is another domain's than the running one's. */
void vcpu_context_get(const struct hv_vcpu *vcpu, struct vcpu_guest_context *context);

#endif
