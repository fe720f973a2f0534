/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a guest kernel wants to be entered: set_trap_table, callback_op, set_callbacks,
 * stack_switch (xen/arch-x86/xen.h, xen/callback.h). All addresses are checked before they are
 * kept. */

#include "core/port.h"
#include "hv/cpu/segments.h"
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"
#include "lib/string.h"

#include <xen/callback.h>

struct call_result hypercall_set_trap_table(struct hv_vcpu *vcpu, uint64_t arg[])
{
    if (arg[0] == 0) {
        memset(vcpu->traps, 0, sizeof(vcpu->traps));
        return call_done(0);
    }
    /* Records are merged into the table; one with address 0 ends the list. A table has 256 vectors:
     * a list that is longer says nothing new. */
    uint64_t address = arg[0];
    for (unsigned int i = 0; i < EXCEPTION_COUNT; i++) {
        struct trap_info record;
        if (!guest_copy_in(&record, address, sizeof(record))) {
            return call_done(refuse_unreadable(address, sizeof(record)));
        }
        if (record.address == 0) {
            return call_done(0);
        }
        if (!address_is_canonical(record.address)) {
            return call_done(refuse(-XEN_EINVAL, "vector %u: address 0x%lx is not canonical",
                                    record.vector, record.address));
        }
        vcpu->traps[record.vector] = guest_trap_make(&record);
        address += sizeof(record);
    }
    return call_done(0);
}

static struct guest_callback *callback_slot(struct hv_vcpu *vcpu, uint16_t type)
{
    switch (type) {
    case CALLBACKTYPE_event:
        return &vcpu->event_callback;
    case CALLBACKTYPE_failsafe:
        return &vcpu->failsafe_callback;
    case CALLBACKTYPE_syscall:
        return &vcpu->syscall_callback;
    case CALLBACKTYPE_syscall32:
        return &vcpu->syscall32_callback;
    case CALLBACKTYPE_sysenter:
        return &vcpu->sysenter_callback;
    case CALLBACKTYPE_nmi:
        return &vcpu->nmi_callback;
    default:
        return NULL;
    }
}

/* Event upcalls always mask events: the ABI leaves no choice there. */
static bool masks_events(uint16_t type, uint16_t flags)
{
    return type == CALLBACKTYPE_event || type == CALLBACKTYPE_nmi ||
           (flags & CALLBACKF_mask_events) != 0;
}

static int refuse_type(uint16_t type)
{
    return refuse(-XEN_ENOSYS, "callback type %u is not known", type);
}

static int refuse_address(const char *what, uint64_t address)
{
    return refuse(-XEN_EINVAL, "%s 0x%lx is not canonical", what, address);
}

static struct call_result callback_register(struct hv_vcpu *vcpu, uint64_t address)
{
    struct callback_register record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return call_done(refuse_unreadable(address, sizeof(record)));
    }
    struct guest_callback *slot = callback_slot(vcpu, record.type);
    if (slot == NULL) {
        return call_done(refuse_type(record.type));
    }
    if (!address_is_canonical(record.address)) {
        return call_done(refuse_address("address", record.address));
    }
    *slot = (struct guest_callback){record.address, masks_events(record.type, record.flags)};
    return call_done(0);
}

static struct call_result callback_unregister(struct hv_vcpu *vcpu, uint64_t address)
{
    struct callback_unregister record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return call_done(refuse_unreadable(address, sizeof(record)));
    }
    struct guest_callback *slot = callback_slot(vcpu, record.type);
    if (slot == NULL) {
        return call_done(refuse_type(record.type));
    }
    if (record.type != CALLBACKTYPE_nmi) {
        return call_done(refuse(-XEN_EINVAL,
                                "callback type %u cannot be done without again: only "
                                "that of NMIs can",
                                record.type));
    }
    *slot = (struct guest_callback){0};
    return call_done(0);
}

struct call_result hypercall_callback_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    switch ((uint32_t)arg[0]) {
    case CALLBACKOP_register:
        return callback_register(vcpu, arg[1]);
    case CALLBACKOP_unregister:
        return callback_unregister(vcpu, arg[1]);
    default:
        return hypercall_unknown(vcpu, __HYPERVISOR_callback_op, (uint32_t)arg[0]);
    }
}

/* The older form: event, failsafe and syscall entry at once. */
struct call_result hypercall_set_callbacks(struct hv_vcpu *vcpu, uint64_t arg[])
{
    static const char *const names[] = {"event address", "failsafe address", "syscall address"};
    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        if (!address_is_canonical(arg[i])) {
            return call_done(refuse_address(names[i], arg[i]));
        }
    }
    vcpu->event_callback = (struct guest_callback){arg[0], true};
    vcpu->failsafe_callback = (struct guest_callback){arg[1], false};
    vcpu->syscall_callback = (struct guest_callback){arg[2], false};
    return call_done(0);
}

/* stack_switch(ss, esp): where entries from user mode put their frame. */
struct call_result hypercall_stack_switch(struct hv_vcpu *vcpu, uint64_t arg[])
{
    if (!address_is_canonical(arg[1])) {
        return call_done(refuse_address("stack", arg[1]));
    }
    vcpu->kernel_ss = (uint16_t)(arg[0] | 3);
    vcpu->kernel_sp = arg[1];
    return call_done(0);
}
