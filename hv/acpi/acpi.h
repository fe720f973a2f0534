/* SPDX-License-Identifier: BSD-2-Clause */
/* This machine's ACPI: its tables, power-off and reset. */
#ifndef HV_ACPI_ACPI_H
#define HV_ACPI_ACPI_H

#include "hv/acpi/tables.h"

/* Read the tables and map the registers we use. `rsdp`: from the boot loader; 0 if it gave none.
 * Once, at boot, after the memory is mapped. False: no ACPI. */
bool acpi_init(uint64_t rsdp);

/* What the tables said. All zero before acpi_init(). */
const struct acpi_info *acpi_info(void);

/* Read the PM timer: 3.579545 MHz, 24 or 32 bits wide. False: there is none. */
bool acpi_pm_timer_read(uint32_t *ticks);

/* Switch the machine off (S5). Comes back, with false, only if that did not work. */
bool acpi_power_off(void);

/*
 * Sleep with these values of the PM1 control registers, sleep type included
 * (XENPF_enter_acpi_sleep; 4.8.3.2). The caller has made sure that the state is S5: from others we
 * would wake with nothing restored. Comes back, with false, only if the machine did not go.
 */
bool acpi_enter_sleep(uint16_t pm1a, uint16_t pm1b);

/* Reset the machine by whichever way works first. */
NORETURN void machine_reboot(void);

#endif
