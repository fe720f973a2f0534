/* SPDX-License-Identifier: BSD-2-Clause */
/* What an ordinary domain says: into its console ring, for whoever reads that. */
#ifndef GUESTS_MINI_RING_H
#define GUESTS_MINI_RING_H

#include "lib/compiler.h"

/* A text of at most a few lines. It waits while the ring is full. A first domain has no ring, and
 * its text goes to the hypervisor's console. */
void ring_print(const char *format, ...) PRINTF_FORMAT(1, 2);

#endif
