/* SPDX-License-Identifier: BSD-2-Clause */
/* What the decompression libraries, and our own code for the host, want of a C library. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "guests/lib/console.h"
#include "guests/unpack/arena.h"
#include "lib/check.h"
#include "lib/format.h"
#include "lib/string.h"

NORETURN void __stack_chk_fail(void);
NORETURN void libc_absent(void);

void *malloc(size_t size)
{
    return arena_take(size);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    void *block = arena_take(bytes);
    return block != NULL ? memset(block, 0, bytes) : NULL;
}

void *realloc(void *block, size_t size)
{
    return arena_resize(block, size);
}

void free(void *block)
{
    arena_give_back(block);
}

int vsnprintf(char *text, size_t size, const char *format, va_list values)
{
    return (int)format_text_v(text, size, format, values);
}

int snprintf(char *text, size_t size, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, size, format, values);
    va_end(values);
    return length;
}

void __stack_chk_fail(void)
{
    check_failed(__FILE__, __LINE__, "a stack frame has been overwritten");
}

/* For absent.S. */
void libc_absent(void)
{
    check_failed(__FILE__, __LINE__, "a library wants files or the program's end");
}
