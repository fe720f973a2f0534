/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's console: its messages, guests' raw output, and input. All functions may be
 * called on any CPU, in interrupt handlers too; one lock, taken with interrupts off, orders the
 * output. The lock is a leaf: nothing else is taken under it.
 */
#ifndef HV_CONSOLE_CONSOLE_H
#define HV_CONSOLE_CONSOLE_H

#include <stdarg.h>

#include "lib/options.h"
#include "hv/console/input.h"
#include "lib/log_level.h"
#include "lib/compiler.h"

/* Open the device the options name and print what was logged before, as far as it was kept.
 * False: the device that was asked for is not there. */
bool console_init(const struct hv_options *options);

/*
 * Print "(PIN) " and the message as a line of its own, if the loglvl option lets `level` through
 * (LOG_ALWAYS: it always does). No '\n' is needed at the end; one inside starts a tagged line.
 * Cut after 255 characters. Before console_init() it is kept in a small buffer.
 */
void console_log(enum log_level level, const char *format, ...) PRINTF_FORMAT(2, 3);
void console_log_v(enum log_level level, const char *format, va_list arguments) PRINTF_FORMAT(2, 0);

/* The same for what a guest's doing caused: "(PIN) d0v1 " and guest_loglvl. LOG_ALWAYS is neither
 * filtered nor limited: not for what a guest can cause at will. Dropped before console_init(). */
void console_log_guest(uint16_t domid, uint32_t vcpu_id, enum log_level level, const char *format,
                       ...) PRINTF_FORMAT(4, 5);

/* Raw output of a guest; see console_line_write_guest(). Dropped before console_init(). */
void console_write_guest(const char *text, size_t length);

/* Take up to `size` bytes of input; the result says how many there were. */
size_t console_read(char *buffer, size_t size);

/* The machine is about to stop: from here on print without waiting for the lock, whose holder may
 * be the very code that failed. */
void console_enter_panic(void);

#endif
