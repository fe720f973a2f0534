/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/debug/stretch.h"

#ifdef PINNACE_MEASURE

#include "core/port.h"
#include "hv/console/console.h"
#include "hv/cpu/io.h"
#include "hv/cpu/msr.h"
#include "lib/format.h"

#define CPU_LIMIT 64

/* Of the console's lines and the debug console's; tests/stretches reads both. */
#define STRETCH_TEXT "longest stretch: %lu instructions with %s, from 0x%lx to 0x%lx"

/* QEMU's -debugcon. Without it nothing is there. */
#define DEBUG_CONSOLE_PORT 0xe9

/* A stretch goes on since `since` (0: none does). The longest so far, and its ends in the code. */
struct stretch {
    const char *kind;
    uint64_t since;
    const void *from;
    uint64_t longest;
    const void *longest_from;
    const void *longest_to;
};

static struct stretch irq_off[CPU_LIMIT] = {[0 ... CPU_LIMIT - 1] = {.kind = "interrupts off"}};
static struct stretch locked[CPU_LIMIT] = {[0 ... CPU_LIMIT - 1] = {.kind = "a lock held"}};
static unsigned int locks_held[CPU_LIMIT];
static bool guest_has_run;

static void begin(struct stretch *stretch, const void *where)
{
    if (stretch->since == 0) {
        stretch->from = where;
        stretch->since = tsc_read();
    }
}

static void leave_out(struct stretch *stretch, uint64_t ticks)
{
    if (stretch->since != 0) {
        stretch->since += ticks;
    }
}

uint64_t stretch_pause(void)
{
    return tsc_read();
}

void stretch_go_on(uint64_t paused)
{
    if (guest_has_run) {
        uint64_t ticks = tsc_read() - paused;
        leave_out(&irq_off[port_cpu()], ticks);
        leave_out(&locked[port_cpu()], ticks);
    }
}

/* At once: a machine that is killed has no end to print it at. */
static void tell(const struct stretch *stretch)
{
    uint64_t paused = stretch_pause();
    char line[160];
    format_text(line, sizeof(line), "(PIN) " STRETCH_TEXT "\n", stretch->longest, stretch->kind,
                (uint64_t)stretch->longest_from, (uint64_t)stretch->longest_to);
    for (const char *c = line; *c != '\0'; c++) {
        io_out8(DEBUG_CONSOLE_PORT, (uint8_t)*c);
    }
    stretch_go_on(paused);
}

static void end(struct stretch *stretch, const void *where)
{
    uint64_t length = tsc_read() - stretch->since;
    bool is_longest = stretch->since != 0 && length > stretch->longest;
    stretch->since = 0;
    if (is_longest) {
        stretch->longest = length;
        stretch->longest_from = stretch->from;
        stretch->longest_to = where;
        tell(stretch);
    }
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

static void print_longest(const struct stretch *stretches)
{
    struct stretch longest = longest_of(stretches);
    console_log(LOG_ALWAYS, STRETCH_TEXT, longest.longest, longest.kind,
                (uint64_t)longest.longest_from, (uint64_t)longest.longest_to);
}

void stretch_print(void)
{
    print_longest(locked);
    print_longest(irq_off);
}

#else
typedef int stretch_is_not_measured; /* a file must have something in it */
#endif
