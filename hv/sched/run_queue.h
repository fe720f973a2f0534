/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs next, on one CPU: arithmetic alone, without a lock or a clock of its own.
 *
 * Each entry has a virtual time: the time it has had the CPU, divided by its weight. The one with
 * the smallest runs, for a slice if others wait. The floor is the smallest virtual time of all who
 * can run; it never goes back. Who joins starts there, or a little before, and so has saved nothing
 * up while it slept, and is not in debt to those who were there before it.
 */
#ifndef HV_SCHED_RUN_QUEUE_H
#define HV_SCHED_RUN_QUEUE_H

#include "lib/heap.h"

#define SLICE_NS       UINT64_C(10000000) /* a turn, while others wait */
#define WAKE_CREDIT_NS UINT64_C(5000000)  /* how far before the floor who has slept may start */
#define GRANULARITY_NS UINT64_C(500000)   /* who is less behind does not interrupt another */
#define WEIGHT_DEFAULT 256U
#define WEIGHT_LIMIT   65535U

struct run_entry {
    struct heap_node waiting; /* in the queue: can run, and does not */
    uint64_t virtual_ns;
    uint32_t weight; /* 1 .. WEIGHT_LIMIT */
};

struct run_queue {
    struct heap waiting;
    struct run_entry *running; /* NULL: idle */
    uint64_t charged_ns;       /* the time up to which `running` has been charged */
    uint64_t slice_end_ns;     /* of `running`; 0: nobody has waited since it was chosen */
    uint64_t idle_ns;          /* nobody ran, up to the same time */
    uint64_t floor_ns;
};

static inline bool run_queue_has(const struct run_entry *entry)
{
    return heap_has(&entry->waiting);
}

/* An entry that is not in the queue and does not run can run from now on. True: it should have the
 * CPU at once. */
NODISCARD bool run_queue_join(struct run_queue *queue, struct run_entry *entry, uint64_t now);

/* An entry that waits cannot run any more. */
void run_queue_leave(struct run_queue *queue, struct run_entry *entry);

/* The running one goes behind whoever is first. False: nobody waits. */
NODISCARD bool run_queue_yield(struct run_queue *queue, uint64_t now);

/* Who runs from now on; NULL: nobody can. `goes_on`: the one that runs still can. */
struct run_entry *run_queue_choose(struct run_queue *queue, bool goes_on, uint64_t now);

/* An entry of any kind has another weight from now on. */
void run_queue_set_weight(struct run_queue *queue, struct run_entry *entry, uint32_t weight,
                          uint64_t now);

/* How long nobody has run. */
uint64_t run_queue_idle_ns(const struct run_queue *queue, uint64_t now);

#endif
