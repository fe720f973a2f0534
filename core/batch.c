/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/batch.h"

#include "core/port.h"
#include "core/pt_validate.h"
#include "core/pte_update.h"

#define BATCH_CONTINUES (UINT64_C(1) << 31) /* MMU_UPDATE_PREEMPTED of the ABI's continuations */

enum batch_start batch_start(struct batch *batch, const uint64_t arg[], size_t element_size)
{
    uint32_t count = (uint32_t)arg[1];
    if (UNLIKELY(count == BATCH_CONTINUES && arg[0] == 0)) {
        return BATCH_FINISHED;
    }
    *batch = (struct batch){
        .address = arg[0], .left = count & ~(uint32_t)BATCH_CONTINUES, .report = arg[2]};
    if (UNLIKELY(!address_range_is_guest(arg[0], batch->left * element_size))) {
        return BATCH_FAULT;
    }
    if (UNLIKELY((count & BATCH_CONTINUES) != 0) && batch->report != 0 &&
        !port_copy_from_guest(&batch->done, batch->report, sizeof(batch->done))) {
        batch->done = 0;
    }
    return BATCH_RUN;
}

void batch_write_report(const struct batch *batch)
{
    if (!port_copy_to_guest(batch->report, &batch->done, sizeof(batch->done))) {
        /* The guest asked for the count where it cannot be written: its own loss. */
        return;
    }
}

/* One element, until it is done, refused, or the CPU is wanted elsewhere. */
static enum status run_element(struct mmu_context *context, batch_element_fn element,
                               uint64_t address)
{
    for (;;) {
        enum status status = element(context, address);
        bool again = UNLIKELY(status == STATUS_PREEMPTED)
                         ? context_breathe(context)
                         : UNLIKELY(status == STATUS_AGAIN) && context_settle_owner(context);
        if (!again) {
            return status;
        }
    }
}

static struct call_result go_on_with_elements(const struct batch *batch, uint64_t arg[])
{
    arg[0] = batch->address;
    arg[1] = batch->left | BATCH_CONTINUES;
    return call_again();
}

struct call_result batch_run(struct batch *batch, struct mmu_context *context,
                             batch_element_fn element, size_t element_size, uint64_t arg[])
{
    enum status status = STATUS_OK;
    bool stop = false;
    while (batch->left > 0 && !stop) {
        status = run_element(context, element, batch->address);
        if (status != STATUS_OK) {
            break;
        }
        batch->address += element_size;
        batch->left--;
        batch->done++;
        if (batch->left > 0) {
            stop = !pt_finish_release(context) || context_should_stop(context);
        }
    }
    if (status == STATUS_PREEMPTED || status == STATUS_AGAIN || stop) {
        context_close(context);
        batch_report(batch);
        return go_on_with_elements(batch, arg);
    }
    bool released = pt_finish_release(context);
    context_close(context);
    batch_report(batch);
    if (UNLIKELY(!released)) {
        arg[0] = 0;
        arg[1] = BATCH_CONTINUES;
        arg[3] = (uint64_t)(int64_t)status_to_errno(status);
        return call_again();
    }
    return LIKELY(status == STATUS_OK) ? call_done(0) : call_status(status);
}
