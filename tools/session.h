/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A running machine and us: what is typed goes to its serial port, what comes from there goes to
 * standard output and past the scanner for the hypervisor's last words, until QEMU has gone.
 */
#ifndef TOOLS_SESSION_H
#define TOOLS_SESSION_H

#include "tools/qemu.h"

struct session_config {
    bool on_terminal;     /* take Ctrl-a as the user's way out */
    int signal_fd;        /* reports SIGCHLD and the signals that end us */
    int log_fd;           /* gets all the console's output too; -1: none */
    const char *expected; /* a text to look for in the guest's output; NULL: none */
    int64_t time_limit;   /* on session_now()'s clock; INT64_MAX: none */
};

struct session_result {
    struct evidence evidence;
    bool guest_spoke;      /* the guest wrote anything to its console */
    bool console_missing;  /* Linux wrote its first messages, but never opened its console */
    bool line_open;        /* the console's last line was not ended */
    int qemu_status;       /* from waitpid() */
    char qemu_errors[512]; /* the last line QEMU wrote to its standard error */
};

/* Milliseconds on a clock that nobody sets. */
int64_t session_now(void);

/* Returns once QEMU has gone, which it always has then. */
void session_run(const struct session_config *config, const struct qemu *qemu,
                 struct session_result *result);

#endif
