/* SPDX-License-Identifier: BSD-2-Clause */
/* Event channels, 2-level (xen/event_channel.h): up to 4096 ports of a domain. */
#ifndef HV_EVTCHN_EVTCHN_H
#define HV_EVTCHN_EVTCHN_H

#include "lib/abi.h"
#include "lib/compiler.h"

struct hv_domain;
struct hv_vcpu;

#define EVTCHN_LIMIT 4096U /* ports of a domain: 64 x 64 bits */

enum evtchn_state {
    EVTCHN_CLOSED,
    EVTCHN_UNBOUND,     /* waits for remote_domain to bind */
    EVTCHN_INTERDOMAIN, /* connected to remote_port of remote_domain */
    EVTCHN_VIRQ,
    EVTCHN_IPI,
};

struct evtchn {
    uint8_t state;
    uint8_t virq;      /* VIRQ: which */
    uint16_t vcpu;     /* notified vCPU */
    uint16_t remote_domain;
    uint32_t remote_port;
};

struct evtchn_table {
    struct evtchn *ports; /* EVTCHN_LIMIT of them, from the boot allocator; port 0 is never used */
    uint16_t virq_port[64][NR_VIRQS]; /* port bound to the vCPU's VIRQ, 0: none */
};

/* A VIRQ for this vCPU: makes its port pending if the guest bound it. Any CPU, interrupts off. */
void evtchn_raise_virq(struct hv_vcpu *vcpu, unsigned int virq);
/* The same for a global VIRQ (console, ...), delivered to the vCPU the guest bound it on. */
void evtchn_raise_global_virq(struct hv_domain *domain, unsigned int virq);
/* Is the port's pending bit set? False for ports that do not exist. */
bool evtchn_is_pending(const struct hv_domain *domain, uint32_t port);

#endif
