/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console's serial port: a 16550 UART or one that acts like it (PC16550D datasheet). Output is
 * polled. Input goes to a ring in memory, by interrupt or by polling; when the ring is full the
 * UART is left alone, so that flow control (or the emulator's back pressure) holds the sender and
 * nothing is dropped.
 */
#ifndef HV_CONSOLE_SERIAL_H
#define HV_CONSOLE_SERIAL_H

#include "lib/options.h"
#include "lib/compiler.h"

#define SERIAL_PORT_COUNT 8 /* I/O ports from the base on: not for guests */

/* Find and set up the UART, with its interrupts off. False: nothing there answers like one. */
bool serial_init(const struct serial_settings *settings);

/* Send one byte, waiting for room. A UART that does not make room within about a second loses the
 * byte, and is not waited for again until it does. The caller serializes. */
void serial_put(char byte);

/* Let the UART raise its interrupt for input. Call once the interrupt is routed. */
void serial_enable_interrupt(void);

/* The interrupt handler; before lapic_eoi() or after. Takes input into the ring and calls
 * console_input_arrived() if there was any. */
void serial_interrupt(void);

/* What the interrupt does; also to be called where there may be input and was no interrupt. */
void serial_poll(void);

/* Take up to `size` bytes of input; the result says how many there were. Any CPU, any time. */
size_t serial_read(char *buffer, size_t size);

#endif
