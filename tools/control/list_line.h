/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOOLS_CONTROL_LIST_LINE_H
#define TOOLS_CONTROL_LIST_LINE_H

#include "tools/control/abi.h"

#include "lib/compiler.h"

#define LIST_LINE_SIZE 400

/* One line of `pinnace list`, in xl's columns. A name of NULL: it has none. */
void list_format(char line[LIST_LINE_SIZE], const char *name,
                 const struct xen_domctl_getdomaininfo *info);

#endif
