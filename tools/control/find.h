/* SPDX-License-Identifier: BSD-2-Clause */
/* A domain by what the user calls it. */
#ifndef TOOLS_CONTROL_FIND_H
#define TOOLS_CONTROL_FIND_H

#include "tools/control/control.h"
#include "tools/control/store.h"

/* A number, or, where there is a store, a name. False after a report: there is none. */
NODISCARD bool find_domain(struct control *control, struct xs_handle *store, const char *what,
                           uint32_t *domain);

/* Whether a domain has this name already; *domain is the first that does. */
NODISCARD bool find_name(struct control *control, struct xs_handle *store, const char *name,
                         uint32_t *domain);

#endif
