/* SPDX-License-Identifier: BSD-2-Clause */
/* Our end of the console ring, against guests that keep the protocol and such that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hv/console/pv_ring.h"

#include <xen/io/console.h>

#define OUT_SIZE sizeof(page.out)
#define IN_SIZE  sizeof(page.in)

static struct xencons_interface page;
static struct pv_ring ring;

static int start(void **state)
{
    (void)state;
    memset(&page, 0, sizeof(page));
    pv_ring_open(&ring, &page);
    return 0;
}

static int start_before_the_wrap(void **state)
{
    (void)state;
    memset(&page, 0, sizeof(page));
    page.out_cons = page.out_prod = page.in_cons = page.in_prod = UINT32_MAX - 2;
    pv_ring_open(&ring, &page);
    return 0;
}

/* A guest that keeps the protocol. */
static void guest_write(const char *text)
{
    for (; *text != '\0'; text++) {
        page.out[page.out_prod++ % OUT_SIZE] = *text;
    }
}

static size_t guest_read(char *to)
{
    size_t count = 0;
    while (page.in_cons != page.in_prod) {
        to[count++] = page.in[page.in_cons++ % IN_SIZE];
    }
    to[count] = '\0';
    return count;
}

/* ---- output -------------------------------------------------------------------------------- */

static void empty_ring_has_nothing(void **state)
{
    (void)state;
    char text[8];
    bool more = true;
    assert_int_equal(pv_ring_take(&ring, text, sizeof(text), &more), 0);
    assert_false(more);
    assert_int_equal(page.out_cons, page.out_prod);
}

static void output_is_taken_in_order_and_the_guest_sees_how_far(void **state)
{
    (void)state;
    char text[8] = "";
    bool more;
    guest_write("hello");
    assert_int_equal(pv_ring_take(&ring, text, 3, &more), 3);
    assert_true(more);
    assert_string_equal(text, "hel");
    assert_int_equal(page.out_prod - page.out_cons, 2);
    memset(text, 0, sizeof(text));
    assert_int_equal(pv_ring_take(&ring, text, sizeof(text), &more), 2);
    assert_false(more);
    assert_string_equal(text, "lo");
    assert_int_equal(page.out_cons, page.out_prod);
}

static void full_ring_is_taken_whole(void **state)
{
    (void)state;
    char text[sizeof(page.out)];
    bool more;
    page.out_prod = page.out_cons + (uint32_t)OUT_SIZE;
    assert_int_equal(pv_ring_take(&ring, text, sizeof(text), &more), OUT_SIZE);
    assert_false(more);
}

static void more_than_fits_is_given_up(void **state)
{
    (void)state;
    static const uint32_t hostile[] = {2049, 4096, 0x7fffffff, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        start(NULL);
        char text[4] = "...";
        bool more = true;
        page.out_prod = hostile[i];
        assert_int_equal(pv_ring_take(&ring, text, sizeof(text), &more), 0);
        assert_false(more);
        assert_string_equal(text, "...");
        guest_write("ok");
        assert_int_equal(pv_ring_take(&ring, text, sizeof(text), &more), 2);
        assert_memory_equal(text, "ok", 2);
    }
}

static void guest_cannot_move_our_position(void **state)
{
    (void)state;
    char text[8] = "";
    bool more;
    guest_write("abcd");
    (void)pv_ring_take(&ring, text, 2, &more);
    page.out_cons = 1000;
    assert_int_equal(pv_ring_take(&ring, text, sizeof(text), &more), 2);
    assert_memory_equal(text, "cd", 2);
    assert_int_equal(page.out_cons, page.out_prod);
}

/* ---- input --------------------------------------------------------------------------------- */

static void input_arrives_in_order(void **state)
{
    (void)state;
    char text[16];
    assert_int_equal(pv_ring_room(&ring), IN_SIZE);
    pv_ring_give(&ring, "hello", 5);
    assert_int_equal(pv_ring_room(&ring), IN_SIZE - 5);
    assert_int_equal(guest_read(text), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(pv_ring_room(&ring), IN_SIZE);
}

static void ring_that_nobody_reads_has_no_room(void **state)
{
    (void)state;
    char text[sizeof(page.in)];
    memset(text, 'x', sizeof(text));
    pv_ring_give(&ring, text, sizeof(text));
    assert_int_equal(pv_ring_room(&ring), 0);
    page.in_cons++;
    assert_int_equal(pv_ring_room(&ring), 1);
}

static void guest_that_read_what_was_never_written_is_followed(void **state)
{
    (void)state;
    static const uint32_t hostile[] = {1, 1024, 0x80000000, UINT32_MAX - 1024};
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        start(NULL);
        char text[16];
        page.in_cons = hostile[i];
        assert_int_equal(pv_ring_room(&ring), IN_SIZE);
        pv_ring_give(&ring, "ok", 2);
        assert_int_equal(guest_read(text), 2);
        assert_string_equal(text, "ok");
    }
}

static void guest_cannot_move_where_we_write(void **state)
{
    (void)state;
    pv_ring_give(&ring, "ab", 2);
    page.in_prod = 77;
    pv_ring_give(&ring, "cd", 2);
    assert_int_equal(page.in_prod - page.in_cons, 4);
    assert_memory_equal(page.in, "abcd", 4);
}

/* Whatever the positions become, no turn moves more than it may, and room is never too much. */
static void every_turn_is_bounded_with_random_positions(void **state)
{
    (void)state;
    unsigned int seed = (unsigned int)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (unsigned int i = 0; i < 200000; i++) {
        char text[128];
        bool more;
        uint32_t step = (uint32_t)rand() % 4096;
        switch (rand() % 5) {
        case 0:
            page.out_prod += step;
            break;
        case 1:
            page.in_cons += step;
            break;
        case 2:
            page.out_cons = (uint32_t)rand();
            break;
        case 3:
            page.in_prod = (uint32_t)rand();
            break;
        default:
            break;
        }
        assert_true(pv_ring_take(&ring, text, sizeof(text), &more) <= sizeof(text));
        size_t room = pv_ring_room(&ring);
        assert_true(room <= IN_SIZE);
        pv_ring_give(&ring, text, room < sizeof(text) ? room : sizeof(text));
        assert_true(ring.in_prod - page.in_cons <= IN_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_ring_has_nothing, start),
        cmocka_unit_test_setup(output_is_taken_in_order_and_the_guest_sees_how_far, start),
        cmocka_unit_test_setup(output_is_taken_in_order_and_the_guest_sees_how_far,
                               start_before_the_wrap),
        cmocka_unit_test_setup(full_ring_is_taken_whole, start),
        cmocka_unit_test_setup(full_ring_is_taken_whole, start_before_the_wrap),
        cmocka_unit_test(more_than_fits_is_given_up),
        cmocka_unit_test_setup(guest_cannot_move_our_position, start),
        cmocka_unit_test_setup(input_arrives_in_order, start),
        cmocka_unit_test_setup(input_arrives_in_order, start_before_the_wrap),
        cmocka_unit_test_setup(ring_that_nobody_reads_has_no_room, start),
        cmocka_unit_test(guest_that_read_what_was_never_written_is_followed),
        cmocka_unit_test_setup(guest_cannot_move_where_we_write, start),
        cmocka_unit_test_setup(every_turn_is_bounded_with_random_positions, start),
    };
    return cmocka_run_group_tests_name("console ring", tests, NULL, NULL);
}
