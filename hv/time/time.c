/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/time/time.h"

#include "hv/acpi/acpi.h"
#include "hv/cpu/io.h"
#include "hv/cpu/msr.h"
#include "hv/irq/lapic.h"
#include "hv/time/calibrate.h"
#include "hv/time/rtc.h"
#include "lib/check.h"

#define ASSUMED_TSC_HZ   UINT64_C(1000000000)
#define ASSUMED_LAPIC_HZ UINT64_C(1000000000)
#define WALL_SECONDS_MAX UINT64_C(16725225600) /* the year 2500; in nanoseconds it fits 64 bits */

/* Set once, by time_init(). */
static struct {
    struct time_scale scale;
    uint64_t tsc_start; /* system time 0 */
    uint64_t tsc_hz;
    uint64_t lapic_ticks_per_ns; /* times 2^32 */
    uint64_t lapic_range_ns;     /* the timer's longest run */
} clock;

/* Nanoseconds from 1970 to system time 0. The callers serialize. */
static uint64_t wall_start_ns;

/* What the boot CPU's timer is to fire for; 0: nothing. Each further CPU needs one of its own. */
static uint64_t deadline_ns;

/* VECTOR_TIMER's interrupts, for a report: an idle machine has none. */
static uint64_t interrupt_count;

/* (a * b) >> 32, for results that fit. One multiplication and a shift. */
static uint64_t multiply_shift_32(uint64_t a, uint64_t b)
{
    return (uint64_t)(((unsigned __int128)a * b) >> 32);
}

/*
 * The ABI's factors: ns = (ticks << shift) * mul / 2^32, mul below 2^32. Shifting the rate to
 * between 1 and 2 GHz leaves mul with its top bit set, as precise as it can be.
 */
static struct time_scale scale_of_rate(uint64_t tsc_hz)
{
    int8_t shift = 0;
    while (tsc_hz > 2 * NS_PER_SECOND) {
        tsc_hz >>= 1;
        shift--;
    }
    /* Last, for the halving can round to 1 GHz sharp, and mul would be 2^32. */
    while (tsc_hz <= NS_PER_SECOND) {
        tsc_hz <<= 1;
        shift++;
    }
    uint32_t mul = (uint32_t)((NS_PER_SECOND << 32) / tsc_hz);
    return (struct time_scale){.tsc_to_system_mul = mul, .tsc_shift = shift};
}

static uint64_t ticks_to_ns(uint64_t ticks)
{
    int8_t shift = clock.scale.tsc_shift;
    ticks = shift < 0 ? ticks >> -shift : ticks << shift;
    return multiply_shift_32(ticks, clock.scale.tsc_to_system_mul);
}

uint64_t time_now_ns(void)
{
    return ticks_to_ns(tsc_read_ordered() - clock.tsc_start);
}

void time_snapshot(uint64_t *tsc, uint64_t *ns)
{
    *tsc = tsc_read_ordered();
    *ns = ticks_to_ns(*tsc - clock.tsc_start);
}

struct time_scale time_scale(void)
{
    return clock.scale;
}

uint64_t time_tsc_hz(void)
{
    return clock.tsc_hz;
}

void time_delay_ns(uint64_t ns)
{
    if (clock.tsc_hz == 0) {
        for (uint64_t microseconds = ns / 1000 + 1; microseconds > 0; microseconds--) {
            io_delay();
        }
        return;
    }
    uint64_t start = time_now_ns();
    while (time_now_ns() - start < ns) {
        cpu_pause();
    }
}

/* ---- wall clock ------------------------------------------------------------------------------ */

struct wall_clock time_wall_clock(void)
{
    return (struct wall_clock){
        .seconds = wall_start_ns / NS_PER_SECOND,
        .nanoseconds = (uint32_t)(wall_start_ns % NS_PER_SECOND),
    };
}

bool time_set_wall_clock(uint64_t seconds, uint32_t nanoseconds, uint64_t system_ns)
{
    if (seconds > WALL_SECONDS_MAX || nanoseconds >= NS_PER_SECOND) {
        return false;
    }
    uint64_t wall_ns = seconds * NS_PER_SECOND + nanoseconds;
    if (wall_ns < system_ns) {
        return false;
    }
    wall_start_ns = wall_ns - system_ns;
    return true;
}

/* ---- the deadline timer ---------------------------------------------------------------------- */

static void deadline_start(uint64_t now_ns)
{
    uint64_t wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    uint64_t ticks =
        multiply_shift_32(min_u64(wait_ns, clock.lapic_range_ns), clock.lapic_ticks_per_ns);
    /* A little late (61 ppm) rather than early: the two clocks' rates are not known exactly, and an
     * early interrupt only costs another one. */
    ticks += (ticks >> 14) + 1;
    lapic_timer_start((uint32_t)min_u64(ticks, UINT32_MAX));
}

void time_set_deadline(uint64_t ns)
{
    if (ns == 0 || ns == UINT64_MAX) {
        deadline_ns = 0;
        lapic_timer_start(0);
        return;
    }
    deadline_ns = ns;
    deadline_start(time_now_ns());
}

bool time_timer_expired(void)
{
    interrupt_count++;
    if (deadline_ns == 0) {
        return false; /* stopped when the interrupt was already on its way */
    }
    uint64_t now_ns = time_now_ns();
    if (now_ns < deadline_ns) {
        deadline_start(now_ns);
        return false;
    }
    deadline_ns = 0;
    return true;
}

uint64_t time_interrupt_count(void)
{
    return interrupt_count;
}

/* ---- start ----------------------------------------------------------------------------------- */

bool time_init(void)
{
    struct clock_rates rates = {.tsc_hz = ASSUMED_TSC_HZ, .lapic_hz = ASSUMED_LAPIC_HZ};
    uint64_t tsc_start = tsc_read_ordered();
    bool measured = calibrate_clocks(&rates);
    clock.scale = scale_of_rate(rates.tsc_hz);
    clock.tsc_start = tsc_start;
    clock.tsc_hz = rates.tsc_hz;
    clock.lapic_ticks_per_ns = (rates.lapic_hz << 32) / NS_PER_SECOND;
    clock.lapic_range_ns = UINT32_MAX * NS_PER_SECOND / rates.lapic_hz;

    uint64_t seconds;
    uint64_t flags = irq_save();
    bool dated = !acpi_info()->has_no_rtc && rtc_read(acpi_info()->century_register, &seconds);
    irq_restore(flags);
    if (dated) {
        (void)time_set_wall_clock(seconds, 0, time_now_ns());
    }
    return measured;
}
