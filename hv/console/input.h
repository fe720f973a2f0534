/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Console input: from the serial ports to queues, and whose it is. The shared line's goes to one
 * owner at a time, the first domain at first, and three times Ctrl-a (option conswitch) hand it on
 * (input_switch.h). A port of its own belongs to one domain.
 *
 * One lock, taken with interrupts off, covers the queues, the owner and the receivers. Functions
 * may be called on any CPU, in interrupt handlers too.
 */
#ifndef HV_CONSOLE_INPUT_H
#define HV_CONSOLE_INPUT_H

#include "hv/console/byte_queue.h"
#include "hv/console/input_switch.h"
#include "lib/options.h"

struct serial_port;

/* A domain, but not the first one, that takes input. */
struct input_member {
    uint16_t domid;
    bool joined;
    struct serial_port *port; /* its own; NULL: the shared line */
    struct byte_queue queue;
    struct input_member *next; /* the next higher domid */
};

/* Open the shared line's input; `line` may be NULL. What was typed ahead is taken. */
void input_init(const struct hv_options *options, struct serial_port *line);

/* Let the ports raise their interrupts: the first CPU can take them now. */
void input_enable_interrupts(void);

/* The serial interrupt's handler, before lapic_eoi() or after. */
void input_interrupt(void);

/* The domain takes input from now on, in its turn on the shared line or, if `port` is not NULL,
 * from that alone. Its queue is emptied. */
void input_join(struct input_member *member, uint16_t domid, struct serial_port *port);
/* No longer. If it had the shared line's, that goes on to the next; nothing typed is kept. */
void input_leave(struct input_member *member);

/* All domains of the start are there: if there is no first domain, the input is the next one's, and
 * what was typed ahead too. */
void input_settle(bool has_first);

/* Take up to `size` bytes of what was typed for the domain; the result says how many. */
size_t input_take(struct input_member *member, char *to, size_t size);
/* The same for the first domain. */
size_t input_take_first(char *to, size_t size);

bool input_is_empty(const struct input_member *member);

/* Whose the shared line's input is (input_switch.h). */
uint16_t input_owner(void);
/* Who gets it after the hypervisor; itself if nobody else does. */
uint16_t input_after_hypervisor(void);
/* The letter that goes with Ctrl to switch. */
char input_switch_letter(void);

/* ---- what this asks of the rest of the hypervisor ------------------------------------------ */

/* Bytes have come for the first domain. Interrupts off, no lock held, from an interrupt or
 * input_take_first(). Defined where VIRQ_CONSOLE is raised. */
void console_input_arrived(void);

/* Bytes have come for another domain; the input was switched; a key was typed while it is the
 * hypervisor's. With interrupts off and the input's lock held, the last two also at boot before
 * there is anything: note it and return. For the last two, console_keys_arrived() is called then,
 * without the lock. */
void guest_console_input_arrived(uint16_t domid);
void console_input_switched(uint16_t owner);
void console_key_typed(char key);
void console_keys_arrived(void);

#endif
