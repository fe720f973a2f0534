/* SPDX-License-Identifier: BSD-2-Clause */
/* The unpacking guest's memory for its libraries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guests/unpack/arena.h"

#define PAGES 64U

static uint8_t *memory;

static int start(void **state)
{
    (void)state;
    memory = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);
    arena_init(memory, PAGES * PAGE_SIZE);
    return memory == NULL ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

/* A block for all that there is, less the header's page. */
static void assert_all_is_free(void)
{
    void *all = arena_take((PAGES - 1) * PAGE_SIZE);
    assert_non_null(all);
    arena_give_back(all);
}

static void blocks_begin_with_a_page_and_do_not_meet(void **state)
{
    (void)state;
    uint8_t *a = arena_take(1);
    uint8_t *b = arena_take(PAGE_SIZE + 1);
    uint8_t *c = arena_take(0);
    assert_int_equal((uintptr_t)a % PAGE_SIZE, 0);
    assert_true(b >= a + PAGE_SIZE && c >= b + 2 * PAGE_SIZE && c < memory + PAGES * PAGE_SIZE);
    memset(a, 1, PAGE_SIZE);
    memset(b, 2, 2 * PAGE_SIZE);
    memset(c, 3, PAGE_SIZE);
    arena_give_back(b);
    arena_give_back(a);
    arena_give_back(c);
    assert_all_is_free();
}

static void too_much_is_refused(void **state)
{
    (void)state;
    assert_null(arena_take(PAGES * PAGE_SIZE));
    assert_null(arena_take(SIZE_MAX));
    void *all = arena_take((PAGES - 1) * PAGE_SIZE);
    assert_non_null(all);
    assert_null(arena_take(1));
    arena_give_back(all);
    assert_all_is_free();
}

static void last_block_grows_in_place(void **state)
{
    (void)state;
    void *other = arena_take(1);
    uint8_t *block = arena_resize(NULL, 1);
    assert_ptr_equal(arena_resize(block, 40 * PAGE_SIZE), block);
    assert_ptr_equal(arena_resize(block, 2 * PAGE_SIZE), block);
    void *behind = arena_take(30 * PAGE_SIZE); /* what was given back is there */
    assert_non_null(behind);
    arena_give_back(behind);
    arena_give_back(block);
    arena_give_back(other);
    assert_all_is_free();
}

static void block_with_a_neighbour_moves_with_its_contents(void **state)
{
    (void)state;
    uint8_t *block = arena_take(PAGE_SIZE);
    void *neighbour = arena_take(1);
    memset(block, 7, PAGE_SIZE);
    uint8_t *moved = arena_resize(block, 2 * PAGE_SIZE);
    assert_ptr_not_equal(moved, block);
    assert_int_equal(moved[PAGE_SIZE - 1], 7);
    arena_give_back(neighbour);
    arena_give_back(moved);
    assert_all_is_free();
}

static void block_that_cannot_grow_stays(void **state)
{
    (void)state;
    uint8_t *block = arena_take(PAGE_SIZE);
    void *neighbour = arena_take(PAGE_SIZE);
    block[0] = 9;
    assert_null(arena_resize(block, PAGES * PAGE_SIZE));
    assert_int_equal(block[0], 9);
    arena_give_back(block);
    arena_give_back(neighbour);
    assert_all_is_free();
}

static void nothing_is_given_back_where_nothing_is(void **state)
{
    (void)state;
    arena_give_back(NULL);
    assert_all_is_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_begin_with_a_page_and_do_not_meet, start, stop),
        cmocka_unit_test_setup_teardown(too_much_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(last_block_grows_in_place, start, stop),
        cmocka_unit_test_setup_teardown(block_with_a_neighbour_moves_with_its_contents, start,
                                        stop),
        cmocka_unit_test_setup_teardown(block_that_cannot_grow_stays, start, stop),
        cmocka_unit_test_setup_teardown(nothing_is_given_back_where_nothing_is, start, stop),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
