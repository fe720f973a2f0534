/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes that were typed and not taken yet, first in, first out. Pure; the caller serializes. */
#ifndef HV_CONSOLE_BYTE_QUEUE_H
#define HV_CONSOLE_BYTE_QUEUE_H

#include "lib/compiler.h"

#define BYTE_QUEUE_SIZE 1024U
_Static_assert((BYTE_QUEUE_SIZE & (BYTE_QUEUE_SIZE - 1)) == 0, "positions wrap by masking");

/* All zero to begin with. Positions count up for ever; their difference is what it holds. */
struct byte_queue {
    uint32_t head; /* where the next byte goes */
    uint32_t tail; /* where the next byte is taken */
    char bytes[BYTE_QUEUE_SIZE];
};

static inline bool byte_queue_is_empty(const struct byte_queue *queue)
{
    return queue->head == queue->tail;
}

static inline bool byte_queue_is_full(const struct byte_queue *queue)
{
    return queue->head - queue->tail == BYTE_QUEUE_SIZE;
}

/* False: it is full. */
static inline bool byte_queue_put(struct byte_queue *queue, char byte)
{
    if (byte_queue_is_full(queue)) {
        return false;
    }
    queue->bytes[queue->head++ % BYTE_QUEUE_SIZE] = byte;
    return true;
}

static inline size_t byte_queue_take(struct byte_queue *queue, char *to, size_t size)
{
    size_t count = 0;
    while (count < size && queue->tail != queue->head) {
        to[count++] = queue->bytes[queue->tail++ % BYTE_QUEUE_SIZE];
    }
    return count;
}

#endif
