/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast the TSC and the local APIC timer run. */
#ifndef HV_TIME_CALIBRATE_H
#define HV_TIME_CALIBRATE_H

#include "lib/compiler.h"

struct clock_rates {
    uint64_t tsc_hz;
    uint64_t lapic_hz; /* ticks of lapic_timer_start() */
};

/*
 * Measure both for about 10 ms against the PIT's channel 2 (8254 datasheet, mode 0; port 0x61), or
 * if that gives nothing believable, the ACPI PM timer. Repeated, up to five times, while something
 * (an SMI, the host of a virtual machine) took the CPU away at an end of the measurement. Stops the
 * local APIC timer. Boot CPU only. False: neither clock could be used, nothing is set.
 */
bool calibrate_clocks(struct clock_rates *rates);

#endif
