/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/console.h"
#include "hv/hypercall/hypercall.h"

#include <inttypes.h>

/* True once for each call and command, as long as there is room to remember: a guest must not be
 * able to fill the log. */
static bool is_first_refusal(struct hv_domain *domain, unsigned int call, uint64_t command)
{
    uint64_t refused = ((uint64_t)call << 32) | (uint32_t)command;
    for (unsigned int i = 0; i < domain->refused_command_count; i++) {
        if (domain->refused_commands[i] == refused) {
            return false;
        }
    }
    if (domain->refused_command_count == REFUSED_COMMAND_LIMIT) {
        return false;
    }
    domain->refused_commands[domain->refused_command_count++] = refused;
    return true;
}

struct call_result hypercall_unknown(struct hv_vcpu *vcpu, unsigned int call, const char *name,
                                     uint64_t command)
{
    struct hv_domain *domain = hv_vcpu_domain(vcpu);
    if (is_first_refusal(domain, call, command)) {
        console_log_guest(domain->core.id, vcpu->core.id, LOG_INFO,
                          "%s: command %" PRIu64 " is not implemented", name, command);
    }
    return call_done(-XEN_ENOSYS);
}
