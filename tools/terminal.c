/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/terminal.h"

#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios original;
static bool is_raw;

void terminal_restore(void)
{
    if (is_raw) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &original);
        is_raw = false;
    }
}

bool terminal_make_raw(void)
{
    if (tcgetattr(STDIN_FILENO, &original) != 0) {
        return false;
    }
    struct termios raw = original;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST; /* so that our own lines begin at the left edge, as QEMU does it */
    /* What was typed before is not thrown away: it is meant for the guest. */
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) {
        return false;
    }
    is_raw = true;
    atexit(terminal_restore);
    return true;
}
