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
static unsigned int runs;           /* that it came in */
static struct guest_line guests[3]; /* of d0 (not used), d1 and d2 */

static void to_wire(void *to, const char *bytes, size_t length)
{
    assert_ptr_equal(to, wire);
    assert_true(length < sizeof(wire) - wire_length);
    memcpy(wire + wire_length, bytes, length);
    wire_length += length;
    runs++;
    wire[wire_length] = '\0';
}

static int start(void **state)
{
    (void)state;
    wire_length = 0;
    runs = 0;
    wire[0] = '\0';
    console_line_init(&line, to_wire, wire);
    memset(guests, 0, sizeof(guests));
    return 0;
}

static void guest(const char *text)
{
    console_line_write_guest(&line, text, strlen(text));
}

/* What a tagged domain writes while somebody else has the input, and while it has. */
static void tagged(uint16_t domid, const char *text)
{
    console_line_write_tagged(&line, &guests[domid], domid, text, strlen(text), false);
}

static void live(uint16_t domid, const char *text)
{
    console_line_write_tagged(&line, &guests[domid], domid, text, strlen(text), true);
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

/* Text goes to the wire in runs; each length around theirs. */
static void messages_of_every_length_come_whole(void **state)
{
    char text[301];
    for (size_t length = 1; length < sizeof(text); length++) {
        start(state);
        for (size_t i = 0; i < length; i++) {
            text[i] = i % 50 == 49 ? '\x01' : (char)('a' + i % 26);
        }
        text[length] = '\0';
        message(text);
        assert_int_equal(wire_length, strlen("(PIN) ") + length + 2);
        for (size_t i = 0; i < length; i++) {
            assert_int_equal(wire[strlen("(PIN) ") + i], text[i] == '\x01' ? '?' : text[i]);
        }
        assert_string_equal(wire + wire_length - 2, "\r\n");
    }
}

/* Its tag, what it wrote and the line's end: each byte by itself would cost the machine more. */
static void line_of_a_domain_comes_in_three_runs(void **state)
{
    (void)state;
    char text[GUEST_LINE_MAX];
    memset(text, ')', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    console_line_write_tagged(&line, &guests[1], 1, text, sizeof(text), false);
    assert_int_equal(wire_length, strlen("(d1) ") + sizeof(text) + 1);
    assert_int_equal(runs, 3);
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

static void other_domains_tags_are_broken_too(void **state)
{
    (void)state;
    guest("(d1) fake\n(d0)\n(d65535) x\r(d2) x\n(d) (d1)\n(d1x)\n(D1)");
    assert_string_equal(wire, "(d1 ) fake\r\n(d0 )\r\n(d65535 ) x\r(d2 ) x\r\n(d) (d1)\r\n(d1x)\r\n"
                              "(D1)");
}

/* ---- tagged domains ------------------------------------------------------------------------ */

static void lines_of_two_domains_come_out_whole_each_with_its_tag(void **state)
{
    (void)state;
    tagged(1, "one ");
    tagged(2, "two ");
    tagged(1, "line\nnext");
    tagged(2, "line\n");
    tagged(1, " line\n");
    assert_string_equal(wire, "(d1) one line\r\n(d2) two line\r\n(d1) next line\r\n");
}

static void what_is_no_whole_line_waits(void **state)
{
    (void)state;
    tagged(1, "login: ");
    assert_string_equal(wire, "");
}

static void empty_line_of_a_domain_has_its_tag(void **state)
{
    (void)state;
    tagged(1, "\na\r\n\r\n\nb\n");
    assert_string_equal(wire, "(d1) \r\n(d1) a\r\n(d1) \r\n(d1) \r\n(d1) b\r\n");
}

static void carriage_return_of_a_domain_ends_its_line_once(void **state)
{
    (void)state;
    tagged(1, "10%\r20%\r");
    tagged(1, "\nx\r\r\ny\n\rz\n");
    assert_string_equal(wire, "(d1) 10%\r\n(d1) 20%\r\n(d1) x\r\n(d1) y\r\n(d1) z\r\n");
}

static void control_characters_of_a_domain_are_left_out(void **state)
{
    (void)state;
    tagged(1, "a\ab\bc\td\f\x7f\x85\n");
    assert_string_equal(wire, "(d1) abc\td?\r\n");
}

static void escape_sequences_of_a_domain_are_left_out(void **state)
{
    (void)state;
    tagged(1, "a\033[1;31mb\033[");
    tagged(1, "0mc\033[6nd\0337e\033\033[Kf\033[12\ng\033\nh\033[\ti\n");
    assert_string_equal(wire, "(d1) abcdef\r\n(d1) g\r\n(d1) h\ti\r\n");
}

static void long_line_of_a_domain_is_cut(void **state)
{
    (void)state;
    char text[GUEST_LINE_MAX + 1];
    memset(text, 'x', GUEST_LINE_MAX);
    text[GUEST_LINE_MAX] = '\0';
    tagged(1, text);
    tagged(1, "rest\n");
    assert_int_equal(wire_length, 5 + GUEST_LINE_MAX + 2 + 5 + 4 + 2);
    assert_memory_equal(wire + 5, text, GUEST_LINE_MAX);
    assert_string_equal(wire + 5 + GUEST_LINE_MAX, "\r\n(d1) rest\r\n");
}

static void first_domain_s_open_line_is_ended_for_a_tagged_one(void **state)
{
    (void)state;
    guest("half");
    tagged(1, "line\n");
    guest(" done\n");
    assert_string_equal(wire, "half\r\n(d1) line\r\n done\r\n");
}

static void domain_cannot_show_another_s_tag_first(void **state)
{
    (void)state;
    tagged(1, "(d2) fake\n(PIN) fake\r(d2) fake\n");
    assert_string_equal(wire, "(d1) (d2) fake\r\n(d1) (PIN) fake\r\n(d1) (d2) fake\r\n");
}

static void prompt_is_shown_when_the_domain_gets_the_input(void **state)
{
    (void)state;
    tagged(1, "login: ");
    console_line_show(&line, &guests[1], 1);
    assert_string_equal(wire, "(d1) login: ");
    live(1, "root");
    assert_string_equal(wire, "(d1) login: root");
    live(1, "\r\nhello\n");
    assert_string_equal(wire, "(d1) login: root\r\n(d1) hello\r\n");
}

static void what_waits_is_shown_before_what_is_written_live(void **state)
{
    (void)state;
    tagged(1, "log");
    live(1, "in: ");
    assert_string_equal(wire, "(d1) login: ");
}

static void nothing_waiting_shows_nothing(void **state)
{
    (void)state;
    console_line_show(&line, &guests[1], 1);
    assert_string_equal(wire, "");
}

static void live_output_goes_through_as_it_is_with_a_tag_on_each_line(void **state)
{
    (void)state;
    live(1, "# ls\r\n\033[1ma\033[0m\b\n\r\n\n# ");
    assert_string_equal(wire, "(d1) # ls\r\n(d1) \033[1ma\033[0m\b\r\n(d1) \r\n(d1) \r\n(d1) # ");
}

static void tag_comes_again_where_a_live_line_is_written_over(void **state)
{
    (void)state;
    live(1, "50%\r");
    live(1, "\r60%\r\n");
    assert_string_equal(wire, "(d1) 50%\r(d1) 60%\r\n");
}

static void live_domain_cannot_show_another_s_tag_where_a_line_may_begin(void **state)
{
    (void)state;
    live(1, "x\f(d2) x\b(PIN) x\r(d2) x");
    assert_string_equal(wire, "(d1) x\f(d2 ) x\b(PIN ) x\r(d1) (d2) x");
}

static void live_line_that_others_interrupt_goes_on_with_its_tag(void **state)
{
    (void)state;
    live(1, "ab");
    message("hello");
    live(1, "cd");
    tagged(2, "two\n");
    live(1, "ef");
    guest("first\n");
    live(1, "gh\n");
    assert_string_equal(wire,
                        "(d1) ab\r\n(PIN) hello\r\n(d1) cd\r\n(d2) two\r\n(d1) ef\r\nfirst\r\n"
                        "(d1) gh\r\n");
}

static void end_of_an_interrupted_live_line_is_no_line_of_its_own(void **state)
{
    (void)state;
    live(1, "ab");
    message("hello");
    live(1, "\r\ncd\n");
    assert_string_equal(wire, "(d1) ab\r\n(PIN) hello\r\n(d1) cd\r\n");
}

static void line_that_was_shown_goes_on_when_the_input_is_another_s(void **state)
{
    (void)state;
    live(1, "# ");
    tagged(1, "done\r\nnext\n");
    assert_string_equal(wire, "(d1) # done\r\n(d1) next\r\n");
}

static void end_of_a_domain_shows_what_waits_and_ends_its_line(void **state)
{
    (void)state;
    tagged(1, "last words");
    console_line_finish(&line, &guests[1], 1);
    live(2, "open");
    console_line_finish(&line, &guests[2], 2);
    console_line_finish(&line, &guests[2], 2);
    guest("x");
    assert_string_equal(wire, "(d1) last words\r\n(d2) open\r\nx");
    assert_null(line.open);
}

static void only_user_of_a_line_writes_all_but_line_ends_as_it_is(void **state)
{
    (void)state;
    const char *text = "(PIN) x\n(d1) \033[0m\r\n\f(d2)";
    console_line_write_raw(&line, text, strlen(text));
    assert_string_equal(wire, "(PIN) x\r\n(d1) \033[0m\r\n\f(d2)");
}

/* ---- random -------------------------------------------------------------------------------- */

/* Whose line is it, to a reader who knows the tags? 'P', '1', '2', or '0' for an untagged one. */
static char line_owner(const char *text)
{
    if (strncmp(text, "(PIN)", 5) == 0) {
        return 'P';
    }
    bool is_tagged = strncmp(text, "(d1)", 4) == 0 || strncmp(text, "(d2)", 4) == 0;
    return is_tagged ? text[2] : '0';
}

/* Each writer's letters must be on its own lines alone. */
static void assert_letters_on_own_lines(void)
{
    static const char letters[] = "MABC";
    static const char owners[] = "P012";
    char owner = line_owner(wire);
    for (size_t i = 0; i < wire_length; i++) {
        if (wire[i] == '\n' || wire[i] == '\r') {
            owner = line_owner(wire + i + 1);
        }
        const char *letter = strchr(letters, wire[i]);
        if (letter != NULL && wire[i] != '\0') {
            assert_int_equal(owners[letter - letters], owner);
        }
    }
}

static unsigned int random_below(unsigned int limit)
{
    return (unsigned int)rand() % limit;
}

static void write_random_to(unsigned int writer, char letter)
{
    static const char *const pieces[] = {"(PIN) ", "(d1) ", "(d2) ", "(",    "d", "1", ")", "PIN",
                                         "\n",     "\r\n",  "\r",    "\n\n", " ", "",  "\t"};
    char text[16];
    snprintf(text, sizeof(text), "%s%c", pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))],
             letter);
    if (writer == 0) {
        guest(text);
    } else if (random_below(2) == 0) {
        live((uint16_t)writer, text);
    } else {
        tagged((uint16_t)writer, text);
    }
}

static void nobody_s_text_is_on_another_s_line_in_random_output(void **state)
{
    unsigned int seed = (unsigned int)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (size_t run = 0; run < 3000; run++) {
        start(state);
        for (size_t i = 0; i < 100; i++) {
            unsigned int writer = random_below(4);
            if (writer == 3) {
                message("M");
            } else {
                write_random_to(writer, "ABC"[writer]);
            }
        }
        assert_letters_on_own_lines();
    }
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
        cmocka_unit_test_setup(messages_of_every_length_come_whole, start),
        cmocka_unit_test_setup(line_of_a_domain_comes_in_three_runs, start),
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
        cmocka_unit_test_setup(other_domains_tags_are_broken_too, start),
        cmocka_unit_test_setup(lines_of_two_domains_come_out_whole_each_with_its_tag, start),
        cmocka_unit_test_setup(what_is_no_whole_line_waits, start),
        cmocka_unit_test_setup(empty_line_of_a_domain_has_its_tag, start),
        cmocka_unit_test_setup(carriage_return_of_a_domain_ends_its_line_once, start),
        cmocka_unit_test_setup(control_characters_of_a_domain_are_left_out, start),
        cmocka_unit_test_setup(escape_sequences_of_a_domain_are_left_out, start),
        cmocka_unit_test_setup(long_line_of_a_domain_is_cut, start),
        cmocka_unit_test_setup(first_domain_s_open_line_is_ended_for_a_tagged_one, start),
        cmocka_unit_test_setup(domain_cannot_show_another_s_tag_first, start),
        cmocka_unit_test_setup(prompt_is_shown_when_the_domain_gets_the_input, start),
        cmocka_unit_test_setup(what_waits_is_shown_before_what_is_written_live, start),
        cmocka_unit_test_setup(nothing_waiting_shows_nothing, start),
        cmocka_unit_test_setup(live_output_goes_through_as_it_is_with_a_tag_on_each_line, start),
        cmocka_unit_test_setup(tag_comes_again_where_a_live_line_is_written_over, start),
        cmocka_unit_test_setup(live_domain_cannot_show_another_s_tag_where_a_line_may_begin, start),
        cmocka_unit_test_setup(live_line_that_others_interrupt_goes_on_with_its_tag, start),
        cmocka_unit_test_setup(end_of_an_interrupted_live_line_is_no_line_of_its_own, start),
        cmocka_unit_test_setup(line_that_was_shown_goes_on_when_the_input_is_another_s, start),
        cmocka_unit_test_setup(end_of_a_domain_shows_what_waits_and_ends_its_line, start),
        cmocka_unit_test_setup(only_user_of_a_line_writes_all_but_line_ends_as_it_is, start),
        cmocka_unit_test_setup(nobody_s_text_is_on_another_s_line_in_random_output, start),
        cmocka_unit_test_setup(only_messages_begin_lines_with_the_tag_in_random_output, start),
        cmocka_unit_test(first_ten_messages_of_a_second_pass),
        cmocka_unit_test(suppressed_messages_are_counted_until_one_passes),
    };
    return cmocka_run_group_tests_name("console line", tests, NULL, NULL);
}
