/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/sched/timers.h"

#include "hv/cpu/msr.h"
#include "hv/entry/work.h"
#include "hv/sched/sched.h"
#include "hv/time/time.h"

/* Deadlines served by one interrupt; those beyond get another one at once. */
#define SERVED_MAX 16U

static struct heap_node *places[VCPU_TOTAL_LIMIT];
static struct {
    struct ticket_lock lock;
    struct heap deadlines;
    struct hv_vcpu *running;
    uint64_t slice_end;     /* 0: none */
    uint64_t boot_deadline; /* 0: none */
    uint64_t programmed;    /* what the hardware timer is set to; 0: nothing */
} timers = {.deadlines = {.nodes = places, .limit = VCPU_TOTAL_LIMIT}};

static uint64_t timers_lock(void)
{
    uint64_t flags = irq_save();
    ticket_lock_take(&timers.lock);
    return flags;
}

static void timers_unlock(uint64_t flags)
{
    ticket_lock_release(&timers.lock);
    irq_restore(flags);
}

static struct hv_vcpu *vcpu_of_timer(struct heap_node *node)
{
    return (struct hv_vcpu *)(void *)((char *)node - offsetof(struct hv_vcpu, timer));
}

/* The earlier of two deadlines, 0 being none. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || b == 0 ? a | b : min_u64(a, b);
}

static void program(void)
{
    const struct heap_node *first = heap_first(&timers.deadlines);
    uint64_t deadline = earlier(first != NULL ? first->key : 0, timers.slice_end);
    deadline = earlier(deadline, timers.boot_deadline);
    if (timers.running != NULL) {
        deadline = earlier(deadline, timers.running->periodic_next_ns);
    }
    if (deadline != timers.programmed) {
        timers.programmed = deadline;
        time_set_deadline(deadline);
    }
}

static void requeue(struct hv_vcpu *vcpu)
{
    uint64_t poll_end = vcpu->blocked ? vcpu->poll_timeout_ns : 0;
    uint64_t deadline = earlier(vcpu->singleshot_ns, poll_end);
    if (heap_has(&vcpu->timer)) {
        if (vcpu->timer.key == deadline) {
            return;
        }
        if (deadline != 0) {
            heap_move(&timers.deadlines, &vcpu->timer, deadline);
        } else {
            heap_remove(&timers.deadlines, &vcpu->timer);
        }
    } else if (deadline != 0) {
        heap_insert(&timers.deadlines, &vcpu->timer, deadline);
    }
}

void timers_changed(struct hv_vcpu *vcpu)
{
    uint64_t flags = timers_lock();
    requeue(vcpu);
    program();
    timers_unlock(flags);
}

void timers_forget(struct hv_vcpu *vcpu)
{
    vcpu->singleshot_ns = 0;
    vcpu->poll_timeout_ns = 0;
    timers_changed(vcpu);
}

void timers_set_running(struct hv_vcpu *running, uint64_t slice_end)
{
    uint64_t flags = timers_lock();
    timers.running = running;
    timers.slice_end = slice_end;
    program();
    timers_unlock(flags);
}

void timers_set_boot_deadline(uint64_t ns)
{
    uint64_t flags = timers_lock();
    timers.boot_deadline = ns;
    program();
    timers_unlock(flags);
}

/* ---- the interrupt ------------------------------------------------------------------------- */

/* The hardware timer is set when all are served. */
static void serve(struct hv_vcpu *vcpu, uint64_t now)
{
    if (vcpu->singleshot_ns != 0 && now >= vcpu->singleshot_ns) {
        vcpu->singleshot_ns = 0;
        evtchn_raise_virq(vcpu, VIRQ_TIMER);
    }
    vcpu_wake(vcpu); /* the end of a poll is no event */
    uint64_t flags = timers_lock();
    requeue(vcpu);
    timers_unlock(flags);
}

/* Ticks that were missed are not made up for: the next one is in the future. */
static void serve_periodic(struct hv_vcpu *vcpu, uint64_t now)
{
    if (vcpu->periodic_next_ns != 0 && now >= vcpu->periodic_next_ns) {
        vcpu->periodic_next_ns +=
            ((now - vcpu->periodic_next_ns) / vcpu->periodic_ns + 1) * vcpu->periodic_ns;
        evtchn_raise_virq(vcpu, VIRQ_TIMER);
    }
}

static struct hv_vcpu *first_due(uint64_t now)
{
    uint64_t flags = timers_lock();
    struct heap_node *first = heap_first(&timers.deadlines);
    timers_unlock(flags);
    return first != NULL && first->key <= now ? vcpu_of_timer(first) : NULL;
}

void timers_expired(void)
{
    uint64_t now = time_now_ns();
    timers.programmed = 0;
    for (unsigned int served = 0; served < SERVED_MAX; served++) {
        struct hv_vcpu *vcpu = first_due(now);
        if (vcpu == NULL) {
            break;
        }
        serve(vcpu, now);
    }
    if (timers.running != NULL) {
        serve_periodic(timers.running, now);
    }
    if (timers.slice_end != 0 && now >= timers.slice_end) {
        timers.slice_end = 0;
        cpu_work_raise(CPU_WORK_SCHEDULE);
    }
    if (timers.boot_deadline != 0 && now >= timers.boot_deadline) {
        timers.boot_deadline = 0;
        cpu_work_raise(CPU_WORK_BOOT);
    }
    uint64_t flags = timers_lock();
    program();
    timers_unlock(flags);
}
