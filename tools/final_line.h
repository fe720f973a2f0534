/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's last words. It ends the machine with one line that tells why, tagged "(PIN) "
 * at the start of the line, where it lets no guest print that tag. So the console tells the
 * outcome, although a guest prints on it too.
 */
#ifndef TOOLS_FINAL_LINE_H
#define TOOLS_FINAL_LINE_H

#include "lib/compiler.h"

enum final_line {
    FINAL_LINE_NONE,
    FINAL_LINE_POWER_OFF,
    FINAL_LINE_REBOOT,
    FINAL_LINE_CRASH_HALTED, /* a domain crashed; the machine stays up with interrupts off */
    FINAL_LINE_CRASH_REBOOT, /* a domain crashed; the machine reboots */
    FINAL_LINE_PANIC,        /* the hypervisor gave up; the machine stays up */
};

/* Start with all zeros. */
struct final_line_scanner {
    char line[64];        /* the line so far; what is longer cannot be one of ours */
    size_t length;        /* of the whole line, also past the end of `line` */
    enum final_line last; /* the last one seen */
};

/* Look at more console output, in pieces of any size. */
void final_line_scan(struct final_line_scanner *scanner, const uint8_t *bytes, size_t size);

/* Whether the machine stays up after this line, doing nothing, until someone ends it. */
bool final_line_halts(enum final_line line);

#endif
