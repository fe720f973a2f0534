/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"

/* Guests get no performance counters. This answer, not -ENOSYS, is how they are told. */
struct call_result hypercall_xenpmu_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    (void)vcpu;
    (void)arg;
    return call_done(refuse(-XEN_EOPNOTSUPP, "there are no performance counters"));
}
