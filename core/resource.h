/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RESOURCE_H
#define CORE_RESOURCE_H

#include "core/context.h"

/* XENMEM_acquire_resource: memory_op's part for a domain's grant frames. `about`, empty before,
 * says what a refusal is about. */
NODISCARD enum status resource_acquire(const struct vcpu *vcpu, uint64_t address,
                                       struct refusal *about);

#endif
