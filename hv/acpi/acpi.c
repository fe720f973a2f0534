/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/acpi/acpi.h"

#include "hv/cpu/io.h"
#include "hv/cpu/msr.h"
#include "hv/mem/memory.h"
#include "hv/time/time.h"

/* The PM1 control registers (ACPI 6.4, 4.8.3.2.1). */
#define PM1_SCI_ENABLE       0x0001 /* the machine is in ACPI mode */
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_TYPE       0x1c00
#define PM1_SLEEP_ENABLE     0x2000

#define NS_PER_MS      UINT64_C(1000000)
#define ENABLE_WAIT_MS 3000
#define SLEEP_WAIT_NS  (2000 * NS_PER_MS)
#define RESET_WAIT_NS  (100 * NS_PER_MS)
#define REGISTER_SIZE  4

#define KEYBOARD_STATUS     0x64
#define KEYBOARD_COMMAND    0x64
#define KEYBOARD_INPUT_FULL 0x02
#define KEYBOARD_PULSE      0xfe  /* pulse output line 0, the reset line */
#define RESET_CONTROL       0xcf9 /* of PCI chipsets */
#define RESET_HARD          0x02
#define RESET_NOW           0x06

#define PCI_ADDRESS        0xcf8
#define PCI_DATA           0xcfc
#define PCI_ADDRESS_ENABLE UINT32_C(0x80000000)

/* A register and, if it is in memory, where that is mapped. */
struct access {
    struct acpi_register where;
    volatile void *window;
};

static struct acpi_info info;
static struct access pm1a;
static struct access pm1b;
static struct access pm_timer;
static struct access reset_register;

/* ---- registers ------------------------------------------------------------------------------- */

static struct access access_open(struct acpi_register where)
{
    struct access access = {.where = where};
    if (where.space == ACPI_SPACE_MEMORY) {
        access.window = mmio_map(where.address, REGISTER_SIZE);
        if (access.window == NULL) {
            access.where.space = ACPI_SPACE_NONE;
        }
    }
    return access;
}

static bool access_exists(const struct access *access)
{
    return access->where.space == ACPI_SPACE_IO || access->where.space == ACPI_SPACE_MEMORY;
}

static uint16_t access_port(const struct access *access)
{
    return (uint16_t)access->where.address; /* hv/acpi/tables.c lets no larger one through */
}

/* These three are for registers that exist. */
static uint16_t access_read16(const struct access *access)
{
    return access->where.space == ACPI_SPACE_IO ? io_in16(access_port(access))
                                                : *(volatile uint16_t *)access->window;
}

static void access_write16(const struct access *access, uint16_t value)
{
    if (access->where.space == ACPI_SPACE_IO) {
        io_out16(access_port(access), value);
    } else {
        *(volatile uint16_t *)access->window = value;
    }
}

static uint32_t access_read32(const struct access *access)
{
    return access->where.space == ACPI_SPACE_IO ? io_in32(access_port(access))
                                                : mmio_read32(access->window, 0);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* Addresses come from the firmware's tables: what no processor of this kind can address is no RAM.
 */
static const void *map_physical(uint64_t physical, size_t size)
{
    uint64_t limit = UINT64_C(1) << 36;
    if (cpuid(0x80000000, 0).eax >= 0x80000008) {
        limit = UINT64_C(1) << (cpuid(0x80000008, 0).eax & 0x3f);
    }
    if (physical >= limit || size > limit - physical) {
        return NULL;
    }
    return phys_to_virt(physical);
}

bool acpi_init(uint64_t rsdp)
{
    if (!acpi_info_read(&info, map_physical, rsdp)) {
        return false;
    }
    pm1a = access_open(info.pm1a_control);
    pm1b = access_open(info.pm1b_control);
    pm_timer = access_open(info.pm_timer);
    reset_register = access_open(info.reset);
    return true;
}

const struct acpi_info *acpi_info(void)
{
    return &info;
}

bool acpi_pm_timer_read(uint32_t *ticks)
{
    if (!access_exists(&pm_timer)) {
        return false;
    }
    *ticks = access_read32(&pm_timer) & (info.pm_timer_is_32_bit ? UINT32_MAX : 0xffffff);
    return true;
}

/* ---- power-off ------------------------------------------------------------------------------- */

/* Without a guest that has done so, the firmware may still own the sleep registers (4.8.2.5). */
static void enter_acpi_mode(void)
{
    if (info.smi_command_port == 0 || info.acpi_enable_value == 0) {
        return;
    }
    if ((access_read16(&pm1a) & PM1_SCI_ENABLE) != 0) {
        return;
    }
    io_out8(info.smi_command_port, info.acpi_enable_value);
    for (uint32_t i = 0; i < ENABLE_WAIT_MS; i++) {
        if ((access_read16(&pm1a) & PM1_SCI_ENABLE) != 0) {
            return;
        }
        time_delay_ns(NS_PER_MS);
    }
}

bool acpi_enter_sleep(uint16_t pm1a_value, uint16_t pm1b_value)
{
    if (!access_exists(&pm1a)) {
        return false;
    }
    /* The types first, then the enable bits, as quickly after each other as can be. */
    uint64_t flags = irq_save();
    access_write16(&pm1a, (uint16_t)(pm1a_value & ~PM1_SLEEP_ENABLE));
    if (access_exists(&pm1b)) {
        access_write16(&pm1b, (uint16_t)(pm1b_value & ~PM1_SLEEP_ENABLE));
    }
    access_write16(&pm1a, pm1a_value | PM1_SLEEP_ENABLE);
    if (access_exists(&pm1b)) {
        access_write16(&pm1b, pm1b_value | PM1_SLEEP_ENABLE);
    }
    irq_restore(flags);
    time_delay_ns(SLEEP_WAIT_NS);
    return false;
}

static uint16_t with_sleep_type(const struct access *access, uint8_t type)
{
    uint16_t value = access_exists(access) ? access_read16(access) : 0;
    return (uint16_t)((value & ~PM1_SLEEP_TYPE) | (type << PM1_SLEEP_TYPE_SHIFT));
}

bool acpi_power_off(void)
{
    if (!info.has_s5 || !access_exists(&pm1a)) {
        return false;
    }
    enter_acpi_mode();
    return acpi_enter_sleep(with_sleep_type(&pm1a, info.s5_type_a),
                            with_sleep_type(&pm1b, info.s5_type_b));
}

/* ---- reset ----------------------------------------------------------------------------------- */

/* Device in bits 32 to 47 of the address, function in 16 to 31, offset in 0 to 15 (5.2.3.2). */
static void pci_write8(uint64_t address, uint8_t value)
{
    uint32_t device = (uint32_t)(address >> 32) & 0x1f;
    uint32_t function = (uint32_t)(address >> 16) & 0x7;
    uint32_t offset = (uint32_t)address & 0xff;
    io_out32(PCI_ADDRESS, PCI_ADDRESS_ENABLE | device << 11 | function << 8 | (offset & 0xfc));
    io_out8((uint16_t)(PCI_DATA + (offset & 3)), value);
}

static void reset_by_acpi(void)
{
    switch (reset_register.where.space) {
    case ACPI_SPACE_IO:
        io_out8(access_port(&reset_register), info.reset_value);
        break;
    case ACPI_SPACE_MEMORY:
        *(volatile uint8_t *)reset_register.window = info.reset_value;
        break;
    case ACPI_SPACE_PCI:
        pci_write8(reset_register.where.address, info.reset_value);
        break;
    case ACPI_SPACE_NONE:
        return;
    }
    time_delay_ns(RESET_WAIT_NS);
}

static void reset_by_keyboard_controller(void)
{
    for (uint32_t i = 0; i < 10000; i++) {
        if ((io_in8(KEYBOARD_STATUS) & KEYBOARD_INPUT_FULL) == 0) {
            break;
        }
        io_delay();
    }
    io_out8(KEYBOARD_COMMAND, KEYBOARD_PULSE);
    time_delay_ns(RESET_WAIT_NS);
}

static void reset_by_chipset(void)
{
    io_out8(RESET_CONTROL, RESET_HARD);
    io_delay();
    io_out8(RESET_CONTROL, RESET_NOW);
    time_delay_ns(RESET_WAIT_NS);
}

void machine_reboot(void)
{
    irq_disable();
    reset_by_acpi();
    reset_by_keyboard_controller();
    reset_by_chipset();
    cpu_triple_fault();
}
