/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOOLS_CONTROL_LIFE_H
#define TOOLS_CONTROL_LIFE_H

#include "tools/control/control.h"
#include "tools/control/store.h"

/* Destroy a domain, and remove its entries from the store if there is one. A result of control.h's
 * kind. */
NODISCARD int life_destroy(struct control *control, struct xs_handle *store, uint32_t domain);

#endif
