/* SPDX-License-Identifier: BSD-2-Clause */
/* What a multiboot 1 loader tells (Multiboot Specification 0.6.96, 3.3). */
#ifndef HV_BOOT_MULTIBOOT_H
#define HV_BOOT_MULTIBOOT_H

#include "lib/compiler.h"

#define MULTIBOOT_LOADER_MAGIC UINT32_C(0x2badb002) /* in eax at entry */
#define BOOT_MODULE_LIMIT      8U
#define BOOT_TEXT_LIMIT        1024U

/* One file the loader put into memory. */
struct boot_module {
    uint64_t address; /* physical */
    uint64_t size;
    char text[BOOT_TEXT_LIMIT]; /* its name and arguments, as the loader gave them */
};

struct boot_information {
    char command_line[BOOT_TEXT_LIMIT];
    char loader[64];
    unsigned int module_count;
    struct boot_module modules[BOOT_MODULE_LIMIT];
};

/*
 * Copy everything out of the loader's structures at `address`, below 4 GiB: the memory map goes to
 * boot_memory_add(), what the modules occupy to boot_memory_reserve(). NULL, or what is wrong with
 * them. Longer texts than BOOT_TEXT_LIMIT are an error; more modules than fit are.
 */
const char *multiboot_read(uint32_t magic, uint32_t address, struct boot_information *information);

#endif
