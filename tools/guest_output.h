/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest says, among all that the console shows: whether a text we were told to expect is
 * in it, and whether the guest ever opened its console. The hypervisor's own lines begin with
 * "(PIN) ", as no line of a guest does.
 */
#ifndef TOOLS_GUEST_OUTPUT_H
#define TOOLS_GUEST_OUTPUT_H

#include "lib/compiler.h"

/* A text to look for within a line. Start with the text and zeros. */
struct text_search {
    const char *text; /* NULL: none */
    size_t matched;   /* how much of it the line ends with just now */
    bool found;
};

void text_search_line_start(struct text_search *search);
void text_search_byte(struct text_search *search, uint8_t byte);

struct guest_output {
    char head[6]; /* of the line, until it is clear whose it is */
    size_t head_size;
    bool line_decided;
    bool line_is_guests;
    bool spoke; /* the guest has written anything but empty lines */
    struct text_search expected;
    struct text_search early_console; /* Linux's own words, see the .c */
    struct text_search console;
};

/* `expected` may be NULL. It is used until the last scan. */
void guest_output_begin(struct guest_output *output, const char *expected);

/* Look at more console output, in pieces of any size. */
void guest_output_scan(struct guest_output *output, const uint8_t *bytes, size_t size);

/* Linux has said that it uses a console for its start, and not that it has another one. */
bool guest_output_console_missing(const struct guest_output *output);

#endif
