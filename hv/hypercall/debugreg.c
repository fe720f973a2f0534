/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/debug.h"
#include "hv/hypercall/hypercall.h"

struct call_result hypercall_set_debugreg(struct hv_vcpu *vcpu, uint64_t arg[])
{
    int error = debug_set(vcpu, (unsigned int)arg[0], arg[1]);
    if (error == 0) {
        debug_load(vcpu);
    }
    return call_done(error);
}

/* The value and an errno share the result: a breakpoint at one of the last 4095 addresses looks
 * like an errno. So the ABI has it. */
struct call_result hypercall_get_debugreg(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint64_t value = 0;
    int error = debug_get(vcpu, (unsigned int)arg[0], &value);
    return call_done(error != 0 ? error : (int64_t)value);
}
