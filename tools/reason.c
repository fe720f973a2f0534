/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reason_set(struct reason *reason, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(reason->text, sizeof(reason->text), format, values);
    va_end(values);
}

void reason_add(struct reason *reason, const char *format, ...)
{
    size_t length = strlen(reason->text);
    va_list values;
    va_start(values, format);
    vsnprintf(reason->text + length, sizeof(reason->text) - length, format, values);
    va_end(values);
}
