/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's console: its messages and guests' output, and what was printed last. All
 * functions may be called on any CPU, in interrupt handlers too; one lock, taken with interrupts
 * off, orders the output. The lock is a leaf: nothing else is taken under it.
 */
#ifndef HV_CONSOLE_CONSOLE_H
#define HV_CONSOLE_CONSOLE_H

#include <stdarg.h>

#include "lib/options.h"
#include "hv/console/line.h"
#include "lib/log_level.h"
#include "lib/compiler.h"

struct serial_port;

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

/* Whether that prints messages of this level at all, as long as there are not too many. */
bool console_shows_guest(enum log_level level);

/* Raw output of the first domain; see console_line_write_guest(). Dropped before console_init(), as
 * all guests' output is. */
void console_write_first(const char *text, size_t length);

/* Output of another domain on the shared line; see console_line_write_tagged(): live while it has
 * the input. `line` has all of it that waits: the console's lock. */
void console_write_tagged(struct guest_line *line, uint16_t domid, const char *text, size_t length);
/* What waits becomes visible: a prompt, when the domain gets the input. */
void console_show_line(struct guest_line *line, uint16_t domid);
/* The domain goes: nothing may wait, nor its line be open. */
void console_finish_line(struct guest_line *line, uint16_t domid);

/* A serial port of a domain's own, and output to it, byte for byte but for line ends. */
void console_open_stream(struct console_line *stream, struct serial_port *port);
void console_write_own(struct console_line *stream, const char *text, size_t length);

/*
 * The last that was printed (conring.h): our messages, tagged domains' lines, and with the option
 * console_to_ring the first domain's output. Copies up to `size` bytes from `*index` on, and moves
 * it; few at a time, for the console waits. From the oldest if they are gone.
 */
size_t console_ring_read(char *to, size_t size, uint32_t *index);
uint32_t console_ring_oldest(void);
/* Forget what is before `index`. */
void console_ring_forget(uint32_t index);
/* Boot: keep more from now on. `size` is a power of two, and not less than before. */
void console_ring_move(char *bytes, uint32_t size);

/* The machine is about to stop: from here on print without waiting for the lock, whose holder may
 * be the very code that failed. */
void console_enter_panic(void);

#endif
