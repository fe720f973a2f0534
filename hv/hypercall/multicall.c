/* SPDX-License-Identifier: BSD-2-Clause */
/* multicall(calls, count): several hypercalls in order, each with its own result (xen/xen.h, struct
 * multicall_entry). */
#include "core/port.h"
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "lib/string.h"

/* The entries: what the ABI calls op, result and args[6]. */
struct entry {
    uint64_t op;
    int64_t result;
    uint64_t arg[6];
};
_Static_assert(sizeof(struct entry) == sizeof(struct multicall_entry), "the ABI's entry");

enum outcome { ENTRY_DONE, ENTRY_AGAIN, ENTRY_FAULT, ENTRY_LEFT_KERNEL };

/* A sub-call that is to go on later has its arguments rewritten in the guest's array: the same
 * multicall then begins with it. */
static enum outcome perform_entry(struct hv_vcpu *vcpu, uint64_t address)
{
    struct entry entry;
    if (UNLIKELY(!guest_copy_in(&entry, address, sizeof(entry)))) {
        return ENTRY_FAULT;
    }
    struct call_result result = call_done(-XEN_EINVAL);
    if (LIKELY(entry.op != __HYPERVISOR_multicall)) {
        result = hypercall_perform(vcpu, entry.op, entry.arg);
    }
    if (UNLIKELY(result.again)) {
        return guest_copy_out(address + offsetof(struct entry, arg), entry.arg, sizeof(entry.arg))
                   ? ENTRY_AGAIN
                   : ENTRY_FAULT;
    }
    /* iret has gone elsewhere: its frame is what counts now, and no further call may run there. */
    if (UNLIKELY(entry.op == __HYPERVISOR_iret)) {
        return ENTRY_LEFT_KERNEL;
    }
    return guest_copy_out(address + offsetof(struct entry, result), &result.value,
                          sizeof(result.value))
               ? ENTRY_DONE
               : ENTRY_FAULT;
}

struct call_result hypercall_multicall(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint64_t address = arg[0];
    uint32_t count = (uint32_t)arg[1];
    while (count > 0) {
        enum outcome outcome = perform_entry(vcpu, address);
        if (outcome == ENTRY_FAULT) {
            return call_done(-XEN_EFAULT);
        }
        if (outcome == ENTRY_LEFT_KERNEL) {
            return call_done((int64_t)current_registers()->rax);
        }
        if (outcome == ENTRY_DONE) {
            address += sizeof(struct entry);
            count--;
        }
        if (outcome == ENTRY_AGAIN || (count > 0 && port_should_yield())) {
            arg[0] = address;
            arg[1] = count;
            return call_again();
        }
    }
    return call_done(0);
}
