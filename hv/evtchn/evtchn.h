/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event channels, 2-level (xen/event_channel.h): up to 4096 ports of a domain. One lock, taken with
 * interrupts off, covers all tables; vcpu_wake() is called under it. What the guest can write (its
 * pending and mask bits) decides only whether that guest is told, never which port is whose.
 *
 * Functions that answer an int give 0 or a negative number of <xen/errno.h>; then nothing changed.
 */
#ifndef HV_EVTCHN_EVTCHN_H
#define HV_EVTCHN_EVTCHN_H

#include "lib/abi.h"
#include "lib/compiler.h"

struct hv_domain;
struct hv_vcpu;
struct evtchn_status;

#define EVTCHN_LIMIT 4096U /* ports of a domain: 64 x 64 bits */

enum evtchn_state {
    EVTCHN_CLOSED,
    EVTCHN_UNBOUND,     /* waits for remote_domain to bind */
    EVTCHN_INTERDOMAIN, /* connected to remote_port of remote_domain */
    EVTCHN_VIRQ,
    EVTCHN_IPI,
    EVTCHN_PIRQ,       /* a device interrupt: hv/irq/pirq.h */
    EVTCHN_HYPERVISOR, /* connected to our end of the console ring: hv/console/guest_console.h */
};

struct evtchn {
    uint8_t state;
    uint8_t virq;  /* VIRQ: which */
    uint16_t vcpu; /* notified vCPU */
    uint16_t remote_domain;
    uint16_t pirq; /* PIRQ: which */
    uint32_t remote_port;
};

#define EVTCHN_PER_FRAME 256U
_Static_assert(EVTCHN_PER_FRAME * sizeof(struct evtchn) <= 4096, "they fit a frame");

struct evtchn_table {
    uint32_t port_limit; /* only ports below this are opened; EVTCHN_LIMIT at most */
    struct evtchn *frames[EVTCHN_LIMIT / EVTCHN_PER_FRAME]; /* all ports; port 0 is never used */
    uint64_t taken[EVTCHN_LIMIT / 64]; /* a bit for each port that is not closed, and for port 0 */
    /* Port bound to the vCPU's VIRQ, 0: none. Global VIRQs are in row 0, whoever is notified. */
    uint16_t virq_port[64][NR_VIRQS];
};

/* The record of a port below EVTCHN_LIMIT. */
static inline struct evtchn *evtchn_at(const struct evtchn_table *table, uint32_t port)
{
    return &table->frames[port / EVTCHN_PER_FRAME][port % EVTCHN_PER_FRAME];
}

/* All ports closed, in hypervisor memory. False: there is none; free it all the same. */
NODISCARD bool evtchn_table_create(struct evtchn_table *table);
void evtchn_table_free(struct evtchn_table *table);

/* A VIRQ for this vCPU: makes its port pending if the guest bound it. Any CPU, any context. */
void evtchn_raise_virq(struct hv_vcpu *vcpu, unsigned int virq);
/* The same for a global VIRQ (console, ...), delivered to the vCPU the guest bound it on. */
void evtchn_raise_global_virq(struct hv_domain *domain, unsigned int virq);
/* The device interrupt that `port` was bound to; if it no longer is, nothing happens. Any CPU, any
 * context. */
void evtchn_raise_pirq(const struct hv_domain *domain, uint32_t pirq, uint32_t port);
/* The hypervisor's end sends; nothing happens if the domain has closed the port. Any CPU, any
 * context. */
void evtchn_raise_hypervisor(const struct hv_domain *domain, uint32_t port);
/* Is the port's pending bit set? False for ports that do not exist. */
bool evtchn_is_pending(const struct hv_domain *domain, uint32_t port);

/* Take the lowest free port. -ENOSPC: none is free, below the domain's limit; -EINVAL: the domain
 * is dying. The vCPU ids are the guest's, unchecked. */
int evtchn_alloc_unbound(struct hv_domain *domain, uint16_t remote_domain, uint32_t *port);
int evtchn_bind_virq(struct hv_domain *domain, uint32_t virq, uint32_t vcpu_id, uint32_t *port);
int evtchn_bind_ipi(struct hv_domain *domain, uint32_t vcpu_id, uint32_t *port);
/* The domain may have device interrupts: the caller has made sure. -EBUSY, -EEXIST: pirq_bind(). */
int evtchn_bind_pirq(struct hv_domain *domain, uint32_t pirq, uint32_t *port);
/* Connect a new port to a port of `remote` that waits for `domain`. They may be the same one. */
int evtchn_bind_interdomain(struct hv_domain *domain, struct hv_domain *remote,
                            uint32_t remote_port, uint32_t *port);

/* A new port whose other end is the hypervisor: sends go to guest_console_notify(). To the guest it
 * is connected to port 0 of DOMID_XEN, and its own to close. */
int evtchn_open_hypervisor(struct hv_domain *domain, uint32_t *port);

/* Give up a port; the other end of a connection waits for this domain again. */
int evtchn_close(struct hv_domain *domain, uint32_t port);
/* All ports. False: the CPU is wanted, and there may be more: call again. */
NODISCARD bool evtchn_close_all(struct hv_domain *domain);

int evtchn_send(struct hv_domain *domain, uint32_t port);
int evtchn_bind_vcpu(struct hv_domain *domain, uint32_t port, uint32_t vcpu_id);
int evtchn_unmask(struct hv_domain *domain, uint32_t port);
/* Fills in all but status->dom and status->port. */
int evtchn_get_status(const struct hv_domain *domain, uint32_t port, struct evtchn_status *status);

#endif
