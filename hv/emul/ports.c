/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/emul/ports.h"

#include "hv/acpi/acpi.h"
#include "hv/cpu/io.h"
#include "lib/check.h"
#include "lib/ticket_lock.h"

#define PORT_COUNT  0x10000U
#define DENIED_MAX  8U
#define ALL_ONES(s) (UINT32_MAX >> (32 - 8 * (s)))

struct port_range {
    uint16_t first;
    uint16_t last;
};

/* Set at boot, read only then. */
static struct port_range denied[DENIED_MAX];
static unsigned int denied_count;

/*
 * Index registers that work as a pair with a data register. Each access to the data makes the real
 * index what the guest last wrote, so that the hypervisor's own use of the pair does not disturb
 * the guest. One of each, as one domain has the ports. Fields: the lock.
 */
static struct {
    struct ticket_lock lock;
    uint32_t pci_address;
    uint8_t cmos_index;
} latches;

void ports_deny(uint16_t first, uint16_t last)
{
    CHECK(first <= last && denied_count < DENIED_MAX);
    denied[denied_count] = (struct port_range){.first = first, .last = last};
    denied_count++;
}

/* ---- the machine's ports -------------------------------------------------------------------- */

static uint32_t real_read(uint16_t port, unsigned int size)
{
    switch (size) {
    case 1:
        return io_in8(port);
    case 2:
        return io_in16(port);
    default:
        return io_in32(port);
    }
}

static void real_write(uint16_t port, unsigned int size, uint32_t value)
{
    switch (size) {
    case 1:
        io_out8(port, (uint8_t)value);
        break;
    case 2:
        io_out16(port, (uint16_t)value);
        break;
    default:
        io_out32(port, value);
        break;
    }
}

/* ---- nobody listens ------------------------------------------------------------------------- */

static uint32_t absent_read(uint16_t port, unsigned int size)
{
    (void)port;
    return ALL_ONES(size);
}

static void absent_write(uint16_t port, unsigned int size, uint32_t value)
{
    (void)port;
    (void)size;
    (void)value;
}

/* ---- interval timer: channel 2 only --------------------------------------------------------- */

#define PIT_CONTROL        0x43
#define PIT_SELECT_MASK    0xc0U
#define PIT_CHANNEL_2      0x80U
#define PIT_READ_BACK      0xc0U
#define PIT_READ_BACK_ANY  0x0eU
#define PIT_READ_BACK_OF_2 0x08U

/* The hypervisor measures with channel 2 at boot and leaves the timer alone afterwards. Guests
 * measure with it as well, and without an answer wait for it for more than a second. */
static void pit_write(uint16_t port, unsigned int size, uint32_t value)
{
    if (port == PIT_CONTROL) {
        uint32_t select = value & PIT_SELECT_MASK;
        bool reads_back_2 =
            select == PIT_READ_BACK && (value & PIT_READ_BACK_ANY) == PIT_READ_BACK_OF_2;
        if (select != PIT_CHANNEL_2 && !reads_back_2) {
            return;
        }
    }
    real_write(port, size, value);
}

/* ---- port 0x61: the gate of channel 2 and the speaker --------------------------------------- */

#define SYSTEM_CONTROL_GUESTS 0x03U /* gate, speaker */
#define SYSTEM_CONTROL_NMI    0x0cU /* parity and I/O channel checks, off while set */

static void system_control_write(uint16_t port, unsigned int size, uint32_t value)
{
    uint32_t kept = real_read(port, size) & SYSTEM_CONTROL_NMI;
    real_write(port, size, kept | (value & SYSTEM_CONTROL_GUESTS));
}

/* ---- keyboard controller -------------------------------------------------------------------- */

/* Commands 0xf0 to 0xff pulse output lines for which the bit is clear; bit 0 is the machine's
 * reset. A restart goes through the hypervisor. */
static void keyboard_command_write(uint16_t port, unsigned int size, uint32_t value)
{
    if ((value & 0xf1) != 0xf0) {
        real_write(port, size, value);
    }
}

/* ---- CMOS ----------------------------------------------------------------------------------- */

#define CMOS_INDEX     0x70
#define CMOS_INDEX_MAX 0x7fU /* bit 7 would mask NMIs */

static uint32_t cmos_read(uint16_t port, unsigned int size)
{
    ticket_lock_take(&latches.lock);
    uint32_t value = latches.cmos_index;
    if (port != CMOS_INDEX) {
        io_out8(CMOS_INDEX, latches.cmos_index);
        value = real_read(port, size);
    }
    ticket_lock_release(&latches.lock);
    return value;
}

static void cmos_write(uint16_t port, unsigned int size, uint32_t value)
{
    ticket_lock_take(&latches.lock);
    if (port == CMOS_INDEX) {
        latches.cmos_index = (uint8_t)(value & CMOS_INDEX_MAX);
    } else {
        io_out8(CMOS_INDEX, latches.cmos_index);
        real_write(port, size, value);
    }
    ticket_lock_release(&latches.lock);
}

/* ---- PCI configuration space, mechanism 1 --------------------------------------------------- */

#define PCI_ADDRESS        0xcf8
#define PCI_DATA           0xcfc
#define PCI_ADDRESS_ENABLE (UINT32_C(1) << 31)

/* The address register takes whole dwords only: the bytes behind it are other devices', 0xcf9 the
 * machine's reset among them. */
static bool pci_access_is_data(uint16_t port)
{
    return port >= PCI_DATA && (latches.pci_address & PCI_ADDRESS_ENABLE) != 0;
}

static uint32_t pci_read(uint16_t port, unsigned int size)
{
    uint32_t value = ALL_ONES(size);
    ticket_lock_take(&latches.lock);
    if (port == PCI_ADDRESS && size == 4) {
        value = latches.pci_address;
    } else if (pci_access_is_data(port)) {
        io_out32(PCI_ADDRESS, latches.pci_address);
        value = real_read(port, size);
    }
    ticket_lock_release(&latches.lock);
    return value;
}

static void pci_write(uint16_t port, unsigned int size, uint32_t value)
{
    ticket_lock_take(&latches.lock);
    if (port == PCI_ADDRESS && size == 4) {
        latches.pci_address = value;
    } else if (pci_access_is_data(port)) {
        io_out32(PCI_ADDRESS, latches.pci_address);
        real_write(port, size, value);
    }
    ticket_lock_release(&latches.lock);
}

/* ---- which is which ------------------------------------------------------------------------- */

/* Ports that are not simply the machine's. Devices of byte registers take accesses of one byte. */
static const struct port_device {
    struct port_range range;
    uint8_t size_max;
    uint32_t (*read)(uint16_t port, unsigned int size);
    void (*write)(uint16_t port, unsigned int size, uint32_t value);
} devices[] = {
    {{0x20, 0x21}, 4, absent_read, absent_write}, /* interrupt controllers: the hypervisor's */
    {{0x40, 0x41}, 4, absent_read, absent_write}, /* timer: the timer interrupt, memory refresh */
    {{0x42, 0x43}, 1, real_read, pit_write},
    {{0x61, 0x61}, 1, real_read, system_control_write},
    {{0x64, 0x64}, 1, real_read, keyboard_command_write},
    {{0x70, 0x71}, 1, cmos_read, cmos_write},
    {{0x92, 0x92}, 1, real_read, absent_write}, /* its bit 0 resets the machine */
    {{0xa0, 0xa1}, 4, absent_read, absent_write},
    {{0xcf8, 0xcfb}, 4, pci_read, pci_write},
    {{0xcfc, 0xcff}, 4, pci_read, pci_write},
};

static const struct port_device the_machine = {{0, 0xffff}, 4, real_read, real_write};
static const struct port_device absent = {{0, 0xffff}, 4, absent_read, absent_write};

static bool range_touches(struct port_range range, uint32_t first, uint32_t last)
{
    return first <= range.last && last >= range.first;
}

static bool is_denied(uint32_t first, uint32_t last)
{
    for (unsigned int i = 0; i < denied_count; i++) {
        if (range_touches(denied[i], first, last)) {
            return true;
        }
    }
    return false;
}

static const struct port_device *find_device(const struct hv_vcpu *vcpu, uint16_t port,
                                             unsigned int size)
{
    uint32_t last = port + size - 1;
    if (!hv_vcpu_domain(vcpu)->io_ports || last >= PORT_COUNT || is_denied(port, last)) {
        return &absent;
    }
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        const struct port_device *device = &devices[i];
        if (range_touches(device->range, port, last)) {
            bool fits = port >= device->range.first && last <= device->range.last &&
                        size <= device->size_max;
            return fits ? device : &absent;
        }
    }
    return &the_machine;
}

/* Sleeping is the hypervisor's business: SLP_EN, bit 13 of the PM1 control registers
 * (ACPI 4.8.3.2), is cleared in whatever is written to them. */
static uint32_t without_sleep(uint16_t port, unsigned int size, uint32_t value)
{
    const struct acpi_register *const controls[] = {&acpi_info()->pm1a_control,
                                                    &acpi_info()->pm1b_control};
    for (size_t i = 0; i < ARRAY_SIZE(controls); i++) {
        uint64_t offset = controls[i]->address + 1 - port; /* of the register's high byte */
        if (controls[i]->space == ACPI_SPACE_IO && offset < size) {
            value &= ~(UINT32_C(0x20) << (8 * offset));
        }
    }
    return value;
}

/* ACPI's reset register (4.8.3.6), if it is a port. Where it is 0xcf9, which has been dropped with
 * PCI's address register, that byte of a whole dword means something else. */
static bool is_reset(uint16_t port, unsigned int size, uint32_t value)
{
    const struct acpi_info *acpi = acpi_info();
    uint64_t offset = acpi->reset.address - port;
    return acpi->reset.space == ACPI_SPACE_IO && offset < size && port != PCI_ADDRESS &&
           (uint8_t)(value >> (8 * offset)) == acpi->reset_value;
}

uint32_t guest_port_read(const struct hv_vcpu *vcpu, uint16_t port, unsigned int size)
{
    return find_device(vcpu, port, size)->read(port, size);
}

void guest_port_write(const struct hv_vcpu *vcpu, uint16_t port, unsigned int size, uint32_t value)
{
    if (!is_reset(port, size, value)) {
        find_device(vcpu, port, size)->write(port, size, without_sleep(port, size, value));
    }
}
