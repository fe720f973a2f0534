/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/debug/audit.h"

#include "core/audit.h"
#include "core/port.h"
#include "hv/console/console.h"
#include "hv/debug/audit_own.h"
#include "hv/refuse.h"
#include "lib/format.h"

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

static uint64_t own_differences;

static void print_own_difference(const struct hv_vcpu *vcpu, const char *rule, uint64_t expected,
                                 uint64_t found)
{
    own_differences++;
    if (lines++ >= AUDIT_LINES) {
        return;
    }
    char whose[24] = "";
    if (vcpu != NULL) {
        format_text(whose, sizeof(whose), "d%uv%u: ", vcpu->core.domain->id, vcpu->core.id);
    }
    console_log(LOG_ALWAYS, "audit: %s%s: expected 0x%lx, found 0x%lx", whose, rule, expected,
                found);
}

/* What is the hypervisor's own. Answers the number of differences. */
static uint64_t audit_own(void)
{
    own_differences = 0;
    const struct hv_vcpu *loaded = current_vcpu();
    struct audit_processor processor = audit_read_processor();
    audit_own_processor(&processor, loaded, print_own_difference);
    audit_own_tables(print_own_difference);
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *domain = machine.domains[i];
        for (unsigned int id = 0; domain != NULL && id < VCPU_LIMIT; id++) {
            const struct hv_vcpu *vcpu = hv_vcpu_of(domain->vcpus[id]);
            if (vcpu != NULL && vcpu->is_initialised) {
                audit_own_vcpu(vcpu, vcpu == loaded ? current_registers() : &vcpu->regs,
                               print_own_difference);
            }
        }
    }
    return own_differences;
}

/* Room for a count of every frame, if there is a free block so large; else for fewer at a time.
 * No processor may still take it for the table that it was. */
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
    for (uint64_t i = 0; !mfn_equal(scratch, MFN_INVALID) && i < UINT64_C(1) << *order; i++) {
        frame_prepare(frame_find(mfn_add(scratch, i)), DOMID_INVALID);
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
    result->differences += audit_own();
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
