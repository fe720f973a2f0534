/* SPDX-License-Identifier: BSD-2-Clause */
/* The reports on domains, their vCPUs, the CPU that these share, and their event channels. */
#include "hv/console/console.h"
#include "hv/debug/reports.h"
#include "hv/sched/sched.h"
#include "hv/time/time.h"
#include "hv/vcpu.h"
#include "lib/format.h"

#include <xen/sched.h>

#define WORD_BITS 64U
#define NS_PER_MS UINT64_C(1000000)

static bool port_bit(const xen_ulong_t words[], uint32_t port)
{
    uint64_t word = __atomic_load_n(&words[port / WORD_BITS], __ATOMIC_RELAXED);
    return ((word >> (port % WORD_BITS)) & 1) != 0;
}

/* ---- domains ------------------------------------------------------------------------------- */

static bool domain_is_stopped(const struct hv_domain *domain)
{
    return domain->core.is_dying || domain->is_shut_down || domain->pause_count > 0;
}

/* What the vCPU is doing, or what keeps it from running. */
static const char *vcpu_activity(const struct hv_vcpu *vcpu)
{
    if (!vcpu->is_up) {
        return "down";
    }
    if (domain_is_stopped(hv_vcpu_domain(vcpu))) {
        return "stopped";
    }
    if (vcpu->blocked) {
        return vcpu->poll_count > 0 ? "polling" : "blocked";
    }
    return vcpu == sched_running() ? "running" : "waiting for the CPU";
}

static void print_vcpu(const struct hv_vcpu *vcpu)
{
    console_log(LOG_ALWAYS, "d%uv%u: %s, %s mode, events %s and %s", vcpu->core.domain->id,
                vcpu->core.id, vcpu_activity(vcpu), vcpu->in_kernel ? "kernel" : "user",
                vcpu->info->evtchn_upcall_pending != 0 ? "pending" : "not pending",
                vcpu->info->evtchn_upcall_mask != 0 ? "masked" : "open");
}

static void print_ports(const struct hv_domain *domain)
{
    unsigned int open = 0;
    unsigned int pending = 0;
    unsigned int masked = 0;
    for (uint32_t port = 1; port < EVTCHN_LIMIT; port++) {
        if (evtchn_at(&domain->evtchns, port)->state != EVTCHN_CLOSED) {
            open++;
            pending += port_bit(domain->shared->evtchn_pending, port) ? 1 : 0;
            masked += port_bit(domain->shared->evtchn_mask, port) ? 1 : 0;
        }
    }
    console_log(LOG_ALWAYS, "d%u: %u event channels open, %u pending, %u masked", domain->core.id,
                open, pending, masked);
}

static const char *domain_state(const struct hv_domain *domain)
{
    if (domain->core.is_dying) {
        return "dying";
    }
    if (domain->is_shut_down) {
        return domain->shutdown_code == SHUTDOWN_crash ? "crashed" : "shut down";
    }
    return domain->pause_count > 0 ? "paused" : "alive";
}

static void print_domain(const struct hv_domain *domain)
{
    const struct domain *core = &domain->core;
    char limit[40] = "no limit";
    if (core->page_limit != UINT64_MAX) {
        format_text(limit, sizeof(limit), "at most %lu", core->page_limit);
    }
    console_log(LOG_ALWAYS, "d%u: %s, %lu frames (%s), vCPUs: %u", core->id, domain_state(domain),
                core->page_count, limit, core->vcpu_count);
}

static void print_cpu(void)
{
    console_log(LOG_ALWAYS, "CPU 0: idle for %lu of %lu ms, %lu timer interrupts",
                sched_idle_ns() / NS_PER_MS, time_now_ns() / NS_PER_MS, time_interrupt_count());
}

void domains_print(void)
{
    for (unsigned int id = 0; id < DOMAIN_LIMIT; id++) {
        struct domain *core = machine.domains[id];
        if (core == NULL) {
            continue;
        }
        print_domain(hv_domain_of(core));
        print_ports(hv_domain_of(core));
        for (unsigned int i = 0; i < VCPU_LIMIT; i++) {
            if (core->vcpus[i] != NULL) {
                print_vcpu(hv_vcpu_of(core->vcpus[i]));
            }
        }
    }
    print_cpu();
}

/* ---- event channels ------------------------------------------------------------------------ */

/* What the port is connected to. */
static void describe_port(const struct evtchn *port, char *text, size_t size)
{
    switch ((enum evtchn_state)port->state) {
    case EVTCHN_CLOSED:
        format_text(text, size, "closed");
        break;
    case EVTCHN_UNBOUND:
        format_text(text, size, "waits for d%u", port->remote_domain);
        break;
    case EVTCHN_INTERDOMAIN:
        format_text(text, size, "to port %u of d%u", port->remote_port, port->remote_domain);
        break;
    case EVTCHN_HYPERVISOR:
        format_text(text, size, "to the hypervisor: console");
        break;
    case EVTCHN_PIRQ:
        format_text(text, size, "PIRQ %u", port->pirq);
        break;
    case EVTCHN_VIRQ:
        format_text(text, size, "VIRQ %u", port->virq);
        break;
    case EVTCHN_IPI:
        format_text(text, size, "IPI");
        break;
    }
}

static void print_events_of(const struct hv_domain *domain)
{
    for (uint32_t number = 1; number < EVTCHN_LIMIT; number++) {
        const struct evtchn *port = evtchn_at(&domain->evtchns, number);
        if (port->state == EVTCHN_CLOSED) {
            continue;
        }
        char text[48];
        describe_port(port, text, sizeof(text));
        console_log(LOG_ALWAYS, "d%uv%u port %u: %s%s%s", domain->core.id, port->vcpu, number, text,
                    port_bit(domain->shared->evtchn_pending, number) ? ", pending" : "",
                    port_bit(domain->shared->evtchn_mask, number) ? ", masked" : "");
    }
}

void events_print(void)
{
    for (unsigned int id = 0; id < DOMAIN_LIMIT; id++) {
        if (machine.domains[id] != NULL) {
            print_events_of(hv_domain_of(machine.domains[id]));
        }
    }
}
