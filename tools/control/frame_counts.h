/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting a domain's frames by type. */
#ifndef TOOLS_CONTROL_FRAME_COUNTS_H
#define TOOLS_CONTROL_FRAME_COUNTS_H

#include "tools/control/abi.h"

#include "lib/compiler.h"

#define FRAME_ROOTS_MAX 32U

/* Start with all zeros. Arrays are by level, 1 to 4. */
struct frame_counts {
    uint64_t tables[5];
    uint64_t pinned[5];
    uint64_t other;                  /* the domain's, and no page tables */
    uint64_t roots[FRAME_ROOTS_MAX]; /* MFNs of pinned L4 tables */
    unsigned int root_count;
};

/* Count one frame; `type` is XEN_DOMCTL_getpageframeinfo3's answer. */
void frame_counts_add(struct frame_counts *counts, uint64_t mfn, uint64_t type);

uint64_t frame_counts_sum(const struct frame_counts *counts);

#endif
