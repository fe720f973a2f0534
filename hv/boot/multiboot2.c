/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/multiboot2.h"

#define TAG_ALIGN UINT64_C(8)

/* Types of tags; others do not concern us. */
enum tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_LOADER_NAME = 2,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
    TAG_ACPI_OLD = 14, /* a copy of the root pointer: ACPI 1.0's, and that of later versions */
    TAG_ACPI_NEW = 15,
};

/* The list begins with its size, and each tag with its type and its own size, header included. */
struct list_header {
    uint32_t size;
    uint32_t reserved;
};
struct tag_header {
    uint32_t type;
    uint32_t size;
};

/* What follows the header in some of them. A module's and a text's string is after that. */
struct module_body {
    uint32_t start;
    uint32_t end;
};
struct map_body {
    uint32_t entry_size;
    uint32_t entry_version;
};
struct map_entry {
    uint64_t address;
    uint64_t length;
    uint32_t type;
    uint32_t reserved;
};

/* One tag: where its body is and how long. */
struct tag {
    uint32_t type;
    uint64_t address;
    uint64_t size;
};

static bool refuse_short_tag(struct boot_information *to, const struct tag *tag)
{
    return loader_refuse(to,
                         "a tag of the multiboot 2 information is too short: type %u, %lu bytes",
                         tag->type, tag->size);
}

static bool read_command_line(struct boot_information *to, const struct tag *tag)
{
    if (tag->size == 0) {
        return refuse_short_tag(to, tag);
    }
    return loader_copy_text(to, to->command_line, sizeof(to->command_line), tag->address,
                            "the command line");
}

static bool read_module(struct boot_information *to, const struct tag *tag)
{
    struct module_body module;
    if (tag->size <= sizeof(module) || !loader_copy(&module, tag->address, sizeof(module))) {
        return refuse_short_tag(to, tag);
    }
    if (module.end < module.start) {
        return loader_refuse(to, "boot module %u ends before it starts: at 0x%x, from 0x%x",
                             to->module_count, module.end, module.start);
    }
    return loader_add_module(to, module.start, module.end - module.start,
                             tag->address + sizeof(module));
}

static bool read_map(struct boot_information *to, const struct tag *tag)
{
    struct map_body map;
    if (tag->size < sizeof(map) || !loader_copy(&map, tag->address, sizeof(map))) {
        return refuse_short_tag(to, tag);
    }
    if (map.entry_size < sizeof(struct map_entry)) {
        return loader_refuse(to, "the loader's memory map has entries of %u bytes, not %lu",
                             map.entry_size, sizeof(struct map_entry));
    }
    for (uint64_t at = sizeof(map); at + map.entry_size <= tag->size; at += map.entry_size) {
        struct map_entry entry;
        if (!loader_copy(&entry, tag->address + at, sizeof(entry))) {
            return refuse_short_tag(to, tag);
        }
        if (!loader_add_memory(to, entry.address, entry.length, entry.type)) {
            return false;
        }
    }
    return true;
}

/* Of an old root pointer and a new one the new one counts, which is the longer. */
static bool read_rsdp(struct boot_information *to, const struct tag *tag)
{
    uint64_t size = min_u64(tag->size, sizeof(to->rsdp_copy));
    if (size > to->rsdp_copy_size && loader_copy(to->rsdp_copy, tag->address, size)) {
        to->rsdp_copy_size = size;
    }
    return true;
}

static bool read_tag(struct boot_information *to, const struct tag *tag)
{
    switch (tag->type) {
    case TAG_COMMAND_LINE:
        return read_command_line(to, tag);
    case TAG_LOADER_NAME:
        loader_copy_name(to, tag->address);
        return true;
    case TAG_MODULE:
        return read_module(to, tag);
    case TAG_MEMORY_MAP:
        return read_map(to, tag);
    case TAG_ACPI_OLD:
    case TAG_ACPI_NEW:
        return read_rsdp(to, tag);
    default:
        return true;
    }
}

/* Both sizes are checked before they are believed: a tag lies wholly inside the list. */
static bool read_tags(struct boot_information *to, uint64_t address, uint64_t size)
{
    uint64_t at = sizeof(struct list_header);
    for (;;) {
        struct tag_header header;
        if (size - at < sizeof(header) || !loader_copy(&header, address + at, sizeof(header))) {
            return loader_refuse(to, "the multiboot 2 information has no end: 0x%lx bytes at 0x%lx",
                                 size, address);
        }
        if (header.type == TAG_END) {
            return true;
        }
        if (header.size < sizeof(header) || header.size > size - at) {
            return loader_refuse(to,
                                 "a tag of the multiboot 2 information has a wrong size: type "
                                 "%u, %u bytes, of which %lu are left",
                                 header.type, header.size, size - at);
        }
        struct tag tag = {
            .type = header.type,
            .address = address + at + sizeof(header),
            .size = header.size - sizeof(header),
        };
        if (!read_tag(to, &tag)) {
            return false;
        }
        at = min_u64(at + round_up(header.size, TAG_ALIGN), size);
    }
}

bool multiboot2_read(uint32_t address, struct boot_information *information)
{
    struct list_header list;
    information->protocol = "multiboot 2";
    information->texts_have_names = true;
    if (!loader_copy(&list, address, sizeof(list)) || list.size < sizeof(list)) {
        return loader_refuse(information, "the multiboot 2 information cannot be read: 0x%x",
                             address);
    }
    return read_tags(information, address, list.size);
}
