/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor needs from ACPI's tables (ACPI 6.4, chapter 5). Pure: memory is read through
 * a callback, every length is checked before it is believed, and tables with a bad checksum count
 * as absent.
 */
#ifndef HV_ACPI_TABLES_H
#define HV_ACPI_TABLES_H

#include "lib/compiler.h"

/*
 * Where `size` bytes of physical memory can be read, or NULL if any of them cannot. The pointer
 * need hold only until the next call.
 */
typedef const void *(*acpi_map_fn)(uint64_t physical, size_t size);

#define ACPI_IO_APIC_MAX   16
#define ACPI_ISA_IRQ_COUNT 16
#define ACPI_TABLE_MAX     (UINT32_C(4) << 20) /* bytes; larger tables count as absent */

enum acpi_space { ACPI_SPACE_NONE, ACPI_SPACE_MEMORY, ACPI_SPACE_IO, ACPI_SPACE_PCI };

/* A generic address (5.2.3.2), or a port of the older fixed fields. */
struct acpi_register {
    enum acpi_space space; /* ACPI_SPACE_NONE: there is no such register */
    uint64_t address;      /* of PCI: device, function and offset on bus 0, as 5.2.3.2 packs them */
};

struct acpi_io_apic {
    uint8_t id;
    uint32_t address;
    uint32_t gsi_base;
};

/* How an ISA interrupt is wired (5.2.12.5). */
struct acpi_isa_irq {
    uint32_t gsi;
    bool active_low;
    bool level;
};

struct acpi_info {
    uint64_t rsdp; /* where it was found; 0: no ACPI, and nothing else here is set but isa_irq */

    bool has_madt;
    uint64_t local_apic; /* physical address of the local APICs' page */
    bool has_8259;
    uint32_t cpu_count; /* usable processors listed */
    uint32_t io_apic_count;
    struct acpi_io_apic io_apics[ACPI_IO_APIC_MAX];
    struct acpi_isa_irq isa_irq[ACPI_ISA_IRQ_COUNT]; /* identity, edge, high if not overridden */

    bool has_fadt;
    struct acpi_register pm1a_control;
    struct acpi_register pm1b_control;
    struct acpi_register pm_timer;
    bool pm_timer_is_32_bit; /* else it wraps at 24 */
    uint16_t sci_irq;
    uint16_t smi_command_port; /* 0: ACPI mode is always on */
    uint8_t acpi_enable_value;
    struct acpi_register reset; /* none unless the FADT's flag says it works */
    uint8_t reset_value;
    uint8_t century_register; /* CMOS index; 0: none */
    bool has_no_rtc;

    bool has_s5; /* power-off (7.4.2.6): the two sleep types, 0 to 7 */
    uint8_t s5_type_a;
    uint8_t s5_type_b;
};

/*
 * Fill in `*info`. `rsdp` is the address a boot loader gave, or 0 to look where a BIOS puts it
 * (5.2.5.1). A wrong one is searched for too. False: no usable RSDP; tables that are missing or
 * damaged only leave their part of `*info` unset.
 */
bool acpi_info_read(struct acpi_info *info, acpi_map_fn map, uint64_t rsdp);

/*
 * Find Name (_S5, Package () {a, b, ...}) in `length` bytes of AML (20.2). False: not there, or
 * not of constants from 0 to 7.
 */
bool acpi_aml_find_s5(const uint8_t *aml, size_t length, uint8_t *type_a, uint8_t *type_b);

#endif
