/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest says among all that the console shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/guest_output.h"

static struct guest_output output;

/* All of `text` at once, and then byte by byte: the answers must be the same. */
static bool is_seen(const char *expected, const char *text)
{
    struct guest_output piecewise;
    guest_output_begin(&output, expected);
    guest_output_begin(&piecewise, expected);
    guest_output_scan(&output, (const uint8_t *)text, strlen(text));
    for (size_t i = 0; i < strlen(text); i++) {
        guest_output_scan(&piecewise, (const uint8_t *)text + i, 1);
    }
    assert_int_equal(output.expected.found, piecewise.expected.found);
    assert_int_equal(output.spoke, piecewise.spoke);
    return output.expected.found;
}

static void text_is_seen_anywhere_in_a_line(void **state)
{
    (void)state;
    assert_true(is_seen("ready", "ready"));
    assert_true(is_seen("ready", "boot\r\nnow ready.\r\n"));
    assert_true(is_seen("r", "r"));
    assert_false(is_seen("ready", "read"));
}

static void text_that_repeats_itself_is_seen(void **state)
{
    (void)state;
    assert_true(is_seen("aab", "aaaab"));
    assert_true(is_seen("abab-", "ababab-"));
    assert_true(is_seen("[[ok]", "[[[ok]"));
    assert_false(is_seen("aab", "ababab"));
}

static void line_end_parts_a_text(void **state)
{
    (void)state;
    assert_false(is_seen("one two", "one \ntwo\n"));
    assert_false(is_seen("ab", "a\r\nb"));
}

static void lines_of_the_hypervisor_do_not_count(void **state)
{
    (void)state;
    assert_false(is_seen("power", "(PIN) machine: power off\r\n"));
    assert_false(is_seen("PIN", "(PIN) \n(PIN) x\n"));
    assert_true(is_seen("power", "(PIN) x\nno power\n"));
}

static void line_that_only_begins_like_the_hypervisors_counts(void **state)
{
    (void)state;
    assert_true(is_seen("(PIN)", "(PIN)\n"));
    assert_true(is_seen("(PI", "(PI\n"));
    assert_true(is_seen("PINN", "(PINN) x\n"));
    assert_true(is_seen("(PIN) x", " (PIN) x\n"));
}

static void guest_has_spoken_once_it_wrote_more_than_space(void **state)
{
    (void)state;
    assert_false(is_seen(NULL, "(PIN) Pinnace\r\n(PIN) more\r\n"));
    assert_false(output.spoke);
    assert_false(is_seen(NULL, "\r\n \r\n"));
    assert_false(output.spoke);
    assert_false(is_seen(NULL, "(PIN) Pinnace\r\n#"));
    assert_true(output.spoke);
}

static void console_is_missing_if_only_the_early_one_came(void **state)
{
    (void)state;
    static const char early[] = "[    0.000000] printk: bootconsole [xenboot0] enabled\r\n";
    static const char late[] = "[    1.426632] printk: console [hvc0] enabled\r\n";
    is_seen(NULL, early);
    assert_true(guest_output_console_missing(&output));
    guest_output_scan(&output, (const uint8_t *)late, strlen(late));
    assert_false(guest_output_console_missing(&output));
    is_seen(NULL, "hello\r\n");
    assert_false(guest_output_console_missing(&output));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_seen_anywhere_in_a_line),
        cmocka_unit_test(text_that_repeats_itself_is_seen),
        cmocka_unit_test(line_end_parts_a_text),
        cmocka_unit_test(lines_of_the_hypervisor_do_not_count),
        cmocka_unit_test(line_that_only_begins_like_the_hypervisors_counts),
        cmocka_unit_test(guest_has_spoken_once_it_wrote_more_than_space),
        cmocka_unit_test(console_is_missing_if_only_the_early_one_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
