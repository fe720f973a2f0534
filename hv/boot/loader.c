/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/loader.h"

#include "hv/boot/image.h"
#include "hv/boot/multiboot.h"
#include "hv/boot/multiboot2.h"
#include "hv/boot/pvh.h"
#include "hv/layout.h"
#include "hv/mem/boot_memory.h"
#include "lib/format.h"
#include "lib/string.h"

/* ---- for the readers ------------------------------------------------------------------------- */

bool loader_refuse(struct boot_information *information, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_text_v(information->problem, sizeof(information->problem), format, arguments);
    va_end(arguments);
    return false;
}

/* Whether the boot page tables reach these bytes. */
static bool is_mapped(uint64_t address, uint64_t size)
{
    return address <= BOOT_MAPPED && size <= BOOT_MAPPED - address;
}

bool loader_copy(void *to, uint64_t address, uint64_t size)
{
    if (!is_mapped(address, size)) {
        return false;
    }
    memcpy(to, phys_to_virt(address), size);
    return true;
}

bool loader_copy_text(struct boot_information *information, char *to, size_t size, uint64_t address,
                      const char *what)
{
    if (address == 0) {
        to[0] = '\0';
        return true;
    }
    if (address >= BOOT_MAPPED) {
        return loader_refuse(information, "%s is at 0x%lx, which is not below 4 GiB", what,
                             address);
    }
    uint64_t limit = min_u64(size, BOOT_MAPPED - address);
    const char *text = phys_to_virt(address);
    size_t length = strnlen(text, limit);
    if (length == limit) {
        return loader_refuse(information, "%s is longer than %lu bytes, the most there is room for",
                             what, size - 1);
    }
    memcpy(to, text, length + 1);
    return true;
}

void loader_copy_name(struct boot_information *information, uint64_t address)
{
    if (address != 0 && address < BOOT_MAPPED) {
        size_t limit = min_u64(sizeof(information->loader) - 1, BOOT_MAPPED - address);
        size_t length = strnlen(phys_to_virt(address), limit);
        memcpy(information->loader, phys_to_virt(address), length);
        information->loader[length] = '\0';
    }
}

bool loader_add_memory(struct boot_information *information, uint64_t address, uint64_t size,
                       uint32_t type)
{
    if (size == 0) {
        return true;
    }
    if (address + size < address) {
        return loader_refuse(information,
                             "the loader's memory map has an entry that wraps: 0x%lx, 0x%lx bytes",
                             address, size);
    }
    if (!boot_memory_add(address, size, type)) {
        return loader_refuse(information,
                             "the loader's memory map has more entries than there is room for; the "
                             "one at 0x%lx is too many",
                             address);
    }
    information->has_memory_map = true;
    return true;
}

bool loader_add_module(struct boot_information *information, uint64_t address, uint64_t size,
                       uint64_t text)
{
    unsigned int index = information->module_count;
    if (index == BOOT_MODULE_LIMIT) {
        return loader_refuse(information, "there are more than %u boot modules", BOOT_MODULE_LIMIT);
    }
    size_t room = BOOT_MODULE_TEXTS - information->module_texts_used;
    if (room == 0) {
        return loader_refuse(information, "the boot modules' texts have more than %u bytes",
                             BOOT_MODULE_TEXTS);
    }
    struct boot_module *module = &information->modules[index];
    module->text = information->module_texts + information->module_texts_used;
    if (!loader_copy_text(information, module->text, room, text, "a boot module's text")) {
        return false;
    }
    information->module_texts_used += strlen(module->text) + 1;
    module->address = address;
    module->size = size;
    information->module_count++;
    return true;
}

/* ---- all together ---------------------------------------------------------------------------- */

static bool read_protocol(uint32_t magic, uint32_t address, struct boot_information *information)
{
    switch (magic) {
    case MULTIBOOT_LOADER_MAGIC:
        return multiboot_read(address, information);
    case MULTIBOOT2_LOADER_MAGIC:
        return multiboot2_read(address, information);
    case PVH_MAGIC:
        return pvh_read(address, information);
    default:
        information->protocol = "no known protocol";
        return loader_refuse(
            information, "started by no multiboot or PVH loader: eax was 0x%x at the entry", magic);
    }
}

/* GRUB 2 leaves the names of files out of their texts; GRUB 0.9x, QEMU and others do not. */
static bool omits_names(const char *loader)
{
    return strncmp(loader, "GRUB ", 5) == 0 && loader[5] != '0';
}

/* How far a range, from its start on, was seen to be RAM (boot is single-threaded, and visitors
 * take no argument). The ranges come in rising order. */
static uint64_t ram_reached;

static void reach_through(uint64_t address, uint64_t size)
{
    if (address <= ram_reached && ram_reached < address + size) {
        ram_reached = address + size;
    }
}

static bool is_ram(uint64_t address, uint64_t size)
{
    ram_reached = address;
    boot_memory_visit_ram(reach_through);
    return ram_reached >= address + size;
}

static bool overlaps_image(uint64_t address, uint64_t size)
{
    uint64_t image_size = (uint64_t)(image_end - image_start);
    return address < IMAGE_LOAD_ADDRESS + image_size && address + size > IMAGE_LOAD_ADDRESS;
}

/* Modules lie where the boot page tables reach, in RAM that nothing else is in. */
static bool take_modules(struct boot_information *information)
{
    for (unsigned int i = 0; i < information->module_count; i++) {
        uint64_t address = information->modules[i].address;
        uint64_t size = information->modules[i].size;
        if (!is_mapped(address, size)) {
            return loader_refuse(information,
                                 "boot module %u is not wholly below 4 GiB: 0x%lx bytes at 0x%lx",
                                 i, size, address);
        }
        if (size != 0 && !is_ram(round_down(address, PAGE_SIZE), size)) {
            return loader_refuse(information,
                                 "boot module %u is not wholly in RAM: 0x%lx bytes at 0x%lx, RAM "
                                 "ends at 0x%lx",
                                 i, size, address, boot_memory_end());
        }
        if (overlaps_image(address, size)) {
            return loader_refuse(information,
                                 "boot module %u overlaps the hypervisor: 0x%lx bytes at 0x%lx", i,
                                 size, address);
        }
        boot_memory_reserve(address, size);
    }
    return true;
}

bool loader_read(uint32_t magic, uint32_t address, struct boot_information *information)
{
    if (!read_protocol(magic, address, information)) {
        return false;
    }
    if (omits_names(information->loader)) {
        information->texts_have_names = false;
    }
    if (!information->has_memory_map) {
        return loader_refuse(information, "the boot loader gives no memory map (%s)",
                             information->protocol);
    }
    return take_modules(information);
}
