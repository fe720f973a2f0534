/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's last words on the console, and what is made of them and of QEMU's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/outcome.h"

static enum final_line scan(const char *text)
{
    struct final_line_scanner scanner = {0};
    final_line_scan(&scanner, (const uint8_t *)text, strlen(text));
    return scanner.last;
}

static void each_final_line_is_recognized(void **state)
{
    (void)state;
    assert_int_equal(scan("(PIN) machine: power off\n"), FINAL_LINE_POWER_OFF);
    assert_int_equal(scan("(PIN) machine: reboot\n"), FINAL_LINE_REBOOT);
    assert_int_equal(scan("(PIN) machine: halted after a crash of d0\n"), FINAL_LINE_CRASH_HALTED);
    assert_int_equal(scan("(PIN) machine: reboot after a crash of d0\n"), FINAL_LINE_CRASH_REBOOT);
    assert_int_equal(scan("(PIN) machine: panic\n"), FINAL_LINE_PANIC);
}

static void crash_of_any_domain_is_recognized(void **state)
{
    (void)state;
    assert_int_equal(scan("(PIN) machine: halted after a crash of d17\n"), FINAL_LINE_CRASH_HALTED);
    assert_int_equal(scan("(PIN) machine: reboot after a crash of d2\r\n"),
                     FINAL_LINE_CRASH_REBOOT);
    assert_int_equal(scan("(PIN) machine: reboot after a crash of d\n"), FINAL_LINE_NONE);
    assert_int_equal(scan("(PIN) machine: reboot after a crash of d2x\n"), FINAL_LINE_NONE);
}

static void carriage_returns_before_the_newline_do_not_count(void **state)
{
    (void)state;
    assert_int_equal(scan("(PIN) machine: panic\r\r\n"), FINAL_LINE_PANIC);
}

static void line_counts_only_once_it_is_ended(void **state)
{
    (void)state;
    assert_int_equal(scan("(PIN) machine: reboot"), FINAL_LINE_NONE);
}

static void tag_inside_a_line_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(scan("# (PIN) machine: reboot\n"), FINAL_LINE_NONE);
    assert_int_equal(scan("#\r(PIN) machine: reboot\n"), FINAL_LINE_NONE);
}

static void longer_or_shorter_lines_do_not_count(void **state)
{
    (void)state;
    assert_int_equal(scan("(PIN) machine: reboot.\n(PIN) machine: reboo\n(PIN) \n\n"),
                     FINAL_LINE_NONE);
}

static void line_longer_than_the_buffer_does_not_count(void **state)
{
    (void)state;
    char text[300];
    memset(text, ' ', sizeof(text));
    memcpy(text, "(PIN) machine: reboot", strlen("(PIN) machine: reboot"));
    strcpy(text + sizeof(text) - 2, "\n");
    assert_int_equal(scan(text), FINAL_LINE_NONE);
}

static void line_is_recognized_in_single_bytes(void **state)
{
    (void)state;
    struct final_line_scanner scanner = {0};
    const char *text = "[    1.0] reboot: Power down\r\n(PIN) machine: power off\r\n";
    for (size_t i = 0; i < strlen(text); i++) {
        final_line_scan(&scanner, (const uint8_t *)text + i, 1);
    }
    assert_int_equal(scanner.last, FINAL_LINE_POWER_OFF);
}

static void last_of_several_lines_counts(void **state)
{
    (void)state;
    assert_int_equal(scan("(PIN) machine: power off\n(PIN) machine: panic\n"), FINAL_LINE_PANIC);
}

static void power_off_needs_both_witnesses(void **state)
{
    (void)state;
    struct evidence both = {MACHINE_POWERED_OFF, FINAL_LINE_POWER_OFF, .signal = 0};
    struct evidence qemu_only = {MACHINE_POWERED_OFF, FINAL_LINE_NONE, .signal = 0};
    struct evidence line_only = {MACHINE_NOT_ENDED, FINAL_LINE_POWER_OFF, .signal = 0};
    struct evidence reset = {MACHINE_RESET, FINAL_LINE_POWER_OFF, .signal = 0};
    assert_int_equal(outcome_judge(&both), OUTCOME_SUCCESS);
    assert_int_equal(outcome_judge(&qemu_only), OUTCOME_HYPERVISOR_FAILED);
    assert_int_equal(outcome_judge(&line_only), OUTCOME_HYPERVISOR_FAILED);
    assert_int_equal(outcome_judge(&reset), OUTCOME_HYPERVISOR_FAILED);
}

static void reboot_needs_both_witnesses(void **state)
{
    (void)state;
    struct evidence both = {MACHINE_RESET, FINAL_LINE_REBOOT, .signal = 0};
    struct evidence qemu_only = {MACHINE_RESET, FINAL_LINE_NONE, .signal = 0};
    struct evidence line_only = {MACHINE_NOT_ENDED, FINAL_LINE_REBOOT, .signal = 0};
    assert_int_equal(outcome_judge(&both), OUTCOME_REBOOT);
    assert_int_equal(outcome_judge(&qemu_only), OUTCOME_HYPERVISOR_FAILED);
    assert_int_equal(outcome_judge(&line_only), OUTCOME_HYPERVISOR_FAILED);
}

static void crash_outweighs_how_the_machine_ended(void **state)
{
    (void)state;
    struct evidence ended_by_us = {MACHINE_NOT_ENDED, FINAL_LINE_CRASH_HALTED, .signal = 0};
    struct evidence reset = {MACHINE_RESET, FINAL_LINE_CRASH_REBOOT, .signal = 0};
    assert_int_equal(outcome_judge(&ended_by_us), OUTCOME_GUEST_CRASHED);
    assert_int_equal(outcome_judge(&reset), OUTCOME_GUEST_CRASHED);
}

static void time_limit_after_the_end_does_not_count(void **state)
{
    (void)state;
    struct evidence evidence = {MACHINE_POWERED_OFF, FINAL_LINE_POWER_OFF,
                                .time_limit_reached = true};
    assert_int_equal(outcome_judge(&evidence), OUTCOME_SUCCESS);
    evidence.machine_end = MACHINE_NOT_ENDED;
    evidence.final_line = FINAL_LINE_NONE;
    assert_int_equal(outcome_judge(&evidence), OUTCOME_TIME_LIMIT);
}

static void power_off_without_the_expected_text_is_no_success(void **state)
{
    (void)state;
    struct evidence evidence = {MACHINE_POWERED_OFF, FINAL_LINE_POWER_OFF, .expected_text = true};
    assert_int_equal(outcome_judge(&evidence), OUTCOME_NOT_SEEN);
    evidence.expected_seen = true;
    assert_int_equal(outcome_judge(&evidence), OUTCOME_SUCCESS);
}

static void expected_text_does_not_excuse_another_end(void **state)
{
    (void)state;
    struct evidence reboot = {MACHINE_RESET, FINAL_LINE_REBOOT, .expected_text = true,
                              .expected_seen = true};
    struct evidence limit = {
        .time_limit_reached = true, .expected_text = true, .expected_seen = true};
    assert_int_equal(outcome_judge(&reboot), OUTCOME_REBOOT);
    assert_int_equal(outcome_judge(&limit), OUTCOME_TIME_LIMIT);
}

static void end_of_qemu_without_a_reason_is_a_failure_of_qemu(void **state)
{
    (void)state;
    struct evidence nothing = {0};
    assert_int_equal(outcome_judge(&nothing), OUTCOME_QEMU_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_final_line_is_recognized),
        cmocka_unit_test(crash_of_any_domain_is_recognized),
        cmocka_unit_test(carriage_returns_before_the_newline_do_not_count),
        cmocka_unit_test(line_counts_only_once_it_is_ended),
        cmocka_unit_test(tag_inside_a_line_does_not_count),
        cmocka_unit_test(longer_or_shorter_lines_do_not_count),
        cmocka_unit_test(line_longer_than_the_buffer_does_not_count),
        cmocka_unit_test(line_is_recognized_in_single_bytes),
        cmocka_unit_test(last_of_several_lines_counts),
        cmocka_unit_test(power_off_needs_both_witnesses),
        cmocka_unit_test(reboot_needs_both_witnesses),
        cmocka_unit_test(crash_outweighs_how_the_machine_ended),
        cmocka_unit_test(time_limit_after_the_end_does_not_count),
        cmocka_unit_test(power_off_without_the_expected_text_is_no_success),
        cmocka_unit_test(expected_text_does_not_excuse_another_end),
        cmocka_unit_test(end_of_qemu_without_a_reason_is_a_failure_of_qemu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
