/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/sched/sched.h"

#include "hv/cpu/msr.h"
#include "hv/entry/work.h"
#include "hv/sched/timers.h"
#include "hv/sched/vcpu.h"
#include "hv/time/time.h"

#include <xen/vcpu.h>

#define SLICE_NS       UINT64_C(10000000) /* a turn, while others wait */
#define WAKE_CREDIT_NS UINT64_C(5000000)  /* how far ahead who has slept may start */
#define GRANULARITY_NS UINT64_C(500000)   /* who is less behind does not interrupt another */

static struct heap_node *places[VCPU_TOTAL_LIMIT];
static struct {
    struct ticket_lock lock;
    struct heap queue;       /* who can run and does not, by virtual time */
    struct hv_vcpu *running; /* NULL: idle */
    uint64_t charged_ns;     /* system time up to which `running` has been charged */
    uint64_t idle_ns;        /* nobody ran, up to the same time */
    uint64_t floor_ns; /* virtual time: nobody who can run is behind it by more than a slice */
    uint64_t used_slots[VCPU_TOTAL_LIMIT / 64]; /* a bit for each vCPU there is */
} sched = {.queue = {.nodes = places, .limit = VCPU_TOTAL_LIMIT}};

static uint64_t sched_lock(void)
{
    uint64_t flags = irq_save();
    ticket_lock_take(&sched.lock);
    return flags;
}

static void sched_unlock(uint64_t flags)
{
    ticket_lock_release(&sched.lock);
    irq_restore(flags);
}

static struct hv_vcpu *vcpu_of_node(struct heap_node *node)
{
    return (struct hv_vcpu *)(void *)((char *)node - offsetof(struct hv_vcpu, queued));
}

struct hv_vcpu *sched_running(void)
{
    return sched.running;
}

static bool can_run(const struct hv_vcpu *vcpu)
{
    const struct hv_domain *domain = hv_vcpu_domain(vcpu);
    return vcpu->is_up && !vcpu->blocked && domain->pause_count == 0 && !domain->is_shut_down &&
           !domain->core.is_dying;
}

/* What a vCPU that does not run is doing. */
static int waiting_state(const struct hv_vcpu *vcpu)
{
    if (can_run(vcpu)) {
        return RUNSTATE_runnable;
    }
    return vcpu->blocked && vcpu->is_up ? RUNSTATE_blocked : RUNSTATE_offline;
}

/* ---- virtual time -------------------------------------------------------------------------- */

static void charge_running(void)
{
    uint64_t now = time_now_ns();
    struct hv_vcpu *vcpu = sched.running;
    if (vcpu != NULL) {
        vcpu->virtual_ns +=
            (now - sched.charged_ns) * WEIGHT_DEFAULT / hv_vcpu_domain(vcpu)->weight;
    } else {
        sched.idle_ns += now - sched.charged_ns;
    }
    sched.charged_ns = now;
}

static void enqueue(struct hv_vcpu *vcpu)
{
    heap_insert(&sched.queue, &vcpu->queued, vcpu->virtual_ns);
}

/* Is somebody enough behind the running vCPU to take its place? */
static bool running_is_ahead(void)
{
    const struct heap_node *first = heap_first(&sched.queue);
    return first != NULL &&
           (sched.running == NULL || first->key + GRANULARITY_NS < sched.running->virtual_ns);
}

/* ---- who can run --------------------------------------------------------------------------- */

static void join(struct hv_vcpu *vcpu)
{
    uint64_t earliest = sched.floor_ns > WAKE_CREDIT_NS ? sched.floor_ns - WAKE_CREDIT_NS : 0;
    vcpu->virtual_ns = max_u64(vcpu->virtual_ns, earliest);
    charge_running();
    enqueue(vcpu);
    if (running_is_ahead()) {
        cpu_work_raise(CPU_WORK_SCHEDULE);
    } else {
        timers_set_running(sched.running, sched.charged_ns + SLICE_NS);
    }
}

void sched_update(struct hv_vcpu *vcpu)
{
    uint64_t flags = sched_lock();
    bool able = can_run(vcpu);
    if (vcpu == sched.running) {
        if (!able) {
            cpu_work_raise(CPU_WORK_SCHEDULE);
        }
    } else if (able != heap_has(&vcpu->queued)) {
        if (able) {
            join(vcpu);
        } else {
            heap_remove(&sched.queue, &vcpu->queued);
        }
        vcpu_set_runstate(vcpu, waiting_state(vcpu));
    }
    sched_unlock(flags);
}

void sched_update_domain(const struct hv_domain *domain)
{
    for (unsigned int i = 0; i < domain->vcpu_limit; i++) {
        struct vcpu *vcpu = domain->core.vcpus[i];
        if (vcpu != NULL) {
            sched_update(hv_vcpu_of(vcpu));
        }
    }
}

void sched_yield(struct hv_vcpu *vcpu)
{
    uint64_t flags = sched_lock();
    const struct heap_node *first = heap_first(&sched.queue);
    if (vcpu == sched.running && first != NULL) {
        charge_running();
        vcpu->virtual_ns = max_u64(vcpu->virtual_ns, first->key + GRANULARITY_NS + 1);
        cpu_work_raise(CPU_WORK_SCHEDULE);
    }
    sched_unlock(flags);
}

/* The lowest slot is taken, so that what hangs on slots is not more than is in use at a time. */
bool sched_add_vcpu(struct hv_vcpu *vcpu)
{
    uint64_t flags = sched_lock();
    unsigned int word = 0;
    while (word < ARRAY_SIZE(sched.used_slots) && sched.used_slots[word] == UINT64_MAX) {
        word++;
    }
    bool fits = word < ARRAY_SIZE(sched.used_slots);
    if (fits) {
        unsigned int bit = (unsigned int)__builtin_ctzll(~sched.used_slots[word]);
        sched.used_slots[word] |= UINT64_C(1) << bit;
        vcpu->slot = word * 64 + bit;
    }
    sched_unlock(flags);
    return fits;
}

void sched_remove_vcpu(struct hv_vcpu *vcpu)
{
    timers_forget(vcpu);
    uint64_t flags = sched_lock();
    CHECK(vcpu != sched.running && vcpu != current_vcpu());
    if (heap_has(&vcpu->queued)) {
        heap_remove(&sched.queue, &vcpu->queued);
    }
    sched.used_slots[vcpu->slot / 64] &= ~(UINT64_C(1) << (vcpu->slot % 64));
    sched_unlock(flags);
}

uint64_t sched_vcpu_ns(const struct hv_vcpu *vcpu)
{
    uint64_t now = vcpu == sched.running ? time_now_ns() - vcpu->runstate_entry_ns : 0;
    return vcpu->runstate_times[RUNSTATE_running] + now;
}

uint64_t sched_domain_ns(const struct hv_domain *domain)
{
    uint64_t total = 0;
    for (unsigned int i = 0; i < domain->vcpu_limit; i++) {
        const struct hv_vcpu *vcpu = hv_domain_vcpu(domain, i);
        total += vcpu != NULL ? sched_vcpu_ns(vcpu) : 0;
    }
    return total;
}

uint64_t sched_idle_ns(void)
{
    return sched.idle_ns;
}

/* ---- who runs ------------------------------------------------------------------------------ */

/* The vCPU to run now, out of the queue; NULL: there is none. */
static struct hv_vcpu *take_next(void)
{
    charge_running();
    struct hv_vcpu *before = sched.running;
    if (before != NULL && can_run(before)) {
        enqueue(before);
    }
    struct heap_node *first = heap_first(&sched.queue);
    if (first != NULL) {
        heap_remove(&sched.queue, first);
        sched.floor_ns = max_u64(sched.floor_ns, first->key);
    }
    return first != NULL ? vcpu_of_node(first) : NULL;
}

bool sched_choose(void)
{
    uint64_t flags = sched_lock();
    struct hv_vcpu *before = sched.running;
    struct hv_vcpu *next = take_next();
    sched.running = next;
    uint64_t slice_end = heap_first(&sched.queue) != NULL ? sched.charged_ns + SLICE_NS : 0;
    sched_unlock(flags);
    if (before != NULL && before != next) {
        vcpu_set_runstate(before, waiting_state(before));
    }
    if (next != NULL && next != current_vcpu()) {
        vcpu_switch(next);
    }
    if (next != NULL && next != before) {
        vcpu_set_runstate(next, RUNSTATE_running);
    }
    timers_set_running(next, slice_end);
    return next != NULL;
}

static void start(struct cpu_user_regs *regs)
{
    (void)regs;
    cpu_work_raise(CPU_WORK_SCHEDULE);
    cpu_work_perform();
}

void stack_restart(struct cpu_user_regs *frame, void (*function)(struct cpu_user_regs *regs))
    __attribute__((noreturn));

void sched_start(void)
{
    irq_disable();
    stack_restart(current_registers(), start);
}
