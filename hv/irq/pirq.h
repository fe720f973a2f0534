/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device interrupts for the first domain ("physical IRQs", xen/physdev.h). A PIRQ is an I/O APIC
 * input: its number is the GSI. The domain maps it, says how it is wired, and binds an event
 * channel to it, which each interrupt makes pending.
 *
 *   not mapped --map--> mapped --bind--> bound, open --interrupt (level)--> bound, awaits EOI
 *       ^---unmap--------'  ^---unbind----'  ^------------EOI-------------------'
 *
 * Only "bound, open" lines are unmasked. A level-triggered line stays masked from its interrupt to
 * the guest's EOI, so a device that the guest does not silence costs one interrupt for each EOI. An
 * edge-triggered one needs no EOI; the device cannot raise it again without lowering it.
 *
 * Message-signalled interrupts are not offered: they would need PCI's configuration space to be
 * ours. Drivers then use the device's INTx line.
 *
 * One lock, taken with interrupts off after that of the event channels, covers the lines and the
 * I/O APICs. Functions that answer an int give 0 or a negative number of <xen/errno.h>; then
 * nothing changed. All PIRQ numbers may be a guest's, unchecked.
 */
#ifndef HV_IRQ_PIRQ_H
#define HV_IRQ_PIRQ_H

#include "lib/compiler.h"

struct hv_domain;

/* See how many lines there are; the timer's is no guest's. After ioapic_init(). */
void pirq_init(void);

/* The line of an ISA interrupt is the hypervisor's own: it cannot be bound. */
void pirq_reserve_isa(uint8_t irq);

/* Is there such a line? */
bool pirq_exists(uint32_t pirq);
/* -EINVAL: there is not, says why. */
int pirq_refuse_number(uint32_t pirq);

/* Once more is no change; -EINVAL: no such line. */
int pirq_map(struct hv_domain *domain, uint32_t pirq);
/* -EBUSY while it is bound. */
int pirq_unmap(const struct hv_domain *domain, uint32_t pirq);

/* Say how a line is wired. -EEXIST: that is known already, or the line is the hypervisor's; -EBUSY:
 * it is bound and wired in another way. Until this, ISA interrupts are as the MADT says, others
 * level-triggered and active low as PCI's. */
int pirq_set_wiring(uint32_t pirq, bool level, bool active_low);

/* Does the line wait for pirq_eoi() after each interrupt? */
bool pirq_needs_eoi(uint32_t pirq);

/* Make interrupts of a mapped line raise `port` (evtchn_raise_pirq), and open the line. -EEXIST: it
 * is bound; -EBUSY: it is the hypervisor's; -ENOSPC: no vector is left. */
int pirq_bind(const struct hv_domain *domain, uint32_t pirq, uint32_t port);
/* Mask it. It must be bound. */
void pirq_unbind(uint32_t pirq);

/* The guest is done with the last interrupt. Uncalled for, it does nothing. */
int pirq_eoi(const struct hv_domain *domain, uint32_t pirq);

/* A vector from VECTOR_DEVICE_FIRST to VECTOR_DEVICE_LAST was raised. Interrupts are off. */
void pirq_interrupt(unsigned int vector);

/* ioapic_read_at() under the lock. */
bool pirq_read_ioapic(uint64_t physical, uint32_t index, uint32_t *value);

#endif
