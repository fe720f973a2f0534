/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatting text without a C library. Understands %d %i %u %x %X %p %c %s %%, the length
 * modifiers hh h l ll z and PRI* macros made of them, a width, a precision (for %s) and the flags
 * '0', '-' and '#'. Anything else is copied as it stands.
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include <stdarg.h>

#include "lib/compiler.h"

/* Write at most `size` bytes with the final NUL; return the length the whole text has (like
 * snprintf), so that a result >= size says it was cut. size 0 writes nothing. */
size_t format_text(char *buffer, size_t size, const char *format, ...) PRINTF_FORMAT(3, 4);
size_t format_text_v(char *buffer, size_t size, const char *format, va_list arguments)
    PRINTF_FORMAT(3, 0);

#endif
