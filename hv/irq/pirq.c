/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/irq/pirq.h"

#include "hv/acpi/acpi.h"
#include "hv/cpu/msr.h"
#include "hv/irq/ioapic.h"
#include "hv/irq/lapic.h"
#include "hv/irq/vectors.h"
#include "hv/refuse.h"
#include "hv/vcpu.h"
#include "lib/check.h"

#define PIRQ_LIMIT      256U
#define ISA_TIMER       0
#define VECTOR_INT_0X80 0x80 /* its gate is open to guests: an interrupt would look like INT */

struct line {
    const struct hv_domain *mapped_by; /* NULL: nobody */
    uint16_t port;                     /* 0: not bound */
    uint8_t vector;                    /* 0: none yet; kept for good once there is one */
    bool is_own;                       /* the hypervisor's */
    bool is_wired;                     /* pirq_set_wiring() has been called */
    bool level;
    bool active_low;
    bool awaits_eoi; /* masked since its last interrupt */
};

static struct ticket_lock line_lock;
static struct line lines[PIRQ_LIMIT];
static uint32_t line_count;
static uint16_t vector_lines[VECTOR_DEVICE_LAST + 1]; /* line + 1; 0: none */

_Static_assert(EVTCHN_LIMIT <= UINT16_MAX, "struct line holds a port");

static uint64_t lock_lines(void)
{
    uint64_t flags = irq_save();
    ticket_lock_take(&line_lock);
    return flags;
}

static void unlock_lines(uint64_t flags)
{
    ticket_lock_release(&line_lock);
    irq_restore(flags);
}

bool pirq_exists(uint32_t pirq)
{
    return pirq < line_count;
}

int pirq_refuse_number(uint32_t pirq)
{
    return refuse(-XEN_EINVAL, "PIRQ %u: there are 0 to %u, the GSIs", pirq, line_count - 1);
}

/* -EINVAL: the domain has not mapped this. */
static int refuse_not_mapped(uint32_t pirq)
{
    return pirq_exists(pirq)
               ? refuse(-XEN_EINVAL, "PIRQ %u is not mapped: map_pirq does that", pirq)
               : pirq_refuse_number(pirq);
}

static struct line *line_find(uint32_t pirq)
{
    return pirq_exists(pirq) ? &lines[index_nospec(pirq, PIRQ_LIMIT)] : NULL;
}

/* The line, if the domain has mapped it. */
static struct line *line_of(const struct hv_domain *domain, uint32_t pirq)
{
    struct line *line = line_find(pirq);
    return line != NULL && line->mapped_by == domain ? line : NULL;
}

/* ---- at boot ------------------------------------------------------------------------------- */

void pirq_init(void)
{
    line_count = (uint32_t)min_u64(ioapic_gsi_limit(), PIRQ_LIMIT);
    for (uint32_t i = 0; i < line_count; i++) {
        lines[i] = (struct line){.level = true, .active_low = true};
    }
    for (unsigned int irq = 0; irq < ACPI_ISA_IRQ_COUNT; irq++) {
        const struct acpi_isa_irq *wiring = &acpi_info()->isa_irq[irq];
        struct line *line = line_find(wiring->gsi);
        /* IRQ 2 is the 8259s' cascade: it must not describe the timer's line, which is often 2. */
        if (line != NULL && irq != 2) {
            line->level = wiring->level;
            line->active_low = wiring->active_low;
        }
    }
    pirq_reserve_isa(ISA_TIMER);
}

void pirq_reserve_isa(uint8_t irq)
{
    struct line *line = line_find(ioapic_isa_gsi(irq));
    if (line != NULL) {
        line->is_own = true;
    }
}

/* ---- mapping and wiring -------------------------------------------------------------------- */

int pirq_map(struct hv_domain *domain, uint32_t pirq)
{
    int result = 0;
    uint64_t flags = lock_lines();
    struct line *line = line_find(pirq);
    if (line == NULL) {
        result = pirq_refuse_number(pirq);
    } else if (line->mapped_by != NULL && line->mapped_by != domain) {
        result = refuse(-XEN_EINVAL, "PIRQ %u is mapped by another domain", pirq);
    } else {
        line->mapped_by = domain;
    }
    unlock_lines(flags);
    return result;
}

int pirq_unmap(const struct hv_domain *domain, uint32_t pirq)
{
    int result = 0;
    uint64_t flags = lock_lines();
    struct line *line = line_of(domain, pirq);
    if (line == NULL) {
        result = refuse_not_mapped(pirq);
    } else if (line->port != 0) {
        result =
            refuse(-XEN_EBUSY, "PIRQ %u is bound to port %u: close that first", pirq, line->port);
    } else {
        line->mapped_by = NULL;
    }
    unlock_lines(flags);
    return result;
}

static int set_wiring(uint32_t pirq, bool level, bool active_low)
{
    struct line *line = line_find(pirq);
    if (line == NULL) {
        return pirq_refuse_number(pirq);
    }
    bool is_same = line->level == level && line->active_low == active_low;
    if (line->is_own) {
        return refuse(-XEN_EEXIST, "GSI %u is the hypervisor's own", pirq);
    }
    if (line->is_wired && is_same) {
        return refuse(-XEN_EEXIST, "GSI %u is set so already", pirq);
    }
    if (line->port != 0 && !is_same) {
        return refuse(-XEN_EBUSY, "GSI %u is bound to port %u: close that first", pirq, line->port);
    }
    line->is_wired = true;
    line->level = level;
    line->active_low = active_low;
    return 0;
}

int pirq_set_wiring(uint32_t pirq, bool level, bool active_low)
{
    uint64_t flags = lock_lines();
    int result = set_wiring(pirq, level, active_low);
    unlock_lines(flags);
    return result;
}

bool pirq_needs_eoi(uint32_t pirq)
{
    uint64_t flags = lock_lines();
    const struct line *line = line_find(pirq);
    bool needs_eoi = line != NULL && line->level;
    unlock_lines(flags);
    return needs_eoi;
}

/* ---- binding ------------------------------------------------------------------------------- */

/* Give the line a vector if it has none. */
static bool vector_assign(struct line *line)
{
    for (unsigned int vector = VECTOR_DEVICE_FIRST;
         line->vector == 0 && vector <= VECTOR_DEVICE_LAST; vector++) {
        if (vector_lines[vector] == 0 && vector != VECTOR_INT_0X80) {
            vector_lines[vector] = (uint16_t)(line - lines + 1);
            line->vector = (uint8_t)vector;
        }
    }
    return line->vector != 0;
}

static int bind_line(const struct hv_domain *domain, uint32_t pirq, uint32_t port)
{
    struct line *line = line_of(domain, pirq);
    if (line == NULL) {
        return refuse_not_mapped(pirq);
    }
    if (line->is_own) {
        return refuse(-XEN_EBUSY, "PIRQ %u is the hypervisor's own", pirq);
    }
    if (line->port != 0) {
        return refuse(-XEN_EEXIST, "PIRQ %u is bound to port %u", pirq, line->port);
    }
    if (!vector_assign(line)) {
        return refuse(-XEN_ENOSPC, "PIRQ %u: all interrupt vectors are taken", pirq);
    }
    if (!ioapic_route_gsi(pirq, line->vector, line->active_low, line->level, lapic_id())) {
        return refuse(-XEN_EINVAL, "PIRQ %u is between two I/O APICs' lines", pirq);
    }
    line->port = (uint16_t)port;
    line->awaits_eoi = false;
    ioapic_unmask(pirq);
    return 0;
}

int pirq_bind(const struct hv_domain *domain, uint32_t pirq, uint32_t port)
{
    ASSERT(port != 0 && port < EVTCHN_LIMIT);
    uint64_t flags = lock_lines();
    int result = bind_line(domain, pirq, port);
    unlock_lines(flags);
    return result;
}

void pirq_unbind(uint32_t pirq)
{
    uint64_t flags = lock_lines();
    struct line *line = line_find(pirq);
    CHECK(line != NULL && line->port != 0);
    ioapic_mask(pirq);
    line->port = 0;
    line->awaits_eoi = false;
    unlock_lines(flags);
}

/* ---- interrupts ---------------------------------------------------------------------------- */

int pirq_eoi(const struct hv_domain *domain, uint32_t pirq)
{
    uint64_t flags = lock_lines();
    struct line *line = line_of(domain, pirq);
    int result = line != NULL ? 0 : refuse_not_mapped(pirq);
    if (line != NULL && line->awaits_eoi) {
        line->awaits_eoi = false;
        ioapic_unmask(pirq);
    }
    unlock_lines(flags);
    return result;
}

void pirq_interrupt(unsigned int vector)
{
    const struct hv_domain *domain = NULL;
    uint32_t port = 0;
    uint64_t flags = lock_lines();
    uint32_t pirq = vector_lines[vector] - 1U;
    struct line *line = line_find(pirq);
    /* Not bound: it was on its way while the line was being masked. No line: a device has been
     * told to send a message with this vector, which nobody may. */
    if (line != NULL && line->port != 0) {
        domain = line->mapped_by;
        port = line->port;
        line->awaits_eoi = line->level;
        if (line->level) {
            ioapic_mask(pirq); /* before the EOI, after which it would come again at once */
        }
    }
    unlock_lines(flags);
    lapic_eoi();
    if (domain != NULL) {
        evtchn_raise_pirq(domain, pirq, port);
    }
}

bool pirq_read_ioapic(uint64_t physical, uint32_t index, uint32_t *value)
{
    uint64_t flags = lock_lines();
    bool is_there = ioapic_read_at(physical, index, value);
    unlock_lines(flags);
    return is_there;
}
