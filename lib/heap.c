/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/heap.h"

#include "lib/check.h"

static void put_at(struct heap *heap, uint32_t index, struct heap_node *node)
{
    heap->nodes[index] = node;
    node->place = index + 1;
}

/* Move the node at `index` towards the root until its parent is not larger. */
static void sift_up(struct heap *heap, uint32_t index)
{
    struct heap_node *node = heap->nodes[index];
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;
        if (heap->nodes[parent]->key <= node->key) {
            break;
        }
        put_at(heap, index, heap->nodes[parent]);
        index = parent;
    }
    put_at(heap, index, node);
}

/* Move the node at `index` away from the root until no child is smaller. */
static void sift_down(struct heap *heap, uint32_t index)
{
    struct heap_node *node = heap->nodes[index];
    for (;;) {
        uint32_t child = 2 * index + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count && heap->nodes[child + 1]->key < heap->nodes[child]->key) {
            child++;
        }
        if (node->key <= heap->nodes[child]->key) {
            break;
        }
        put_at(heap, index, heap->nodes[child]);
        index = child;
    }
    put_at(heap, index, node);
}

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
    CHECK(!heap_has(node) && heap->count < heap->limit);
    node->key = key;
    heap->nodes[heap->count] = node;
    sift_up(heap, heap->count++);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    uint32_t index = node->place - 1;
    CHECK(index < heap->count && heap->nodes[index] == node);
    node->place = 0;
    struct heap_node *last = heap->nodes[--heap->count];
    if (last == node) {
        return;
    }
    heap->nodes[index] = last;
    sift_up(heap, index);
    sift_down(heap, last->place - 1);
}

void heap_move(struct heap *heap, struct heap_node *node, uint64_t key)
{
    CHECK(node->place - 1 < heap->count && heap->nodes[node->place - 1] == node);
    node->key = key;
    sift_up(heap, node->place - 1);
    sift_down(heap, node->place - 1);
}
