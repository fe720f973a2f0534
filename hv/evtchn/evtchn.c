/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/evtchn/evtchn.h"

#include "core/port.h"
#include "hv/cpu/msr.h"
#include "hv/irq/pirq.h"
#include "hv/mem/memory.h"
#include "hv/refuse.h"
#include "hv/vcpu.h"
#include "lib/string.h"

#include <xen/event_channel.h>

#define WORD_BITS 64U

_Static_assert(EVTCHN_LIMIT == EVTCHN_2L_NR_CHANNELS, "shared_info has a bit for each port");
_Static_assert(sizeof((struct evtchn_table){0}.virq_port) ==
                   sizeof(uint16_t) * VCPU_LIMIT * NR_VIRQS,
               "every vCPU has its row");

/* All tables of all domains: a send touches two. */
static struct ticket_lock table_lock;

static uint64_t lock_tables(void)
{
    uint64_t flags = irq_save();
    ticket_lock_take(&table_lock);
    return flags;
}

static void unlock_tables(uint64_t flags)
{
    ticket_lock_release(&table_lock);
    irq_restore(flags);
}

bool evtchn_table_create(struct evtchn_table *table)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(table->frames); i++) {
        table->frames[i] = memory_take(PAGE_SIZE);
        if (table->frames[i] == NULL) {
            return false;
        }
    }
    table->taken[0] = 1;
    return true;
}

void evtchn_table_free(struct evtchn_table *table)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(table->frames); i++) {
        memory_free(table->frames[i], PAGE_SIZE);
    }
}

/* Port 0 and those past the limit do not exist. */
static bool port_exists(uint32_t port)
{
    return port != 0 && port < EVTCHN_LIMIT;
}

/* The record of an open port, or NULL. */
static struct evtchn *port_find(const struct hv_domain *domain, uint32_t port)
{
    if (!port_exists(port)) {
        return NULL;
    }
    struct evtchn *evtchn = evtchn_at(&domain->evtchns, (uint32_t)index_nospec(port, EVTCHN_LIMIT));
    return evtchn->state == EVTCHN_CLOSED ? NULL : evtchn;
}

/* ---- delivery ------------------------------------------------------------------------------ */

static uint64_t *shared_word(xen_ulong_t words[], uint32_t port)
{
    return (uint64_t *)&words[index_nospec(port / WORD_BITS, EVTCHN_LIMIT / WORD_BITS)];
}

static uint64_t port_bit(uint32_t port)
{
    return UINT64_C(1) << (port % WORD_BITS);
}

bool evtchn_is_pending(const struct hv_domain *domain, uint32_t port)
{
    if (!port_exists(port)) {
        return false;
    }
    uint64_t *word = shared_word(domain->shared->evtchn_pending, port);
    return (__atomic_load_n(word, __ATOMIC_SEQ_CST) & port_bit(port)) != 0;
}

/* An unmasked port of this vCPU has become pending. */
static void notify_vcpu(const struct hv_domain *domain, uint32_t vcpu_id, uint32_t port)
{
    struct vcpu *target = domain->core.vcpus[vcpu_id];
    if (target == NULL) {
        return;
    }
    struct hv_vcpu *vcpu = hv_vcpu_of(target);
    struct vcpu_info *info = vcpu->info;
    uint64_t selector = UINT64_C(1) << (port / WORD_BITS);
    uint64_t before =
        __atomic_fetch_or((uint64_t *)&info->evtchn_pending_sel, selector, __ATOMIC_SEQ_CST);
    if ((before & selector) == 0) {
        __atomic_store_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
        vcpu_wake(vcpu);
    }
}

/* SCHEDOP_poll waits for ports that are usually masked, and not always its own vCPU's. */
static void wake_pollers(const struct hv_domain *domain)
{
    uint64_t left = __atomic_load_n(&domain->pollers, __ATOMIC_SEQ_CST);
    for (; UNLIKELY(left != 0); left &= left - 1) {
        vcpu_wake(hv_vcpu_of(domain->core.vcpus[__builtin_ctzll(left)]));
    }
}

static void set_pending(const struct hv_domain *domain, uint32_t port)
{
    struct shared_info *shared = domain->shared;
    uint64_t bit = port_bit(port);
    uint64_t *pending = shared_word(shared->evtchn_pending, port);
    if ((__atomic_fetch_or(pending, bit, __ATOMIC_SEQ_CST) & bit) != 0) {
        return;
    }
    uint64_t masked = __atomic_load_n(shared_word(shared->evtchn_mask, port), __ATOMIC_SEQ_CST);
    if ((masked & bit) == 0) {
        notify_vcpu(domain, evtchn_at(&domain->evtchns, port)->vcpu, port);
    }
    wake_pollers(domain);
}

static void raise(struct hv_domain *domain, unsigned int row, unsigned int virq)
{
    uint64_t flags = lock_tables();
    uint32_t port = domain->evtchns.virq_port[row][virq];
    if (port != 0) {
        set_pending(domain, port);
    }
    unlock_tables(flags);
}

void evtchn_raise_virq(struct hv_vcpu *vcpu, unsigned int virq)
{
    raise(hv_vcpu_domain(vcpu), vcpu->core.id, virq);
}

void evtchn_raise_global_virq(struct hv_domain *domain, unsigned int virq)
{
    raise(domain, 0, virq);
}

void evtchn_raise_pirq(const struct hv_domain *domain, uint32_t pirq, uint32_t port)
{
    uint64_t flags = lock_tables();
    const struct evtchn *evtchn = port_find(domain, port);
    if (evtchn != NULL && evtchn->state == EVTCHN_PIRQ && evtchn->pirq == pirq) {
        set_pending(domain, port);
    }
    unlock_tables(flags);
}

void evtchn_raise_hypervisor(const struct hv_domain *domain, uint32_t port)
{
    uint64_t flags = lock_tables();
    const struct evtchn *evtchn = port_find(domain, port);
    if (evtchn != NULL && evtchn->state == EVTCHN_HYPERVISOR) {
        set_pending(domain, port);
    }
    unlock_tables(flags);
}

/* -EINVAL: the port, NULL if it is closed or there is none, is not one for this. */
COLD static int refuse_port(const struct evtchn *evtchn, uint32_t port, const char *wanted)
{
    static const char *const states[] = {
        [EVTCHN_UNBOUND] = "unbound", [EVTCHN_INTERDOMAIN] = "connected",
        [EVTCHN_VIRQ] = "a VIRQ's",   [EVTCHN_IPI] = "an IPI's",
        [EVTCHN_PIRQ] = "a PIRQ's",   [EVTCHN_HYPERVISOR] = "connected to the hypervisor",
    };
    return refuse(-XEN_EINVAL, "port %u is %s: %s", port,
                  evtchn == NULL ? "not open" : states[evtchn->state], wanted);
}

COLD static int refuse_number(uint32_t port)
{
    return refuse(-XEN_EINVAL, "port %u: there are 1 to %u", port, EVTCHN_LIMIT - 1);
}

int evtchn_send(struct hv_domain *domain, uint32_t port)
{
    int result = 0;
    uint64_t flags = lock_tables();
    const struct evtchn *evtchn = port_find(domain, port);
    if (evtchn != NULL && evtchn->state == EVTCHN_INTERDOMAIN) {
        set_pending(hv_domain_of(domain_find(evtchn->remote_domain)), evtchn->remote_port);
    } else if (evtchn != NULL && evtchn->state == EVTCHN_IPI) {
        set_pending(domain, port);
    } else if (evtchn != NULL && evtchn->state == EVTCHN_HYPERVISOR) {
        guest_console_notify(domain); /* which only notes it */
    } else if (UNLIKELY(evtchn == NULL || evtchn->state != EVTCHN_UNBOUND)) { /* nobody is there */
        result = refuse_port(evtchn, port, "sends go to inter-domain ports and IPIs");
    }
    unlock_tables(flags);
    return result;
}

int evtchn_unmask(struct hv_domain *domain, uint32_t port)
{
    if (!port_exists(port)) {
        return refuse_number(port);
    }
    uint64_t flags = lock_tables();
    uint64_t bit = port_bit(port);
    uint64_t *mask = shared_word(domain->shared->evtchn_mask, port);
    bool was_masked = (__atomic_fetch_and(mask, ~bit, __ATOMIC_SEQ_CST) & bit) != 0;
    if (was_masked && evtchn_is_pending(domain, port)) {
        uint32_t index = (uint32_t)index_nospec(port, EVTCHN_LIMIT);
        notify_vcpu(domain, evtchn_at(&domain->evtchns, index)->vcpu, port);
    }
    unlock_tables(flags);
    return 0;
}

/* ---- binding ------------------------------------------------------------------------------- */

/* Does the VIRQ belong to the domain rather than to each vCPU? (xen/xen.h: "G." and "V.") */
static bool virq_is_global(uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/* The lowest port that is closed; EVTCHN_LIMIT: none is. A word at a time: interrupts are off. */
static uint32_t port_find_closed(const struct evtchn_table *table)
{
    for (uint32_t word = 0; word < ARRAY_SIZE(table->taken); word++) {
        if (table->taken[word] != UINT64_MAX) {
            return word * WORD_BITS + (uint32_t)__builtin_ctzll(~table->taken[word]);
        }
    }
    return EVTCHN_LIMIT;
}

/* Open the lowest free port. -EINVAL: the domain is dying, and all were closed. */
static int port_open(struct hv_domain *domain, const struct evtchn *contents, uint32_t *port)
{
    if (domain->core.is_dying) {
        return refuse_dying(domain);
    }
    *port = port_find_closed(&domain->evtchns);
    if (*port >= domain->evtchns.port_limit) {
        return refuse(-XEN_ENOSPC, "d%u has all ports open that it may have, 1 to %u",
                      domain->core.id, domain->evtchns.port_limit - 1);
    }
    domain->evtchns.taken[*port / WORD_BITS] |= port_bit(*port);
    *evtchn_at(&domain->evtchns, *port) = *contents;
    return 0;
}

static void port_shut(struct hv_domain *domain, uint32_t port)
{
    *evtchn_at(&domain->evtchns, port) = (struct evtchn){.state = EVTCHN_CLOSED};
    domain->evtchns.taken[port / WORD_BITS] &= ~port_bit(port);
}

static int open_locked(struct hv_domain *domain, const struct evtchn *contents, uint32_t *port)
{
    uint64_t flags = lock_tables();
    int result = port_open(domain, contents, port);
    unlock_tables(flags);
    return result;
}

int evtchn_alloc_unbound(struct hv_domain *domain, uint16_t remote_domain, uint32_t *port)
{
    struct evtchn contents = {.state = EVTCHN_UNBOUND, .remote_domain = remote_domain};
    return open_locked(domain, &contents, port);
}

int evtchn_open_hypervisor(struct hv_domain *domain, uint32_t *port)
{
    struct evtchn contents = {.state = EVTCHN_HYPERVISOR, .remote_domain = DOMID_XEN};
    return open_locked(domain, &contents, port);
}

int evtchn_bind_ipi(struct hv_domain *domain, uint32_t vcpu_id, uint32_t *port)
{
    if (hv_domain_vcpu(domain, vcpu_id) == NULL) {
        return refuse_vcpu(domain, vcpu_id);
    }
    struct evtchn contents = {.state = EVTCHN_IPI, .vcpu = (uint16_t)vcpu_id};
    return open_locked(domain, &contents, port);
}

int evtchn_bind_virq(struct hv_domain *domain, uint32_t virq, uint32_t vcpu_id, uint32_t *port)
{
    if (virq >= NR_VIRQS) {
        return refuse(-XEN_EINVAL, "VIRQ %u: there are 0 to %u", virq, NR_VIRQS - 1);
    }
    if (virq_is_global(virq) && vcpu_id != 0) {
        return refuse(-XEN_EINVAL, "VIRQ %u is the domain's: it is bound on vCPU 0, not %u", virq,
                      vcpu_id);
    }
    if (hv_domain_vcpu(domain, vcpu_id) == NULL) {
        return refuse_vcpu(domain, vcpu_id);
    }
    struct evtchn contents = {
        .state = EVTCHN_VIRQ, .virq = (uint8_t)virq, .vcpu = (uint16_t)vcpu_id};
    uint16_t *bound =
        &domain->evtchns.virq_port[index_nospec(vcpu_id, VCPU_LIMIT)][index_nospec(virq, NR_VIRQS)];
    int result;
    uint64_t flags = lock_tables();
    if (*bound == 0) {
        result = port_open(domain, &contents, port);
        *bound = result == 0 ? (uint16_t)*port : 0;
    } else {
        result =
            refuse(-XEN_EEXIST, "VIRQ %u of vCPU %u is bound to port %u", virq, vcpu_id, *bound);
    }
    unlock_tables(flags);
    return result;
}

int evtchn_bind_pirq(struct hv_domain *domain, uint32_t pirq, uint32_t *port)
{
    if (!pirq_exists(pirq)) {
        return pirq_refuse_number(pirq);
    }
    struct evtchn contents = {.state = EVTCHN_PIRQ, .pirq = (uint16_t)pirq};
    uint64_t flags = lock_tables();
    int result = port_open(domain, &contents, port);
    if (result == 0) {
        result = pirq_bind(domain, pirq, *port);
        if (result != 0) {
            port_shut(domain, *port);
        }
    }
    unlock_tables(flags);
    return result;
}

int evtchn_bind_interdomain(struct hv_domain *domain, struct hv_domain *remote,
                            uint32_t remote_port, uint32_t *port)
{
    int result;
    uint64_t flags = lock_tables();
    struct evtchn *end = port_find(remote, remote_port);
    if (end == NULL || end->state != EVTCHN_UNBOUND) {
        result = refuse_port(end, remote_port, "the other end must be unbound");
    } else if (end->remote_domain != domain->core.id) {
        result = refuse(-XEN_EINVAL, "port %u of d%u is for another domain", remote_port,
                        remote->core.id);
    } else {
        struct evtchn contents = {.state = EVTCHN_INTERDOMAIN,
                                  .remote_domain = remote->core.id,
                                  .remote_port = remote_port};
        result = port_open(domain, &contents, port);
    }
    if (result == 0) {
        end->state = EVTCHN_INTERDOMAIN;
        end->remote_port = *port;
        /* The other side may have sent already, when nobody was there: look once for nothing. */
        set_pending(domain, *port);
    }
    unlock_tables(flags);
    return result;
}

int evtchn_bind_vcpu(struct hv_domain *domain, uint32_t port, uint32_t vcpu_id)
{
    if (hv_domain_vcpu(domain, vcpu_id) == NULL) {
        return refuse_vcpu(domain, vcpu_id);
    }
    int result = 0;
    uint64_t flags = lock_tables();
    struct evtchn *evtchn = port_find(domain, port);
    /* What is one vCPU's own stays there: its IPIs, its timer. */
    if (evtchn != NULL && evtchn->state != EVTCHN_IPI &&
        (evtchn->state != EVTCHN_VIRQ || virq_is_global(evtchn->virq))) {
        evtchn->vcpu = (uint16_t)vcpu_id;
    } else {
        result = refuse_port(evtchn, port, "one vCPU's own ports stay there");
    }
    unlock_tables(flags);
    return result;
}

/* ---- closing ------------------------------------------------------------------------------- */

static void disconnect(const struct hv_domain *domain, const struct evtchn *evtchn)
{
    struct domain *remote = domain_find(evtchn->remote_domain);
    struct evtchn *end = evtchn_at(&hv_domain_of(remote)->evtchns, evtchn->remote_port);
    end->state = EVTCHN_UNBOUND;
    end->remote_domain = domain->core.id;
    end->remote_port = 0;
}

int evtchn_close(struct hv_domain *domain, uint32_t port)
{
    uint64_t flags = lock_tables();
    struct evtchn *evtchn = port_find(domain, port);
    if (evtchn == NULL) {
        unlock_tables(flags);
        return refuse_port(evtchn, port, "what is to be closed must be");
    }
    if (evtchn->state == EVTCHN_INTERDOMAIN) {
        disconnect(domain, evtchn);
    } else if (evtchn->state == EVTCHN_VIRQ) {
        unsigned int row = virq_is_global(evtchn->virq) ? 0 : evtchn->vcpu;
        domain->evtchns.virq_port[row][evtchn->virq] = 0;
    } else if (evtchn->state == EVTCHN_PIRQ) {
        pirq_unbind(evtchn->pirq);
    }
    port_shut(domain, port);
    /* The next user of the number must not find the last one's event. */
    uint64_t *pending = shared_word(domain->shared->evtchn_pending, port);
    (void)__atomic_fetch_and(pending, ~port_bit(port), __ATOMIC_SEQ_CST);
    unlock_tables(flags);
    return 0;
}

bool evtchn_close_all(struct hv_domain *domain)
{
    for (uint32_t word = 0; word < ARRAY_SIZE(domain->evtchns.taken); word++) {
        uint64_t taken = domain->evtchns.taken[word] & ~(word == 0 ? port_bit(0) : 0);
        if (taken == 0) {
            continue;
        }
        for (; taken != 0; taken &= taken - 1) {
            (void)evtchn_close(domain, word * WORD_BITS + (uint32_t)__builtin_ctzll(taken));
        }
        if (port_should_yield()) {
            return false;
        }
    }
    return true;
}

/* ---- asking -------------------------------------------------------------------------------- */

static void describe(const struct evtchn *evtchn, struct evtchn_status *status)
{
    status->vcpu = evtchn->vcpu;
    switch ((enum evtchn_state)evtchn->state) {
    case EVTCHN_CLOSED:
        status->status = EVTCHNSTAT_closed;
        break;
    case EVTCHN_UNBOUND:
        status->status = EVTCHNSTAT_unbound;
        status->u.unbound.dom = evtchn->remote_domain;
        break;
    case EVTCHN_INTERDOMAIN:
    case EVTCHN_HYPERVISOR: /* remote port 0 */
        status->status = EVTCHNSTAT_interdomain;
        status->u.interdomain.dom = evtchn->remote_domain;
        status->u.interdomain.port = evtchn->remote_port;
        break;
    case EVTCHN_VIRQ:
        status->status = EVTCHNSTAT_virq;
        status->u.virq = evtchn->virq;
        break;
    case EVTCHN_IPI:
        status->status = EVTCHNSTAT_ipi;
        break;
    case EVTCHN_PIRQ:
        status->status = EVTCHNSTAT_pirq;
        status->u.pirq = evtchn->pirq;
        break;
    }
}

int evtchn_get_status(const struct hv_domain *domain, uint32_t port, struct evtchn_status *status)
{
    if (!port_exists(port)) {
        return refuse_number(port);
    }
    memset(&status->u, 0, sizeof(status->u));
    uint64_t flags = lock_tables();
    describe(evtchn_at(&domain->evtchns, (uint32_t)index_nospec(port, EVTCHN_LIMIT)), status);
    unlock_tables(flags);
    return 0;
}
