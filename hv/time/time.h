/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time. System time is nanoseconds since time_init(), made from the TSC with the public ABI's
 * formula, so that a guest which applies it to vcpu_time_info computes what we compute:
 *
 *     ns = ns0 + ((((tsc - tsc0) << tsc_shift) * tsc_to_system_mul) >> 32)
 *
 * The scale never changes after time_init(). Everything but the deadline may be called on any CPU
 * whose TSC runs with the boot CPU's.
 */
#ifndef HV_TIME_TIME_H
#define HV_TIME_TIME_H

#include "lib/compiler.h"

#define NS_PER_SECOND UINT64_C(1000000000)

struct time_scale {
    uint32_t tsc_to_system_mul; /* never 0 */
    int8_t tsc_shift;           /* negative: shift right */
};

struct wall_clock {
    uint64_t seconds; /* since 1970-01-01 00:00 UTC */
    uint32_t nanoseconds;
};

/*
 * Measure the TSC and the local APIC timer against the PIT (else the ACPI PM timer) for about
 * 10 ms, start system time and read the wall clock. After acpi_init() and lapic_init(). False: no
 * clock to measure with, or a measurement that makes no sense; a TSC of 1 GHz is then assumed.
 */
bool time_init(void);

/* System time; 0 before time_init(). */
uint64_t time_now_ns(void);

/* One moment in both scales. */
void time_snapshot(uint64_t *tsc, uint64_t *ns);

struct time_scale time_scale(void);

/* TSC ticks a second, as measured. */
uint64_t time_tsc_hz(void);

/* Wall-clock time at system time 0. */
struct wall_clock time_wall_clock(void);

/* It was `seconds` and `nanoseconds` (below 10^9) at `system_ns`: XENPF_settime. Changes what
 * time_wall_clock() says and nothing else. The caller serializes. False, and nothing
 * changed: system time 0 would have been before 1970, or the time is after the year 2500. */
bool time_set_wall_clock(uint64_t seconds, uint32_t nanoseconds, uint64_t system_ns);

/*
 * Raise VECTOR_TIMER on this CPU at system time `ns`: at once if that is past, never if it is 0 or
 * UINT64_MAX. Replaces an earlier deadline. Interrupts off.
 */
void time_set_deadline(uint64_t ns);

/*
 * Handler for VECTOR_TIMER, after lapic_eoi(). True: the deadline has come, and is gone. False: it
 * is too far away for one run of the hardware timer, which was started again.
 */
bool time_timer_expired(void);

/* How often that handler was called. */
uint64_t time_interrupt_count(void);

/* Wait at least so long, with interrupts as they are. */
void time_delay_ns(uint64_t ns);

#endif
