/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC (SDM vol. 3, chapter 11): end of interrupt and a one-shot timer. In xAPIC mode
 * through its page, in x2APIC mode (if the firmware left it so) through MSRs.
 */
#ifndef HV_IRQ_LAPIC_H
#define HV_IRQ_LAPIC_H

#include "lib/compiler.h"

/*
 * Find the boot CPU's local APIC (the MADT's address, else the MSR's), map it and enable it as
 * lapic_enable_cpu() does. After acpi_init(). False: this processor has none.
 */
bool lapic_init(void);

/*
 * Enable the local APIC of the CPU this runs on: spurious vector, task priority 0, timer, LINT and
 * other local sources masked. Every CPU calls it once; lapic_init() has for the boot CPU.
 */
void lapic_enable_cpu(void);

bool lapic_present(void);

/* This CPU's APIC ID. */
uint32_t lapic_id(void);

/* The physical address of the register page: the one page of it that no guest may write. */
uint64_t lapic_physical(void);

/* End of interrupt: once for each interrupt taken, but not for VECTOR_SPURIOUS. */
void lapic_eoi(void);

/* Let the LINT1 input deliver NMIs on this CPU. Before this it is masked. */
void lapic_enable_nmi(void);

/* Raise VECTOR_TIMER once, `ticks` timer ticks from now (0: stop the timer). hv/time knows how
 * long a tick is. */
void lapic_timer_start(uint32_t ticks);

/* Ticks left until the timer fires; 0 once it has. */
uint32_t lapic_timer_remaining(void);

/* Count down from `ticks` without raising an interrupt at the end, for calibration. */
void lapic_timer_start_silent(uint32_t ticks);

#endif
