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
#include "core/pt_validate.h"
#include "core/pte_update.h"

#define BATCH_CONTINUES (UINT64_C(1) << 31) /* MMU_UPDATE_PREEMPTED of the ABI's continuations */

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

/* How many the continued call has done, as its last report says. */
uint32_t batch_done_before(uint64_t report);

/* A release is all that is left to do: what the call answers then has been decided, and a refusal
 * explained, before. */
static inline bool batch_is_released(const uint64_t arg[])
{
    return (uint32_t)arg[1] == BATCH_CONTINUES && arg[0] == 0;
}

static ALWAYS_INLINE enum batch_start batch_start(struct batch *batch, const uint64_t arg[],
                                                  size_t element_size)
{
    uint32_t count = (uint32_t)arg[1];
    if (UNLIKELY(batch_is_released(arg))) {
        return BATCH_FINISHED;
    }
    *batch = (struct batch){
        .address = arg[0], .left = count & ~(uint32_t)BATCH_CONTINUES, .report = arg[2]};
    if (UNLIKELY(!address_range_is_guest(arg[0], batch->left * element_size))) {
        return BATCH_FAULT;
    }
    if (UNLIKELY((count & BATCH_CONTINUES) != 0) && batch->report != 0) {
        batch->done = batch_done_before(batch->report);
    }
    return BATCH_RUN;
}

typedef enum status (*batch_element_fn)(struct mmu_context *context, uint64_t address);

/* Report the elements done so far: for a batch refused before its first. */
void batch_write_report(uint64_t report, uint32_t done);
static ALWAYS_INLINE void batch_report(const struct batch *batch)
{
    if (UNLIKELY(batch->report != 0)) {
        batch_write_report(batch->report, batch->done);
    }
}

/* An element was not done: STATUS_PREEMPTED or STATUS_AGAIN. True: try it again at once. */
bool batch_may_retry(struct mmu_context *context, enum status status);

/* context_close(), out of the way. */
void batch_close(struct mmu_context *context);

/* All is answered with `status`, but a release that was begun goes on later. */
struct call_result batch_go_on_releasing(enum status status, uint64_t arg[]);

/* One element, until it is done, refused, or the CPU is wanted elsewhere. */
static ALWAYS_INLINE enum status batch_run_element(struct mmu_context *context,
                                                   batch_element_fn element, uint64_t address)
{
    for (;;) {
        enum status status = element(context, address);
        bool done = status != STATUS_PREEMPTED && status != STATUS_AGAIN;
        if (LIKELY(done) || !batch_may_retry(context, status)) {
            return status;
        }
    }
}

/*
 * Run the elements. The context is open, and closed on return. The first element that is refused
 * ends the batch; those before it stay done. `arg` is rewritten if the batch must go on later.
 * In the caller's code, with the element in it: Linux's batches are mostly of one element, and
 * there is no hotter call.
 */
static ALWAYS_INLINE struct call_result batch_run(struct batch *batch, struct mmu_context *context,
                                                  batch_element_fn element, size_t element_size,
                                                  uint64_t arg[])
{
    enum status status = STATUS_OK;
    bool stop = false;
    while (batch->left > 0 && !stop) {
        status = batch_run_element(context, element, batch->address);
        if (UNLIKELY(status != STATUS_OK)) {
            break;
        }
        batch->address += element_size;
        batch->left--;
        batch->done++;
        if (batch->left > 0) {
            stop = !pt_finish_release(context) || context_should_stop(context);
        }
    }
    if (UNLIKELY(status == STATUS_PREEMPTED || status == STATUS_AGAIN || stop)) {
        batch_close(context);
        batch_report(batch);
        arg[0] = batch->address;
        arg[1] = batch->left | BATCH_CONTINUES;
        return call_again();
    }
    bool released = pt_finish_release(context);
    context_close(context);
    batch_report(batch);
    if (UNLIKELY(!released)) {
        return batch_go_on_releasing(status, arg);
    }
    return LIKELY(status == STATUS_OK) ? call_done(0) : call_status(status);
}

#endif
