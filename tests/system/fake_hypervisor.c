/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stand-in for the hypervisor, to test what `pinnace run` makes of a machine's end without
 * waiting for Linux, and of ends that the real one should never come to. A 32-bit Multiboot kernel:
 * the option do=NAME says which of the acts below it plays.
 */
#include "lib/compiler.h"

#define COM1             0x3f8
#define COM1_STATUS      (COM1 + 5)
#define COM1_RECEIVED    0x01
#define COM1_CAN_SEND    0x20
#define ACPI_PM1_CONTROL 0x604 /* where QEMU's PC firmware puts it */
#define ACPI_S5          0x2000
#define RESET_CONTROL    0xcf9
#define RESET_NOW        0x06
#define END_OF_INPUT     0x04

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x2 /* wants the memory fields */

struct multiboot_header {
    uint32_t magic;
    uint32_t flags;
    uint32_t checksum;
};

struct multiboot_info {
    uint32_t flags;
    uint32_t memory_lower;
    uint32_t memory_upper; /* KiB from 1 MiB up */
    uint32_t boot_device;
    uint32_t command_line;
    uint32_t module_count;
    uint32_t modules;
};

struct multiboot_module {
    uint32_t start;
    uint32_t end;
    uint32_t command_line;
    uint32_t reserved;
};

struct act {
    const char *name;
    void (*play)(const struct multiboot_info *info);
};

void fake_main(const struct multiboot_info *info);

__attribute__((section(".multiboot"), used)) static const struct multiboot_header header = {
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

/* ---- the machine ---- */

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void print_character(char character)
{
    while ((in8(COM1_STATUS) & COM1_CAN_SEND) == 0) {
    }
    out8(COM1, (uint8_t)character);
}

static void print(const char *text)
{
    for (; *text != '\0'; text++) {
        print_character(*text);
    }
}

static void print_number(uint32_t number)
{
    if (number >= 10) {
        print_number(number / 10);
    }
    print_character((char)('0' + number % 10));
}

static uint8_t read_character(void)
{
    while ((in8(COM1_STATUS) & COM1_RECEIVED) == 0) {
    }
    return in8(COM1);
}

static NORETURN void halt(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static void power_off(void)
{
    out16(ACPI_PM1_CONTROL, ACPI_S5);
}

static void reset(void)
{
    out8(RESET_CONTROL, RESET_NOW);
}

static const char *text_at(uint32_t address)
{
    return (const char *)(uintptr_t)address;
}

/* ---- the acts ---- */

static void act_power_off(const struct multiboot_info *info)
{
    (void)info;
    print("(PIN) machine: power off\r\n");
    power_off();
}

static void act_silent_power_off(const struct multiboot_info *info)
{
    (void)info;
    power_off();
}

static void act_reboot(const struct multiboot_info *info)
{
    (void)info;
    print("(PIN) machine: reboot\r\n");
    reset();
}

static void act_silent_reset(const struct multiboot_info *info)
{
    (void)info;
    reset();
}

static void act_triple_fault(const struct multiboot_info *info)
{
    (void)info;
    static const uint8_t no_table[6];
    __asm__ volatile("lidt %0; int3" : : "m"(no_table));
}

static void act_crash(const struct multiboot_info *info)
{
    (void)info;
    print("(PIN) machine: halted after a crash of d0\r\n");
}

static void act_crash_reboot(const struct multiboot_info *info)
{
    (void)info;
    print("(PIN) machine: reboot after a crash of d0\r\n");
    reset();
}

static void act_panic(const struct multiboot_info *info)
{
    (void)info;
    print("(PIN) machine: panic\r\n");
}

static void act_announce_only(const struct multiboot_info *info)
{
    (void)info;
    print("(PIN) machine: power off\r\n");
}

static void act_hang(const struct multiboot_info *info)
{
    (void)info;
    print("hanging\r\n");
}

/* What looks like last words but is not, and then a reset. */
static void act_pretend(const struct multiboot_info *info)
{
    (void)info;
    print(" (PIN) machine: power off\r\n"
          "x(PIN) machine: reboot\r\n"
          "(PIN) machine: power off, not\r\n"
          "(PIN) machine: reboo\r\n"
          "\r(PIN) machine: panic\r\n"
          "(PIN) machine: reboot");
    reset();
}

/* Say what input came, to a Ctrl-D, as a count and a sum that depends on the order. */
static void act_count_input(const struct multiboot_info *info)
{
    uint32_t count = 0;
    uint32_t sum = 0;
    print("ready\r\n");
    for (uint8_t byte; (byte = read_character()) != END_OF_INPUT; count++) {
        sum = sum * 31 + byte;
    }
    print("count ");
    print_number(count);
    print(" sum ");
    print_number(sum);
    print("\r\n");
    act_power_off(info);
}

/* Much output at once, and the end right after it. */
static void act_flood(const struct multiboot_info *info)
{
    for (uint32_t line = 1; line <= 5000; line++) {
        print("line ");
        print_number(line);
        print(" of a flood\r\n");
    }
    act_power_off(info);
}

/* Say what the boot loader handed over. */
static void act_inventory(const struct multiboot_info *info)
{
    print("memory above 1 MiB, KiB: ");
    print_number(info->memory_upper);
    print("\r\noptions: ");
    print(text_at(info->command_line));
    print("\r\n");
    const struct multiboot_module *modules = (const void *)text_at(info->modules);
    for (uint32_t i = 0; i < info->module_count; i++) {
        print("module of ");
        print_number(modules[i].end - modules[i].start);
        print(" bytes: ");
        print(text_at(modules[i].command_line));
        print("\r\n");
    }
    act_power_off(info);
}

static const struct act acts[] = {
    {"power-off", act_power_off},
    {"silent-power-off", act_silent_power_off},
    {"reboot", act_reboot},
    {"silent-reset", act_silent_reset},
    {"triple-fault", act_triple_fault},
    {"crash", act_crash},
    {"crash-reboot", act_crash_reboot},
    {"panic", act_panic},
    {"announce-only", act_announce_only},
    {"hang", act_hang},
    {"pretend", act_pretend},
    {"count-input", act_count_input},
    {"flood", act_flood},
    {"inventory", act_inventory},
};

/* Whether `name` stands as do=NAME in the options. */
static bool is_asked_for(const char *options, const char *name)
{
    for (; *options != '\0'; options++) {
        if (options[0] != 'd' || options[1] != 'o' || options[2] != '=') {
            continue;
        }
        const char *asked = options + 3;
        while (*name != '\0' && *asked == *name) {
            asked++;
            name++;
        }
        return *name == '\0' && (*asked == '\0' || *asked == ' ');
    }
    return false;
}

void fake_main(const struct multiboot_info *info)
{
    for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
        if (is_asked_for(text_at(info->command_line), acts[i].name)) {
            acts[i].play(info);
        }
    }
    halt();
}
