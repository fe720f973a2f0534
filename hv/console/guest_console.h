/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain's console, where no daemon serves it: its output on the shared line, with its tag, or on
 * a serial port of its own; its input from there. Both also through the PV console ring
 * (xen/io/console.h), whose other end is the hypervisor, as is that of its event channel.
 *
 *     console_io write ---------.                        ,--> shared line: tagged (first domain:
 * raw) ring, event -> work -> a turn -> guest_console_write
 *                                                        `--> serial port of its own: raw
 *     typed -> queue -> work -> a turn -> ring, event
 *                    `--------> VIRQ_CONSOLE, console_io read    (first domain; no ring attached)
 *
 * A domain made by a tool has a daemon for its ring: nothing need be opened for it, and all zeros
 * will do. Its own lock orders the turns; the output's and the input's are taken under it.
 */
#ifndef HV_CONSOLE_GUEST_CONSOLE_H
#define HV_CONSOLE_GUEST_CONSOLE_H

#include "core/status.h"
#include "hv/console/input.h"
#include "hv/console/line.h"
#include "hv/console/pv_ring.h"
#include "lib/frame_number.h"
#include "lib/ticket_lock.h"

struct hv_domain;
struct hv_options;

/* In struct hv_domain. Start with all zeros. */
struct guest_console {
    struct serial_port *port;   /* its own; set before the domain runs. NULL: the shared line */
    struct console_line stream; /* to that port: the console's lock */
    struct guest_line line;     /* on the shared line: likewise */
    struct input_member input;  /* the input's lock */
    struct ticket_lock turn;
    struct pv_ring ring; /* `turn`. Without a page: not attached */
    uint32_t event;      /* `turn`. The domain's event channel for the ring; 0: none */
};

/* ---- for who makes and ends domains ---------------------------------------------------------- */

/* Boot: give the domain serial port `number` (com1: 0) instead of the shared line; before
 * guest_console_open(). NULL: done; else the reason why not, as half a sentence. */
const char *guest_console_use_port(struct hv_domain *domain, const struct hv_options *options,
                                   unsigned int number);

/* The domain, not the first, takes part in the input, and gets an event channel for its ring: the
 * number is for its start_info. -ENOSPC: it has none left. */
int guest_console_open(struct hv_domain *domain, uint32_t *event);

/* Serve the ring in this frame of the domain's from now on, to guest_console_detach(). Once. */
NODISCARD enum status guest_console_attach(struct hv_domain *domain, mfn_t ring);

/* The domain ends (any but the first): takes a last turn, shows what waits, lets go of ring, port
 * and input. No lock is held. Once more, or without guest_console_open(), is harmless. */
void guest_console_detach(struct hv_domain *domain);

/* ---- for calls and events -------------------------------------------------------------------- */

/* What the domain writes. */
void guest_console_write(struct hv_domain *domain, const char *text, size_t length);

/* Does the domain get input? Take up to `size` bytes of it. */
bool guest_console_has_input(const struct hv_domain *domain);
size_t guest_console_read(struct hv_domain *domain, char *to, size_t size);

/* The domain has sent an event about its ring. Any CPU, any context, any lock held: noted. */
void guest_console_notify(const struct hv_domain *domain);

/* Give each domain that needs it a turn; where cpu_work_perform() is called. */
void guest_consoles_serve(void);

/* The shared line's input is another's: what waits of a new owner's line becomes visible. */
void guest_console_owner_changed(uint16_t owner);

#endif
