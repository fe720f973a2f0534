/* SPDX-License-Identifier: BSD-2-Clause */
/* What lib and builder need around them in a program with a C library. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "pinnace: %s:%d: check failed: %s\n", file, line, condition);
    abort();
}
