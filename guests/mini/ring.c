/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/mini/ring.h"

#include "guests/lib/hypercall.h"
#include "guests/lib/start.h"
#include "lib/format.h"

#include <xen/io/console.h>

/* The builder maps the ring with the rest of the domain's first pages. */
static struct xencons_interface *ring(void)
{
    const uint64_t *machine_to_physical = (const uint64_t *)HYPERVISOR_VIRT_START;
    uint64_t pfn = machine_to_physical[start_info->console.domU.mfn];
    return (struct xencons_interface *)(VIRT_BASE + pfn * PAGE_SIZE);
}

static void notify_reader(void)
{
    struct evtchn_send send = {.port = start_info->console.domU.evtchn};
    hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static void ring_write(const char *text, size_t length)
{
    struct xencons_interface *console = ring();
    XENCONS_RING_IDX produced = console->out_prod;
    for (size_t i = 0; i < length; i++) {
        while (produced - __atomic_load_n(&console->out_cons, __ATOMIC_ACQUIRE) >=
               sizeof(console->out)) {
            notify_reader();
            hypercall_sched_op(SCHEDOP_yield, NULL);
        }
        console->out[MASK_XENCONS_IDX(produced, console->out)] = text[i];
        __atomic_store_n(&console->out_prod, ++produced, __ATOMIC_RELEASE);
    }
    notify_reader();
}

void ring_print(const char *format, ...)
{
    static char text[512];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text_v(text, sizeof(text), format, arguments);
    va_end(arguments);
    length = min_u64(length, sizeof(text) - 1);
    if ((start_info->flags & SIF_INITDOMAIN) != 0) {
        hypercall_console_io(CONSOLEIO_write, length, text);
    } else {
        ring_write(text, length);
    }
}
