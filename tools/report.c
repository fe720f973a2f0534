/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/report.h"

#include <stdarg.h>
#include <stdio.h>

void report(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("pinnace: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}
