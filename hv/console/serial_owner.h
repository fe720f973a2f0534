/* SPDX-License-Identifier: BSD-2-Clause */
/* Which serial ports are the hypervisor's, for its console or a domain's: no guest gets at their
 * registers and interrupts. */
#ifndef HV_CONSOLE_SERIAL_OWNER_H
#define HV_CONSOLE_SERIAL_OWNER_H

#include "lib/options.h"

struct serial_port;

/* Boot, with interrupt controllers set up: take the console's port, if it has one, from guests, and
 * let it interrupt. */
void serial_own_console(const struct hv_options *options);

/* Boot: open port `number` (com1: 0) for a domain. NULL: done; else why not, as half a sentence. */
const char *serial_port_take(const struct hv_options *options, unsigned int number,
                             struct serial_port **port);
/* The domain has ended: another may take it. */
void serial_port_give_back(const struct serial_port *port);

#endif
