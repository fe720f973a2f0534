/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PHYSMAP_H
#define CORE_PHYSMAP_H

#include "core/context.h"

/* Why a command of memory_op for domains that are not PV is refused; STATUS_UNKNOWN_COMMAND: it is
 * none of those either. `about`, empty before, says what the refusal is about. */
NODISCARD enum status physmap_refuse(struct vcpu *vcpu, uint64_t command, uint64_t address,
                                     struct refusal *about);

#endif
