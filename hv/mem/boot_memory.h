/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory during boot: the machine's map, what is taken, and an allocator that takes more. Once the
 * frame table exists, what is left goes to it. Boot processor only.
 */
#ifndef HV_MEM_BOOT_MEMORY_H
#define HV_MEM_BOOT_MEMORY_H

#include "hv/mem/memory.h"

#define MEMORY_RAM      1 /* types of the firmware's map (ACPI 15.1) */
#define MEMORY_RESERVED 2
#define MEMORY_ACPI     3
#define MEMORY_NVS      4
#define MEMORY_UNUSABLE 5

/* What the boot page tables reach. */
#define BOOT_MAPPED (UINT64_C(4) << 30)

/* Add an entry of the loader's map, in any order. False: there is no room for it. */
bool boot_memory_add(uint64_t address, uint64_t size, uint32_t type);

/* These bytes of RAM are in use (rounded out to whole frames). */
void boot_memory_reserve(uint64_t address, uint64_t size);

/* Take zeroed memory, as high as possible, on a boundary of `align` (a power of two, at least a
 * frame). Below 4 GiB before paging_init(). Stops the machine when there is none. */
uint64_t boot_memory_alloc(uint64_t size, uint64_t align);

/* The frame table takes over what is free: from here on boot_memory_alloc() stops the machine. */
void boot_memory_close(void);
bool boot_memory_is_open(void);

/* Bytes taken by boot_memory_alloc() so far, and bytes of RAM in the machine. */
uint64_t boot_memory_allocated(void);
uint64_t boot_memory_total(void);
/* End of the highest RAM. */
uint64_t boot_memory_end(void);

/* Call `visit` for each range of RAM above 1 MiB that nobody took, in whole frames, rising. */
void boot_memory_visit_free(void (*visit)(uint64_t address, uint64_t size));
/* Call `visit` for each range of RAM. */
void boot_memory_visit_ram(void (*visit)(uint64_t address, uint64_t size));

#endif
