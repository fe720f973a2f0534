/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/guest_console.h"

#include "core/mmu_call.h"
#include "core/port.h"
#include "hv/console/console.h"
#include "hv/console/serial.h"
#include "hv/console/serial_owner.h"
#include "hv/entry/work.h"
#include "hv/vcpu.h"

#define TURN_BYTES 128U /* of output, about 10 ms on a slow line, and of input */
#define LAST_TURNS 32U  /* more than a full ring takes */
#define WORD_BITS  64U

/* Domains that want a turn, one bit each: atomic. */
static uint64_t waiting[DOMAIN_LIMIT / WORD_BITS];

static bool is_first(const struct hv_domain *domain)
{
    return domain->core.id == INPUT_FIRST_DOMAIN;
}

static void note(uint16_t domid)
{
    uint64_t *word = &waiting[index_nospec(domid, DOMAIN_LIMIT) / WORD_BITS];
    __atomic_fetch_or(word, UINT64_C(1) << (domid % WORD_BITS), __ATOMIC_RELAXED);
    cpu_work_raise(CPU_WORK_CONSOLE);
}

void guest_console_notify(const struct hv_domain *domain)
{
    note(domain->core.id);
}

void guest_console_input_arrived(uint16_t domid)
{
    note(domid);
}

/* ---- calls ----------------------------------------------------------------------------------- */

void guest_console_write(struct hv_domain *domain, const char *text, size_t length)
{
    struct guest_console *console = &domain->console;
    if (console->port != NULL) {
        console_write_own(&console->stream, text, length);
    } else if (is_first(domain)) {
        console_write_first(text, length);
    } else {
        console_write_tagged(&console->line, domain->core.id, text, length);
    }
}

bool guest_console_has_input(const struct hv_domain *domain)
{
    return is_first(domain) || domain->console.input.joined;
}

size_t guest_console_read(struct hv_domain *domain, char *to, size_t size)
{
    return is_first(domain) ? input_take_first(to, size)
                            : input_take(&domain->console.input, to, size);
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* Print some of what the ring has; true: there is more. The guest may wait for an empty ring. */
static bool take_output(struct hv_domain *domain)
{
    struct guest_console *console = &domain->console;
    char text[TURN_BYTES];
    bool more;
    size_t count = pv_ring_take(&console->ring, text, sizeof(text), &more);
    guest_console_write(domain, text, count);
    if (count > 0 && !more) {
        evtchn_raise_hypervisor(domain, console->event);
    }
    return more;
}

/* Move some of what was typed to the ring; true: there is more, and room for it. */
static bool give_input(struct hv_domain *domain)
{
    struct guest_console *console = &domain->console;
    char text[TURN_BYTES];
    size_t room = pv_ring_room(&console->ring);
    size_t count = input_take(&console->input, text, min_u64(room, sizeof(text)));
    if (count == 0) {
        return false;
    }
    pv_ring_give(&console->ring, text, count);
    evtchn_raise_hypervisor(domain, console->event);
    return count < room && !input_is_empty(&console->input);
}

/* Bounded, so that others come in between. True: another one is wanted. The turn's lock is held. */
static bool take_turn(struct hv_domain *domain)
{
    struct guest_console *console = &domain->console;
    if (console->ring.page == NULL) {
        if (!input_is_empty(&console->input)) {
            evtchn_raise_global_virq(domain, VIRQ_CONSOLE);
        }
        return false;
    }
    bool more_output = take_output(domain);
    bool more_input = give_input(domain);
    return more_output || more_input;
}

static void serve(uint16_t domid)
{
    struct domain *core = domain_find(domid);
    if (core == NULL) {
        return; /* it has ended since */
    }
    struct hv_domain *domain = hv_domain_of(core);
    ticket_lock_take(&domain->console.turn);
    bool more = take_turn(domain);
    ticket_lock_release(&domain->console.turn);
    if (more) {
        note(domid);
    }
}

void guest_consoles_serve(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(waiting); i++) {
        uint64_t word = __atomic_exchange_n(&waiting[i], 0, __ATOMIC_RELAXED);
        for (; word != 0; word &= word - 1) {
            serve((uint16_t)(i * WORD_BITS + (unsigned int)__builtin_ctzll(word)));
        }
    }
}

void guest_console_owner_changed(uint16_t owner)
{
    struct domain *core = owner != INPUT_FIRST_DOMAIN ? domain_find(owner) : NULL;
    if (core != NULL) {
        console_show_line(&hv_domain_of(core)->console.line, owner);
    }
}

/* ---- a domain begins and ends ---------------------------------------------------------------- */

const char *guest_console_use_port(struct hv_domain *domain, const struct hv_options *options,
                                   unsigned int number)
{
    ASSERT(!domain->console.input.joined);
    const char *refusal = serial_port_take(options, number, &domain->console.port);
    if (refusal == NULL) {
        console_open_stream(&domain->console.stream, domain->console.port);
    }
    return refusal;
}

int guest_console_open(struct hv_domain *domain, uint32_t *event)
{
    struct guest_console *console = &domain->console;
    int result = evtchn_open_hypervisor(domain, event);
    if (result == 0) {
        console->event = *event;
        input_join(&console->input, domain->core.id, console->port);
    }
    return result;
}

enum status guest_console_attach(struct hv_domain *domain, mfn_t ring)
{
    struct guest_console *console = &domain->console;
    enum status status = domain_take_console_frame(&domain->core, ring);
    if (status == STATUS_OK) {
        ticket_lock_take(&console->turn);
        pv_ring_open(&console->ring, port_map_frame(ring));
        ticket_lock_release(&console->turn);
        note(domain->core.id);
    }
    return status;
}

/* What it wrote last, before its memory goes. */
static void take_last_turns(struct hv_domain *domain)
{
    struct guest_console *console = &domain->console;
    bool more = console->ring.page != NULL;
    for (unsigned int turn = 0; turn < LAST_TURNS && more; turn++) {
        ticket_lock_take(&console->turn);
        more = take_output(domain);
        ticket_lock_release(&console->turn);
    }
    ticket_lock_take(&console->turn);
    console->ring.page = NULL;
    console->event = 0;
    ticket_lock_release(&console->turn);
}

void guest_console_detach(struct hv_domain *domain)
{
    struct guest_console *console = &domain->console;
    take_last_turns(domain);
    domain_drop_console_frame(&domain->core);
    input_leave(&console->input);
    if (console->port != NULL) {
        serial_port_give_back(console->port);
        console->port = NULL;
    } else if (!is_first(domain)) {
        console_finish_line(&console->line, domain->core.id);
    }
}
