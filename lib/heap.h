/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A binary heap of nodes that are members of somebody's records: the one with the smallest key is
 * at hand, and any can be taken out. Every operation takes a number of steps that grows with the
 * logarithm of the number of nodes. The caller serializes, and owns the array of places.
 */
#ifndef LIB_HEAP_H
#define LIB_HEAP_H

#include "lib/compiler.h"

/* Zeroed: in no heap. */
struct heap_node {
    uint64_t key;
    uint32_t place; /* 1 + index in the heap's array; 0: in none */
};

struct heap {
    struct heap_node **nodes;
    uint32_t count;
    uint32_t limit; /* places in `nodes` */
};

static inline bool heap_has(const struct heap_node *node)
{
    return node->place != 0;
}

/* The node with the smallest key, or NULL. */
static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

/* Put a node in that is in no heap. There is a place for it. */
void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);

/* Give a node that is in this heap another key. */
void heap_move(struct heap *heap, struct heap_node *node, uint64_t key);

/* Take a node out that is in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

#endif
