/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/lib/console.h"

#include "guests/lib/hypercall.h"
#include "lib/check.h"
#include "lib/format.h"

void print(const char *format, ...)
{
    static char line[512];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text_v(line, sizeof(line), format, arguments);
    va_end(arguments);
    hypercall_console_io(CONSOLEIO_write, min_u64(length, sizeof(line) - 1), line);
}

void guest_shutdown(unsigned int reason)
{
    struct sched_shutdown shutdown = {.reason = reason};
    for (;;) {
        hypercall_sched_op(SCHEDOP_shutdown, &shutdown);
    }
}

/* A broken promise inside the runtime itself: nothing after it could be believed. */
void check_failed(const char *file, int line, const char *condition)
{
    print("PANIC %s:%d: %s\n", file, line, condition);
    guest_shutdown(SHUTDOWN_crash);
}
