/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a domain, from a configuration to a kernel that can run. */
#ifndef TOOLS_CONTROL_CREATE_H
#define TOOLS_CONTROL_CREATE_H

#include "tools/control/config.h"
#include "tools/control/control.h"
#include "tools/control/store.h"

/*
 * Build the domain and introduce it to the daemons; it is still paused. `store` may be NULL: then
 * it has no store to talk to, nobody reads its console, and it has no name. False after a report,
 * and nothing of it is left. `source` is the configuration's, for messages.
 */
NODISCARD bool create_domain(struct control *control, struct xs_handle *store, const char *source,
                             const struct config *config, uint32_t *domain);

#endif
