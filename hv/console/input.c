/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/input.h"

#include "hv/console/serial.h"
#include "hv/cpu/msr.h"
#include "lib/check.h"

/* What is taken under one hold of the lock. A port that has more interrupts again when it is
 * listened to: real ones have no more than 16, an emulated one has what its writer holds ready. */
#define POLL_LIMIT 64

/* `lock` guards all of it, and the UARTs' receive side, with interrupts off. */
static struct {
    bool lock;
    bool interrupts_wanted; /* input_enable_interrupts() was called */
    bool first_arrived;     /* something came for the first domain; it has yet to be told */
    bool has_keys;          /* and for the hypervisor */
    bool has_first;         /* there is, or will be, a first domain */
    uint16_t owner;         /* of the shared line's input; read without the lock too */
    struct input_switch keys;
    struct serial_port *line;
    struct byte_queue first; /* also before the first domain is there */
    struct input_member *members;
} input = {.has_first = true, .keys.letter = 'a'};

static uint64_t input_lock(void)
{
    uint64_t flags = irq_save();
    while (__atomic_test_and_set(&input.lock, __ATOMIC_ACQUIRE)) {
        cpu_pause();
    }
    return flags;
}

static void input_unlock(uint64_t flags)
{
    __atomic_clear(&input.lock, __ATOMIC_RELEASE);
    irq_restore(flags);
}

/* Let go of the lock, and tell who has to know what came. */
static void unlock_and_tell(uint64_t flags)
{
    bool first_arrived = input.first_arrived;
    bool has_keys = input.has_keys;
    input.first_arrived = false;
    input.has_keys = false;
    __atomic_clear(&input.lock, __ATOMIC_RELEASE);
    if (first_arrived) {
        console_input_arrived();
    }
    if (has_keys) {
        console_keys_arrived();
    }
    irq_restore(flags);
}

/* ---- whose it is --------------------------------------------------------------------------- */

/* The first member on the shared line with a number above `domid`. */
static struct input_member *member_above(uint32_t domid)
{
    struct input_member *member = input.members;
    while (member != NULL && (member->domid <= domid || member->port != NULL)) {
        member = member->next;
    }
    return member;
}

static struct input_member *member_find(uint16_t domid)
{
    struct input_member *member = input.members;
    while (member != NULL && member->domid != domid) {
        member = member->next;
    }
    return member;
}

static uint16_t next_after(uint16_t owner)
{
    const struct input_member *member =
        member_above(owner == INPUT_HYPERVISOR ? INPUT_FIRST_DOMAIN : owner);
    return input_switch_next(owner, member != NULL ? member->domid : INPUT_HYPERVISOR,
                             input.has_first);
}

static void hand_on(void)
{
    __atomic_store_n(&input.owner, next_after(input.owner), __ATOMIC_RELAXED);
    input.has_keys = true;
    console_input_switched(input.owner);
}

uint16_t input_owner(void)
{
    return __atomic_load_n(&input.owner, __ATOMIC_RELAXED);
}

uint16_t input_after_hypervisor(void)
{
    uint64_t flags = input_lock();
    uint16_t next = next_after(INPUT_HYPERVISOR);
    input_unlock(flags);
    return next;
}

char input_switch_letter(void)
{
    return input.keys.letter;
}

/* ---- from the ports ------------------------------------------------------------------------ */

/* The shared line waits for the first domain alone. Another domain may never read, and then the
 * keys that switch could not come through: what it has no room for is dropped. */
static bool line_has_room(void)
{
    return input.owner != INPUT_FIRST_DOMAIN || !byte_queue_is_full(&input.first);
}

static void give_member(struct input_member *member, char byte)
{
    if (byte_queue_put(&member->queue, byte)) {
        guest_console_input_arrived(member->domid);
    }
}

static void take_line_byte(char byte)
{
    if (input_switch_take(&input.keys, byte)) {
        hand_on();
    } else if (input.owner == INPUT_HYPERVISOR) {
        console_key_typed(byte);
        input.has_keys = true;
    } else if (input.owner == INPUT_FIRST_DOMAIN) {
        (void)byte_queue_put(&input.first, byte); /* line_has_room() */
        input.first_arrived = true;
    } else {
        give_member(member_find(input.owner), byte);
    }
}

/* An interrupt for input that there is no room for would be a storm. */
static void listen_line(bool on)
{
    if (input.line != NULL && input.interrupts_wanted) {
        serial_set_interrupt(input.line, on && line_has_room());
    }
}

/* Take what the shared line has while there is room, up to the limit. */
static void poll_line(void)
{
    char byte;
    unsigned int left = POLL_LIMIT;
    while (left-- > 0 && input.line != NULL && line_has_room() && serial_take(input.line, &byte)) {
        take_line_byte(byte);
    }
}

/* The same for a port of a domain's own, which waits for it. */
static void listen_port(const struct input_member *member, bool on)
{
    if (member->port != NULL && input.interrupts_wanted) {
        serial_set_interrupt(member->port, on && !byte_queue_is_full(&member->queue));
    }
}

static void poll_port(struct input_member *member)
{
    char byte;
    unsigned int left = POLL_LIMIT;
    while (left-- > 0 && member->port != NULL && !byte_queue_is_full(&member->queue) &&
           serial_take(member->port, &byte)) {
        give_member(member, byte);
    }
}

static void listen_all(bool on)
{
    listen_line(on);
    for (const struct input_member *member = input.members; member != NULL; member = member->next) {
        listen_port(member, on);
    }
}

/* Two ports may share an interrupt line, which is edge-triggered: all are silenced first, so that
 * the one that has something afterwards raises it anew. */
static void poll_all(void)
{
    listen_all(false);
    poll_line();
    for (struct input_member *member = input.members; member != NULL; member = member->next) {
        poll_port(member);
    }
    listen_all(true);
}

void input_interrupt(void)
{
    uint64_t flags = input_lock();
    poll_all();
    unlock_and_tell(flags);
}

void input_enable_interrupts(void)
{
    uint64_t flags = input_lock();
    input.interrupts_wanted = true;
    poll_all();
    unlock_and_tell(flags);
}

void input_init(const struct hv_options *options, struct serial_port *line)
{
    uint64_t flags = input_lock();
    input.keys.letter = options->conswitch.letter;
    input.owner = options->conswitch.to_hypervisor ? INPUT_HYPERVISOR : INPUT_FIRST_DOMAIN;
    input.line = line;
    poll_line();
    input_unlock(flags);
}

/* ---- to the domains ------------------------------------------------------------------------ */

void input_join(struct input_member *member, uint16_t domid, struct serial_port *port)
{
    uint64_t flags = input_lock();
    CHECK(!member->joined && domid != INPUT_FIRST_DOMAIN && member_find(domid) == NULL);
    struct input_member **place = &input.members;
    while (*place != NULL && (*place)->domid < domid) {
        place = &(*place)->next;
    }
    *member = (struct input_member){.domid = domid, .joined = true, .port = port, .next = *place};
    *place = member;
    poll_port(member);
    listen_port(member, true);
    unlock_and_tell(flags);
}

void input_leave(struct input_member *member)
{
    uint64_t flags = input_lock();
    if (member->joined) {
        if (input.owner == member->domid) {
            hand_on();
        }
        struct input_member **place = &input.members;
        while (*place != member) {
            place = &(*place)->next;
        }
        *place = member->next;
        member->joined = false;
        listen_port(member, false);
    }
    unlock_and_tell(flags);
}

void input_settle(bool has_first)
{
    uint64_t flags = input_lock();
    input.has_first = has_first;
    struct input_member *member = member_above(INPUT_FIRST_DOMAIN);
    if (!has_first && input.owner == INPUT_FIRST_DOMAIN && member != NULL) {
        __atomic_store_n(&input.owner, member->domid, __ATOMIC_RELAXED);
        char byte;
        while (byte_queue_take(&input.first, &byte, 1) == 1) {
            give_member(member, byte);
        }
        console_input_switched(input.owner);
        input.has_keys = true;
        poll_line();
        listen_line(true);
    }
    unlock_and_tell(flags);
}

/* The port may have been waiting for room; what comes in now is news as at any other time. */
size_t input_take(struct input_member *member, char *to, size_t size)
{
    uint64_t flags = input_lock();
    size_t count = 0;
    if (member->joined) {
        count = byte_queue_take(&member->queue, to, size);
        poll_port(member);
        listen_port(member, true);
    }
    unlock_and_tell(flags);
    return count;
}

size_t input_take_first(char *to, size_t size)
{
    uint64_t flags = input_lock();
    size_t count = byte_queue_take(&input.first, to, size);
    if (count > 0) {
        poll_line();
        listen_line(true);
    }
    unlock_and_tell(flags);
    return count;
}

bool input_is_empty(const struct input_member *member)
{
    uint64_t flags = input_lock();
    bool is_empty = byte_queue_is_empty(&member->queue);
    input_unlock(flags);
    return is_empty;
}
