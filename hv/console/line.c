/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/line.h"

#include "lib/string.h"

#define TAG_LENGTH (sizeof(CONSOLE_TAG) - 1)

void console_line_init(struct console_line *line, console_emit_fn emit)
{
    *line = (struct console_line){.emit = emit, .last = '\n'};
}

static bool is_plain(char c)
{
    return (c >= ' ' && c <= '~') || c == '\t';
}

/*
 * Emit one byte and note how far the line resembles the tag. '\n' and '\r' begin a line; so does,
 * to be safe, every byte that is not plain text, since some terminal or log reader takes it for a
 * line's end (form feed, NEL) or moves the cursor back at it.
 */
static void put(struct console_line *line, char c)
{
    line->emit(c);
    line->last = c;
    if (!is_plain(c)) {
        line->matched = 0;
    } else if (line->matched < TAG_LENGTH && c == CONSOLE_TAG[line->matched]) {
        line->matched++;
    } else {
        line->matched = CONSOLE_LINE_OTHER;
    }
}

static void put_line_end(struct console_line *line)
{
    if (line->last != '\r') {
        put(line, '\r');
    }
    put(line, '\n');
}

void console_line_write_guest(struct console_line *line, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            put_line_end(line);
            continue;
        }
        if (line->matched == TAG_LENGTH - 1 && text[i] == CONSOLE_TAG[TAG_LENGTH - 1]) {
            put(line, ' ');
        }
        put(line, text[i]);
    }
}

static void put_plain(struct console_line *line, char c)
{
    put(line, is_plain(c) ? c : '?');
}

void console_line_write_message(struct console_line *line, const char *prefix, const char *text)
{
    if (line->last != '\n') {
        put_line_end(line);
    }
    do {
        for (const char *c = CONSOLE_TAG " "; *c != '\0'; c++) {
            put(line, *c);
        }
        for (const char *c = prefix; *c != '\0'; c++) {
            put_plain(line, *c);
        }
        for (; *text != '\0' && *text != '\n'; text++) {
            put_plain(line, *text);
        }
        put_line_end(line);
        if (*text == '\n') {
            text++;
        }
    } while (*text != '\0');
}
