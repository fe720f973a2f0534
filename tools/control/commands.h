/* SPDX-License-Identifier: BSD-2-Clause */
/* pinnace's commands in the first domain. As xl's, they end with 0 or, after a report, with 1. */
#ifndef TOOLS_CONTROL_COMMANDS_H
#define TOOLS_CONTROL_COMMANDS_H

#include "tools/outcome.h"

enum outcome command_create(int argc, char **argv);
enum outcome command_list(int argc, char **argv);
enum outcome command_console(int argc, char **argv);
enum outcome command_pause(int argc, char **argv);
enum outcome command_unpause(int argc, char **argv);
enum outcome command_shutdown(int argc, char **argv);
enum outcome command_destroy(int argc, char **argv);
enum outcome command_info(int argc, char **argv);
enum outcome command_dmesg(int argc, char **argv);
enum outcome command_debug_keys(int argc, char **argv);
enum outcome command_audit(int argc, char **argv);
enum outcome command_frames(int argc, char **argv);
enum outcome command_walk(int argc, char **argv);

#endif
