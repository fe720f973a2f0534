/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/irq/ioapic.h"

#include "hv/acpi/acpi.h"
#include "hv/cpu/io.h"
#include "hv/mem/memory.h"
#include "lib/check.h"

/* The window: write a register's index to SELECT, then reach it through DATA (82093AA, 3.1). */
#define WINDOW_SELECT 0x00
#define WINDOW_DATA   0x10
#define WINDOW_SIZE   0x20

#define REGISTER_VERSION      0x01
#define REGISTER_REDIRECT(in) (0x10 + 2 * (in)) /* low half; the high half follows */

/* Redirection entry, low half (82093AA, 3.2.4). Delivery fixed and destination physical are 0. */
#define ENTRY_ACTIVE_LOW  (UINT32_C(1) << 13)
#define ENTRY_LEVEL       (UINT32_C(1) << 15)
#define ENTRY_MASKED      (UINT32_C(1) << 16)
#define ENTRY_DESTINATION 24 /* shift of the APIC ID in the high half */

struct ioapic {
    uint64_t physical;
    volatile void *window;
    uint32_t gsi_base;
    uint32_t input_count;
};

static struct ioapic ioapics[ACPI_IO_APIC_MAX];
static size_t ioapic_count;

static uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t index)
{
    mmio_write32(ioapic->window, WINDOW_SELECT, index);
    return mmio_read32(ioapic->window, WINDOW_DATA);
}

static void ioapic_write(const struct ioapic *ioapic, uint32_t index, uint32_t value)
{
    mmio_write32(ioapic->window, WINDOW_SELECT, index);
    mmio_write32(ioapic->window, WINDOW_DATA, value);
}

static bool ioapic_add(const struct acpi_io_apic *listed)
{
    struct ioapic *ioapic = &ioapics[ioapic_count];
    ioapic->physical = listed->address;
    ioapic->gsi_base = listed->gsi_base;
    ioapic->window = mmio_map(listed->address, WINDOW_SIZE);
    if (ioapic->window == NULL) {
        return false;
    }
    uint32_t version = ioapic_read(ioapic, REGISTER_VERSION);
    if (version == UINT32_MAX) {
        return false; /* nothing is there */
    }
    ioapic->input_count = ((version >> 16) & 0xff) + 1;
    for (uint32_t input = 0; input < ioapic->input_count; input++) {
        ioapic_write(ioapic, REGISTER_REDIRECT(input), ENTRY_MASKED);
        ioapic_write(ioapic, REGISTER_REDIRECT(input) + 1, 0);
    }
    ioapic_count++;
    return true;
}

bool ioapic_init(void)
{
    const struct acpi_info *info = acpi_info();
    for (uint32_t i = 0; i < info->io_apic_count; i++) {
        (void)ioapic_add(&info->io_apics[i]);
    }
    return ioapic_count > 0;
}

/* The I/O APIC and the input on it that a GSI is; NULL if there is no such GSI. */
static const struct ioapic *ioapic_of_gsi(uint32_t gsi, uint32_t *input)
{
    for (size_t i = 0; i < ioapic_count; i++) {
        if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].input_count) {
            *input = gsi - ioapics[i].gsi_base;
            return &ioapics[i];
        }
    }
    return NULL;
}

bool ioapic_route_gsi(uint32_t gsi, uint8_t vector, bool active_low, bool level, uint32_t apic_id)
{
    ASSERT(vector >= 0x10 && apic_id < 255);
    uint32_t input;
    const struct ioapic *ioapic = ioapic_of_gsi(gsi, &input);
    if (ioapic == NULL) {
        return false;
    }
    uint32_t entry = ENTRY_MASKED | vector;
    entry |= active_low ? ENTRY_ACTIVE_LOW : 0;
    entry |= level ? ENTRY_LEVEL : 0;
    /* Low half first: the input is masked before its destination changes. */
    ioapic_write(ioapic, REGISTER_REDIRECT(input), entry);
    ioapic_write(ioapic, REGISTER_REDIRECT(input) + 1, apic_id << ENTRY_DESTINATION);
    return true;
}

bool ioapic_route_isa(uint8_t irq, uint8_t vector, uint32_t apic_id)
{
    ASSERT(irq < ACPI_ISA_IRQ_COUNT);
    const struct acpi_isa_irq *wiring = &acpi_info()->isa_irq[irq];
    return ioapic_route_gsi(wiring->gsi, vector, wiring->active_low, wiring->level, apic_id);
}

static void set_masked(uint32_t gsi, bool masked)
{
    uint32_t input;
    const struct ioapic *ioapic = ioapic_of_gsi(gsi, &input);
    if (ioapic == NULL) {
        return;
    }
    uint32_t entry = ioapic_read(ioapic, REGISTER_REDIRECT(input));
    entry = masked ? entry | ENTRY_MASKED : entry & ~ENTRY_MASKED;
    ioapic_write(ioapic, REGISTER_REDIRECT(input), entry);
}

void ioapic_mask(uint32_t gsi)
{
    set_masked(gsi, true);
}

void ioapic_unmask(uint32_t gsi)
{
    set_masked(gsi, false);
}

uint32_t ioapic_isa_gsi(uint8_t irq)
{
    ASSERT(irq < ACPI_ISA_IRQ_COUNT);
    return acpi_info()->isa_irq[irq].gsi;
}

uint32_t ioapic_gsi_limit(void)
{
    uint64_t limit = 0;
    for (size_t i = 0; i < ioapic_count; i++) {
        limit = max_u64(limit, (uint64_t)ioapics[i].gsi_base + ioapics[i].input_count);
    }
    return (uint32_t)min_u64(limit, UINT32_MAX);
}

static const struct ioapic *ioapic_of_address(uint64_t physical)
{
    for (size_t i = 0; i < ioapic_count; i++) {
        if (ioapics[i].physical == physical) {
            return &ioapics[i];
        }
    }
    return NULL;
}

bool ioapic_is_at(uint64_t physical)
{
    return ioapic_of_address(physical) != NULL;
}

bool ioapic_read_at(uint64_t physical, uint32_t index, uint32_t *value)
{
    const struct ioapic *ioapic = ioapic_of_address(physical);
    if (ioapic == NULL || index >= REGISTER_REDIRECT(ioapic->input_count)) {
        return false;
    }
    *value = ioapic_read(ioapic, index);
    return true;
}
