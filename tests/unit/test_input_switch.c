/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose a byte of serial input is: three times Ctrl-a switch, in a circle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hv/console/byte_queue.h"
#include "hv/console/input_switch.h"

#define CTRL_A '\x01'

static struct input_switch input;

static int start(void **state)
{
    (void)state;
    input = (struct input_switch){.letter = 'a'};
    return 0;
}

static bool take(char byte)
{
    return input_switch_take(&input, byte);
}

/* ---- the keys ------------------------------------------------------------------------------ */

static void ordinary_bytes_do_not_switch(void **state)
{
    (void)state;
    assert_false(take('x'));
    assert_false(take('\0'));
    assert_false(take('a'));
}

static void third_in_a_row_switches(void **state)
{
    (void)state;
    assert_false(take(CTRL_A));
    assert_false(take(CTRL_A));
    assert_true(take(CTRL_A));
}

static void interrupted_row_does_not_switch(void **state)
{
    (void)state;
    assert_false(take(CTRL_A));
    assert_false(take(CTRL_A));
    assert_false(take('x'));
    assert_false(take(CTRL_A));
    assert_false(take(CTRL_A));
    assert_true(take(CTRL_A));
}

static void fourth_begins_a_new_row(void **state)
{
    (void)state;
    third_in_a_row_switches(state);
    assert_false(take(CTRL_A));
    assert_false(take(CTRL_A));
    assert_true(take(CTRL_A));
}

static void another_letter_switches_instead(void **state)
{
    (void)state;
    input.letter = 'q';
    assert_false(take(CTRL_A));
    assert_false(take(CTRL_A));
    assert_false(take(CTRL_A));
    assert_false(take('\x11'));
    assert_false(take('\x11'));
    assert_true(take('\x11'));
}

/* ---- the circle ---------------------------------------------------------------------------- */

static void alone_the_first_domain_takes_turns_with_the_hypervisor(void **state)
{
    (void)state;
    assert_int_equal(input_switch_next(0, INPUT_HYPERVISOR, true), INPUT_HYPERVISOR);
    assert_int_equal(input_switch_next(INPUT_HYPERVISOR, INPUT_HYPERVISOR, true), 0);
}

static void hypervisor_comes_between_the_first_domain_and_the_others(void **state)
{
    (void)state;
    assert_int_equal(input_switch_next(0, 1, true), INPUT_HYPERVISOR);
    assert_int_equal(input_switch_next(INPUT_HYPERVISOR, 1, true), 1);
}

static void others_follow_in_order_and_then_the_first_domain(void **state)
{
    (void)state;
    assert_int_equal(input_switch_next(1, 4, true), 4);
    assert_int_equal(input_switch_next(4, INPUT_HYPERVISOR, true), 0);
}

static void without_a_first_domain_the_hypervisor_follows_the_last(void **state)
{
    (void)state;
    assert_int_equal(input_switch_next(4, INPUT_HYPERVISOR, false), INPUT_HYPERVISOR);
    assert_int_equal(input_switch_next(INPUT_HYPERVISOR, 1, false), 1);
    assert_int_equal(input_switch_next(INPUT_HYPERVISOR, INPUT_HYPERVISOR, false),
                     INPUT_HYPERVISOR);
}

/* ---- what was typed ------------------------------------------------------------------------ */

static void queue_gives_back_what_was_put_in_order(void **state)
{
    (void)state;
    static struct byte_queue queue;
    char taken[4];
    assert_true(byte_queue_is_empty(&queue));
    for (unsigned int round = 0; round < BYTE_QUEUE_SIZE; round++) { /* past the wrap */
        assert_true(byte_queue_put(&queue, 'a'));
        assert_true(byte_queue_put(&queue, 'b'));
        assert_true(byte_queue_put(&queue, 'c'));
        assert_int_equal(byte_queue_take(&queue, taken, 2), 2);
        assert_memory_equal(taken, "ab", 2);
        assert_int_equal(byte_queue_take(&queue, taken, 4), 1);
        assert_int_equal(taken[0], 'c');
    }
    assert_int_equal(byte_queue_take(&queue, taken, 4), 0);
}

static void full_queue_takes_no_more_and_keeps_what_it_has(void **state)
{
    (void)state;
    static struct byte_queue queue = {.head = UINT32_MAX - 5, .tail = UINT32_MAX - 5};
    for (unsigned int i = 0; i < BYTE_QUEUE_SIZE; i++) {
        assert_false(byte_queue_is_full(&queue));
        assert_true(byte_queue_put(&queue, i == 0 ? 'f' : 'x'));
    }
    assert_true(byte_queue_is_full(&queue));
    assert_false(byte_queue_put(&queue, 'y'));
    char taken;
    assert_int_equal(byte_queue_take(&queue, &taken, 1), 1);
    assert_int_equal(taken, 'f');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ordinary_bytes_do_not_switch, start),
        cmocka_unit_test_setup(third_in_a_row_switches, start),
        cmocka_unit_test_setup(interrupted_row_does_not_switch, start),
        cmocka_unit_test_setup(fourth_begins_a_new_row, start),
        cmocka_unit_test_setup(another_letter_switches_instead, start),
        cmocka_unit_test(alone_the_first_domain_takes_turns_with_the_hypervisor),
        cmocka_unit_test(hypervisor_comes_between_the_first_domain_and_the_others),
        cmocka_unit_test(others_follow_in_order_and_then_the_first_domain),
        cmocka_unit_test(without_a_first_domain_the_hypervisor_follows_the_last),
        cmocka_unit_test(queue_gives_back_what_was_put_in_order),
        cmocka_unit_test(full_queue_takes_no_more_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
