/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RESOURCE_H
#define CORE_RESOURCE_H

#include "core/context.h"

/* XENMEM_acquire_resource: memory_op's part for a domain's grant frames. */
NODISCARD enum status resource_acquire(const struct vcpu *vcpu, uint64_t address);

#endif
