/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/outcome.h"

/*
 * QEMU and the hypervisor must agree. A reset that the hypervisor did not announce is a triple
 * fault, or as bad as one, and must not look like a reboot.
 */
static enum outcome judge_ended_machine(const struct evidence *evidence)
{
    bool powered_off = evidence->machine_end == MACHINE_POWERED_OFF;
    if (powered_off && evidence->final_line == FINAL_LINE_POWER_OFF) {
        return evidence->expected_text && !evidence->expected_seen ? OUTCOME_NOT_SEEN
                                                                   : OUTCOME_SUCCESS;
    }
    if (!powered_off && evidence->final_line == FINAL_LINE_REBOOT) {
        return OUTCOME_REBOOT;
    }
    return OUTCOME_HYPERVISOR_FAILED;
}

enum outcome outcome_judge(const struct evidence *evidence)
{
    switch (evidence->final_line) {
    case FINAL_LINE_PANIC:
        return OUTCOME_HYPERVISOR_FAILED;
    case FINAL_LINE_CRASH_HALTED:
    case FINAL_LINE_CRASH_REBOOT:
        return OUTCOME_GUEST_CRASHED;
    case FINAL_LINE_NONE:
    case FINAL_LINE_POWER_OFF:
    case FINAL_LINE_REBOOT:
        break;
    }
    if (evidence->machine_end != MACHINE_NOT_ENDED) {
        return judge_ended_machine(evidence);
    }
    if (evidence->signal != 0) {
        return OUTCOME_SIGNAL;
    }
    if (evidence->user_quit) {
        return OUTCOME_USER_QUIT;
    }
    if (evidence->output_lost) {
        return OUTCOME_FAILED;
    }
    if (evidence->time_limit_reached) {
        return OUTCOME_TIME_LIMIT;
    }
    /* It was announced, and we waited for it, but it did not happen. */
    if (evidence->final_line != FINAL_LINE_NONE) {
        return OUTCOME_HYPERVISOR_FAILED;
    }
    return OUTCOME_QEMU_FAILED;
}

static const char *describe_hypervisor_failure(const struct evidence *evidence)
{
    if (evidence->final_line == FINAL_LINE_PANIC) {
        return "the hypervisor panicked";
    }
    switch (evidence->machine_end) {
    case MACHINE_RESET:
        return "the machine was reset without the hypervisor saying why: a triple fault?";
    case MACHINE_POWERED_OFF:
        return "the machine was powered off without the hypervisor saying so";
    case MACHINE_NOT_ENDED:
        break;
    }
    return "the hypervisor announced the machine's end, but the machine went on";
}

const char *outcome_describe(enum outcome outcome, const struct evidence *evidence)
{
    switch (outcome) {
    case OUTCOME_SUCCESS:
        return "the guest powered off";
    case OUTCOME_FAILED:
        return "the console's output could not be written";
    case OUTCOME_BAD_USAGE:
        return "bad usage";
    case OUTCOME_INPUT_REFUSED:
        return "an input was refused";
    case OUTCOME_QEMU_FAILED:
        return "QEMU failed";
    case OUTCOME_REBOOT:
        return "the guest rebooted the machine";
    case OUTCOME_GUEST_CRASHED:
        return "the guest crashed";
    case OUTCOME_HYPERVISOR_FAILED:
        return describe_hypervisor_failure(evidence);
    case OUTCOME_TIME_LIMIT:
        return "the time limit was reached";
    case OUTCOME_USER_QUIT:
        return "ended from the keyboard";
    case OUTCOME_NOT_SEEN:
        return "the guest powered off without the expected text in its output";
    case OUTCOME_SIGNAL:
        return "ended by a signal";
    }
    return "unknown outcome";
}

void outcome_print_statuses(FILE *stream)
{
    fputs(
        "Exit status:\n"
        "    0  the guest powered off; without a first domain, all domains did\n"
        "    1  pinnace itself failed, for example to write its output\n"
        "    2  bad usage\n"
        "    3  an input was refused: a file that is missing or cannot work, or too little memory\n"
        "    4  QEMU is missing, could not be started, or failed\n"
        "    5  the guest rebooted the machine; without a first domain, one of them asked for it\n"
        "    6  the guest crashed; without a first domain, one of them did\n"
        "    7  the hypervisor panicked, or the machine was reset unannounced (triple fault)\n"
        "    8  the time limit was reached\n"
        "    9  ended from the keyboard, with Ctrl-a x\n"
        "   10  the guest powered off, but its output lacks the text given with --expect\n"
        "  128  and more: ended by signal number (status - 128)\n",
        stream);
}
