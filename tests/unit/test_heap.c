/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/heap: the smallest key is first, whatever comes and goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/heap.h"

#define NODE_COUNT 200U

static struct heap_node nodes[NODE_COUNT];
static struct heap_node *places[NODE_COUNT];
static struct heap heap;

static int setup(void **state)
{
    (void)state;
    memset(nodes, 0, sizeof(nodes));
    heap = (struct heap){.nodes = places, .limit = NODE_COUNT};
    return 0;
}

static uint64_t smallest_of_all(void)
{
    uint64_t smallest = UINT64_MAX;
    for (unsigned int i = 0; i < NODE_COUNT; i++) {
        if (heap_has(&nodes[i]) && nodes[i].key < smallest) {
            smallest = nodes[i].key;
        }
    }
    return smallest;
}

static void empty_heap_has_no_first(void **state)
{
    (void)state;
    assert_null(heap_first(&heap));
}

static void nodes_come_out_in_the_order_of_their_keys(void **state)
{
    (void)state;
    srand(1);
    for (unsigned int i = 0; i < NODE_COUNT; i++) {
        heap_insert(&heap, &nodes[i], (uint64_t)(rand() % 50));
    }
    uint64_t last = 0;
    for (unsigned int i = 0; i < NODE_COUNT; i++) {
        struct heap_node *first = heap_first(&heap);
        assert_true(first->key >= last);
        last = first->key;
        heap_remove(&heap, first);
        assert_false(heap_has(first));
    }
    assert_null(heap_first(&heap));
}

static void first_is_the_smallest_while_any_node_comes_and_goes(void **state)
{
    (void)state;
    srand(2);
    for (unsigned int step = 0; step < 20000; step++) {
        struct heap_node *node = &nodes[(unsigned int)rand() % NODE_COUNT];
        if (heap_has(node) && rand() % 2 == 0) {
            heap_move(&heap, node, (uint64_t)rand());
            assert_true(heap_has(node));
        } else if (heap_has(node)) {
            heap_remove(&heap, node);
        } else {
            heap_insert(&heap, node, (uint64_t)rand());
        }
        const struct heap_node *first = heap_first(&heap);
        assert_int_equal(first != NULL ? first->key : UINT64_MAX, smallest_of_all());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_heap_has_no_first, setup),
        cmocka_unit_test_setup(nodes_come_out_in_the_order_of_their_keys, setup),
        cmocka_unit_test_setup(first_is_the_smallest_while_any_node_comes_and_goes, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
