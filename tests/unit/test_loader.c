/* SPDX-License-Identifier: BSD-2-Clause */
/* What boot loaders tell, right and wrong, in each of the three protocols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/boot/loader.h"
#include "hv/boot/plan.h"
#include "hv/boot/multiboot.h"
#include "hv/boot/multiboot2.h"
#include "hv/boot/pvh.h"
#include "hv/mem/boot_memory.h"

/* ---- the machine: a piece of physical memory, and what the readers said of memory ---------------
 */

#define MEMORY_BASE UINT64_C(0x10000)
#define MEMORY_SIZE 0x10000U
#define RAM_START   UINT64_C(0)
#define RAM_END     UINT64_C(0x8000000)
#define MODULE_AT   UINT32_C(0x200000)
#define MAP_MAX     4U

/* The linker script's symbols: an image of 256 KiB. */
__asm__(".pushsection .data\n"
        ".globl image_start, image_end\n"
        "image_start: .skip 0x40000\n"
        "image_end: .byte 0\n"
        ".popsection\n");

static uint8_t memory[MEMORY_SIZE] __attribute__((aligned(16)));
static size_t memory_used;

static struct {
    uint64_t address;
    uint64_t size;
    uint32_t type;
} map[MAP_MAX];
static unsigned int map_count;
static uint64_t reserved_bytes;

void *phys_to_virt(uint64_t physical)
{
    assert_in_range(physical, MEMORY_BASE, MEMORY_BASE + MEMORY_SIZE - 1);
    return memory + (physical - MEMORY_BASE);
}

bool boot_memory_add(uint64_t address, uint64_t size, uint32_t type)
{
    if (map_count == MAP_MAX) {
        return false;
    }
    map[map_count].address = address;
    map[map_count].size = size;
    map[map_count].type = type;
    map_count++;
    return true;
}

void boot_memory_reserve(uint64_t address, uint64_t size)
{
    (void)address;
    reserved_bytes += size;
}

void boot_memory_visit_ram(void (*visit)(uint64_t address, uint64_t size))
{
    for (unsigned int i = 0; i < map_count; i++) {
        if (map[i].type == MEMORY_RAM) {
            visit(map[i].address, map[i].size);
        }
    }
}

uint64_t boot_memory_end(void)
{
    return RAM_END;
}

/* ---- building what a loader leaves
 * --------------------------------------------------------------- */

static struct boot_information information;

static int start(void **state)
{
    (void)state;
    memset(memory, 0xa5, sizeof(memory));
    memory_used = 0;
    map_count = 0;
    reserved_bytes = 0;
    memset(&information, 0, sizeof(information));
    return 0;
}

/* Put bytes into the memory, on a boundary of 8; where they are. */
static uint32_t put(const void *bytes, size_t size)
{
    assert_true(memory_used + size + 8 <= MEMORY_SIZE);
    memcpy(memory + memory_used, bytes, size);
    uint32_t address = (uint32_t)(MEMORY_BASE + memory_used);
    memory_used += (size + 7) & ~(size_t)7;
    return address;
}

static uint32_t put_text(const char *text)
{
    return put(text, strlen(text) + 1);
}

static void expect_problem(uint32_t magic, uint32_t address, const char *problem)
{
    assert_false(loader_read(magic, address, &information));
    assert_string_equal(information.problem, problem);
    assert_int_equal(reserved_bytes, 0);
}

/* ---- multiboot 1
 * --------------------------------------------------------------------------------- */

/* Fields by their number of 32-bit words. */
enum { MB1_FLAGS = 0, MB1_COMMAND_LINE = 4, MB1_MODULES = 5, MB1_MAP = 11, MB1_LOADER = 16 };
#define MB1_WORDS 17

struct PACKED mb1_map_entry {
    uint32_t size;
    uint64_t address;
    uint64_t length;
    uint32_t type;
};

/* Two modules, all of the RAM. */
static void fill_mb1(uint32_t words[MB1_WORDS], const char *loader)
{
    const struct mb1_map_entry entries[] = {
        {20, RAM_START, RAM_END, MEMORY_RAM},
        {20, 0xfffc0000, 0x40000, MEMORY_RESERVED},
    };
    const uint32_t modules[][4] = {
        {MODULE_AT, MODULE_AT + 5000, put_text("kernel first second"), 0},
        {MODULE_AT + 0x2000, MODULE_AT + 0x2010, put_text("initrd"), 0},
    };
    memset(words, 0, MB1_WORDS * sizeof(words[0]));
    words[MB1_FLAGS] = 1U << 2 | 1U << 3 | 1U << 6 | 1U << 9;
    words[MB1_COMMAND_LINE] = put_text("image console=com1");
    words[MB1_MODULES] = 2;
    words[MB1_MODULES + 1] = put(modules, sizeof(modules));
    words[MB1_MAP] = sizeof(entries);
    words[MB1_MAP + 1] = put(entries, sizeof(entries));
    words[MB1_LOADER] = put_text(loader);
}

static uint32_t put_mb1(const uint32_t words[MB1_WORDS])
{
    return put(words, MB1_WORDS * sizeof(words[0]));
}

static void multiboot_1_is_read(void **state)
{
    (void)state;
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "qemu");

    assert_true(loader_read(MULTIBOOT_LOADER_MAGIC, put_mb1(words), &information));

    assert_string_equal(information.protocol, "multiboot 1");
    assert_string_equal(information.loader, "qemu");
    assert_string_equal(information.command_line, "image console=com1");
    assert_int_equal(information.module_count, 2);
    assert_int_equal(information.modules[0].address, MODULE_AT);
    assert_int_equal(information.modules[0].size, 5000);
    assert_string_equal(boot_module_arguments(&information, 0), "first second");
    assert_string_equal(boot_module_arguments(&information, 1), "");
    assert_int_equal(map_count, 2);
    assert_int_equal(map[1].address, 0xfffc0000);
    assert_int_equal(map[1].type, MEMORY_RESERVED);
    assert_int_equal(reserved_bytes, 5016);
}

static void grub_2_leaves_names_out(void **state)
{
    (void)state;
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "GRUB 2.06");
    assert_true(loader_read(MULTIBOOT_LOADER_MAGIC, put_mb1(words), &information));
    assert_string_equal(boot_module_arguments(&information, 0), "kernel first second");
}

static void old_grub_puts_names_first(void **state)
{
    (void)state;
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "GRUB 0.97");
    assert_true(loader_read(MULTIBOOT_LOADER_MAGIC, put_mb1(words), &information));
    assert_string_equal(boot_module_arguments(&information, 0), "first second");
}

static void loader_s_name_is_cut(void **state)
{
    (void)state;
    char name[200];
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    uint32_t words[MB1_WORDS];
    fill_mb1(words, name);
    assert_true(loader_read(MULTIBOOT_LOADER_MAGIC, put_mb1(words), &information));
    assert_int_equal(strlen(information.loader), sizeof(information.loader) - 1);
}

static void missing_memory_map_is_named(void **state)
{
    (void)state;
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "qemu");
    words[MB1_FLAGS] &= ~(1U << 6);
    expect_problem(MULTIBOOT_LOADER_MAGIC, put_mb1(words),
                   "the boot loader gives no memory map (multiboot 1)");
    assert_string_equal(information.command_line, "image console=com1");
}

static void memory_map_that_wraps_is_refused(void **state)
{
    (void)state;
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "qemu");
    const struct mb1_map_entry entry = {20, UINT64_MAX - 4095, 8192, MEMORY_RAM};
    words[MB1_MAP] = sizeof(entry);
    words[MB1_MAP + 1] = put(&entry, sizeof(entry));
    expect_problem(MULTIBOOT_LOADER_MAGIC, put_mb1(words),
                   "the loader's memory map has an entry that wraps: 0xfffffffffffff000, 0x2000 "
                   "bytes");
}

static void memory_map_too_long_is_refused(void **state)
{
    (void)state;
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "qemu");
    struct mb1_map_entry entries[MAP_MAX + 1];
    for (unsigned int i = 0; i < MAP_MAX + 1; i++) {
        entries[i] = (struct mb1_map_entry){20, i * UINT64_C(0x1000), 0x1000, MEMORY_RAM};
    }
    words[MB1_MAP] = sizeof(entries);
    words[MB1_MAP + 1] = put(entries, sizeof(entries));
    expect_problem(MULTIBOOT_LOADER_MAGIC, put_mb1(words),
                   "the loader's memory map has more entries than there is room for; the one at "
                   "0x4000 is too many");
}

static void command_line_too_long_is_refused(void **state)
{
    (void)state;
    static char text[BOOT_TEXT_LIMIT + 1];
    memset(text, 'x', BOOT_TEXT_LIMIT);
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "qemu");
    words[MB1_COMMAND_LINE] = put_text(text);
    expect_problem(MULTIBOOT_LOADER_MAGIC, put_mb1(words),
                   "the command line is longer than 1023 bytes, the most there is room for");
}

static void refuse_module(uint32_t from, uint32_t to, const char *problem)
{
    start(NULL);
    const uint32_t module[4] = {from, to, 0, 0};
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "qemu");
    words[MB1_MODULES] = 1;
    words[MB1_MODULES + 1] = put(module, sizeof(module));
    expect_problem(MULTIBOOT_LOADER_MAGIC, put_mb1(words), problem);
}

static void modules_in_wrong_places_are_refused(void **state)
{
    (void)state;
    refuse_module(MODULE_AT, MODULE_AT - 1,
                  "boot module 0 ends before it starts: at 0x1fffff, from 0x200000");
    refuse_module(RAM_END - 0x1000, RAM_END + 1,
                  "boot module 0 is not wholly in RAM: 0x1001 bytes at 0x7fff000, RAM ends at "
                  "0x8000000");
    refuse_module(0x13ffff, 0x150000,
                  "boot module 0 overlaps the hypervisor: 0x10001 bytes at 0x13ffff");
    refuse_module(0x80000, 0x100001,
                  "boot module 0 overlaps the hypervisor: 0x80001 bytes at 0x80000");
}

static void modules_beside_the_image_are_taken(void **state)
{
    (void)state;
    const uint32_t modules[][4] = {{0x80000, 0x100000, 0, 0}, {0x140000, 0x150000, 0, 0}};
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "qemu");
    words[MB1_MODULES + 1] = put(modules, sizeof(modules));
    assert_true(loader_read(MULTIBOOT_LOADER_MAGIC, put_mb1(words), &information));
}

static void too_many_modules_are_refused(void **state)
{
    (void)state;
    static const uint32_t modules[BOOT_MODULE_LIMIT + 1][4];
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "qemu");
    words[MB1_MODULES] = BOOT_MODULE_LIMIT + 1;
    words[MB1_MODULES + 1] = put(modules, sizeof(modules));
    expect_problem(MULTIBOOT_LOADER_MAGIC, put_mb1(words), "there are more than 64 boot modules");
}

/* The texts share their room: two that fill it leave none, not even for an empty one. */
static void module_texts_share_their_room(void **state)
{
    (void)state;
    static char half[BOOT_MODULE_TEXTS / 2];
    memset(half, 'x', sizeof(half) - 1);
    uint32_t text = put_text(half);
    const uint32_t modules[][4] = {{MODULE_AT, MODULE_AT, text, 0},
                                   {MODULE_AT, MODULE_AT, text, 0},
                                   {MODULE_AT, MODULE_AT, 0, 0}};
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "GRUB 2.06");
    words[MB1_MODULES + 1] = put(modules, sizeof(modules));
    assert_true(loader_read(MULTIBOOT_LOADER_MAGIC, put_mb1(words), &information));
    assert_string_equal(boot_module_arguments(&information, 0), half);
    assert_string_equal(boot_module_arguments(&information, 1), half);

    memset(&information, 0, sizeof(information));
    reserved_bytes = 0;
    words[MB1_MODULES] = 3;
    expect_problem(MULTIBOOT_LOADER_MAGIC, put_mb1(words),
                   "the boot modules' texts have more than 16384 bytes");
}

static void module_text_too_long_is_refused(void **state)
{
    (void)state;
    static char text[BOOT_MODULE_TEXTS + 1];
    memset(text, 'x', BOOT_MODULE_TEXTS);
    const uint32_t module[4] = {MODULE_AT, MODULE_AT, put_text(text), 0};
    uint32_t words[MB1_WORDS];
    fill_mb1(words, "qemu");
    words[MB1_MODULES] = 1;
    words[MB1_MODULES + 1] = put(module, sizeof(module));
    expect_problem(MULTIBOOT_LOADER_MAGIC, put_mb1(words),
                   "a boot module's text is longer than 16383 bytes, the most there is room for");
}

static void structures_at_the_end_of_4_gib_are_refused(void **state)
{
    (void)state;
    expect_problem(MULTIBOOT_LOADER_MAGIC, 0xfffffff0,
                   "the multiboot information is not below 4 GiB: 0xfffffff0");
    expect_problem(MULTIBOOT2_LOADER_MAGIC, 0xfffffffc,
                   "the multiboot 2 information cannot be read: 0xfffffffc");
    expect_problem(PVH_MAGIC, 0xfffffff0,
                   "there is no start_info where the PVH loader says: 0xfffffff0");
}

static void unknown_loader_is_named_by_its_magic(void **state)
{
    (void)state;
    expect_problem(0x12345678, (uint32_t)MEMORY_BASE,
                   "started by no multiboot or PVH loader: eax was 0x12345678 at the entry");
}

/* ---- multiboot 2
 * --------------------------------------------------------------------------------- */

static uint8_t tags[4096];
static uint32_t tags_size;

static void begin_tags(void)
{
    memset(tags, 0, sizeof(tags));
    tags_size = 8;
}

/* A tag whose body is `head`, then `tail`. */
static void add_tag(uint32_t type, const void *head, size_t head_size, const void *tail,
                    size_t tail_size)
{
    uint32_t header[2] = {type, (uint32_t)(8 + head_size + tail_size)};
    memcpy(tags + tags_size, header, 8);
    memcpy(tags + tags_size + 8, head, head_size);
    memcpy(tags + tags_size + 8 + head_size, tail, tail_size);
    tags_size += (header[1] + 7) & ~7U;
}

static uint32_t put_tags(void)
{
    memcpy(tags, &tags_size, sizeof(tags_size));
    return put(tags, tags_size);
}

static void add_map_tag(void)
{
    const uint32_t head[2] = {24, 0};
    const uint64_t entries[][3] = {{RAM_START, RAM_END, MEMORY_RAM}};
    add_tag(6, head, sizeof(head), entries, sizeof(entries));
}

static void multiboot_2_is_read(void **state)
{
    (void)state;
    const uint32_t module[2] = {MODULE_AT, MODULE_AT + 100};
    begin_tags();
    add_tag(1, "console=com1", 13, "", 0);
    add_tag(2, "GRUB 2.06", 10, "", 0);
    add_tag(21, "\0\0\x10", 4, "", 0); /* one that does not concern us */
    add_map_tag();
    add_tag(3, module, sizeof(module), "root=/dev/x quiet", 18);
    add_tag(14, "RSD PTR old.........", 20, "", 0);
    add_tag(15, "RSD PTR new.........and sixteen more", 36, "", 0);
    add_tag(0, "", 0, "", 0);

    assert_true(loader_read(MULTIBOOT2_LOADER_MAGIC, put_tags(), &information));

    assert_string_equal(information.protocol, "multiboot 2");
    assert_string_equal(information.loader, "GRUB 2.06");
    assert_string_equal(information.command_line, "console=com1");
    assert_int_equal(information.module_count, 1);
    assert_int_equal(information.modules[0].address, MODULE_AT);
    assert_int_equal(information.modules[0].size, 100);
    assert_string_equal(boot_module_arguments(&information, 0), "root=/dev/x quiet");
    assert_int_equal(information.rsdp_copy_size, 36);
    assert_memory_equal(information.rsdp_copy, "RSD PTR new", 11);
    assert_int_equal(map_count, 1);
    assert_int_equal(map[0].size, RAM_END);
}

static void old_root_pointer_alone_is_taken(void **state)
{
    (void)state;
    begin_tags();
    add_map_tag();
    add_tag(14, "RSD PTR old.........", 20, "", 0);
    add_tag(0, "", 0, "", 0);
    assert_true(loader_read(MULTIBOOT2_LOADER_MAGIC, put_tags(), &information));
    assert_int_equal(information.rsdp_copy_size, 20);
}

static void tags_without_an_end_are_refused(void **state)
{
    (void)state;
    begin_tags();
    add_map_tag();
    expect_problem(MULTIBOOT2_LOADER_MAGIC, put_tags(),
                   "the multiboot 2 information has no end: 0x30 bytes at 0x10000");
}

static void tag_longer_than_the_list_is_refused(void **state)
{
    (void)state;
    begin_tags();
    add_tag(1, "text", 5, "", 0);
    const uint32_t size = 100;
    memcpy(tags + 12, &size, sizeof(size));
    expect_problem(MULTIBOOT2_LOADER_MAGIC, put_tags(),
                   "a tag of the multiboot 2 information has a wrong size: type 1, 100 bytes, of "
                   "which 16 are left");
}

static void tag_of_no_size_is_refused(void **state)
{
    (void)state;
    begin_tags();
    add_tag(1, "text", 5, "", 0);
    memset(tags + 12, 0, 4);
    expect_problem(MULTIBOOT2_LOADER_MAGIC, put_tags(),
                   "a tag of the multiboot 2 information has a wrong size: type 1, 0 bytes, of "
                   "which 16 are left");
}

static void tag_without_its_body_is_refused(void **state)
{
    (void)state;
    begin_tags();
    add_tag(3, "1234", 4, "", 0);
    add_tag(0, "", 0, "", 0);
    expect_problem(MULTIBOOT2_LOADER_MAGIC, put_tags(),
                   "a tag of the multiboot 2 information is too short: type 3, 4 bytes");
}

static void map_entries_too_short_are_refused(void **state)
{
    (void)state;
    const uint32_t head[2] = {0, 0};
    begin_tags();
    add_tag(6, head, sizeof(head), "", 0);
    add_tag(0, "", 0, "", 0);
    expect_problem(MULTIBOOT2_LOADER_MAGIC, put_tags(),
                   "the loader's memory map has entries of 0 bytes, not 24");
}

static void list_without_a_map_is_named(void **state)
{
    (void)state;
    begin_tags();
    add_tag(0, "", 0, "", 0);
    expect_problem(MULTIBOOT2_LOADER_MAGIC, put_tags(),
                   "the boot loader gives no memory map (multiboot 2)");
}

/* ---- PVH
 * ----------------------------------------------------------------------------------------- */

static struct hvm_start_info pvh_info(void)
{
    const struct hvm_memmap_table_entry entry = {.size = RAM_END, .type = XEN_HVM_MEMMAP_TYPE_RAM};
    const struct hvm_modlist_entry module = {
        .paddr = MODULE_AT, .size = 100, .cmdline_paddr = put_text("root=/dev/x quiet")};
    return (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .nr_modules = 1,
        .modlist_paddr = put(&module, sizeof(module)),
        .cmdline_paddr = put_text("console=com1"),
        .rsdp_paddr = 0xf5000,
        .memmap_paddr = put(&entry, sizeof(entry)),
        .memmap_entries = 1,
    };
}

static void pvh_is_read(void **state)
{
    (void)state;
    struct hvm_start_info from = pvh_info();

    assert_true(loader_read(PVH_MAGIC, put(&from, sizeof(from)), &information));

    assert_string_equal(information.protocol, "PVH");
    assert_string_equal(information.loader, "");
    assert_string_equal(information.command_line, "console=com1");
    assert_string_equal(boot_module_arguments(&information, 0), "root=/dev/x quiet");
    assert_int_equal(information.rsdp, 0xf5000);
    assert_int_equal(information.rsdp_copy_size, 0);
    assert_int_equal(map_count, 1);
}

static void pvh_module_without_arguments_is_taken(void **state)
{
    (void)state;
    struct hvm_start_info from = pvh_info();
    const struct hvm_modlist_entry module = {.paddr = MODULE_AT, .size = 100};
    from.modlist_paddr = put(&module, sizeof(module));
    assert_true(loader_read(PVH_MAGIC, put(&from, sizeof(from)), &information));
    assert_string_equal(boot_module_arguments(&information, 0), "");
}

static void pvh_version_0_has_no_map(void **state)
{
    (void)state;
    struct hvm_start_info from = pvh_info();
    from.version = 0;
    expect_problem(PVH_MAGIC, put(&from, sizeof(from)),
                   "the boot loader gives no memory map (PVH)");
}

static void pvh_module_above_4_gib_is_refused(void **state)
{
    (void)state;
    struct hvm_start_info from = pvh_info();
    const struct hvm_modlist_entry module = {.paddr = UINT64_C(1) << 32, .size = 100};
    from.modlist_paddr = put(&module, sizeof(module));
    expect_problem(PVH_MAGIC, put(&from, sizeof(from)),
                   "boot module 0 is not wholly below 4 GiB: 0x64 bytes at 0x100000000");
}

static void pvh_lists_above_4_gib_are_refused(void **state)
{
    (void)state;
    struct hvm_start_info from = pvh_info();
    from.modlist_paddr = UINT64_MAX;
    expect_problem(PVH_MAGIC, put(&from, sizeof(from)),
                   "the list of boot modules is not wholly below 4 GiB: 0xffffffffffffffff");
    from.memmap_paddr = UINT64_C(1) << 40;
    expect_problem(PVH_MAGIC, put(&from, sizeof(from)),
                   "the loader's memory map is not wholly below 4 GiB: 0x10000000000");
    from.cmdline_paddr = UINT64_C(1) << 33;
    expect_problem(PVH_MAGIC, put(&from, sizeof(from)),
                   "the command line is at 0x200000000, which is not below 4 GiB");
}

static void pvh_magic_must_be_in_memory_too(void **state)
{
    (void)state;
    struct hvm_start_info from = pvh_info();
    from.magic = 0;
    uint32_t address = put(&from, sizeof(from));
    char problem[BOOT_PROBLEM_LIMIT];
    snprintf(problem, sizeof(problem), "there is no start_info where the PVH loader says: 0x%x",
             address);
    expect_problem(PVH_MAGIC, address, problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(multiboot_1_is_read, start),
        cmocka_unit_test_setup(grub_2_leaves_names_out, start),
        cmocka_unit_test_setup(old_grub_puts_names_first, start),
        cmocka_unit_test_setup(loader_s_name_is_cut, start),
        cmocka_unit_test_setup(missing_memory_map_is_named, start),
        cmocka_unit_test_setup(memory_map_that_wraps_is_refused, start),
        cmocka_unit_test_setup(memory_map_too_long_is_refused, start),
        cmocka_unit_test_setup(command_line_too_long_is_refused, start),
        cmocka_unit_test_setup(modules_in_wrong_places_are_refused, start),
        cmocka_unit_test_setup(modules_beside_the_image_are_taken, start),
        cmocka_unit_test_setup(too_many_modules_are_refused, start),
        cmocka_unit_test_setup(module_texts_share_their_room, start),
        cmocka_unit_test_setup(module_text_too_long_is_refused, start),
        cmocka_unit_test_setup(structures_at_the_end_of_4_gib_are_refused, start),
        cmocka_unit_test_setup(unknown_loader_is_named_by_its_magic, start),
        cmocka_unit_test_setup(multiboot_2_is_read, start),
        cmocka_unit_test_setup(old_root_pointer_alone_is_taken, start),
        cmocka_unit_test_setup(tags_without_an_end_are_refused, start),
        cmocka_unit_test_setup(tag_longer_than_the_list_is_refused, start),
        cmocka_unit_test_setup(tag_of_no_size_is_refused, start),
        cmocka_unit_test_setup(tag_without_its_body_is_refused, start),
        cmocka_unit_test_setup(map_entries_too_short_are_refused, start),
        cmocka_unit_test_setup(list_without_a_map_is_named, start),
        cmocka_unit_test_setup(pvh_is_read, start),
        cmocka_unit_test_setup(pvh_module_without_arguments_is_taken, start),
        cmocka_unit_test_setup(pvh_version_0_has_no_map, start),
        cmocka_unit_test_setup(pvh_module_above_4_gib_is_refused, start),
        cmocka_unit_test_setup(pvh_lists_above_4_gib_are_refused, start),
        cmocka_unit_test_setup(pvh_magic_must_be_in_memory_too, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
