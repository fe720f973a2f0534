/* SPDX-License-Identifier: BSD-2-Clause */
/* multicall(calls, count): several hypercalls in order, each with its own result (xen/xen.h, struct
 * multicall_entry). */
#include "core/port.h"
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"
#include "lib/string.h"

/* The entries: what the ABI calls op, result and args[6]. */
struct entry {
    uint64_t op;
    int64_t result;
    uint64_t arg[6];
};
_Static_assert(sizeof(struct entry) == sizeof(struct multicall_entry), "the ABI's entry");

enum outcome { ENTRY_DONE, ENTRY_AGAIN, ENTRY_FAULT, ENTRY_LEFT_KERNEL };

/* The half of the count's register that the ABI does not use: how many calls were done before the
 * multicall was interrupted, for messages alone. */
#define DONE_SHIFT 32

COLD static struct call_result refuse_nested(struct hv_vcpu *vcpu, const struct entry *entry)
{
    uint64_t reasons = vcpu->reason.count;
    int error = refuse(-XEN_EINVAL, "a multicall cannot be one of a multicall's calls");
    refusal_print(vcpu, "multicall", entry->arg, -error, reasons);
    return call_done(error);
}

COLD static enum outcome entry_unreadable(uint64_t address)
{
    (void)refuse_unreadable(address, sizeof(struct entry));
    return ENTRY_FAULT;
}

COLD static enum outcome entry_unwritable(uint64_t address)
{
    (void)refuse_unwritable(address, sizeof(struct entry));
    return ENTRY_FAULT;
}

/* A sub-call that is to go on later has its arguments rewritten in the guest's array: the same
 * multicall then begins with it. */
static enum outcome perform_entry(struct hv_vcpu *vcpu, uint64_t address)
{
    struct entry entry;
    if (UNLIKELY(!guest_copy_in(&entry, address, sizeof(entry)))) {
        return entry_unreadable(address);
    }
    struct call_result result = LIKELY(entry.op != __HYPERVISOR_multicall)
                                    ? hypercall_perform(vcpu, entry.op, entry.arg)
                                    : refuse_nested(vcpu, &entry);
    if (UNLIKELY(result.again)) {
        return guest_copy_out(address + offsetof(struct entry, arg), entry.arg, sizeof(entry.arg))
                   ? ENTRY_AGAIN
                   : entry_unwritable(address);
    }
    /* iret has gone elsewhere: its frame is what counts now, and no further call may run there. */
    if (UNLIKELY(entry.op == __HYPERVISOR_iret)) {
        return ENTRY_LEFT_KERNEL;
    }
    return guest_copy_out(address + offsetof(struct entry, result), &result.value,
                          sizeof(result.value))
               ? ENTRY_DONE
               : entry_unwritable(address);
}

struct call_result hypercall_multicall(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint64_t address = arg[0];
    uint32_t count = (uint32_t)arg[1];
    vcpu->multicall_index = (uint32_t)(arg[1] >> DONE_SHIFT);
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
            vcpu->multicall_index++;
        }
        if (outcome == ENTRY_AGAIN || (count > 0 && port_should_yield())) {
            arg[0] = address;
            arg[1] = (uint64_t)vcpu->multicall_index << DONE_SHIFT | count;
            return call_again();
        }
    }
    return call_done(0);
}
