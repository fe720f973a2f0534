/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/file.h"
#include "tools/qemu.h"
#include "tools/report.h"
#include "tools/run_inputs.h"
#include "tools/run_options.h"
#include "tools/session.h"
#include "tools/terminal.h"

/* ---- the run ---- */

/* From here on these signals wait for session_run(), which ends QEMU first. */
static int collect_signals(sigset_t *former_mask)
{
    static const int signals[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t collected;
    sigemptyset(&collected);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        sigaddset(&collected, signals[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* a parent that ignores it would have us never see QEMU end */
    sigprocmask(SIG_BLOCK, &collected, former_mask);
    int fd = signalfd(-1, &collected, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        report("no signalfd: %s", strerror(errno));
    }
    return fd;
}

/* End as the signal would have ended us, so that a shell sees it. */
static void die_of_signal(int number, const sigset_t *former_mask)
{
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_SETMASK, former_mask, NULL);
}

static void report_qemu_failure(const struct session_result *result)
{
    char errors[sizeof(result->qemu_errors)];
    strcpy(errors, result->qemu_errors);
    errors[strcspn(errors, "\n")] = '\0';
    if (errors[0] != '\0') {
        report("QEMU failed: %s", errors);
    } else if (WIFSIGNALED(result->qemu_status)) {
        report("QEMU failed: it was killed by signal %d (%s)", WTERMSIG(result->qemu_status),
               strsignal(WTERMSIG(result->qemu_status)));
    } else {
        report("QEMU failed: it ended with status %d, and the machine had not",
               WEXITSTATUS(result->qemu_status));
    }
}

/* Whether Linux was told to keep to itself what we judge by. */
static bool asks_for_quiet(const char *kernel_options)
{
    return strstr(kernel_options, "quiet") != NULL || strstr(kernel_options, "loglevel") != NULL;
}

/* The reason for a black screen, as far as it can be told from here. */
static void report_silence(enum outcome outcome, const struct session_result *result,
                           const struct run_options *options)
{
    if (outcome != OUTCOME_TIME_LIMIT && outcome != OUTCOME_USER_QUIT &&
        outcome != OUTCOME_SIGNAL) {
        return;
    }
    if (!result->guest_spoke) {
        report("until then the guest wrote nothing to its console");
    } else if (result->console_missing && !asks_for_quiet(options->append)) {
        report("until then the guest's kernel never opened its console, hvc0: what its programs "
               "write is not seen (it needs CONFIG_HVC_XEN, and CONFIG_XEN_DOM0 to be the first "
               "domain)");
    }
}

static void report_outcome(enum outcome outcome, const struct session_result *result,
                           const struct run_options *options)
{
    if (outcome != OUTCOME_SUCCESS && result->line_open && isatty(STDERR_FILENO)) {
        fputc('\n', stderr); /* do not go on in the guest's line */
    }
    if (outcome == OUTCOME_QEMU_FAILED) {
        report_qemu_failure(result);
    } else if (outcome == OUTCOME_TIME_LIMIT) {
        report("the time limit of %u seconds was reached", options->timeout_seconds);
    } else if (outcome == OUTCOME_SIGNAL) {
        report("ended by signal %d (%s)", result->evidence.signal,
               strsignal(result->evidence.signal));
    } else if (outcome == OUTCOME_NOT_SEEN) {
        report("the guest powered off, but \"%s\" is not in its output", options->expect);
    } else if (outcome != OUTCOME_SUCCESS) {
        report("%s", outcome_describe(outcome, &result->evidence));
    }
    report_silence(outcome, result, options);
}

static enum outcome run_machine(const struct qemu_config *config, const struct run_options *options,
                                int64_t started)
{
    sigset_t former_mask;
    struct session_config session = {
        .log_fd = -1,
        .expected = options->expect,
        .signal_fd = collect_signals(&former_mask),
        .time_limit = options->timeout_seconds > 0
                          ? started + (int64_t)options->timeout_seconds * 1000
                          : INT64_MAX,
    };
    if (session.signal_fd < 0) {
        return OUTCOME_FAILED;
    }
    if (options->log != NULL) {
        session.log_fd = file_create("log", options->log);
        if (session.log_fd < 0) {
            return OUTCOME_FAILED;
        }
    }
    struct qemu qemu;
    enum outcome outcome = qemu_start(config, &former_mask, &qemu);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    session.on_terminal = terminal_make_raw();
    struct session_result result;
    session_run(&session, &qemu, &result);
    terminal_restore();
    outcome = outcome_judge(&result.evidence);
    report_outcome(outcome, &result, options);
    if (outcome == OUTCOME_SIGNAL) {
        die_of_signal(result.evidence.signal, &former_mask);
    }
    return outcome;
}

enum outcome command_run(int argc, char **argv)
{
    int64_t started = session_now();
    struct run_options options;
    enum outcome outcome = run_options_parse(&options, argc, argv);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    if (options.help) {
        run_options_print_help(stdout);
        return OUTCOME_SUCCESS;
    }
    struct qemu_config config;
    outcome = run_inputs_open(&options, &config);
    return outcome == OUTCOME_SUCCESS ? run_machine(&config, &options, started) : outcome;
}
