/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/debug/stretch.h"

#ifdef PINNACE_MEASURE

#include "core/port.h"
#include "hv/console/console.h"
#include "hv/cpu/msr.h"

#define CPU_LIMIT 64

/* A stretch goes on since `since` (0: none does). The longest so far, and its ends in the code. */
struct stretch {
    uint64_t since;
    const void *from;
    uint64_t longest;
    const void *longest_from;
    const void *longest_to;
};

static struct stretch irq_off[CPU_LIMIT];
static struct stretch locked[CPU_LIMIT];
static unsigned int locks_held[CPU_LIMIT];
static bool guest_has_run;

static void begin(struct stretch *stretch, const void *where)
{
    if (stretch->since == 0) {
        stretch->from = where;
        stretch->since = tsc_read();
    }
}

static void end(struct stretch *stretch, const void *where)
{
    uint64_t length = tsc_read() - stretch->since;
    if (stretch->since != 0 && length > stretch->longest) {
        stretch->longest = length;
        stretch->longest_from = stretch->from;
        stretch->longest_to = where;
    }
    stretch->since = 0;
}

/* At boot a CPU does not even know its number. */
void stretch_irq_off(void)
{
    if (guest_has_run) {
        begin(&irq_off[port_cpu()], __builtin_return_address(0));
    }
}

void stretch_irq_on(void)
{
    if (guest_has_run) {
        end(&irq_off[port_cpu()], __builtin_return_address(0));
    }
}

void stretch_lock(void)
{
    if (guest_has_run && locks_held[port_cpu()]++ == 0) {
        begin(&locked[port_cpu()], __builtin_return_address(0));
    }
}

void stretch_unlock(void)
{
    if (guest_has_run && --locks_held[port_cpu()] == 0) {
        end(&locked[port_cpu()], __builtin_return_address(0));
    }
}

void stretch_may_stop(void)
{
    if (guest_has_run && locks_held[port_cpu()] > 0) {
        end(&locked[port_cpu()], __builtin_return_address(0));
        begin(&locked[port_cpu()], __builtin_return_address(0));
    }
}

void stretch_leave(void)
{
    stretch_irq_on();
    guest_has_run = true;
}

static struct stretch longest_of(const struct stretch *stretches)
{
    struct stretch longest = stretches[0];
    for (unsigned int i = 1; i < CPU_LIMIT; i++) {
        if (stretches[i].longest > longest.longest) {
            longest = stretches[i];
        }
    }
    return longest;
}

static void print_longest(const char *kind, const struct stretch *stretches)
{
    struct stretch longest = longest_of(stretches);
    console_log(LOG_ALWAYS, "longest stretch: %lu instructions with %s, from 0x%lx to 0x%lx",
                longest.longest, kind, (uint64_t)longest.longest_from,
                (uint64_t)longest.longest_to);
}

void stretch_print(void)
{
    print_longest("a lock held", locked);
    print_longest("interrupts off", irq_off);
}

#else
typedef int stretch_is_not_measured; /* a file must have something in it */
#endif
