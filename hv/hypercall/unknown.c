/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"

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

struct call_result hypercall_unknown(struct hv_vcpu *vcpu, unsigned int call, uint64_t command)
{
    if (is_first_refusal(hv_vcpu_domain(vcpu), call, command)) {
        return call_done(refuse(-XEN_ENOSYS, "command %lu is not implemented", command));
    }
    refusal_mark_told();
    return call_done(-XEN_ENOSYS);
}
