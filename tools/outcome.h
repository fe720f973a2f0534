/* SPDX-License-Identifier: BSD-2-Clause */
/* How a run ended, judged from what QEMU and the hypervisor said, and the exit status for it. */
#ifndef TOOLS_OUTCOME_H
#define TOOLS_OUTCOME_H

#include <stdio.h>

#include "tools/final_line.h"

/* The values are the exit statuses: documented by --help, and what scripts rely on. */
enum outcome {
    OUTCOME_SUCCESS = 0, /* the guest powered off; of other commands, they did what was asked */
    OUTCOME_FAILED = 1,
    OUTCOME_BAD_USAGE = 2,
    OUTCOME_INPUT_REFUSED = 3,
    OUTCOME_QEMU_FAILED = 4,
    OUTCOME_REBOOT = 5,
    OUTCOME_GUEST_CRASHED = 6,
    OUTCOME_HYPERVISOR_FAILED = 7,
    OUTCOME_TIME_LIMIT = 8,
    OUTCOME_USER_QUIT = 9,
    OUTCOME_NOT_SEEN = 10, /* the guest powered off, but did not say what was expected */
    OUTCOME_SIGNAL = 128,  /* ended by a signal; its number is added */
};

/* What QEMU's SHUTDOWN event said of the machine. */
enum machine_end {
    MACHINE_NOT_ENDED,
    MACHINE_POWERED_OFF,
    MACHINE_RESET, /* asked for or by a triple fault: QEMU cannot tell */
};

/* All that is known of a run after QEMU has gone. */
struct evidence {
    enum machine_end machine_end;
    enum final_line final_line;
    bool time_limit_reached;
    bool user_quit;
    bool output_lost;   /* our standard output, or the log, could not be written */
    bool expected_text; /* --expect was given */
    bool expected_seen; /* and its text was in the guest's output */
    int signal;         /* that asked us to end, or 0 */
};

enum outcome outcome_judge(const struct evidence *evidence);

/* The outcome in words, as a sentence about the run. */
const char *outcome_describe(enum outcome outcome, const struct evidence *evidence);

/* The table of exit statuses, for --help. */
void outcome_print_statuses(FILE *stream);

#endif
