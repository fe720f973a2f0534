/* SPDX-License-Identifier: BSD-2-Clause */
/* The event_channel_op hypercall: its records in, its results out. */
#include "hv/evtchn/evtchn.h"
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"

#include <xen/event_channel.h>

typedef int (*operation_fn)(struct hv_vcpu *vcpu, uint64_t address);

/* The domain a command is about, if the caller may act on it. */
static int find_target(const struct hv_vcpu *vcpu, uint16_t id, struct hv_domain **target)
{
    struct domain *caller = vcpu->core.domain;
    struct domain *domain = id == DOMID_SELF ? caller : domain_find(id);
    if (domain == NULL) {
        return refuse_domain(id);
    }
    *target = hv_domain_of(domain);
    return domain_may_target(caller, domain)
               ? 0
               : refuse(-XEN_EPERM, "d%u is not the caller's to rule: DOMID_SELF is", id);
}

/* Tell the guest its new port; if that fails, the port is given back. */
static int report_port(struct hv_domain *domain, uint64_t address, const void *record, size_t size,
                       uint32_t port)
{
    if (guest_copy_out(address, record, size)) {
        return 0;
    }
    (void)evtchn_close(domain, port);
    return refuse_unwritable(address, size);
}

static int alloc_unbound(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_alloc_unbound record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    struct hv_domain *domain;
    int result = find_target(vcpu, record.dom, &domain);
    if (result != 0) {
        return result;
    }
    uint16_t remote = record.remote_dom == DOMID_SELF ? vcpu->core.domain->id : record.remote_dom;
    result = evtchn_alloc_unbound(domain, remote, &record.port);
    return result != 0 ? result
                       : report_port(domain, address, &record, sizeof(record), record.port);
}

static int bind_interdomain(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_bind_interdomain record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    struct hv_domain *domain = hv_vcpu_domain(vcpu);
    /* No right over the other domain is needed: it has named this one when it made the port. */
    struct domain *remote =
        record.remote_dom == DOMID_SELF ? &domain->core : domain_find(record.remote_dom);
    if (remote == NULL) {
        return refuse_domain(record.remote_dom);
    }
    int result = evtchn_bind_interdomain(domain, hv_domain_of(remote), record.remote_port,
                                         &record.local_port);
    return result != 0 ? result
                       : report_port(domain, address, &record, sizeof(record), record.local_port);
}

static int bind_virq(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_bind_virq record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    struct hv_domain *domain = hv_vcpu_domain(vcpu);
    int result = evtchn_bind_virq(domain, record.virq, record.vcpu, &record.port);
    return result != 0 ? result
                       : report_port(domain, address, &record, sizeof(record), record.port);
}

static int bind_ipi(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_bind_ipi record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    struct hv_domain *domain = hv_vcpu_domain(vcpu);
    int result = evtchn_bind_ipi(domain, record.vcpu, &record.port);
    return result != 0 ? result
                       : report_port(domain, address, &record, sizeof(record), record.port);
}

/* Whether it will be shared does not matter: no other domain can have it. */
static int bind_pirq(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_bind_pirq record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    struct hv_domain *domain = hv_vcpu_domain(vcpu);
    if (!domain->core.has_io) {
        return refuse(-XEN_EPERM, "PIRQ %u: device interrupts are the first domain's", record.pirq);
    }
    int result = evtchn_bind_pirq(domain, record.pirq, &record.port);
    return result != 0 ? result
                       : report_port(domain, address, &record, sizeof(record), record.port);
}

static int close_port(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_close record;
    return guest_copy_in(&record, address, sizeof(record))
               ? evtchn_close(hv_vcpu_domain(vcpu), record.port)
               : refuse_unreadable(address, sizeof(record));
}

static int send(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_send record;
    return guest_copy_in(&record, address, sizeof(record))
               ? evtchn_send(hv_vcpu_domain(vcpu), record.port)
               : refuse_unreadable(address, sizeof(record));
}

static int get_status(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_status record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    struct hv_domain *domain;
    int result = find_target(vcpu, record.dom, &domain);
    if (result == 0) {
        result = evtchn_get_status(domain, record.port, &record);
    }
    if (result != 0) {
        return result;
    }
    return guest_copy_out(address, &record, sizeof(record))
               ? 0
               : refuse_unwritable(address, sizeof(record));
}

static int bind_vcpu(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_bind_vcpu record;
    return guest_copy_in(&record, address, sizeof(record))
               ? evtchn_bind_vcpu(hv_vcpu_domain(vcpu), record.port, record.vcpu)
               : refuse_unreadable(address, sizeof(record));
}

static int unmask(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_unmask record;
    return guest_copy_in(&record, address, sizeof(record))
               ? evtchn_unmask(hv_vcpu_domain(vcpu), record.port)
               : refuse_unreadable(address, sizeof(record));
}

/* The one command that may take several goes: what was closed by then is closed. */
static struct call_result reset(struct hv_vcpu *vcpu, uint64_t address)
{
    struct evtchn_reset record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return call_done(refuse_unreadable(address, sizeof(record)));
    }
    struct hv_domain *domain;
    int result = find_target(vcpu, record.dom, &domain);
    return result == 0 && !evtchn_close_all(domain) ? call_again() : call_done(result);
}

/* The FIFO kind of event channel is not offered: guests try it first and then use 2 levels. */
static int refuse_fifo(struct hv_vcpu *vcpu, uint64_t address)
{
    (void)vcpu;
    (void)address;
    return refuse(-XEN_ENOSYS, "there are no FIFO event channels: use those of 2 levels");
}

static const operation_fn operations[] = {
    [EVTCHNOP_bind_interdomain] = bind_interdomain,
    [EVTCHNOP_bind_virq] = bind_virq,
    [EVTCHNOP_bind_pirq] = bind_pirq,
    [EVTCHNOP_close] = close_port,
    [EVTCHNOP_send] = send,
    [EVTCHNOP_status] = get_status,
    [EVTCHNOP_alloc_unbound] = alloc_unbound,
    [EVTCHNOP_bind_ipi] = bind_ipi,
    [EVTCHNOP_bind_vcpu] = bind_vcpu,
    [EVTCHNOP_unmask] = unmask,
    [EVTCHNOP_init_control] = refuse_fifo,
    [EVTCHNOP_expand_array] = refuse_fifo,
    [EVTCHNOP_set_priority] = refuse_fifo,
};

/* event_channel_op(command, record) */
struct call_result hypercall_event_channel_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint32_t command = (uint32_t)arg[0];
    operation_fn operation = NULL;
    if (command == EVTCHNOP_reset) {
        return reset(vcpu, arg[1]);
    }
    if (command < ARRAY_SIZE(operations)) {
        operation = operations[index_nospec(command, ARRAY_SIZE(operations))];
    }
    if (operation == NULL) {
        return hypercall_unknown(vcpu, __HYPERVISOR_event_channel_op, command);
    }
    return call_done(operation(vcpu, arg[1]));
}
