/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/refuse.h"

#include "core/pte_update.h"
#include "hv/console/console.h"
#include "hv/debug/audit.h"
#include "hv/entry/traps.h"
#include "hv/time/time.h"
#include "lib/format.h"
#include "lib/string.h"

/* Kernels ask in loops, for each of 8192 vCPUs for instance: a reason of the same call, with the
 * same first argument, is told once in so long. */
#define SAME_AGAIN_NS NS_PER_SECOND

static uint64_t unexplained; /* atomic */

/* ---- where the check is -------------------------------------------------------------------- */

int refuse(int error, const char *format, ...)
{
    struct hv_vcpu *vcpu = current_vcpu();
    if (vcpu == NULL) {
        return error;
    }
    struct refusal_reason *reason = &vcpu->reason;
    reason->count++;
    reason->format = format;
    if (console_shows_guest(LOG_INFO)) {
        va_list arguments;
        va_start(arguments, format);
        format_text_v(reason->text, sizeof(reason->text), format, arguments);
        va_end(arguments);
    }
    return error;
}

int refusal_name(int error, const char *format, ...)
{
    struct refusal_reason *reason = &current_vcpu()->reason;
    if (reason->format != NULL && console_shows_guest(LOG_INFO)) {
        char text[sizeof(reason->text)];
        memcpy(text, reason->text, sizeof(text));
        va_list arguments;
        va_start(arguments, format);
        size_t length = format_text_v(reason->text, sizeof(reason->text), format, arguments);
        va_end(arguments);
        length = min_u64(length, sizeof(reason->text) - 1);
        format_text(reason->text + length, sizeof(reason->text) - length, ": %s", text);
    }
    return error;
}

static const char *address_rule(uint64_t address, uint64_t size, const char *mapped)
{
    return address_range_is_guest(address, size) ? mapped : "the range is not all the guest's";
}

int refuse_unreadable(uint64_t address, uint64_t size)
{
    return refuse(-XEN_EFAULT, "%lu bytes at 0x%lx cannot be read: %s", size, address,
                  address_rule(address, size, "a page of them is not mapped"));
}

int refuse_unwritable(uint64_t address, uint64_t size)
{
    return refuse(-XEN_EFAULT, "%lu bytes at 0x%lx cannot be written: %s", size, address,
                  address_rule(address, size, "a page of them is not mapped writable"));
}

int refuse_domain(uint32_t id)
{
    return refuse(-XEN_ESRCH, "there is no domain %u", id);
}

int refuse_dying(const struct hv_domain *domain)
{
    return refuse(-XEN_EINVAL, "d%u is dying", domain->core.id);
}

int refuse_vcpu(const struct hv_domain *domain, uint32_t id)
{
    return refuse(-XEN_ENOENT, "d%u has no vCPU %u: it has %u, counted from 0", domain->core.id, id,
                  domain->core.vcpu_count);
}

uint64_t refusal_count(void)
{
    const struct hv_vcpu *vcpu = current_vcpu();
    return vcpu != NULL ? vcpu->reason.count : 0;
}

void refusal_mark_told(void)
{
    struct hv_vcpu *vcpu = current_vcpu();
    if (vcpu != NULL) {
        vcpu->reason.count++;
        vcpu->reason.format = NULL;
    }
}

/* ---- when the call is over ----------------------------------------------------------------- */

static const char *error_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } errors[] = {
#define XEN_ERRNO(name, value) {value, #name},
#include <xen/errno.h>
    };
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        if (errors[i].error == error) {
            return errors[i].name;
        }
    }
    return "?";
}

void refusal_format_place(char place[REFUSAL_PLACE_SIZE])
{
    const struct hv_vcpu *vcpu = current_vcpu();
    const struct cpu_user_regs *regs = current_registers();
    place[0] = '\0';
    if (vcpu != NULL && regs->entry_vector == SYSCALL_ENTRY &&
        regs->rax == __HYPERVISOR_multicall) {
        format_text(place, REFUSAL_PLACE_SIZE, "multicall[%u]: ", vcpu->multicall_index);
    }
}

static bool is_same_again(struct refusal_reason *reason, const char *call, uint64_t first_argument)
{
    uint64_t now = time_now_ns();
    if (reason->printed == reason->format && reason->printed_call == call &&
        reason->printed_argument == first_argument && now - reason->printed_ns < SAME_AGAIN_NS) {
        return true;
    }
    reason->printed = reason->format;
    reason->printed_call = call;
    reason->printed_argument = first_argument;
    reason->printed_ns = now;
    return false;
}

void refusal_print(struct hv_vcpu *vcpu, const char *name, const uint64_t arg[], int error,
                   uint64_t count)
{
    struct refusal_reason *reason = &vcpu->reason;
    uint16_t domain = vcpu->core.domain->id;
    if (reason->count == count) {
        __atomic_fetch_add(&unexplained, 1, __ATOMIC_RELAXED);
        console_log_guest(domain, vcpu->core.id, audit_is_on() ? LOG_ALWAYS : LOG_WARNING,
                          "%s(0x%lx, 0x%lx) refused: %s, and no reason was given", name, arg[0],
                          arg[1], error_name(error));
        return;
    }
    if (reason->format != NULL && !is_same_again(reason, name, arg[0])) {
        char place[REFUSAL_PLACE_SIZE];
        refusal_format_place(place);
        console_log_guest(domain, vcpu->core.id, LOG_INFO, "%s%s(0x%lx, 0x%lx) refused: %s: %s",
                          place, name, arg[0], arg[1], error_name(error), reason->text);
    }
    reason->format = NULL;
}

uint64_t refusal_take_unexplained(void)
{
    return __atomic_exchange_n(&unexplained, 0, __ATOMIC_RELAXED);
}
