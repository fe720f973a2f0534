/* SPDX-License-Identifier: BSD-2-Clause */
/* Flushes that a guest asks for, and the vCPU bitmaps it names CPUs with. */
#ifndef CORE_GUEST_FLUSH_H
#define CORE_GUEST_FLUSH_H

#include "core/domain.h"

/* The CPUs that may hold translations of the vCPUs in the bitmap at `address` in guest memory: bits
 * of vCPUs that do not exist count for nothing. False: the bitmap cannot be read. */
NODISCARD bool guest_flush_read_cpus(const struct domain *domain, uint64_t address, uint64_t *cpus);

/* Flush one guest address on these CPUs; an address that is not the guest's is ignored. */
void guest_flush_address(uint64_t cpus, uint64_t address);

#endif
