/* SPDX-License-Identifier: BSD-2-Clause */
/* XENMEM_exchange: trade frames for as many others of another extent order. */
#ifndef CORE_EXCHANGE_H
#define CORE_EXCHANGE_H

#include "core/context.h"

/* arg[1]: a struct xen_memory_exchange in guest memory, whose nr_exchanged says how many input
 * extents are done, also where to go on. */
struct call_result call_exchange(struct vcpu *vcpu, const uint64_t arg[]);

#endif
