/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last of what the console printed, for `dmesg`. Positions count bytes from the start of time,
 * and wrap at 2^32: a reader keeps the one where it stopped and goes on there. Pure; the caller
 * serializes.
 *
 *        start              end            kept is [start, end), at most `size` bytes
 *     .....|=================|.....>
 */
#ifndef HV_CONSOLE_CONRING_H
#define HV_CONSOLE_CONRING_H

#include "lib/compiler.h"

struct conring {
    char *bytes;
    uint32_t size; /* a power of two */
    uint32_t start;
    uint32_t end;
};

void conring_init(struct conring *ring, char *bytes, uint32_t size);

/* Go on in larger memory, with what is kept. */
void conring_move(struct conring *ring, char *bytes, uint32_t size);

/* Of a full ring the oldest byte goes. */
void conring_put(struct conring *ring, char byte);

/* The byte that was put last, or `none` if none is kept. */
static inline char conring_last(const struct conring *ring, char none)
{
    return ring->end == ring->start ? none : ring->bytes[(ring->end - 1) & (ring->size - 1)];
}

/* The oldest position that is kept. */
static inline uint32_t conring_oldest(const struct conring *ring)
{
    return ring->start;
}

/* Copy up to `size` bytes from `*index` on, and move it behind them. If they are gone, or never
 * were, from the oldest that is kept. */
size_t conring_read(const struct conring *ring, uint32_t *index, char *to, size_t size);

/* Forget what is before `index`, if that is kept. */
void conring_forget(struct conring *ring, uint32_t index);

#endif
