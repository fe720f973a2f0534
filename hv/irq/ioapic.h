/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APICs (82093AA datasheet; Intel I/O APIC registers in each chipset's). Global system
 * interrupts (GSIs) number the inputs of all of them (ACPI 6.4, 5.2.13); ISA interrupts are GSIs by
 * the MADT's overrides. Callers serialize: boot, or interrupts off under the caller's lock.
 */
#ifndef HV_IRQ_IOAPIC_H
#define HV_IRQ_IOAPIC_H

#include "lib/compiler.h"

/* Map every I/O APIC that the MADT lists and mask all inputs. After acpi_init(). False: none. */
bool ioapic_init(void);

/*
 * Deliver `gsi` as `vector` to the CPU with APIC ID `apic_id` (below 255). The input stays masked
 * until ioapic_unmask(). False: no such GSI; nothing changed.
 */
bool ioapic_route_gsi(uint32_t gsi, uint8_t vector, bool active_low, bool level, uint32_t apic_id);

/* The same for an ISA interrupt (0 to 15), with the override's GSI, polarity and trigger. */
bool ioapic_route_isa(uint8_t irq, uint8_t vector, uint32_t apic_id);

/* Masking a GSI that no I/O APIC has does nothing. */
void ioapic_mask(uint32_t gsi);
void ioapic_unmask(uint32_t gsi);

/* The GSI of an ISA interrupt. */
uint32_t ioapic_isa_gsi(uint8_t irq);

/* One more than the highest GSI; 0 without I/O APICs. */
uint32_t ioapic_gsi_limit(void);

/* Is there an I/O APIC at this physical address? Its page must not be writable by a guest. */
bool ioapic_is_at(uint64_t physical);

/* Read register `index` of the I/O APIC at `physical`, for PHYSDEVOP_apic_read. False: none. */
bool ioapic_read_at(uint64_t physical, uint32_t index, uint32_t *value);

#endif
