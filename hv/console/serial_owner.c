/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/serial_owner.h"

#include "hv/console/input.h"
#include "hv/console/serial.h"
#include "hv/emul/ports.h"
#include "hv/irq/ioapic.h"
#include "hv/irq/lapic.h"
#include "hv/irq/pirq.h"
#include "hv/irq/vectors.h"
#include "lib/check.h"

/* At boot only, but for `users` when a domain ends. */
static bool owned[SERIAL_PORT_LIMIT];                      /* not for guests any more */
static const struct serial_port *users[SERIAL_PORT_LIMIT]; /* in use by a domain; NULL: by none */

/* Two ports may share an interrupt; routing it twice is no harm. */
static void own(unsigned int number, const struct serial_settings *settings)
{
    if (owned[number]) {
        return;
    }
    owned[number] = true;
    ports_deny(settings->io_base, (uint16_t)(settings->io_base + SERIAL_PORT_COUNT - 1));
    if (settings->irq != 0 && ioapic_route_isa(settings->irq, VECTOR_SERIAL, lapic_id())) {
        pirq_reserve_isa(settings->irq);
        ioapic_unmask(ioapic_isa_gsi(settings->irq));
    }
}

void serial_own_console(const struct hv_options *options)
{
    unsigned int number;
    if (options_console_port(options, &number)) {
        own(number, options_serial(options, number));
    }
    input_enable_interrupts();
}

const char *serial_port_take(const struct hv_options *options, unsigned int number,
                             struct serial_port **port)
{
    CHECK(number < SERIAL_PORT_LIMIT);
    unsigned int console;
    const struct serial_settings *settings = options_serial(options, number);
    if (options_console_port(options, &console) &&
        options_serial(options, console)->io_base == settings->io_base) {
        return "it is the hypervisor's console";
    }
    if (users[number] != NULL) {
        return "another domain has it";
    }
    struct serial_port *found = serial_find(number, settings);
    if (found == NULL) {
        return "there is no such port in this machine";
    }
    serial_start(found);
    own(number, settings);
    users[number] = found;
    *port = found;
    return NULL;
}

void serial_port_give_back(const struct serial_port *port)
{
    for (unsigned int i = 0; i < SERIAL_PORT_LIMIT; i++) {
        if (users[i] == port) {
            users[i] = NULL;
        }
    }
}
