/* SPDX-License-Identifier: BSD-2-Clause */
/* What pinnace itself has to say: one line on standard error, with its name before it. */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include "lib/compiler.h"

void report(const char *format, ...) PRINTF_FORMAT(1, 2);

#endif
