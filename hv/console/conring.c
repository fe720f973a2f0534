/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/conring.h"

#include "lib/check.h"

void conring_init(struct conring *ring, char *bytes, uint32_t size)
{
    CHECK(size > 0 && (size & (size - 1)) == 0);
    *ring = (struct conring){.bytes = bytes, .size = size};
}

static char *place(const struct conring *ring, uint32_t index)
{
    return &ring->bytes[index & (ring->size - 1)];
}

void conring_move(struct conring *ring, char *bytes, uint32_t size)
{
    struct conring larger;
    conring_init(&larger, bytes, size);
    CHECK(size >= ring->size);
    larger.start = larger.end = ring->start;
    while (larger.end != ring->end) {
        conring_put(&larger, *place(ring, larger.end));
    }
    *ring = larger;
}

void conring_put(struct conring *ring, char byte)
{
    *place(ring, ring->end) = byte;
    ring->end++;
    if (ring->end - ring->start > ring->size) {
        ring->start++;
    }
}

static bool is_kept(const struct conring *ring, uint32_t index)
{
    return index - ring->start <= ring->end - ring->start;
}

size_t conring_read(const struct conring *ring, uint32_t *index, char *to, size_t size)
{
    if (!is_kept(ring, *index)) {
        *index = ring->start;
    }
    size_t count = 0;
    while (count < size && *index != ring->end) {
        to[count++] = *place(ring, *index);
        (*index)++;
    }
    return count;
}

void conring_forget(struct conring *ring, uint32_t index)
{
    if (is_kept(ring, index)) {
        ring->start = index;
    }
}
