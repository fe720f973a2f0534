/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot loader that goes wrong on demand: a 32-bit Multiboot kernel whose first module is the
 * hypervisor. It loads that as a Multiboot loader would and hands it the other modules; the option
 * do=NAME says which of the acts below is played on the way. Linked at 64 MiB, out of the way.
 */
#include "lib/compiler.h"

#define MULTIBOOT_MAGIC        0x1badb002
#define MULTIBOOT_LOADER_MAGIC 0x2badb002
#define MULTIBOOT_FLAGS        0x2  /* wants the memory fields */
#define SEARCHED               8192 /* bytes of the file that the header may be in */

#define INFO_MEMORY_MAP (1U << 6)

struct multiboot_header {
    uint32_t magic;
    uint32_t flags;
    uint32_t checksum;
    uint32_t header_address;
    uint32_t load_address;
    uint32_t load_end;
    uint32_t bss_end;
    uint32_t entry;
};

struct multiboot_info {
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
};

struct multiboot_module {
    uint32_t start;
    uint32_t end;
    uint32_t text;
    uint32_t reserved;
};

struct map_entry {
    uint32_t size;
    uint64_t address;
    uint64_t length;
    uint32_t type;
} PACKED;

/* What is handed over. */
struct hand_over {
    uint32_t magic;
    struct multiboot_info *info;
    struct multiboot_module *modules;
};

struct act {
    const char *name;
    void (*play)(struct hand_over *hand_over);
};

void fake_main(struct multiboot_info *info);

__attribute__((section(".multiboot"), used)) static const uint32_t own_header[] = {
    MULTIBOOT_MAGIC,
    MULTIBOOT_FLAGS,
    0U - MULTIBOOT_MAGIC - MULTIBOOT_FLAGS,
};

__attribute__((used)) static uint8_t stack[16384] ALIGNED(16);

__asm__(".globl _start\n"
        "_start:\n"
        "    movl $stack + 16384, %esp\n"
        "    pushl %ebx\n"
        "    call fake_main\n");

/* ---- acts ---- */

static void play_right(struct hand_over *hand_over)
{
    (void)hand_over;
}

static void play_wrong_magic(struct hand_over *hand_over)
{
    hand_over->magic = 0x12345678;
}

static void play_no_map(struct hand_over *hand_over)
{
    hand_over->info->flags &= ~INFO_MEMORY_MAP;
}

static void play_empty_map(struct hand_over *hand_over)
{
    hand_over->info->map_length = 0;
}

static void play_long_map(struct hand_over *hand_over)
{
    static struct map_entry entries[1000];
    for (uint32_t i = 0; i < ARRAY_SIZE(entries); i++) {
        entries[i] = (struct map_entry){20, UINT64_C(0x100000) * i, 0x100000, 1};
    }
    hand_over->info->map = (uint32_t)entries;
    hand_over->info->map_length = sizeof(entries);
}

static void play_module_in_image(struct hand_over *hand_over)
{
    hand_over->modules[0].start = 0x110000;
    hand_over->modules[0].end = 0x111000;
}

static void play_module_backwards(struct hand_over *hand_over)
{
    hand_over->modules[0].end = hand_over->modules[0].start - 1;
}

static void play_info_at_the_end(struct hand_over *hand_over)
{
    hand_over->info = (struct multiboot_info *)0xfffffff0;
}

static const struct act acts[] = {
    {"right", play_right},
    {"wrong-magic", play_wrong_magic},
    {"no-map", play_no_map},
    {"empty-map", play_empty_map},
    {"long-map", play_long_map},
    {"module-in-image", play_module_in_image},
    {"module-backwards", play_module_backwards},
    {"info-at-the-end", play_info_at_the_end},
};

/* ---- loading ---- */

static void copy(uint32_t to, uint32_t from, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        *(volatile uint8_t *)(to + i) = *(const volatile uint8_t *)(from + i);
    }
}

/* The hypervisor may not rely on a .bss of zeros. */
static void dirty(uint32_t from, uint32_t to)
{
    for (uint32_t at = from; at < to; at++) {
        *(volatile uint8_t *)at = 0xa5;
    }
}

/* Load the file; where to enter it, or 0. */
static uint32_t load(const struct multiboot_module *file)
{
    for (uint32_t at = file->start; at < file->start + SEARCHED; at += 4) {
        const struct multiboot_header *header = (const struct multiboot_header *)at;
        if (header->magic == MULTIBOOT_MAGIC &&
            header->magic + header->flags + header->checksum == 0) {
            uint32_t from = at - (header->header_address - header->load_address);
            copy(header->load_address, from, header->load_end - header->load_address);
            dirty(header->load_end, header->bss_end);
            return header->entry;
        }
    }
    return 0;
}

/* The text of do=, up to a space or the end, is `name`. */
static bool asked_for(const char *command_line, const char *name)
{
    for (; *command_line != '\0'; command_line++) {
        if (command_line[0] == 'd' && command_line[1] == 'o' && command_line[2] == '=') {
            const char *text = command_line + 3;
            while (*name != '\0' && *text == *name) {
                text++;
                name++;
            }
            return *name == '\0' && (*text == '\0' || *text == ' ');
        }
    }
    return false;
}

void fake_main(struct multiboot_info *info)
{
    struct hand_over hand_over = {
        .magic = MULTIBOOT_LOADER_MAGIC,
        .info = info,
        .modules = (struct multiboot_module *)info->modules + 1,
    };
    uint32_t entry = load(&hand_over.modules[-1]);
    info->modules += sizeof(struct multiboot_module);
    info->module_count--;
    for (uint32_t i = 0; i < ARRAY_SIZE(acts); i++) {
        if (entry != 0 && asked_for((const char *)info->command_line, acts[i].name)) {
            acts[i].play(&hand_over);
            __asm__ volatile("jmp *%2" : : "a"(hand_over.magic), "b"(hand_over.info), "c"(entry));
        }
    }
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}
