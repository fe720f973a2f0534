/* SPDX-License-Identifier: BSD-2-Clause */
/* To the limit of what a domain may have; each answers how many it got. */
#ifndef GUESTS_MINI_LIMITS_H
#define GUESTS_MINI_LIMITS_H

#include "lib/compiler.h"

/* Every free frame becomes a full page table, pinned. Nothing is left for use_all_grants(). */
uint64_t use_all_frames(void);
/* Every entry of the grant table, at its largest, grants one frame to the first domain. */
uint64_t use_all_grants(void);
/* Every port waits for the first domain. */
uint64_t use_all_ports(void);

#endif
