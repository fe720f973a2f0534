/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot (version 1), the boot protocol between QEMU and the hypervisor. */
#ifndef TOOLS_MULTIBOOT_H
#define TOOLS_MULTIBOOT_H

#include "lib/compiler.h"

/* The header is within this much of the start of the file. */
#define MULTIBOOT_SEARCH_SIZE 8192

/* Whether a file that begins with these bytes can be booted by Multiboot. */
bool multiboot_has_header(const uint8_t *start, size_t size);

#endif
