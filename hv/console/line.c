/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/line.h"

#include "lib/format.h"
#include "lib/string.h"

#define TAG_SIZE 16U /* "(d65535) " and a NUL */
#define RUN_SIZE 64U

void console_line_init(struct console_line *line, console_emit_fn emit, void *to)
{
    *line = (struct console_line){.emit = emit, .to = to, .last = '\n', .match = TAG_START};
}

static bool is_plain(char c)
{
    return (c >= ' ' && c <= '~') || c == '\t';
}

static bool is_control(char c)
{
    return (c >= 0 && c < ' ') || c == '\x7f';
}

/* ---- the wire ------------------------------------------------------------------------------ */

/* How a line that resembles a tag so far goes on with plain `c`. A complete tag is TAG_NONE: it is
 * past. */
static enum tag_match match_next(enum tag_match match, char c)
{
    switch (match) {
    case TAG_START:
        return c == '(' ? TAG_PAREN : TAG_NONE;
    case TAG_PAREN:
        return c == 'P' ? TAG_P : c == 'd' ? TAG_D : TAG_NONE;
    case TAG_P:
        return c == 'I' ? TAG_PI : TAG_NONE;
    case TAG_PI:
        return c == 'N' ? TAG_PIN : TAG_NONE;
    case TAG_D:
    case TAG_DIGIT:
        return c >= '0' && c <= '9' ? TAG_DIGIT : TAG_NONE;
    case TAG_PIN:
    case TAG_NONE:
        break;
    }
    return TAG_NONE;
}

/*
 * Emit bytes and note how far the line resembles a tag. '\n' and '\r' begin a line; so does, to be
 * safe, every byte that is not plain text, since some terminal or log reader takes it for a line's
 * end (form feed, NEL) or moves the cursor back at it. The machine waits with its interrupts off,
 * and a run costs less than its bytes one by one.
 */
static void put_run(struct console_line *line, const char *bytes, size_t length)
{
    line->emit(line->to, bytes, length);
    for (size_t i = 0; i < length; i++) {
        line->last = bytes[i];
        line->match = is_plain(bytes[i]) ? match_next(line->match, bytes[i]) : TAG_START;
    }
}

static void put(struct console_line *line, char c)
{
    put_run(line, &c, 1);
}

static void put_text(struct console_line *line, const char *text)
{
    put_run(line, text, strlen(text));
}

static void put_line_end(struct console_line *line)
{
    put_text(line, line->last != '\r' ? "\r\n" : "\n");
    line->open = NULL;
}

/* A line of somebody else's begins here. */
static void end_open_line(struct console_line *line)
{
    if (line->last != '\n') {
        put_line_end(line);
    }
    line->open = NULL;
}

/* Emit a guest's byte, but no tag. */
static void put_guarded(struct console_line *line, char c)
{
    if (c == ')' && (line->match == TAG_PIN || line->match == TAG_DIGIT)) {
        put(line, ' ');
    }
    put(line, c);
}

void console_line_end_open(struct console_line *line)
{
    if (line->open != NULL) {
        end_open_line(line);
    }
}

/* ---- the first domain, and who is alone ---------------------------------------------------- */

void console_line_write_guest(struct console_line *line, const char *text, size_t length)
{
    if (length > 0) {
        console_line_end_open(line);
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            put_line_end(line);
        } else {
            put_guarded(line, text[i]);
        }
    }
}

void console_line_write_raw(struct console_line *line, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            put_line_end(line);
        } else {
            put(line, text[i]);
        }
    }
}

/* ---- domains with a tag -------------------------------------------------------------------- */

static void put_guest_tag(struct console_line *line, uint16_t domid)
{
    char tag[TAG_SIZE];
    format_text(tag, sizeof(tag), "(d%u) ", domid);
    put_text(line, tag);
}

/* Make the domain's line the one that is on the wire, with the tag at its beginning. What follows a
 * lone '\r' is written over the tag, so it comes again. */
static void open_line(struct console_line *line, struct guest_line *guest, uint16_t domid)
{
    if (line->open != guest) {
        end_open_line(line);
        put_guest_tag(line, domid);
        line->open = guest;
    } else if (line->last == '\r') {
        put_guest_tag(line, domid);
    }
    guest->started = true;
}

void console_line_show(struct console_line *line, struct guest_line *guest, uint16_t domid)
{
    if (guest->length == 0) {
        return;
    }
    open_line(line, guest, domid);
    size_t guarded = 0; /* all but the start of a line cannot resemble a tag */
    while (guarded < guest->length && line->match != TAG_NONE) {
        put_guarded(line, guest->text[guarded++]);
    }
    put_run(line, guest->text + guarded, guest->length - guarded);
    guest->length = 0;
}

/* The line is over. One that was shown, and then cut off by somebody else's, has ended already. */
static void end_guest_line(struct console_line *line, struct guest_line *guest, uint16_t domid)
{
    console_line_show(line, guest, domid);
    if (!guest->started) {
        open_line(line, guest, domid);
    }
    if (line->open == guest) {
        put_line_end(line);
    }
    guest->started = false;
}

void console_line_finish(struct console_line *line, struct guest_line *guest, uint16_t domid)
{
    if (guest->length > 0 || line->open == guest) {
        end_guest_line(line, guest, domid);
    }
    guest->started = false;
    guest->ended_by_return = false;
}

/* Is the byte part of an escape sequence? ESC, then one byte; if that is '[', up to a letter or the
 * like. A control character ends it. */
static bool take_escape(struct guest_line *guest, char c)
{
    enum escape_state before = guest->escape;
    guest->escape = ESCAPE_NONE;
    if (c == '\033') {
        guest->escape = ESCAPE_BEGUN;
    } else if (before == ESCAPE_BEGUN && c == '[') {
        guest->escape = ESCAPE_CONTROL;
    } else if (before == ESCAPE_CONTROL && c >= ' ' && c <= '?') {
        guest->escape = ESCAPE_CONTROL;
    } else {
        return before != ESCAPE_NONE && is_plain(c) && c != '\t';
    }
    return true;
}

static void keep_text(struct console_line *line, struct guest_line *guest, uint16_t domid, char c)
{
    bool is_escape = take_escape(guest, c);
    if (is_escape || (is_control(c) && c != '\t')) {
        return;
    }
    guest->text[guest->length++] = is_plain(c) ? c : '?';
    if (guest->length == GUEST_LINE_MAX) {
        end_guest_line(line, guest, domid);
    }
}

/* A '\r' ends a line with something on it; a '\n' after that ends no other. */
static void keep_byte(struct console_line *line, struct guest_line *guest, uint16_t domid, char c)
{
    bool begun = guest->length > 0 || guest->started;
    if (c == '\r') {
        guest->escape = ESCAPE_NONE;
        if (begun) {
            end_guest_line(line, guest, domid);
            guest->ended_by_return = true;
        }
        return;
    }
    bool is_over = guest->ended_by_return && !begun;
    guest->ended_by_return = false;
    if (c != '\n') {
        keep_text(line, guest, domid, c);
        return;
    }
    guest->escape = ESCAPE_NONE;
    if (!is_over) {
        end_guest_line(line, guest, domid);
    }
}

static void show_byte(struct console_line *line, struct guest_line *guest, uint16_t domid, char c)
{
    guest->ended_by_return = false;
    guest->escape = ESCAPE_NONE;
    if (c == '\n') {
        end_guest_line(line, guest, domid);
    } else if (c != '\r') {
        open_line(line, guest, domid);
        put_guarded(line, c);
    } else if (line->open == guest && line->last != '\r') {
        put(line, c);
    }
}

void console_line_write_tagged(struct console_line *line, struct guest_line *guest, uint16_t domid,
                               const char *text, size_t length, bool live)
{
    if (live) {
        console_line_show(line, guest, domid);
    }
    for (size_t i = 0; i < length; i++) {
        if (live) {
            show_byte(line, guest, domid, text[i]);
        } else {
            keep_byte(line, guest, domid, text[i]);
        }
    }
}

/* ---- messages ------------------------------------------------------------------------------ */

/* Put text behind a tag, as far as it goes on the same line, and come back with what is left. */
static const char *put_plain(struct console_line *line, const char *text)
{
    char run[RUN_SIZE];
    while (*text != '\0' && *text != '\n') {
        size_t length = 0;
        for (; length < RUN_SIZE && *text != '\0' && *text != '\n'; text++) {
            run[length++] = is_plain(*text) ? *text : '?';
        }
        line->emit(line->to, run, length);
        line->last = run[length - 1];
    }
    return text;
}

void console_line_write_message(struct console_line *line, const char *prefix, const char *text)
{
    end_open_line(line);
    do {
        put_text(line, CONSOLE_TAG " ");
        put_plain(line, prefix);
        text = put_plain(line, text);
        put_line_end(line);
        if (*text == '\n') {
            text++;
        }
    } while (*text != '\0');
}
