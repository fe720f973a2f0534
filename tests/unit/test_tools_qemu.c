/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes between us, the user and QEMU: keys, QEMU's command line, its events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tools/escape.h"
#include "tools/qemu.h"
#include "tools/qmp.h"
#include "tools/run_options.h"

/* ---- keys ---- */

/* What the guest gets of `typed`, as a string in `out`. */
static struct escape filter(const char *typed, char *out)
{
    struct escape escape = {0};
    size_t size = escape_filter(&escape, (const uint8_t *)typed, strlen(typed), (uint8_t *)out);
    out[size] = '\0';
    return escape;
}

static void keys_pass_unchanged(void **state)
{
    (void)state;
    char out[16];
    struct escape escape = filter("ab\x03\x1d\r", out);
    assert_string_equal(out, "ab\x03\x1d\r");
    assert_false(escape.quit);
}

static void control_a_is_sent_with_a_or_twice(void **state)
{
    (void)state;
    char out[16];
    filter("\x01"
           "a-\x01\x01-",
           out);
    assert_string_equal(out, "\x01-\x01-");
}

static void control_a_x_quits_and_sends_nothing_more(void **state)
{
    (void)state;
    char out[16];
    struct escape escape = filter("l\x01xyz", out);
    assert_true(escape.quit);
    assert_string_equal(out, "l");
}

static void control_a_before_another_key_sends_both(void **state)
{
    (void)state;
    char out[16];
    filter("\x01k", out);
    assert_string_equal(out, "\x01k");
}

static void control_a_waits_for_the_key_after_it(void **state)
{
    (void)state;
    char out[16];
    struct escape escape = filter("\x01", out);
    assert_string_equal(out, "");
    assert_int_equal(escape_filter(&escape, (const uint8_t *)"x", 1, (uint8_t *)out), 0);
    assert_true(escape.quit);
}

/* ---- QEMU's command line ---- */

static const struct qemu_config config = {
    .hypervisor_fd = 11,
    .hypervisor_options = "console=com1",
    .module_count = 2,
    .modules = {{.fd = 12, .text = "a=1,2"}, {.fd = 13, .text = ""}},
    .memory_kib = 65536,
};

/* The value after an option, or NULL. */
static const char *value_of(const struct qemu_arguments *arguments, const char *option)
{
    for (size_t i = 0; i + 1 < arguments->count; i++) {
        if (strcmp(arguments->words[i], option) == 0) {
            return arguments->words[i + 1];
        }
    }
    return NULL;
}

static void modules_are_files_with_their_texts(void **state)
{
    (void)state;
    struct qemu_arguments arguments;
    assert_true(qemu_arguments_make(&arguments, &config, 21, 22));
    assert_string_equal(value_of(&arguments, "-initrd"), "/dev/fd/12 a=1,,2,/dev/fd/13");
    assert_string_equal(value_of(&arguments, "-kernel"), "/dev/fd/11");
    assert_string_equal(value_of(&arguments, "-append"), "console=com1");
    assert_string_equal(value_of(&arguments, "-m"), "65536K");
    assert_null(value_of(&arguments, "-cpu"));
    assert_null(arguments.words[arguments.count]);
    qemu_arguments_free(&arguments);
}

static void further_serial_ports_follow_the_console_s(void **state)
{
    (void)state;
    struct qemu_config other = config;
    other.serial_count = 2;
    other.serials[0] = "file:a,b";
    other.serials[1] = "pty";
    struct qemu_arguments arguments;
    assert_true(qemu_arguments_make(&arguments, &other, 21, 22));
    const char *seen[4] = {0};
    size_t count = 0;
    for (size_t i = 0; i + 1 < arguments.count; i++) {
        if (strcmp(arguments.words[i], "-serial") == 0) {
            assert_true(count < ARRAY_SIZE(seen));
            seen[count++] = arguments.words[i + 1];
        }
    }
    assert_int_equal(count, 3);
    assert_string_equal(seen[0], "chardev:console");
    assert_string_equal(seen[1], "file:a,b");
    assert_string_equal(seen[2], "pty");
    qemu_arguments_free(&arguments);
}

static void one_module_and_a_cpu_model(void **state)
{
    (void)state;
    struct qemu_config other = config;
    other.module_count = 1;
    other.cpu = "max,-smap";
    struct qemu_arguments arguments;
    assert_true(qemu_arguments_make(&arguments, &other, 21, 22));
    assert_string_equal(value_of(&arguments, "-initrd"), "/dev/fd/12 a=1,,2");
    assert_string_equal(value_of(&arguments, "-cpu"), "max,-smap");
    qemu_arguments_free(&arguments);
}

/* ---- QEMU's events ---- */

static enum machine_end end_after(const char *line)
{
    struct qmp qmp = {.fd = -1};
    qmp_take_line(&qmp, line, strlen(line));
    return qmp.machine_end;
}

static void shutdown_event_tells_the_reason(void **state)
{
    (void)state;
    assert_int_equal(
        end_after("{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"SHUTDOWN\", "
                  "\"data\": {\"guest\": true, \"reason\": \"guest-shutdown\"}}\r"),
        MACHINE_POWERED_OFF);
    assert_int_equal(
        end_after("{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest-reset\"}}"),
        MACHINE_RESET);
}

static void other_lines_do_not_end_the_machine(void **state)
{
    (void)state;
    assert_int_equal(
        end_after("{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"host-signal\"}}"),
        MACHINE_NOT_ENDED);
    assert_int_equal(end_after("{\"event\": \"RESET\", \"data\": {\"reason\": \"guest-reset\"}}"),
                     MACHINE_NOT_ENDED);
    assert_int_equal(end_after("{\"return\": {}}"), MACHINE_NOT_ENDED);
    assert_int_equal(end_after("SHUTDOWN guest-reset"), MACHINE_NOT_ENDED);
    assert_int_equal(end_after(""), MACHINE_NOT_ENDED);
}

static void refused_command_is_noticed(void **state)
{
    (void)state;
    struct qmp qmp = {.fd = -1};
    const char *line = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}";
    qmp_take_line(&qmp, line, strlen(line));
    assert_true(qmp.refused);
}

/* ---- domains ---- */

static enum outcome parse_run(struct run_options *options, char **words, int count)
{
    static char command[] = "run";
    words[0] = command;
    return run_options_parse(options, count, words);
}

static void domains_alone_leave_the_first_domain_out(void **state)
{
    (void)state;
    char option[] = "--domain";
    char a[] = "name=a,memory=64,extra=x y";
    char b[] = "name=b,ramdisk=none";
    char *words[] = {NULL, option, a, option, b, NULL};
    struct run_options options;
    assert_int_equal(parse_run(&options, words, 5), OUTCOME_SUCCESS);
    assert_false(options.has_first);
    assert_int_equal(options.domain_count, 2);
    assert_string_equal(options.domains[0].name, "a");
    assert_string_equal(options.domains[0].extra, "x y");
    assert_string_equal(options.domains[1].ramdisk, "none");
}

static void first_domain_s_options_bring_it_back(void **state)
{
    (void)state;
    static const char *const options_of_it[] = {"--kernel", "--initrd", "--append"};
    for (size_t i = 0; i < ARRAY_SIZE(options_of_it); i++) {
        char domain[] = "--domain";
        char a[] = "name=a";
        char name[16];
        char value[] = "x";
        char *words[] = {NULL, domain, a, name, value, NULL};
        struct run_options options;
        strcpy(name, options_of_it[i]);
        assert_int_equal(parse_run(&options, words, 5), OUTCOME_SUCCESS);
        assert_true(options.has_first);
        assert_int_equal(options.domain_count, 1);
    }
    char *nothing[] = {NULL, NULL};
    struct run_options options;
    assert_int_equal(parse_run(&options, nothing, 1), OUTCOME_SUCCESS);
    assert_true(options.has_first);
    assert_string_equal(options.append, "");
}

static void expect_bad_domains(const char *first, const char *second)
{
    char option[] = "--domain";
    char a[128];
    char b[128];
    char *words[] = {NULL, option, a, option, b, NULL};
    struct run_options options;
    strcpy(a, first);
    strcpy(b, second);
    assert_int_equal(parse_run(&options, words, 5), OUTCOME_BAD_USAGE);
}

static void bad_domains_are_bad_usage(void **state)
{
    (void)state;
    expect_bad_domains("name=a", "name=a");
    expect_bad_domains("name=Domain-0", "name=a");
    expect_bad_domains("name=a,memory=x", "name=b");
    expect_bad_domains("name=a", "memory=64");
}

static void serial_ports_run_out(void **state)
{
    (void)state;
    char option[] = "--domain";
    char specs[4][32];
    char *words[] = {NULL,   option,   specs[0], option,   specs[1],
                     option, specs[2], option,   specs[3], NULL};
    struct run_options options;
    for (unsigned i = 0; i < 4; i++) {
        snprintf(specs[i], sizeof(specs[i]), "name=d%u,serial=null", i);
    }
    assert_int_equal(parse_run(&options, words, 7), OUTCOME_SUCCESS);
    for (unsigned i = 0; i < 4; i++) {
        snprintf(specs[i], sizeof(specs[i]), "name=d%u,serial=null", i);
    }
    assert_int_equal(parse_run(&options, words, 9), OUTCOME_BAD_USAGE);
}

/* ---- sizes ---- */

static void memory_size_has_mebibytes_by_default(void **state)
{
    (void)state;
    uint64_t kib = 0;
    assert_true(memory_size_parse("512", &kib));
    assert_int_equal(kib, 512 * 1024);
    assert_true(memory_size_parse("512m", &kib));
    assert_int_equal(kib, 512 * 1024);
    assert_true(memory_size_parse("2G", &kib));
    assert_int_equal(kib, 2 * 1024 * 1024);
    assert_true(memory_size_parse("65536K", &kib));
    assert_int_equal(kib, 65536);
}

static void memory_size_out_of_range_is_refused(void **state)
{
    (void)state;
    uint64_t kib = 0;
    assert_true(memory_size_parse("16M", &kib));
    assert_false(memory_size_parse("16383K", &kib));
    assert_true(memory_size_parse("1024G", &kib));
    assert_false(memory_size_parse("1025G", &kib));
    assert_false(memory_size_parse("18446744073709551616", &kib));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_pass_unchanged),
        cmocka_unit_test(control_a_is_sent_with_a_or_twice),
        cmocka_unit_test(control_a_x_quits_and_sends_nothing_more),
        cmocka_unit_test(control_a_before_another_key_sends_both),
        cmocka_unit_test(control_a_waits_for_the_key_after_it),
        cmocka_unit_test(modules_are_files_with_their_texts),
        cmocka_unit_test(further_serial_ports_follow_the_console_s),
        cmocka_unit_test(one_module_and_a_cpu_model),
        cmocka_unit_test(shutdown_event_tells_the_reason),
        cmocka_unit_test(other_lines_do_not_end_the_machine),
        cmocka_unit_test(refused_command_is_noticed),
        cmocka_unit_test(domains_alone_leave_the_first_domain_out),
        cmocka_unit_test(first_domain_s_options_bring_it_back),
        cmocka_unit_test(bad_domains_are_bad_usage),
        cmocka_unit_test(serial_ports_run_out),
        cmocka_unit_test(memory_size_has_mebibytes_by_default),
        cmocka_unit_test(memory_size_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
