/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Talk to a program on a terminal of its own, as a person would:
 *
 *     dialog SECONDS STEP... -- PROGRAM [ARGUMENT]...
 *
 * A step is expect:TEXT (wait until the program shows it, after what was expected before) or
 * send:TEXT (type it; \r, \n and \xHH mean the characters). All that the program shows is copied
 * to standard output. The exit status is the program's (128 + n for signal n), or 200 if it is not
 * done with all steps in time, 201 if it left the terminal in another mode than it found it.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include "lib/compiler.h"

#define STATUS_LATE  200
#define STATUS_MODE  201
#define STATUS_USAGE 202

struct dialog {
    char **steps;
    size_t step_count;
    size_t next_step;
    int terminal; /* our side of it */
    time_t deadline;
    char shown[1 << 20]; /* all output so far, as a string */
    size_t shown_size;
    size_t searched; /* where the search for the next expected text begins */
};

static struct dialog dialog;

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The character that `*text` begins with, which may be written as an escape. */
static char take_character(const char **text)
{
    const char *at = *text;
    if (at[0] == '\\' && (at[1] == 'r' || at[1] == 'n')) {
        *text += 2;
        return at[1] == 'r' ? '\r' : '\n';
    }
    if (at[0] == '\\' && at[1] == 'x' && isxdigit((unsigned char)at[2])) {
        char digits[3] = {at[2], at[3], '\0'};
        *text += 4;
        return (char)strtol(digits, NULL, 16);
    }
    *text += 1;
    return at[0];
}

static void type_text(const char *text)
{
    while (*text != '\0') {
        char character = take_character(&text);
        while (write(dialog.terminal, &character, 1) < 0 && errno == EINTR) {
        }
    }
}

static bool is_shown(const char *text)
{
    const char *found = strstr(dialog.shown + dialog.searched, text);
    if (found == NULL) {
        return false;
    }
    dialog.searched = (size_t)(found - dialog.shown) + strlen(text);
    return true;
}

/* Do all steps that can be done now. */
static void take_steps(void)
{
    while (dialog.next_step < dialog.step_count) {
        const char *step = dialog.steps[dialog.next_step];
        if (starts_with(step, "send:")) {
            type_text(step + strlen("send:"));
        } else if (!is_shown(step + strlen("expect:"))) {
            return;
        }
        dialog.next_step++;
    }
}

/* false: the program has closed the terminal. */
static bool take_output(void)
{
    size_t room = sizeof(dialog.shown) - 1 - dialog.shown_size;
    char *end = dialog.shown + dialog.shown_size;
    ssize_t got = read(dialog.terminal, end, room);
    if (got <= 0) {
        return got < 0 && errno == EINTR;
    }
    for (ssize_t i = 0; i < got; i++) {
        end[i] = end[i] == '\0' ? ' ' : end[i]; /* so that the string goes on */
    }
    dialog.shown_size += (size_t)got;
    fwrite(end, 1, (size_t)got, stdout);
    fflush(stdout);
    return true;
}

/* false: out of time. */
static bool hold_dialog(void)
{
    for (;;) {
        take_steps();
        time_t left = dialog.deadline - time(NULL);
        struct pollfd terminal = {dialog.terminal, POLLIN, 0};
        if (left <= 0 || poll(&terminal, 1, (int)left * 1000) == 0) {
            return false;
        }
        if (terminal.revents != 0 && !take_output()) {
            return true;
        }
    }
}

static int end_program(pid_t pid, bool in_time)
{
    int status;
    if (!in_time) {
        kill(pid, SIGTERM);
    }
    waitpid(pid, &status, 0);
    if (dialog.next_step < dialog.step_count) {
        fprintf(stderr, "dialog: never came to the step %s\n", dialog.steps[dialog.next_step]);
        return STATUS_LATE;
    }
    if (!in_time) {
        fprintf(stderr, "dialog: the program did not end in time\n");
        return STATUS_LATE;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool same_mode(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag &&
           a->c_cflag == b->c_cflag;
}

/* Find the steps and the program among the arguments. */
static char **take_arguments(int argc, char **argv)
{
    int at = 2;
    while (at < argc && (starts_with(argv[at], "expect:") || starts_with(argv[at], "send:"))) {
        at++;
    }
    if (argc < 2 || atoi(argv[1]) <= 0 || at + 1 >= argc || strcmp(argv[at], "--") != 0) {
        return NULL;
    }
    dialog.steps = argv + 2;
    dialog.step_count = (size_t)at - 2;
    dialog.deadline = time(NULL) + atoi(argv[1]);
    return argv + at + 1;
}

int main(int argc, char **argv)
{
    char **program = take_arguments(argc, argv);
    if (program == NULL) {
        fputs("usage: dialog SECONDS STEP... -- PROGRAM [ARGUMENT]...\n", stderr);
        return STATUS_USAGE;
    }
    int program_side;
    struct termios before;
    struct termios after;
    if (openpty(&dialog.terminal, &program_side, NULL, NULL, NULL) != 0 ||
        tcgetattr(program_side, &before) != 0) {
        perror("dialog: no terminal");
        return STATUS_USAGE;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(dialog.terminal);
        login_tty(program_side);
        execvp(program[0], program);
        perror(program[0]);
        _exit(127);
    }
    close(program_side); /* so that its end shows as the end of the output */
    bool in_time = hold_dialog();
    int status = end_program(pid, in_time);
    if (tcgetattr(dialog.terminal, &after) == 0 && !same_mode(&before, &after)) {
        fprintf(stderr, "dialog: the terminal was left in another mode\n");
        return STATUS_MODE;
    }
    return status;
}
