/* SPDX-License-Identifier: BSD-2-Clause */
/* What a multiboot 1 loader tells (Multiboot Specification 0.6.96, 3.3). */
#ifndef HV_BOOT_MULTIBOOT_H
#define HV_BOOT_MULTIBOOT_H

#include "hv/boot/loader.h"

#define MULTIBOOT_LOADER_MAGIC UINT32_C(0x2badb002) /* in eax at entry */

/* Read the multiboot information at `address`. */
bool multiboot_read(uint32_t address, struct boot_information *information);

#endif
