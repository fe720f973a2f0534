/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mmu_update and mmuext_op share: a batch of elements in guest memory, done one after the
 * other, with a count of those done and the ABI's way of going on after a preemption.
 *
 *   arg[0]  address of the elements not yet done
 *   arg[1]  their number; bit 31 marks a continuation
 *   arg[2]  address where the number done is reported, or 0
 *   arg[3]  the foreign domain; of a batch that only has a release to finish (arg[0] = 0, arg[1] =
 *           bit 31 alone) the result to answer then
 */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include "core/context.h"

struct batch {
    uint64_t address;
    uint64_t left;
    uint64_t report;
    uint32_t done;
};

enum batch_start {
    BATCH_RUN,      /* there are elements to do */
    BATCH_FINISHED, /* an earlier call's release is complete: answer arg[3] */
    BATCH_FAULT,    /* the array is not the guest's memory */
};

enum batch_start batch_start(struct batch *batch, const uint64_t arg[], size_t element_size);

typedef enum status (*batch_element_fn)(struct mmu_context *context, uint64_t address);

/*
 * Run the elements. The context is open, and closed on return. The first element that is refused
 * ends the batch; those before it stay done. `arg` is rewritten if the batch must go on later.
 */
struct call_result batch_run(struct batch *batch, struct mmu_context *context,
                             batch_element_fn element, size_t element_size, uint64_t arg[]);

/* Report the elements done so far: for a batch refused before its first. */
void batch_write_report(const struct batch *batch);
static inline void batch_report(const struct batch *batch)
{
    if (batch->report != 0) {
        batch_write_report(batch);
    }
}

#endif
