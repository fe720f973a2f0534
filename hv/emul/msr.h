/* SPDX-License-Identifier: BSD-2-Clause */
/* RDMSR and WRMSR of guest kernels: an allow-list. Whatever is not on it is #GP in the guest. */
#ifndef HV_EMUL_MSR_H
#define HV_EMUL_MSR_H

#include "hv/vcpu.h"

/* For the running vCPU, in kernel mode. False: #GP; nothing was changed, and `*value` is 0. */
NODISCARD bool guest_msr_read(const struct hv_vcpu *vcpu, uint32_t msr, uint64_t *value);
NODISCARD bool guest_msr_write(struct hv_vcpu *vcpu, uint32_t msr, uint64_t value);

#endif
