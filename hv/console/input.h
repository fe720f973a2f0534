/* SPDX-License-Identifier: BSD-2-Clause */
/* What the console asks of the rest of the hypervisor. */
#ifndef HV_CONSOLE_INPUT_H
#define HV_CONSOLE_INPUT_H

/* Called when bytes have come in that console_read() can take, with interrupts off and no lock
 * held, from an interrupt or serial_poll(). Defined where VIRQ_CONSOLE is raised. */
void console_input_arrived(void);

#endif
