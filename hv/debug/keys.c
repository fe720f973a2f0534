/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/debug/keys.h"

#include "hv/console/console.h"
#include "hv/cpu/msr.h"
#include "hv/debug/audit.h"
#include "hv/debug/reports.h"
#include "hv/debug/state.h"
#include "hv/entry/work.h"
#include "lib/ticket_lock.h"

#define QUEUE_SIZE 64U

/* In the queue these stand for the switches; keys are printable characters. */
#define SWITCHED_TO_HYPERVISOR '\x01'
#define SWITCHED_TO_GUEST      '\x02'

/* What was typed and not acted upon yet: `lock`, a leaf, with interrupts off. Positions count up
 * for ever. What does not fit is dropped. */
static struct {
    struct ticket_lock lock;
    uint32_t head;
    uint32_t tail;
    char keys[QUEUE_SIZE];
} queue;

/* ---- the queue ----------------------------------------------------------------------------- */

static void queue_put(char key)
{
    uint64_t flags = irq_save();
    ticket_lock_take(&queue.lock);
    if (queue.head - queue.tail < QUEUE_SIZE) {
        queue.keys[queue.head++ % QUEUE_SIZE] = key;
    }
    ticket_lock_release(&queue.lock);
    irq_restore(flags);
}

static bool queue_take(char *key)
{
    uint64_t flags = irq_save();
    ticket_lock_take(&queue.lock);
    bool any = queue.head != queue.tail;
    if (any) {
        *key = queue.keys[queue.tail++ % QUEUE_SIZE];
    }
    ticket_lock_release(&queue.lock);
    irq_restore(flags);
    return any;
}

void console_key_typed(char key)
{
    if (key > ' ' && key <= '~') {
        queue_put(key);
    }
}

void console_input_switched(bool to_hypervisor)
{
    queue_put(to_hypervisor ? SWITCHED_TO_HYPERVISOR : SWITCHED_TO_GUEST);
}

void console_keys_arrived(void)
{
    cpu_work_raise(CPU_WORK_DEBUG_KEYS);
}

/* ---- the keys ------------------------------------------------------------------------------ */

static void print_help(void);

static void print_memory(void)
{
    memory_print(LOG_ALWAYS);
}

static void print_current_registers(void)
{
    vcpu_print_state(current_vcpu(), current_registers());
}

static void print_current_walks(void)
{
    vcpu_print_walks(current_vcpu(), current_registers());
}

static const struct {
    char key;
    const char *text;
    void (*act)(void);
} keys[] = {
    {'h', "this help", print_help},
    {'q', "domains and their vCPUs", domains_print},
    {'m', "memory: RAM, what is free, what is our own", print_memory},
    {'d', "registers of the current vCPU", print_current_registers},
    {'e', "event channels", events_print},
    {'v', "frames by type and owner", frames_print},
    {'V', "audit: recount all references", audit_print},
    {'k', "page-table walks of the current vCPU: rip, rsp, cr2", print_current_walks},
};

static void print_help(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        console_log(LOG_ALWAYS, "key %c: %s", keys[i].key, keys[i].text);
    }
    console_log(LOG_ALWAYS, "three times Ctrl-a: input to d0 again");
}

static void act_on(char key)
{
    if (key == SWITCHED_TO_HYPERVISOR) {
        console_log(LOG_ALWAYS, "serial input: to the hypervisor (h for help; three times Ctrl-a "
                                "to switch back)");
        return;
    }
    if (key == SWITCHED_TO_GUEST) {
        console_log(LOG_ALWAYS, "serial input: to d0 (three times Ctrl-a to switch)");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].key == key) {
            keys[i].act();
            return;
        }
    }
    console_log(LOG_ALWAYS, "key %c: unknown (h for help)", key);
}

void debug_keys_handle(void)
{
    char key;
    while (queue_take(&key)) {
        act_on(key);
    }
}
