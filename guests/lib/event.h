/* SPDX-License-Identifier: BSD-2-Clause */
/* shared_info and events, with the two-level bitmaps. Events stay masked but where a test asks. */
#ifndef GUESTS_LIB_EVENT_H
#define GUESTS_LIB_EVENT_H

#include "lib/compiler.h"

#include <xen/event_channel.h>
#include <xen/xen.h>

/* Map shared_info; before that a dummy page stands in for it. */
void event_init(void);

/* Of the machine frame that start_info names. */
volatile shared_info_t *shared_info(void);
/* This vCPU's record, wherever it is now. */
volatile struct vcpu_info *vcpu_info(void);
void vcpu_info_moved(volatile struct vcpu_info *place);

/* Nanoseconds since the start, from the time record and the TSC, as a kernel reads them. */
#define MILLISECOND INT64_C(1000000)
int64_t system_time(void);
int64_t system_time_by(const volatile struct vcpu_time_info *time);

/* The callback's work: count the upcall and collect what was pending. */
void event_dispatch(void);

/* Upcalls since event_reset(), and which ports they found pending (the first 64). */
uint64_t event_upcalls(void);
uint64_t event_seen(void);

/* Close every port but those that the domain was given at its start; clear what is pending, mask
 * upcalls. */
void event_reset(void);

/* Let upcalls through, as a kernel enables interrupts, or no longer. */
void event_enable(void);
void event_disable(void);

void event_port_mask(evtchn_port_t port);
/* By the bit alone; unmasking a pending port needs the hypercall. */
void event_port_unmask_bit(evtchn_port_t port);
bool event_port_pending(evtchn_port_t port);

#endif
