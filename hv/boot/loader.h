/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader told, whichever of the three protocols it speaks: multiboot 1, multiboot 2
 * or PVH. Everything is copied out of the loader's structures at once, before their memory is used.
 */
#ifndef HV_BOOT_LOADER_H
#define HV_BOOT_LOADER_H

#include "lib/boot_limits.h"
#include "lib/compiler.h"

#define BOOT_TEXT_LIMIT    1024U
#define BOOT_PROBLEM_LIMIT 192U
#define BOOT_RSDP_LIMIT    36U /* ACPI 2.0's; that of ACPI 1.0 has 20 bytes (ACPI 6.4, 5.2.5.3) */

/* One file the loader put into memory. */
struct boot_module {
    uint64_t address; /* physical */
    uint64_t size;
    char *text; /* as the loader gave it: the arguments, perhaps after a name */
};

struct boot_information {
    const char *protocol; /* "multiboot 1", ... */
    char loader[64];      /* its name; empty: it did not say */
    char command_line[BOOT_TEXT_LIMIT];
    bool texts_have_names; /* texts begin with the file's name */
    bool has_memory_map;
    uint64_t rsdp; /* physical address of ACPI's root pointer; 0: the loader does not say */
    uint8_t rsdp_copy[BOOT_RSDP_LIMIT]; /* or the root pointer itself */
    uint64_t rsdp_copy_size;            /* 0: the loader gave no copy */
    unsigned int module_count;
    struct boot_module modules[BOOT_MODULE_LIMIT];
    size_t module_texts_used;
    char module_texts[BOOT_MODULE_TEXTS];
    char problem[BOOT_PROBLEM_LIMIT]; /* why it cannot be used; empty: it can */
};

/*
 * Read the structures at `address`; `magic` says of which protocol they are. The memory map goes to
 * boot_memory_add(), what the modules occupy to boot_memory_reserve(). False: problem says what is
 * wrong. What was read before it is kept, so that the command line can say where to report it.
 */
bool loader_read(uint32_t magic, uint32_t address, struct boot_information *information);

/* ---- for the readers of the protocols: each answers false with `problem` set, or true ---------
 */

/* Set the problem; always false. */
bool loader_refuse(struct boot_information *information, const char *format, ...)
    PRINTF_FORMAT(2, 3);

/* Copy from physical memory. False, with nothing said: not all of it is below 4 GiB. */
bool loader_copy(void *to, uint64_t address, uint64_t size);

/* Copy a text of less than `size` bytes at `address` (0: none, an empty one); `what` names it. */
bool loader_copy_text(struct boot_information *information, char *to, size_t size, uint64_t address,
                      const char *what);

/* Copy the loader's name, as much of it as fits; it is only shown. */
void loader_copy_name(struct boot_information *information, uint64_t address);

bool loader_add_memory(struct boot_information *information, uint64_t address, uint64_t size,
                       uint32_t type);

/* `text`: as for loader_copy_text(). */
bool loader_add_module(struct boot_information *information, uint64_t address, uint64_t size,
                       uint64_t text);

#endif
