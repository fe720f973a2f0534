/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOOLS_CONTROL_CONSOLE_H
#define TOOLS_CONTROL_CONSOLE_H

#include "tools/control/store.h"

/* Connect standard input and output to a domain's console, until it is gone or Ctrl-] is typed.
 * False after a report: it has none. */
NODISCARD bool console_connect(struct xs_handle *store, uint32_t domain);

#endif
