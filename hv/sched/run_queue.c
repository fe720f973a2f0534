/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/sched/run_queue.h"

static struct run_entry *entry_of(struct heap_node *node)
{
    return (struct run_entry *)(void *)((char *)node - offsetof(struct run_entry, waiting));
}

static void raise_floor(struct run_queue *queue)
{
    const struct heap_node *first = heap_first(&queue->waiting);
    uint64_t least = first != NULL ? first->key : UINT64_MAX;
    if (queue->running != NULL) {
        least = min_u64(least, queue->running->virtual_ns);
    }
    if (least != UINT64_MAX) {
        queue->floor_ns = max_u64(queue->floor_ns, least);
    }
}

static void charge(struct run_queue *queue, uint64_t now)
{
    uint64_t passed = now - queue->charged_ns;
    queue->charged_ns = now;
    if (queue->running != NULL) {
        queue->running->virtual_ns += passed * WEIGHT_DEFAULT / queue->running->weight;
        raise_floor(queue);
    } else {
        queue->idle_ns += passed;
    }
}

static void enqueue(struct run_queue *queue, struct run_entry *entry)
{
    heap_insert(&queue->waiting, &entry->waiting, entry->virtual_ns);
}

/* Is somebody enough behind the running one to take its place? */
static bool running_is_ahead(const struct run_queue *queue)
{
    const struct heap_node *first = heap_first(&queue->waiting);
    return queue->running == NULL || first->key + GRANULARITY_NS < queue->running->virtual_ns;
}

bool run_queue_join(struct run_queue *queue, struct run_entry *entry, uint64_t now)
{
    charge(queue, now);
    uint64_t earliest = queue->floor_ns > WAKE_CREDIT_NS ? queue->floor_ns - WAKE_CREDIT_NS : 0;
    entry->virtual_ns = max_u64(entry->virtual_ns, earliest);
    enqueue(queue, entry);
    if (queue->slice_end_ns == 0) {
        queue->slice_end_ns = now + SLICE_NS;
    }
    return running_is_ahead(queue);
}

void run_queue_leave(struct run_queue *queue, struct run_entry *entry)
{
    heap_remove(&queue->waiting, &entry->waiting);
}

bool run_queue_yield(struct run_queue *queue, uint64_t now)
{
    const struct heap_node *first = heap_first(&queue->waiting);
    if (first == NULL) {
        return false;
    }
    charge(queue, now);
    queue->running->virtual_ns =
        max_u64(queue->running->virtual_ns, first->key + GRANULARITY_NS + 1);
    return true;
}

struct run_entry *run_queue_choose(struct run_queue *queue, bool goes_on, uint64_t now)
{
    charge(queue, now);
    if (goes_on) {
        enqueue(queue, queue->running);
    }
    struct heap_node *first = heap_first(&queue->waiting);
    if (first != NULL) {
        heap_remove(&queue->waiting, first);
    }
    queue->running = first != NULL ? entry_of(first) : NULL;
    queue->slice_end_ns = heap_first(&queue->waiting) != NULL ? now + SLICE_NS : 0;
    raise_floor(queue);
    return queue->running;
}

/* What it is ahead of the floor is time that it still has to wait, and that by its new weight: else
 * a domain would pay for ever for having been light. */
void run_queue_set_weight(struct run_queue *queue, struct run_entry *entry, uint32_t weight,
                          uint64_t now)
{
    charge(queue, now);
    if (entry->virtual_ns > queue->floor_ns) {
        uint64_t ahead = min_u64(entry->virtual_ns - queue->floor_ns, UINT64_MAX / WEIGHT_LIMIT);
        entry->virtual_ns = queue->floor_ns + ahead * entry->weight / weight;
    }
    entry->weight = weight;
    if (run_queue_has(entry)) {
        run_queue_leave(queue, entry);
        enqueue(queue, entry);
    }
}

uint64_t run_queue_idle_ns(const struct run_queue *queue, uint64_t now)
{
    return queue->idle_ns + (queue->running == NULL ? now - queue->charged_ns : 0);
}
