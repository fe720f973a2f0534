/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The L4 tables that a vCPU runs on: one for its kernel, one for user mode. Each base is a use of
 * its table, which keeps it validated as a pin would.
 */
#ifndef CORE_BASES_H
#define CORE_BASES_H

#include "core/context.h"

/* Another kernel base for the context's vCPU. The caller finishes the release of the one before. */
NODISCARD enum status bases_set_kernel(struct mmu_context *context, mfn_t base);

/* The same for the user base, which may be MFN_INVALID for none. */
NODISCARD enum status bases_set_user(struct mmu_context *context, mfn_t base);

#endif
