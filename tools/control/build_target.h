/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * builder/port.h over another domain's memory. Frames are mapped here a window at a time, and stay
 * mapped until the tables are pinned: a frame that is mapped writable cannot be a page table.
 */
#ifndef TOOLS_CONTROL_BUILD_TARGET_H
#define TOOLS_CONTROL_BUILD_TARGET_H

#include "tools/control/control.h"

#include "builder/port.h"

struct build_target {
    struct control *control;
    uint32_t domain;
    uint64_t page_count; /* the domain's memory */
    uint64_t allocated;  /* of these, PFNs from 0 on */
    xen_pfn_t *mfns;     /* by PFN */
    uint8_t **windows;   /* runs of PFNs; NULL: not mapped */
    int error;           /* why the port last said no: a negative errno, or 0 */
};

/* False: out of memory here. */
NODISCARD bool build_target_init(struct build_target *target, struct control *control,
                                 uint32_t domain, uint64_t page_count);
void build_target_free(struct build_target *target);

#endif
