/* SPDX-License-Identifier: BSD-2-Clause */
/* Reaching physical memory from the hypervisor. */
#ifndef HV_MEM_MEMORY_H
#define HV_MEM_MEMORY_H

#include "lib/compiler.h"

/* Where RAM or ACPI memory at `physical` is mapped, write-back. */
void *phys_to_virt(uint64_t physical);

/* Map device registers uncached, for ever. At boot only. */
volatile void *mmio_map(uint64_t physical, size_t size);

#endif
