/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mini: a kernel for a domain of 4 MiB, to have many of them. It prints one line on its console
 * ring and then does what its command line asks for, in this order:
 *
 *   tsc                   say what the time-stamp counter was before that line, and after it
 *   grants ports frames   take all there are of these, and say how many
 *   within=MS             work for a random time of less than so many milliseconds
 *   end=WHAT              spin, crash, reboot or poweroff; without it, sleep for ever
 */
#include "guests/lib/console.h"
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/start.h"
#include "guests/mini/limits.h"
#include "guests/mini/ring.h"
#include "lib/string.h"

NORETURN void guest_main(void);

static uint64_t time_stamp(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static void take_all_as_asked(void)
{
    if (argument_find("grants") != NULL) {
        ring_print("mini: %lu grants\n", use_all_grants());
    }
    if (argument_find("ports") != NULL) {
        ring_print("mini: %lu ports\n", use_all_ports());
    }
    if (argument_find("frames") != NULL) {
        ring_print("mini: %lu page tables\n", use_all_frames());
    }
}

/* Calls of many kinds, until a moment that nobody knows before. */
static void work_as_asked(void)
{
    const char *text = argument_find("within=");
    int64_t limit = 0;
    for (; text != NULL && *text >= '0' && *text <= '9'; text++) {
        limit = limit * 10 + (*text - '0');
    }
    if (limit == 0) {
        return;
    }
    event_init();
    uint64_t random = time_stamp() * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    int64_t end = system_time() + (int64_t)(random % (uint64_t)(limit * MILLISECOND));
    while (system_time() < end) {
        hypercall_xen_version(XENVER_version, NULL);
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

static bool end_is(const char *what)
{
    const char *end = argument_find("end=");
    return end != NULL && strncmp(end, what, strlen(what)) == 0;
}

static void end_as_asked(void)
{
    if (end_is("crash")) {
        __asm__ volatile("ud2"); /* there is no trap table */
    }
    if (end_is("reboot")) {
        guest_shutdown(SHUTDOWN_reboot);
    }
    if (end_is("poweroff")) {
        guest_shutdown(SHUTDOWN_poweroff);
    }
    while (end_is("spin")) {
        __asm__ volatile("pause");
    }
}

void guest_main(void)
{
    start_info = (start_info_t *)boot_state.rsi;
    uint64_t before = time_stamp();
    ring_print("mini: %lu pages, \"%s\"\n", start_info->nr_pages,
               (const char *)start_info->cmd_line);
    uint64_t after = time_stamp();
    if (argument_find("tsc") != NULL) {
        ring_print("mini: tsc %lu to %lu\n", before, after);
    }
    take_all_as_asked();
    work_as_asked();
    end_as_asked();
    for (;;) {
        struct sched_poll nothing = {.nr_ports = 0}; /* events stay masked; it may wake for one */
        hypercall_sched_op(SCHEDOP_poll, &nothing);
    }
}
