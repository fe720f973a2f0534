/* SPDX-License-Identifier: BSD-2-Clause */
/* A failed CHECK() or ASSERT() ends a host program. Weak, so that a test may bring its own. */
#include "lib/check.h"

#include <stdio.h>
#include <stdlib.h>

__attribute__((weak)) void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
    abort();
}
