/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/multiboot.h"

#include "hv/mem/boot_memory.h"
#include "lib/string.h"

#define FLAG_MEMORY       (1U << 0)
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

static bool copy_text(char *to, size_t size, uint32_t address)
{
    const char *text = phys_to_virt(address);
    size_t length = strnlen(text, size);
    if (length == size) {
        return false;
    }
    memcpy(to, text, length + 1);
    return true;
}

static const char *read_map(const struct information *information)
{
    if ((information->flags & FLAG_MEMORY_MAP) == 0) {
        return "the boot loader gives no memory map";
    }
    uint64_t at = information->map;
    uint64_t end = at + information->map_length;
    while (at + sizeof(struct map_entry) <= end) {
        struct map_entry entry;
        memcpy(&entry, phys_to_virt(at), sizeof(entry));
        if (entry.length != 0 && !boot_memory_add(entry.address, entry.length, entry.type)) {
            return "the memory map has too many entries, or one that wraps";
        }
        at += entry.size + sizeof(entry.size);
    }
    return NULL;
}

static const char *read_modules(const struct information *information,
                                struct boot_information *result)
{
    uint32_t count = (information->flags & FLAG_MODULES) != 0 ? information->module_count : 0;
    if (count > BOOT_MODULE_LIMIT) {
        return "too many boot modules";
    }
    for (uint32_t i = 0; i < count; i++) {
        struct module module;
        memcpy(&module, phys_to_virt(information->modules + i * sizeof(module)), sizeof(module));
        struct boot_module *copy = &result->modules[i];
        if (module.end < module.start) {
            return "a boot module ends before it starts";
        }
        copy->address = module.start;
        copy->size = module.end - module.start;
        if (module.text != 0 && !copy_text(copy->text, sizeof(copy->text), module.text)) {
            return "a boot module's arguments are too long";
        }
        boot_memory_reserve(copy->address, copy->size);
    }
    result->module_count = count;
    return NULL;
}

const char *multiboot_read(uint32_t magic, uint32_t address, struct boot_information *result)
{
    if (magic != MULTIBOOT_LOADER_MAGIC) {
        return "not started by a multiboot loader";
    }
    struct information information;
    memcpy(&information, phys_to_virt(address), sizeof(information));
    if ((information.flags & FLAG_COMMAND_LINE) != 0 &&
        !copy_text(result->command_line, sizeof(result->command_line), information.command_line)) {
        return "the command line is too long";
    }
    if ((information.flags & FLAG_LOADER_NAME) != 0 &&
        !copy_text(result->loader, sizeof(result->loader), information.loader_name)) {
        result->loader[0] = '\0';
    }
    const char *wrong = read_map(&information);
    return wrong != NULL ? wrong : read_modules(&information, result);
}
