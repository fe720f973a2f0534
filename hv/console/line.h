/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One output stream shared by the hypervisor and its guests, such that a reader can tell them
 * apart. Each line of the hypervisor begins with "(PIN) ", each of a domain with a tag of its own
 * with that tag, "(d1) ", and no guest can begin a line with somebody's tag. Pure: what goes on the
 * wire goes through a callback. The caller serializes.
 */
#ifndef HV_CONSOLE_LINE_H
#define HV_CONSOLE_LINE_H

#include "lib/compiler.h"

#define CONSOLE_TAG "(PIN)"

#define GUEST_LINE_MAX 240U /* longer lines of a tagged domain are cut into several */

/* `to` is what the stream was made with. */
typedef void (*console_emit_fn)(void *to, const char *bytes, size_t length);

/* How far the current line of the wire resembles a tag, and has nothing else. */
enum tag_match { TAG_NONE, TAG_START, TAG_PAREN, TAG_P, TAG_PI, TAG_PIN, TAG_D, TAG_DIGIT };

struct guest_line;

struct console_line {
    console_emit_fn emit;
    void *to;
    char last; /* the last byte emitted; '\n' at first, when a line is about to begin */
    enum tag_match match;
    const struct guest_line *open; /* the tagged domain whose line is on the wire, not ended */
};

/* Where in an escape sequence (ECMA-48, 5.3 and 5.4) the last byte was. */
enum escape_state { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CONTROL };

/* What a tagged domain has written of a line. Start with all zeros. */
struct guest_line {
    uint16_t length;      /* bytes of `text`, which the wire has not seen */
    bool started;         /* the line's beginning has been on the wire */
    bool ended_by_return; /* by the last byte; a '\n' may follow */
    enum escape_state escape;
    char text[GUEST_LINE_MAX]; /* plain text */
};

/* The terminal is taken to be at the start of a line. */
void console_line_init(struct console_line *line, console_emit_fn emit, void *to);

/*
 * Emit what the first domain wrote, byte for byte but for two changes: '\n' becomes "\r\n" unless a
 * '\r' is before it, and the ')' that would complete "(PIN)" or "(d", digits, ")" at the start of a
 * line gets a space before it. It does not matter how the guest cuts its output into writes, nor
 * what comes between them.
 */
void console_line_write_guest(struct console_line *line, const char *text, size_t length);

/*
 * Take what domain `domid` wrote. Whole lines go on the wire with its tag: plain text, bytes past
 * ASCII as '?', control characters and escape sequences left out ('\r' ends a line too). The rest
 * of a line waits in `guest` until it ends or is GUEST_LINE_MAX long, so that lines of several
 * domains do not mix.
 *
 * `live`: it has the input, and is seen as it writes, byte for byte like the first domain, with the
 * tag at the beginning of each line. Then escape sequences for the terminal are its own.
 */
void console_line_write_tagged(struct console_line *line, struct guest_line *guest, uint16_t domid,
                               const char *text, size_t length, bool live);

/* End the line that a tagged domain has left open, if one has. */
void console_line_end_open(struct console_line *line);

/* Show what waits in `guest`, and leave the line open: a prompt. Nothing waits: nothing changes. */
void console_line_show(struct console_line *line, struct guest_line *guest, uint16_t domid);

/* The domain goes: what waits is shown, and its line ended. */
void console_line_finish(struct console_line *line, struct guest_line *guest, uint16_t domid);

/* Emit what the only user of a line wrote: '\n' becomes "\r\n", all else is as it is. */
void console_line_write_raw(struct console_line *line, const char *text, size_t length);

/*
 * Emit a message of ours: each line of `text` as a line of its own, after the tag, a space and
 * `prefix` (may be empty). Begins a new line if the last output left one open, and always ends its
 * own. Bytes that are not printable ASCII or tabs become '?', so a guest's string in a message
 * cannot end the line.
 */
void console_line_write_message(struct console_line *line, const char *prefix, const char *text);

#endif
