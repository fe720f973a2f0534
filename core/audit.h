/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit: recount every reference and every type count of every frame from nothing but page
 * tables, pins, bases, descriptor windows, grants and vCPU records, compare with the frame table,
 * and check the invariants. It is the definition of correct.
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "core/domain.h"

/* What is counted of one frame. */
struct audit_count {
    uint32_t references;
    uint32_t types;
    int32_t same_level; /* as struct frame has it */
    int32_t granted;    /* entries that need a grant, less the handles that allow one */
};

struct audit_result {
    uint64_t frames;      /* examined: all that the frame table has */
    uint64_t references;  /* counted */
    uint64_t differences; /* found */
};

/* Called for every difference: the frame, the rule it breaks, what was counted and what the frame
 * table says. */
typedef void (*audit_report_fn)(mfn_t mfn, const char *rule, uint64_t counted, uint64_t recorded);

/*
 * Audit the whole machine. No guest may run and no operation be under way meanwhile. `scratch` may
 * be smaller than the frame table: the tables are then read once for each `scratch_count` frames.
 */
struct audit_result audit_run(struct audit_count scratch[], uint64_t scratch_count,
                              audit_report_fn report);

#endif
