/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/batch.h"

#include "core/port.h"

COLD uint32_t batch_done_before(uint64_t report)
{
    uint32_t done;
    return port_copy_from_guest(&done, report, sizeof(done)) ? done : 0;
}

COLD void batch_write_report(uint64_t report, uint32_t done)
{
    if (!port_copy_to_guest(report, &done, sizeof(done))) {
        /* The guest asked for the count where it cannot be written: its own loss. */
        return;
    }
}

COLD bool batch_may_retry(struct mmu_context *context, enum status status)
{
    return status == STATUS_PREEMPTED ? context_breathe(context) : context_settle_owner(context);
}

COLD void batch_close(struct mmu_context *context)
{
    context_close(context);
}

COLD struct call_result batch_go_on_releasing(enum status status, uint64_t arg[])
{
    arg[0] = 0;
    arg[1] = BATCH_CONTINUES;
    arg[3] = (uint64_t)(int64_t)status_to_errno(status);
    return call_again();
}
