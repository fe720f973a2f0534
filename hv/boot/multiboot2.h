/* SPDX-License-Identifier: BSD-2-Clause */
/* What a multiboot 2 loader tells (Multiboot2 Specification 2.0, 3.6). */
#ifndef HV_BOOT_MULTIBOOT2_H
#define HV_BOOT_MULTIBOOT2_H

#include "hv/boot/loader.h"

#define MULTIBOOT2_LOADER_MAGIC UINT32_C(0x36d76289) /* in eax at entry */

/* Read the list of tags at `address`. */
bool multiboot2_read(uint32_t address, struct boot_information *information);

#endif
