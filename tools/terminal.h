/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own terminal, if standard input is one. */
#ifndef TOOLS_TERMINAL_H
#define TOOLS_TERMINAL_H

#include "lib/compiler.h"

/* Hand every key to us as it is typed, Ctrl-C too; at exit() the terminal is as it was. Returns
 * false, and does nothing, if standard input is no terminal. */
bool terminal_make_raw(void);
void terminal_restore(void);

#endif
