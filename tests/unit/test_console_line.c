/* SPDX-License-Identifier: BSD-2-Clause */
/* The console's output stream: who may begin a line with the tag, and line ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hv/console/line.h"
#include "hv/console/rate_limit.h"

static struct console_line line;
static char wire[1 << 16];
static size_t wire_length;

static void to_wire(char byte)
{
    assert_true(wire_length < sizeof(wire) - 1);
    wire[wire_length++] = byte;
    wire[wire_length] = '\0';
}

static int start(void **state)
{
    (void)state;
    wire_length = 0;
    wire[0] = '\0';
    console_line_init(&line, to_wire);
    return 0;
}

static void guest(const char *text)
{
    console_line_write_guest(&line, text, strlen(text));
}

static void message(const char *text)
{
    console_line_write_message(&line, "", text);
}

static void message_is_a_tagged_line(void **state)
{
    (void)state;
    message("hello");
    assert_string_equal(wire, "(PIN) hello\r\n");
}

static void newline_at_the_end_of_a_message_is_not_doubled(void **state)
{
    (void)state;
    message("hello\n");
    assert_string_equal(wire, "(PIN) hello\r\n");
}

static void empty_message_is_a_line_with_the_tag(void **state)
{
    (void)state;
    message("");
    assert_string_equal(wire, "(PIN) \r\n");
}

static void each_line_of_a_message_has_tag_and_prefix(void **state)
{
    (void)state;
    console_line_write_message(&line, "d0v1 ", "one\ntwo\n\nthree");
    assert_string_equal(wire, "(PIN) d0v1 one\r\n(PIN) d0v1 two\r\n(PIN) d0v1 \r\n"
                              "(PIN) d0v1 three\r\n");
}

static void control_characters_in_a_message_become_question_marks(void **state)
{
    (void)state;
    message("a\rb\033[0mc\td\x80");
    assert_string_equal(wire, "(PIN) a?b?[0mc\td?\r\n");
}

static void guest_output_goes_through_as_it_is(void **state)
{
    (void)state;
    guest("login: \033[1mroot\033[0m\ttty (PIN) \xc3\xa9");
    assert_string_equal(wire, "login: \033[1mroot\033[0m\ttty (PIN) \xc3\xa9");
}

static void newline_gets_a_carriage_return(void **state)
{
    (void)state;
    guest("a\nb\n\n");
    assert_string_equal(wire, "a\r\nb\r\n\r\n");
}

static void carriage_return_that_is_there_is_not_doubled(void **state)
{
    (void)state;
    guest("a\r\nb\r");
    guest("\nc");
    assert_string_equal(wire, "a\r\nb\r\nc");
}

static void nul_bytes_of_a_guest_are_output(void **state)
{
    (void)state;
    console_line_write_guest(&line, "a\0b", 3);
    assert_int_equal(wire_length, 3);
    assert_memory_equal(wire, "a\0b", 3);
}

static void message_in_the_middle_of_a_guest_line_starts_a_new_one(void **state)
{
    (void)state;
    guest("half");
    message("hello");
    guest(" done\n");
    assert_string_equal(wire, "half\r\n(PIN) hello\r\n done\r\n");
}

static void message_after_a_whole_guest_line_adds_no_empty_line(void **state)
{
    (void)state;
    guest("whole\n");
    message("hello");
    assert_string_equal(wire, "whole\r\n(PIN) hello\r\n");
}

static void message_after_a_lone_carriage_return_starts_a_new_line(void **state)
{
    (void)state;
    guest("50%\r");
    message("hello");
    assert_string_equal(wire, "50%\r\n(PIN) hello\r\n");
}

static void tag_at_the_very_start_is_broken(void **state)
{
    (void)state;
    guest("(PIN) fake\n");
    assert_string_equal(wire, "(PIN ) fake\r\n");
}

static void tag_after_a_newline_is_broken(void **state)
{
    (void)state;
    guest("x\n(PIN) fake\n(PIN)");
    assert_string_equal(wire, "x\r\n(PIN ) fake\r\n(PIN )");
}

static void tag_after_a_lone_carriage_return_is_broken(void **state)
{
    (void)state;
    guest("x\r(PIN) fake");
    assert_string_equal(wire, "x\r(PIN ) fake");
}

static void tag_after_a_byte_that_may_end_a_line_is_broken(void **state)
{
    (void)state;
    guest("x\f(PIN) fake x\b(PIN) fake x\x85(PIN)");
    assert_string_equal(wire, "x\f(PIN ) fake x\b(PIN ) fake x\x85(PIN )");
}

static void tag_in_the_middle_of_a_line_is_left_alone(void **state)
{
    (void)state;
    guest(" (PIN) ((PIN) \t(PIN)");
    assert_string_equal(wire, " (PIN) ((PIN) \t(PIN)");
}

static void what_only_resembles_the_tag_is_left_alone(void **state)
{
    (void)state;
    guest("(PI)\n(pin)\n(PINN)\n(PIN\n(PIN )\n");
    assert_string_equal(wire, "(PI)\r\n(pin)\r\n(PINN)\r\n(PIN\r\n(PIN )\r\n");
}

static void tag_written_byte_by_byte_is_broken(void **state)
{
    (void)state;
    const char *text = "\n(PIN) fake";
    for (size_t i = 0; i < strlen(text); i++) {
        console_line_write_guest(&line, text + i, 1);
    }
    assert_string_equal(wire, "\r\n(PIN ) fake");
}

static void tag_right_after_a_message_is_broken_in_mid_line_for_the_guest(void **state)
{
    (void)state;
    guest("half");
    message("hello");
    guest("(PIN) fake");
    assert_string_equal(wire, "half\r\n(PIN) hello\r\n(PIN ) fake");
}

static void tag_cut_in_two_by_a_message_does_not_appear(void **state)
{
    (void)state;
    guest("(PIN");
    message("hello");
    guest(") fake");
    assert_string_equal(wire, "(PIN\r\n(PIN) hello\r\n) fake");
}

/* Count the lines on the wire, however a reader splits them, that begin with the tag. */
static size_t tagged_lines(void)
{
    size_t count = 0;
    for (size_t i = 0; i < wire_length; i++) {
        bool starts = i == 0 || wire[i - 1] == '\n' || wire[i - 1] == '\r';
        count += starts && strncmp(wire + i, CONSOLE_TAG, strlen(CONSOLE_TAG)) == 0;
    }
    return count;
}

static unsigned int random_below(unsigned int limit)
{
    return (unsigned int)rand() % limit;
}

static void write_random_piece(void)
{
    static const char *const pieces[] = {"(",  "(P", "PIN", "IN", ")", "(PIN)", "(PIN) x", "\n",
                                         "\r", "x",  " ",   "",   "N", "\r\n",  "I",       "P"};
    guest(pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))]);
}

static void only_messages_begin_lines_with_the_tag_in_random_output(void **state)
{
    unsigned int seed = (unsigned int)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (size_t run = 0; run < 3000; run++) {
        start(state);
        size_t messages = 0;
        for (size_t i = 0; i < 100; i++) {
            if (random_below(8) == 0) {
                message("m");
                messages++;
            } else {
                write_random_piece();
            }
        }
        assert_int_equal(tagged_lines(), messages);
    }
}

static void first_ten_messages_of_a_second_pass(void **state)
{
    (void)state;
    struct rate_limit limit = {0};
    uint32_t suppressed;
    for (size_t i = 0; i < RATE_LIMIT_MESSAGES; i++) {
        assert_true(rate_limit_allow(&limit, 5, &suppressed));
        assert_int_equal(suppressed, 0);
    }
    assert_false(rate_limit_allow(&limit, 6, &suppressed));
}

static void suppressed_messages_are_counted_until_one_passes(void **state)
{
    (void)state;
    struct rate_limit limit = {0};
    uint32_t suppressed;
    for (size_t i = 0; i < RATE_LIMIT_MESSAGES + 7; i++) {
        (void)rate_limit_allow(&limit, 0, &suppressed);
    }
    assert_true(rate_limit_allow(&limit, RATE_LIMIT_WINDOW_NS, &suppressed));
    assert_int_equal(suppressed, 7);
    assert_true(rate_limit_allow(&limit, RATE_LIMIT_WINDOW_NS, &suppressed));
    assert_int_equal(suppressed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(message_is_a_tagged_line, start),
        cmocka_unit_test_setup(newline_at_the_end_of_a_message_is_not_doubled, start),
        cmocka_unit_test_setup(empty_message_is_a_line_with_the_tag, start),
        cmocka_unit_test_setup(each_line_of_a_message_has_tag_and_prefix, start),
        cmocka_unit_test_setup(control_characters_in_a_message_become_question_marks, start),
        cmocka_unit_test_setup(guest_output_goes_through_as_it_is, start),
        cmocka_unit_test_setup(newline_gets_a_carriage_return, start),
        cmocka_unit_test_setup(carriage_return_that_is_there_is_not_doubled, start),
        cmocka_unit_test_setup(nul_bytes_of_a_guest_are_output, start),
        cmocka_unit_test_setup(message_in_the_middle_of_a_guest_line_starts_a_new_one, start),
        cmocka_unit_test_setup(message_after_a_whole_guest_line_adds_no_empty_line, start),
        cmocka_unit_test_setup(message_after_a_lone_carriage_return_starts_a_new_line, start),
        cmocka_unit_test_setup(tag_at_the_very_start_is_broken, start),
        cmocka_unit_test_setup(tag_after_a_newline_is_broken, start),
        cmocka_unit_test_setup(tag_after_a_lone_carriage_return_is_broken, start),
        cmocka_unit_test_setup(tag_after_a_byte_that_may_end_a_line_is_broken, start),
        cmocka_unit_test_setup(tag_in_the_middle_of_a_line_is_left_alone, start),
        cmocka_unit_test_setup(what_only_resembles_the_tag_is_left_alone, start),
        cmocka_unit_test_setup(tag_written_byte_by_byte_is_broken, start),
        cmocka_unit_test_setup(tag_right_after_a_message_is_broken_in_mid_line_for_the_guest,
                               start),
        cmocka_unit_test_setup(tag_cut_in_two_by_a_message_does_not_appear, start),
        cmocka_unit_test_setup(only_messages_begin_lines_with_the_tag_in_random_output, start),
        cmocka_unit_test(first_ten_messages_of_a_second_pass),
        cmocka_unit_test(suppressed_messages_are_counted_until_one_passes),
    };
    return cmocka_run_group_tests_name("console line", tests, NULL, NULL);
}
