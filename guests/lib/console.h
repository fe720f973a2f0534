/* SPDX-License-Identifier: BSD-2-Clause */
/* Text to the hypervisor's console, and the way out. */
#ifndef GUESTS_LIB_CONSOLE_H
#define GUESTS_LIB_CONSOLE_H

#include "lib/compiler.h"

/* One call of console_io for the whole text, so that lines of two domains do not mix. */
void print(const char *format, ...) PRINTF_FORMAT(1, 2);

/* End the domain; `reason` is one of SHUTDOWN_* of the ABI. */
NORETURN void guest_shutdown(unsigned int reason);

#endif
