/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/mmu/trace.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_traced;

void trace_start(void)
{
    is_traced = getenv("FUZZ_TRACE") != NULL;
}

void trace(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (is_traced) {
        vprintf(format, arguments);
    }
    va_end(arguments);
}
