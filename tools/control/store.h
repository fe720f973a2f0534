/* SPDX-License-Identifier: BSD-2-Clause */
/* What xenstored, xenconsoled and a domain's own kernel want to find in the store about it. */
#ifndef TOOLS_CONTROL_STORE_H
#define TOOLS_CONTROL_STORE_H

#include <xenstore.h>

#include "lib/compiler.h"
#include "tools/control/config.h"

/* NULL: there is no daemon. */
NODISCARD struct xs_handle *store_open(void);

/* A value under /local/domain/DOMAIN, or NULL; to be freed. */
NODISCARD char *store_read(struct xs_handle *store, uint32_t domain, const char *key);

/* Write one that the domain's kernel may read. False, and errno says why. */
NODISCARD bool store_write(struct xs_handle *store, uint32_t domain, const char *key,
                           const char *value);

/* Make a domain's folder, with its name: from here on it can be found by it. */
NODISCARD bool store_add_domain(struct xs_handle *store, uint32_t domain, const char *name,
                                const uint8_t uuid[16]);

struct store_rings {
    uint64_t store_mfn;
    uint32_t store_port;
    uint64_t console_mfn;
    uint32_t console_port;
};

/* All else, and the introduction to xenstored, which makes xenconsoled look at the console. */
NODISCARD bool store_introduce_domain(struct xs_handle *store, uint32_t domain,
                                      const struct config *config, const struct store_rings *rings);

/* Remove all that store_add_domain() and store_introduce_domain() made, or what there is of it. */
void store_remove_domain(struct xs_handle *store, uint32_t domain);

#endif
