/* SPDX-License-Identifier: BSD-2-Clause */
/* Why an input is refused: the rest of a sentence that begins with the input's name. */
#ifndef TOOLS_REASON_H
#define TOOLS_REASON_H

#include "lib/compiler.h"

struct reason {
    char text[768];
};

/* Replace, or go on after, what is there. Too long a text is cut. */
void reason_set(struct reason *reason, const char *format, ...) PRINTF_FORMAT(2, 3);
void reason_add(struct reason *reason, const char *format, ...) PRINTF_FORMAT(2, 3);

#endif
