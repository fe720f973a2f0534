/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose a byte of serial input is: three times Ctrl-a switch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hv/console/input_switch.h"

static struct input_switch input;

static int start(void **state)
{
    (void)state;
    input = (struct input_switch){0};
    return 0;
}

static enum input_target take(char byte)
{
    return input_switch_take(&input, byte);
}

static void switch_over(void)
{
    assert_int_not_equal(take(INPUT_SWITCH_BYTE), INPUT_SWITCHED);
    assert_int_not_equal(take(INPUT_SWITCH_BYTE), INPUT_SWITCHED);
    assert_int_equal(take(INPUT_SWITCH_BYTE), INPUT_SWITCHED);
}

static void input_is_the_guest_s_at_first(void **state)
{
    (void)state;
    assert_int_equal(take('x'), INPUT_TO_GUEST);
    assert_int_equal(take('\0'), INPUT_TO_GUEST);
}

static void one_and_two_reach_the_guest_at_once(void **state)
{
    (void)state;
    assert_int_equal(take(INPUT_SWITCH_BYTE), INPUT_TO_GUEST);
    assert_int_equal(take('b'), INPUT_TO_GUEST);
    assert_int_equal(take(INPUT_SWITCH_BYTE), INPUT_TO_GUEST);
    assert_int_equal(take(INPUT_SWITCH_BYTE), INPUT_TO_GUEST);
    assert_int_equal(take('b'), INPUT_TO_GUEST);
    assert_false(input.to_hypervisor);
}

static void third_in_a_row_switches_to_the_hypervisor(void **state)
{
    (void)state;
    switch_over();
    assert_true(input.to_hypervisor);
    assert_int_equal(take('q'), INPUT_TO_HYPERVISOR);
}

static void interrupted_row_does_not_switch(void **state)
{
    (void)state;
    take(INPUT_SWITCH_BYTE);
    take(INPUT_SWITCH_BYTE);
    take('x');
    assert_int_equal(take(INPUT_SWITCH_BYTE), INPUT_TO_GUEST);
    assert_false(input.to_hypervisor);
}

static void three_more_switch_back(void **state)
{
    (void)state;
    switch_over();
    switch_over();
    assert_false(input.to_hypervisor);
    assert_int_equal(take('x'), INPUT_TO_GUEST);
}

static void fourth_begins_a_new_row(void **state)
{
    (void)state;
    switch_over();
    assert_int_equal(take(INPUT_SWITCH_BYTE), INPUT_TO_HYPERVISOR);
    assert_int_equal(take(INPUT_SWITCH_BYTE), INPUT_TO_HYPERVISOR);
    assert_true(input.to_hypervisor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(input_is_the_guest_s_at_first, start),
        cmocka_unit_test_setup(one_and_two_reach_the_guest_at_once, start),
        cmocka_unit_test_setup(third_in_a_row_switches_to_the_hypervisor, start),
        cmocka_unit_test_setup(interrupted_row_does_not_switch, start),
        cmocka_unit_test_setup(three_more_switch_back, start),
        cmocka_unit_test_setup(fourth_begins_a_new_row, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
