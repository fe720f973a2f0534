/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/frame_counts.h"

void frame_counts_add(struct frame_counts *counts, uint64_t mfn, uint64_t type)
{
    if ((type & XEN_DOMCTL_PFINFO_LTAB_MASK) >= XEN_DOMCTL_PFINFO_BROKEN) {
        return; /* another domain's, or nobody's */
    }
    uint64_t level = (type & XEN_DOMCTL_PFINFO_LTABTYPE_MASK) >> XEN_DOMCTL_PFINFO_LTAB_SHIFT;
    if (level < 1 || level > 4) {
        counts->other++;
        return;
    }
    counts->tables[level]++;
    if ((type & XEN_DOMCTL_PFINFO_LPINTAB) == 0) {
        return;
    }
    counts->pinned[level]++;
    if (level == 4 && counts->root_count < FRAME_ROOTS_MAX) {
        counts->roots[counts->root_count++] = mfn;
    }
}

uint64_t frame_counts_sum(const struct frame_counts *counts)
{
    return counts->tables[1] + counts->tables[2] + counts->tables[3] + counts->tables[4] +
           counts->other;
}
