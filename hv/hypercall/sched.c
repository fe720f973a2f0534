/* SPDX-License-Identifier: BSD-2-Clause */
/* sched_op: a vCPU gives up the CPU, or its domain ends (xen/sched.h). */
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"
#include "hv/sched/sched.h"
#include "hv/time/time.h"

#include <xen/sched.h>

static void block(struct hv_vcpu *vcpu)
{
    __atomic_store_n(&vcpu->info->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
    if (!vcpu_has_deliverable_event(vcpu)) {
        vcpu_block(vcpu);
    }
}

/* Read the ports to wait for into the vCPU's record; poll_count stays 0. */
static int read_poll_ports(struct hv_vcpu *vcpu, uint64_t address, uint32_t count)
{
    if (!guest_copy_in(vcpu->poll_ports, address, count * sizeof(vcpu->poll_ports[0]))) {
        return refuse_unreadable(address, count * sizeof(vcpu->poll_ports[0]));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (vcpu->poll_ports[i] >= EVTCHN_LIMIT) {
            return refuse(-XEN_EINVAL, "port %u: there are 1 to %u", vcpu->poll_ports[i],
                          EVTCHN_LIMIT - 1);
        }
    }
    return 0;
}

static bool is_poll_over(const struct hv_vcpu *vcpu, uint32_t count, uint64_t timeout_ns)
{
    if (vcpu_has_deliverable_event(vcpu) || (timeout_ns != 0 && timeout_ns <= time_now_ns())) {
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (evtchn_is_pending(hv_vcpu_domain(vcpu), vcpu->poll_ports[i])) {
            return true;
        }
    }
    return false;
}

/* The upcall mask stays as it is. */
static int poll(struct hv_vcpu *vcpu, uint64_t address)
{
    struct sched_poll record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    if (record.nr_ports > ARRAY_SIZE(vcpu->poll_ports)) {
        return refuse(-XEN_EINVAL, "%u ports: at most %zu can be polled", record.nr_ports,
                      ARRAY_SIZE(vcpu->poll_ports));
    }
    int result = read_poll_ports(vcpu, (uint64_t)record.ports.p, record.nr_ports);
    if (result != 0 || is_poll_over(vcpu, record.nr_ports, record.timeout)) {
        return result;
    }
    vcpu->poll_count = record.nr_ports;
    if (record.nr_ports == 0) {
        vcpu->poll_ports[0] = 0; /* only sleeping: port 0 is never pending */
        vcpu->poll_count = 1;
    }
    vcpu->poll_timeout_ns = record.timeout;
    vcpu_block(vcpu);
    return 0;
}

/* Comes back only to refuse. There is nowhere to suspend to, and no toolstack for a soft reset. */
static int shut_down(struct hv_vcpu *vcpu, uint64_t address)
{
    struct sched_shutdown record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    switch (record.reason) {
    case SHUTDOWN_poweroff:
    case SHUTDOWN_reboot:
    case SHUTDOWN_crash:
    case SHUTDOWN_watchdog:
        current_registers()->rax = 0; /* what it finds if it is resumed */
        domain_shutdown(vcpu, record.reason);
    case SHUTDOWN_suspend:
        return refuse(-XEN_EOPNOTSUPP, "a domain cannot be suspended");
    case SHUTDOWN_soft_reset:
        return refuse(-XEN_EOPNOTSUPP, "a domain cannot be reset: it can reboot");
    default:
        return refuse(-XEN_EINVAL, "shutdown reason %u: there are 0 to %u", record.reason,
                      SHUTDOWN_MAX);
    }
}

/* sched_op(command, record) */
struct call_result hypercall_sched_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint32_t command = (uint32_t)arg[0];
    switch (command) {
    case SCHEDOP_yield:
        sched_yield(vcpu);
        return call_done(0);
    case SCHEDOP_block:
        block(vcpu);
        return call_done(0);
    case SCHEDOP_poll:
        return call_done(poll(vcpu, arg[1]));
    case SCHEDOP_shutdown:
        return call_done(shut_down(vcpu, arg[1]));
    default:
        return hypercall_unknown(vcpu, __HYPERVISOR_sched_op, command);
    }
}
