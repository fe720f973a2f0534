/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/time/calibrate.h"

#include "hv/acpi/acpi.h"
#include "hv/cpu/io.h"
#include "hv/cpu/msr.h"
#include "hv/irq/lapic.h"

#define PIT_HZ         UINT64_C(1193182)
#define PIT_COUNT      UINT64_C(11932) /* 10 ms */
#define PIT_CHANNEL_2  0x42
#define PIT_CONTROL    0x43
#define PIT_MODE       0xb0 /* channel 2, low byte then high, mode 0: output rises at the end */
#define SYSTEM_PORT    0x61
#define SYSTEM_GATE_2  0x01 /* channel 2 counts */
#define SYSTEM_SPEAKER 0x02
#define SYSTEM_OUT_2   0x20 /* channel 2's output, read only */

#define PM_TIMER_HZ     UINT64_C(3579545)
#define PM_TIMER_COUNT  35796 /* 10 ms */
#define PM_TIMER_24_BIT UINT32_C(0xffffff)

#define ATTEMPTS        5
#define TSC_TIMEOUT     UINT64_C(400000000) /* of one attempt: 80 ms or more */
#define GOOD_SHIFT      10 /* an attempt is good if its bounds are 1/1024 of it apart */
#define USABLE_SHIFT    5  /* and better than nothing at 1/32 */
#define TSC_HZ_MIN      UINT64_C(10000000)
#define TSC_HZ_MAX      UINT64_C(20000000000)
#define LAPIC_HZ_MIN    UINT64_C(1000000)
#define LAPIC_TICKS_MAX (UINT64_C(1) << 29)
#define LAPIC_HZ_MAX    UINT64_C(4000000000) /* shifted left by 32 it must fit 64 bits */

/* An event that happened between two readings of the TSC. */
struct moment {
    uint64_t after;
    uint64_t before;
};

/* The local APIC timer, which counts down, and when it was read. */
struct lapic_reading {
    struct moment moment;
    uint32_t ticks;
};

/* What a reference clock measured: that `reference_ticks` of it passed between two moments. */
struct measurement {
    struct moment start;
    struct moment end;
    struct lapic_reading lapic_start;
    struct lapic_reading lapic_end;
    uint64_t reference_ticks;
};

static struct lapic_reading lapic_read(void)
{
    struct lapic_reading reading;
    reading.moment.after = tsc_read_ordered();
    reading.ticks = lapic_timer_remaining();
    reading.moment.before = tsc_read_ordered();
    return reading;
}

static uint64_t moment_middle(struct moment moment)
{
    return moment.after + (moment.before - moment.after) / 2;
}

static uint64_t moment_width(struct moment moment)
{
    return moment.before - moment.after;
}

/* ---- the reference clocks -------------------------------------------------------------------- */

/* Wait for channel 2's output to rise. False: it does not. One that was high from the start gives a
 * moment as long as the whole measurement, which is then not believed. */
static bool pit_wait(struct moment start, struct moment *end)
{
    end->after = start.before;
    for (;;) {
        uint64_t now = tsc_read_ordered();
        if ((io_in8(SYSTEM_PORT) & SYSTEM_OUT_2) != 0) {
            end->before = tsc_read_ordered();
            return true;
        }
        if (now - start.before > TSC_TIMEOUT) {
            return false;
        }
        end->after = now;
    }
}

static bool measure_pit(struct measurement *result)
{
    uint8_t port = io_in8(SYSTEM_PORT);
    io_out8(SYSTEM_PORT, (uint8_t)((port & ~SYSTEM_SPEAKER) | SYSTEM_GATE_2));
    io_out8(PIT_CONTROL, PIT_MODE);
    io_out8(PIT_CHANNEL_2, (uint8_t)PIT_COUNT);
    result->start.after = tsc_read_ordered();
    io_out8(PIT_CHANNEL_2, (uint8_t)(PIT_COUNT >> 8)); /* starts counting */
    result->start.before = tsc_read_ordered();
    result->lapic_start = lapic_read();
    bool measured = pit_wait(result->start, &result->end);
    result->lapic_end = lapic_read();
    result->reference_ticks = PIT_COUNT;
    io_out8(SYSTEM_PORT, port);
    return measured;
}

static bool pm_timer_moment(struct moment *moment, uint32_t *ticks)
{
    moment->after = tsc_read_ordered();
    bool present = acpi_pm_timer_read(ticks);
    moment->before = tsc_read_ordered();
    return present;
}

static bool measure_pm_timer(struct measurement *result)
{
    uint32_t first;
    uint32_t last;
    uint32_t passed;
    if (!pm_timer_moment(&result->start, &first)) {
        return false;
    }
    result->lapic_start = lapic_read();
    do {
        if (!pm_timer_moment(&result->end, &last) ||
            result->end.after - result->start.before > TSC_TIMEOUT) {
            return false;
        }
        passed = (last - first) & PM_TIMER_24_BIT;
    } while (passed < PM_TIMER_COUNT);
    result->lapic_end = lapic_read();
    result->reference_ticks = passed;
    return true;
}

/* ---- from measurements to rates -------------------------------------------------------------- */

/* False: the clock does not run. */
typedef bool (*measure_fn)(struct measurement *result);

static uint64_t moments_apart(struct moment start, struct moment end)
{
    return moment_middle(end) - moment_middle(start);
}

static uint64_t measurement_uncertainty(const struct measurement *measurement)
{
    return moment_width(measurement->start) + moment_width(measurement->end) +
           moment_width(measurement->lapic_start.moment) +
           moment_width(measurement->lapic_end.moment);
}

static bool measurement_is_within(const struct measurement *measurement, unsigned int shift)
{
    uint64_t length = moments_apart(measurement->start, measurement->end);
    return measurement_uncertainty(measurement) <= length >> shift;
}

/* The attempt with the least uncertainty; the first that is good ends the search. */
static bool measure_best(measure_fn measure, struct measurement *best)
{
    if (!measure(best)) {
        return false;
    }
    for (unsigned int i = 1; i < ATTEMPTS && !measurement_is_within(best, GOOD_SHIFT); i++) {
        struct measurement attempt;
        if (!measure(&attempt)) {
            return false;
        }
        if (measurement_uncertainty(&attempt) < measurement_uncertainty(best)) {
            *best = attempt;
        }
    }
    return measurement_is_within(best, USABLE_SHIFT);
}

static bool rates_from(measure_fn measure, uint64_t reference_hz, struct clock_rates *rates)
{
    struct measurement best;
    if (!measure_best(measure, &best)) {
        return false;
    }
    /* No product overflows: a length is at most TSC_TIMEOUT and a stall (2^36, say), the
     * reference's rate below 2^22; LAPIC ticks are below 2^29 and tsc_hz below 2^35. */
    uint64_t length = moments_apart(best.start, best.end);
    uint64_t tsc_hz = (length * reference_hz + best.reference_ticks / 2) / best.reference_ticks;
    uint64_t lapic_ticks = best.lapic_start.ticks - best.lapic_end.ticks;
    if (tsc_hz < TSC_HZ_MIN || tsc_hz > TSC_HZ_MAX || lapic_ticks > LAPIC_TICKS_MAX) {
        return false;
    }
    uint64_t lapic_length = moments_apart(best.lapic_start.moment, best.lapic_end.moment);
    uint64_t lapic_hz = (lapic_ticks * tsc_hz + lapic_length / 2) / lapic_length;
    if (lapic_hz < LAPIC_HZ_MIN || lapic_hz > LAPIC_HZ_MAX) {
        return false;
    }
    *rates = (struct clock_rates){.tsc_hz = tsc_hz, .lapic_hz = lapic_hz};
    return true;
}

bool calibrate_clocks(struct clock_rates *rates)
{
    uint64_t flags = irq_save();
    lapic_timer_start_silent(UINT32_MAX);
    bool measured =
        rates_from(measure_pit, PIT_HZ, rates) || rates_from(measure_pm_timer, PM_TIMER_HZ, rates);
    lapic_timer_start_silent(0);
    irq_restore(flags);
    return measured;
}
