/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/debug/audit.h"

#include "core/audit.h"
#include "core/port.h"
#include "hv/console/console.h"
#include "hv/refuse.h"

#define AUDIT_LINES 32U /* differences printed in full */

static bool option_audit;
static unsigned int lines;

void audit_set_option(bool on)
{
    option_audit = on;
}

bool audit_is_on(void)
{
    return option_audit;
}

static void print_difference(mfn_t mfn, const char *rule, uint64_t counted, uint64_t recorded)
{
    if (lines++ < AUDIT_LINES) {
        console_log(LOG_ALWAYS, "audit: frame 0x%lx %s: counted 0x%lx, recorded 0x%lx", mfn.value,
                    rule, counted, recorded);
    }
}

/* Room for a count of every frame, if there is a free block so large; else for fewer at a time. */
static mfn_t find_scratch(unsigned int *order)
{
    *order = 0;
    while (PAGE_SIZE << *order < machine.frame_count * sizeof(struct audit_count)) {
        (*order)++;
    }
    mfn_t scratch = frame_alloc(*order, 64);
    while (mfn_equal(scratch, MFN_INVALID) && *order > 0) {
        scratch = frame_alloc(--*order, 64);
    }
    return scratch;
}

/* Refusals whose reason was not told, since the last audit. Each has left a warning. */
static uint64_t count_unexplained(void)
{
    uint64_t count = refusal_take_unexplained();
    if (count > 0) {
        console_log(LOG_ALWAYS, "audit: %lu calls were refused, and gave no reason", count);
    }
    return count;
}

/* False: there is no free frame to count in. */
static bool audit(struct audit_result *result)
{
    unsigned int order;
    mfn_t scratch = find_scratch(&order);
    if (mfn_equal(scratch, MFN_INVALID)) {
        return false;
    }
    /* The block is free all the time: put it back first, so that the audit finds it so. */
    frame_alloc_undo(scratch, order);
    lines = 0;
    *result = audit_run(port_map_frame(scratch), (PAGE_SIZE << order) / sizeof(struct audit_count),
                        print_difference);
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        frame_mark_dirty(frame_find(mfn_add(scratch, i)));
    }
    result->differences += count_unexplained();
    return true;
}

void audit_print(void)
{
    struct audit_result result;
    if (!audit(&result)) {
        console_log(LOG_ALWAYS, "audit: no free frame to count in");
        return;
    }
    console_log(LOG_ALWAYS, "audit: %lu frames examined, %lu references counted, %lu differences",
                result.frames, result.references, result.differences);
}

struct call_result hypercall_audit(struct hv_vcpu *vcpu, uint64_t arg[])
{
    (void)arg;
    if (!option_audit) {
        return call_done(refuse(-XEN_ENOSYS, "audits are for the option audit"));
    }
    if (!vcpu->core.domain->is_control) {
        return call_done(refuse(-XEN_EPERM, "audits are for control domains"));
    }
    struct audit_result result;
    return call_done(audit(&result) ? (int64_t)result.differences
                                    : refuse(-XEN_ENOMEM, "there is no free frame to count in"));
}
