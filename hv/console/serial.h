/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serial ports: 16550 UARTs or what acts like one (PC16550D datasheet). Output is polled. Input is
 * taken byte by byte, by interrupt or by polling; while it is left alone, flow control (or the
 * emulator's back pressure) holds the sender, and nothing is dropped.
 */
#ifndef HV_CONSOLE_SERIAL_H
#define HV_CONSOLE_SERIAL_H

#include "lib/options.h"
#include "lib/compiler.h"

#define SERIAL_PORT_COUNT 8 /* I/O ports from the base on: not for guests */

struct serial_port;

/* Find and set up UART `number` (com1: 0), with its interrupts off. NULL: nothing there answers
 * like one. What was typed ahead can be taken now; serial_start() clears it. */
struct serial_port *serial_find(unsigned int number, const struct serial_settings *settings);
/* Switch its FIFOs on: ready for use. */
void serial_start(struct serial_port *port);

/* Send bytes, waiting for room. A UART that does not make room within about a second loses a byte,
 * and is not waited for again until it does. The caller serializes. */
void serial_write(struct serial_port *port, const char *bytes, size_t length);

/* Wait until all that was sent is on the wires: with the machine goes what is in its FIFOs.
 * As long as for room at most. */
void serial_finish(void);

/* Take one byte of input. False: none is there. The caller serializes. */
bool serial_take(const struct serial_port *port, char *byte);

/* Let the UART raise its interrupt for input, or not. Switched on while data waits, it raises the
 * line at once, so an edge-triggered controller misses nothing. */
void serial_set_interrupt(const struct serial_port *port, bool on);

#endif
