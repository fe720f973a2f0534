/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory by guest-virtual address, in the address space that is loaded: every access is
 * checked against the guest's part and survives a fault. There is no other way to a guest's
 * arguments, and nothing hands out pointers to them.
 */
#ifndef HV_GUEST_MEMORY_H
#define HV_GUEST_MEMORY_H

#include "lib/compiler.h"

/* False: the range is not all the guest's, or an access faulted (part may have been copied). */
NODISCARD bool guest_copy_in(void *to, uint64_t address, size_t size);
NODISCARD bool guest_copy_out(uint64_t address, const void *from, size_t size);

#endif
