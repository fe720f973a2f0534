/* SPDX-License-Identifier: BSD-2-Clause */
/* What the console asks of the rest of the hypervisor. */
#ifndef HV_CONSOLE_INPUT_H
#define HV_CONSOLE_INPUT_H

#include "lib/compiler.h"

/* Called when bytes have come in that console_read() can take, with interrupts off and no lock
 * held, from an interrupt or serial_poll(). Defined where VIRQ_CONSOLE is raised. */
void console_input_arrived(void);

/* The input was switched; a key was typed while it is the hypervisor's. With interrupts off and the
 * input's lock held, also at boot before there is anything: note it and return. Then, without the
 * lock, console_keys_arrived() is called. Defined where the debug keys are. */
void console_input_switched(bool to_hypervisor);
void console_key_typed(char key);
void console_keys_arrived(void);

#endif
