/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/debug/keys.h"

#include "hv/console/console.h"
#include "hv/console/guest_console.h"
#include "hv/cpu/msr.h"
#include "hv/debug/audit.h"
#include "hv/debug/reports.h"
#include "hv/debug/state.h"
#include "hv/entry/work.h"
#include "lib/ticket_lock.h"

#define QUEUE_SIZE 64U

/* A key, or that the input was switched. */
struct entry {
    char key; /* printable; 0: a switch */
    uint16_t owner;
};

/* What was typed and not acted upon yet: `lock`, a leaf, with interrupts off. Positions count up
 * for ever. What does not fit is dropped. */
static struct {
    struct ticket_lock lock;
    uint32_t head;
    uint32_t tail;
    struct entry entries[QUEUE_SIZE];
} queue;

/* ---- the queue ----------------------------------------------------------------------------- */

static void queue_put(struct entry entry)
{
    uint64_t flags = irq_save();
    ticket_lock_take(&queue.lock);
    if (queue.head - queue.tail < QUEUE_SIZE) {
        queue.entries[queue.head++ % QUEUE_SIZE] = entry;
    }
    ticket_lock_release(&queue.lock);
    irq_restore(flags);
}

static bool queue_take(struct entry *entry)
{
    uint64_t flags = irq_save();
    ticket_lock_take(&queue.lock);
    bool any = queue.head != queue.tail;
    if (any) {
        *entry = queue.entries[queue.tail++ % QUEUE_SIZE];
    }
    ticket_lock_release(&queue.lock);
    irq_restore(flags);
    return any;
}

void console_key_typed(char key)
{
    if (key > ' ' && key <= '~') {
        queue_put((struct entry){.key = key});
    }
}

void console_input_switched(uint16_t owner)
{
    queue_put((struct entry){.owner = owner});
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

/* Before the first domain runs, and between two that unpack kernels, nobody is loaded. */
static void print_current(void (*print)(const struct hv_vcpu *vcpu,
                                        const struct cpu_user_regs *regs))
{
    if (current_vcpu() == NULL) {
        console_log(LOG_ALWAYS, "no vCPU is on the CPU yet");
        return;
    }
    print(current_vcpu(), current_registers());
}

static void print_current_registers(void)
{
    print_current(vcpu_print_state);
}

static void print_current_walks(void)
{
    print_current(vcpu_print_walks);
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
    uint16_t next = input_after_hypervisor();
    if (next != INPUT_HYPERVISOR) {
        console_log(LOG_ALWAYS, "three times Ctrl-%c: input to d%u%s", input_switch_letter(), next,
                    next == INPUT_FIRST_DOMAIN ? " again" : "");
    }
}

void debug_key_act(char key)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].key == key) {
            keys[i].act();
            return;
        }
    }
    console_log(LOG_ALWAYS, "key %c: unknown (h for help)", key);
}

static void act_on_switch(uint16_t owner)
{
    char letter = input_switch_letter();
    if (owner == INPUT_HYPERVISOR) {
        console_log(LOG_ALWAYS,
                    "serial input: to the hypervisor (h for help; three times Ctrl-%c to switch "
                    "%s)",
                    letter, input_after_hypervisor() == INPUT_FIRST_DOMAIN ? "back" : "on");
    } else {
        console_log(LOG_ALWAYS, "serial input: to d%u (three times Ctrl-%c to switch)", owner,
                    letter);
    }
    guest_console_owner_changed(owner);
}

void debug_keys_handle(void)
{
    struct entry entry;
    while (queue_take(&entry)) {
        if (entry.key != '\0') {
            debug_key_act(entry.key);
        } else {
            act_on_switch(entry.owner);
        }
    }
}
