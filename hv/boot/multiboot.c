/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/multiboot.h"

#define FLAG_COMMAND_LINE (1U << 2)
#define FLAG_MODULES      (1U << 3)
#define FLAG_MEMORY_MAP   (1U << 6)
#define FLAG_LOADER_NAME  (1U << 9)

struct information {
    uint32_t flags;
    uint32_t memory_lower;
    uint32_t memory_upper;
    uint32_t boot_device;
    uint32_t command_line;
    uint32_t module_count;
    uint32_t modules;
    uint32_t symbols[4];
    uint32_t map_length;
    uint32_t map;
    uint32_t drives[2];
    uint32_t configuration;
    uint32_t loader_name;
};

struct module {
    uint32_t start;
    uint32_t end;
    uint32_t text;
    uint32_t reserved;
};

/* `size` says how long the rest of the entry is. */
struct map_entry {
    uint32_t size;
    uint64_t address;
    uint64_t length;
    uint32_t type;
} PACKED;

/* A field that the flags say is not there is none. */
static uint32_t if_there(const struct information *from, uint32_t flag, uint32_t field)
{
    return (from->flags & flag) != 0 ? field : 0;
}

static bool read_texts(const struct information *from, struct boot_information *to)
{
    loader_copy_name(to, if_there(from, FLAG_LOADER_NAME, from->loader_name));
    return loader_copy_text(to, to->command_line, sizeof(to->command_line),
                            if_there(from, FLAG_COMMAND_LINE, from->command_line),
                            "the command line");
}

static bool read_map(const struct information *from, struct boot_information *to)
{
    uint64_t at = from->map;
    uint64_t end = at + if_there(from, FLAG_MEMORY_MAP, from->map_length);
    while (at + sizeof(struct map_entry) <= end) {
        struct map_entry entry;
        if (!loader_copy(&entry, at, sizeof(entry))) {
            return loader_refuse(to, "the loader's memory map is not wholly below 4 GiB: 0x%lx",
                                 at);
        }
        if (!loader_add_memory(to, entry.address, entry.length, entry.type)) {
            return false;
        }
        at += (uint64_t)entry.size + sizeof(entry.size);
    }
    return true;
}

static bool read_modules(const struct information *from, struct boot_information *to)
{
    uint32_t count = if_there(from, FLAG_MODULES, from->module_count);
    for (uint64_t i = 0; i < count; i++) {
        struct module module;
        uint64_t at = from->modules + i * sizeof(module);
        if (!loader_copy(&module, at, sizeof(module))) {
            return loader_refuse(to, "the list of boot modules is not wholly below 4 GiB: 0x%lx",
                                 at);
        }
        if (module.end < module.start) {
            return loader_refuse(to, "boot module %lu ends before it starts: at 0x%x, from 0x%x", i,
                                 module.end, module.start);
        }
        if (!loader_add_module(to, module.start, module.end - module.start, module.text)) {
            return false;
        }
    }
    return true;
}

bool multiboot_read(uint32_t address, struct boot_information *information)
{
    struct information from;
    information->protocol = "multiboot 1";
    information->texts_have_names = true;
    if (!loader_copy(&from, address, sizeof(from))) {
        return loader_refuse(information, "the multiboot information is not below 4 GiB: 0x%x",
                             address);
    }
    return read_texts(&from, information) && read_map(&from, information) &&
           read_modules(&from, information);
}
