/* SPDX-License-Identifier: BSD-2-Clause */
/* Reaching physical memory from the hypervisor. */
#ifndef HV_MEM_MEMORY_H
#define HV_MEM_MEMORY_H

#include "lib/compiler.h"

/* Where RAM or ACPI memory at `physical` is mapped, write-back. */
void *phys_to_virt(uint64_t physical);

/* Memory for the hypervisor's own records, zeroed, in whole frames that follow each other; NULL:
 * there is none. Once the frame table is filled; any CPU, no lock. */
void *memory_take(size_t size);
/* Give it back; the same size. NULL is nothing. */
void memory_free(void *memory, size_t size);

/* Map device registers uncached, for ever. At boot only. */
volatile void *mmio_map(uint64_t physical, size_t size);

/* One entry of the firmware's memory map, as the public ABI hands it on (20 bytes). */
struct e820_entry {
    uint64_t address;
    uint64_t size;
    uint32_t type; /* 1 RAM, 2 reserved, 3 ACPI tables, 4 ACPI NVS, 5 unusable */
} PACKED;

/* The machine's map as the boot loader gave it, sorted by address. */
const struct e820_entry *machine_memory_map(unsigned int *count);

#endif
