/* SPDX-License-Identifier: BSD-2-Clause */
/* grant_table_op: there are no grant tables. Guests find that out with their first call and go
 * without. */
#include "hv/hypercall/hypercall.h"

struct call_result hypercall_grant_table_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    return hypercall_unknown(vcpu, __HYPERVISOR_grant_table_op, "grant_table_op", (uint32_t)arg[0]);
}
