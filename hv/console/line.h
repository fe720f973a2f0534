/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One output stream shared by the hypervisor and its guests, such that a reader can tell them
 * apart: each hypervisor line begins with "(PIN) ", and no guest's line ever begins with "(PIN)".
 * Pure: what goes on the wire goes through a callback. The caller serializes.
 */
#ifndef HV_CONSOLE_LINE_H
#define HV_CONSOLE_LINE_H

#include "lib/compiler.h"

#define CONSOLE_TAG "(PIN)"

typedef void (*console_emit_fn)(char byte);

struct console_line {
    console_emit_fn emit;
    char last;      /* the last byte emitted; '\n' at first, when a line is about to begin */
    size_t matched; /* how many bytes of CONSOLE_TAG the current line has, and nothing else;
                     * CONSOLE_LINE_OTHER once it has something else */
};

#define CONSOLE_LINE_OTHER SIZE_MAX

/* The terminal is taken to be at the start of a line. */
void console_line_init(struct console_line *line, console_emit_fn emit);

/*
 * Emit what a guest wrote, byte for byte but for two changes: '\n' becomes "\r\n" unless a '\r' is
 * before it, and the ')' that would complete CONSOLE_TAG at the start of a line gets a space before
 * it. It does not matter how the guest cuts its output into writes, nor what comes between them.
 */
void console_line_write_guest(struct console_line *line, const char *text, size_t length);

/*
 * Emit a message of ours: each line of `text` as a line of its own, after the tag, a space and
 * `prefix` (may be empty). Begins a new line if the last output left one open, and always ends its
 * own. Bytes that are not printable ASCII or tabs become '?', so a guest's string in a message
 * cannot end the line.
 */
void console_line_write_message(struct console_line *line, const char *prefix, const char *text);

#endif
