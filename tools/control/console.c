/* SPDX-License-Identifier: BSD-2-Clause */
/* `pinnace console`: our terminal and the pseudo-terminal that xenconsoled keeps for a domain. */
#include "tools/control/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tools/control/commands.h"
#include "tools/control/find.h"
#include "tools/control/usage.h"
#include "tools/file.h"
#include "tools/report.h"
#include "tools/terminal.h"

#define LEAVE_KEY 0x1d /* Ctrl-] */

/* The daemon opens the pseudo-terminal when it hears of the domain: a moment after us, and later
 * where another process is still building the domain. */
#define WAIT_STEP_US 20000U
#define WAIT_STEPS   1000U

static char *wait_for_tty(struct xs_handle *store, uint32_t domain)
{
    for (unsigned int i = 0; i < WAIT_STEPS; i++) {
        char *tty = store_read(store, domain, "console/tty");
        if (tty != NULL && tty[0] != '\0') {
            return tty;
        }
        free(tty);
        usleep(WAIT_STEP_US);
    }
    report("domain %u has no console: xenconsoled gave it no terminal (is it running?)", domain);
    return NULL;
}

static int open_tty(const char *path)
{
    int tty = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios raw;
    if (tty < 0 || tcgetattr(tty, &raw) != 0) {
        report("the domain's console %s: %s", path, strerror(errno));
        if (tty >= 0) {
            close(tty);
        }
        return -1;
    }
    cfmakeraw(&raw);
    tcsetattr(tty, TCSANOW, &raw);
    return tty;
}

/* What was typed, up to the key that leaves. False: that was it. */
static bool pass_input(int tty, const char *bytes, size_t size)
{
    const char *leave = memchr(bytes, LEAVE_KEY, size);
    size_t count = leave != NULL ? (size_t)(leave - bytes) : size;
    return file_write_all(tty, (const uint8_t *)bytes, count) && leave == NULL;
}

static void relay(int tty)
{
    struct pollfd polled[] = {
        {.fd = tty, .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
    };
    char bytes[4096];
    for (;;) {
        if (poll(polled, ARRAY_SIZE(polled), -1) < 0) {
            if (errno != EINTR) {
                return;
            }
            continue;
        }
        if (polled[0].revents != 0) {
            ssize_t got = read(tty, bytes, sizeof(bytes));
            if (got <= 0 || !file_write_all(STDOUT_FILENO, (uint8_t *)bytes, (size_t)got)) {
                return; /* the daemon closes its side when the domain is gone */
            }
        }
        if (polled[1].revents != 0) {
            ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
            if (got <= 0) {
                polled[1].fd = -1; /* the end of the input is not the end of the session */
            } else if (!pass_input(tty, bytes, (size_t)got)) {
                return;
            }
        }
    }
}

bool console_connect(struct xs_handle *store, uint32_t domain)
{
    char *path = wait_for_tty(store, domain);
    if (path == NULL) {
        return false;
    }
    int tty = open_tty(path);
    free(path);
    if (tty < 0) {
        return false;
    }
    bool on_terminal = terminal_make_raw();
    relay(tty);
    terminal_restore();
    if (on_terminal) {
        (void)!write(STDOUT_FILENO, "\n", 1); /* do not go on in the domain's line */
    }
    close(tty);
    return true;
}

enum outcome command_console(int argc, char **argv)
{
    static const char help[] =
        "Usage: pinnace console DOMAIN\n"
        "A domain's console on this terminal. Ctrl-] leaves it; the domain goes on.\n";
    enum outcome outcome;
    struct control control;
    uint32_t domain;
    if (!usage_check(argc, argv, 1, help, &outcome)) {
        return outcome;
    }
    if (!control_open(&control)) {
        return OUTCOME_FAILED;
    }
    struct xs_handle *store = store_open();
    outcome = OUTCOME_FAILED;
    if (store == NULL) {
        report("consoles are found through the store, and xenstored is not running");
    } else if (find_domain(&control, store, argv[1], &domain) && console_connect(store, domain)) {
        outcome = OUTCOME_SUCCESS;
    }
    xs_close(store);
    control_close(&control);
    return outcome;
}
