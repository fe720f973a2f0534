/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/sched/sched.h"

#include "hv/cpu/msr.h"
#include "hv/entry/traps.h"
#include "hv/entry/work.h"
#include "hv/sched/timers.h"
#include "hv/sched/vcpu.h"
#include "hv/time/time.h"

#include <xen/vcpu.h>

static struct heap_node *places[VCPU_TOTAL_LIMIT];
static struct {
    struct ticket_lock lock;
    struct run_queue queue;
    uint64_t used_slots[VCPU_TOTAL_LIMIT / 64]; /* a bit for each vCPU there is */
} sched = {.queue = {.waiting = {.nodes = places, .limit = VCPU_TOTAL_LIMIT}}};

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

static struct hv_vcpu *vcpu_of_entry(struct run_entry *entry)
{
    return entry == NULL
               ? NULL
               : (struct hv_vcpu *)(void *)((char *)entry - offsetof(struct hv_vcpu, turn));
}

struct hv_vcpu *sched_running(void)
{
    return vcpu_of_entry(sched.queue.running);
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

/* ---- who can run --------------------------------------------------------------------------- */

static void join(struct hv_vcpu *vcpu, uint64_t now)
{
    if (run_queue_join(&sched.queue, &vcpu->turn, now)) {
        cpu_work_raise(CPU_WORK_SCHEDULE);
    } else {
        timers_set_running(sched_running(), sched.queue.slice_end_ns);
    }
}

void sched_update(struct hv_vcpu *vcpu)
{
    uint64_t flags = sched_lock();
    bool able = can_run(vcpu);
    if (vcpu == sched_running()) {
        if (!able) {
            cpu_work_raise(CPU_WORK_SCHEDULE);
        }
    } else if (able != run_queue_has(&vcpu->turn)) {
        uint64_t now = time_now_ns();
        if (able) {
            join(vcpu, now);
        } else {
            run_queue_leave(&sched.queue, &vcpu->turn);
        }
        vcpu_set_runstate(vcpu, waiting_state(vcpu), now);
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
    if (vcpu == sched_running() && run_queue_yield(&sched.queue, time_now_ns())) {
        cpu_work_raise(CPU_WORK_SCHEDULE);
    }
    sched_unlock(flags);
}

void sched_set_weight(struct hv_domain *domain, unsigned int weight)
{
    uint64_t flags = sched_lock();
    domain->weight = weight;
    for (unsigned int i = 0; i < domain->vcpu_limit; i++) {
        struct hv_vcpu *vcpu = hv_domain_vcpu(domain, i);
        if (vcpu != NULL) {
            run_queue_set_weight(&sched.queue, &vcpu->turn, weight, time_now_ns());
        }
    }
    sched_unlock(flags);
}

/* ---- coming and going ---------------------------------------------------------------------- */

/* The lowest slot is taken, so that what hangs on slots is not more than is in use at a time. */
bool sched_add_vcpu(struct hv_vcpu *vcpu, unsigned int weight)
{
    vcpu->turn.weight = weight;
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
    CHECK(vcpu != sched_running() && vcpu != current_vcpu());
    if (run_queue_has(&vcpu->turn)) {
        run_queue_leave(&sched.queue, &vcpu->turn);
    }
    sched.used_slots[vcpu->slot / 64] &= ~(UINT64_C(1) << (vcpu->slot % 64));
    sched_unlock(flags);
}

/* ---- time ---------------------------------------------------------------------------------- */

uint64_t sched_vcpu_ns(const struct hv_vcpu *vcpu)
{
    uint64_t now = vcpu == sched_running() ? time_now_ns() - vcpu->runstate_entry_ns : 0;
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
    uint64_t flags = sched_lock();
    uint64_t idle_ns = run_queue_idle_ns(&sched.queue, time_now_ns());
    sched_unlock(flags);
    return idle_ns;
}

/* ---- who runs ------------------------------------------------------------------------------ */

bool sched_choose(void)
{
    uint64_t flags = sched_lock();
    struct hv_vcpu *before = sched_running();
    bool goes_on = before != NULL && can_run(before);
    uint64_t now = time_now_ns();
    struct hv_vcpu *next = vcpu_of_entry(run_queue_choose(&sched.queue, goes_on, now));
    uint64_t slice_end = sched.queue.slice_end_ns;
    sched_unlock(flags);
    if (before != NULL && before != next) {
        vcpu_set_runstate(before, waiting_state(before), now);
    }
    if (next != NULL && next != current_vcpu()) {
        vcpu_switch(next);
    }
    if (next != NULL && next != before) {
        vcpu_set_runstate(next, RUNSTATE_running, now);
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

void sched_start(void)
{
    irq_disable();
    stack_restart(current_registers(), start);
}
