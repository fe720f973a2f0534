/* SPDX-License-Identifier: BSD-2-Clause */
/* The command lines of commands that take few arguments. */
#ifndef TOOLS_CONTROL_USAGE_H
#define TOOLS_CONTROL_USAGE_H

#include "tools/outcome.h"

#include "lib/compiler.h"

/* Whether the command is to be performed: argv has `count` arguments behind its name, none of them
 * an option. If not, *outcome says how it ends: --help was answered, or the usage is wrong. */
NODISCARD bool usage_check(int argc, char **argv, int count, const char *help,
                           enum outcome *outcome);

#endif
