/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/pvh.h"

#define VERSION_WITH_MAP 1U /* the last three fields exist from here on */

static bool read_map(const struct hvm_start_info *from, struct boot_information *to)
{
    uint32_t count = from->version >= VERSION_WITH_MAP ? from->memmap_entries : 0;
    for (uint64_t i = 0; i < count; i++) {
        struct hvm_memmap_table_entry entry;
        uint64_t at = from->memmap_paddr + i * sizeof(entry);
        if (!loader_copy(&entry, at, sizeof(entry))) {
            return loader_refuse(to, "the loader's memory map is not wholly below 4 GiB: 0x%lx",
                                 at);
        }
        if (!loader_add_memory(to, entry.addr, entry.size, entry.type)) {
            return false;
        }
    }
    return true;
}

static bool read_modules(const struct hvm_start_info *from, struct boot_information *to)
{
    for (uint64_t i = 0; i < from->nr_modules; i++) {
        struct hvm_modlist_entry module;
        uint64_t at = from->modlist_paddr + i * sizeof(module);
        if (!loader_copy(&module, at, sizeof(module))) {
            return loader_refuse(to, "the list of boot modules is not wholly below 4 GiB: 0x%lx",
                                 at);
        }
        if (!loader_add_module(to, module.paddr, module.size, module.cmdline_paddr)) {
            return false;
        }
    }
    return true;
}

bool pvh_read(uint32_t address, struct boot_information *information)
{
    struct hvm_start_info from;
    information->protocol = "PVH";
    information->texts_have_names = false;
    if (!loader_copy(&from, address, sizeof(from)) || from.magic != PVH_MAGIC) {
        return loader_refuse(information, "there is no start_info where the PVH loader says: 0x%x",
                             address);
    }
    information->rsdp = from.rsdp_paddr;
    return loader_copy_text(information, information->command_line,
                            sizeof(information->command_line), from.cmdline_paddr,
                            "the command line") &&
           read_map(&from, information) && read_modules(&from, information);
}
