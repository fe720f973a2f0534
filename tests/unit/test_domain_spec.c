/* SPDX-License-Identifier: BSD-2-Clause */
/* A domain in one line: keys, values, quotation marks, and what is said of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/domain_spec.h"
#include "lib/memory_size.h"

static char text[4096];
static struct domain_spec spec;
static struct domain_problem problem;

static bool parse(const char *line, enum domain_spec_place place)
{
    strcpy(text, line);
    return domain_spec_parse(&spec, text, place, &problem);
}

static void expect(const char *line)
{
    if (!parse(line, DOMAIN_SPEC_ON_HOST)) {
        fail_msg("%s: %s", line, problem.text);
    }
}

static void expect_problem(const char *line, const char *wanted)
{
    assert_false(parse(line, DOMAIN_SPEC_ON_HOST));
    assert_string_equal(problem.text, wanted);
}

/* ---- what is understood ---- */

static void every_key_is_read(void **state)
{
    (void)state;
    expect("name=a,kernel=vmlinuz,ramdisk=rd.gz,extra=quiet,memory=64,vcpus=2,serial=pty");
    assert_string_equal(spec.name, "a");
    assert_string_equal(spec.kernel, "vmlinuz");
    assert_string_equal(spec.ramdisk, "rd.gz");
    assert_string_equal(spec.extra, "quiet");
    assert_string_equal(spec.serial, "pty");
    assert_int_equal(spec.memory_kib, 64 << 10);
    assert_int_equal(spec.vcpus, 2);
    assert_true(parse("console=com3,name=a", DOMAIN_SPEC_IN_MODULE));
    assert_int_equal(spec.console, 3);
}

static void what_is_not_given_is_usual(void **state)
{
    (void)state;
    expect("name=b");
    assert_null(spec.kernel);
    assert_null(spec.ramdisk);
    assert_null(spec.extra);
    assert_null(spec.serial);
    assert_int_equal(spec.memory_kib, DOMAIN_MEMORY_KIB_USUAL);
    assert_int_equal(spec.vcpus, 1);
    assert_int_equal(spec.console, 0);
    assert_int_equal(spec.given, 1U << DOMAIN_KEY_NAME);
}

static void memory_has_units(void **state)
{
    (void)state;
    expect("name=a,memory=1");
    assert_int_equal(spec.memory_kib, 1024);
    expect("name=a,memory=4M");
    assert_int_equal(spec.memory_kib, 4096);
    expect("name=a,memory=2g");
    assert_int_equal(spec.memory_kib, 2 << 20);
    expect("name=a,memory=131072k");
    assert_int_equal(spec.memory_kib, 131072);
    expect("name=a,memory=1024G");
    assert_int_equal(spec.memory_kib, DOMAIN_MEMORY_KIB_MAX);
}

/* A shell has taken the quotation marks by then: spaces need none. */
static void values_may_have_spaces_and_equals_signs(void **state)
{
    (void)state;
    expect("name=a,extra=console=hvc0 root=/dev/ram0,memory=32");
    assert_string_equal(spec.extra, "console=hvc0 root=/dev/ram0");
    assert_int_equal(spec.memory_kib, 32 << 10);
}

static void quoted_values_may_have_commas(void **state)
{
    (void)state;
    expect("name=a,extra=\"console=ttyS0,115200 quiet\",memory=32");
    assert_string_equal(spec.extra, "console=ttyS0,115200 quiet");
    assert_int_equal(spec.memory_kib, 32 << 10);
    expect("extra='a,\"b\",c',name=a");
    assert_string_equal(spec.extra, "a,\"b\",c");
    expect("name=a,extra=\"\"");
    assert_string_equal(spec.extra, "");
}

static void backslash_makes_characters_ordinary(void **state)
{
    (void)state;
    expect("name=a,extra=a\\,b\\\\c");
    assert_string_equal(spec.extra, "a,b\\c");
    expect("name=a,extra=\"say \\\"x\\\"\"");
    assert_string_equal(spec.extra, "say \"x\"");
    expect("name=a,extra=at the end\\");
    assert_string_equal(spec.extra, "at the end\\");
}

/* As the options of Linux's dyndbg and others have them. */
static void quotation_marks_inside_a_value_stay(void **state)
{
    (void)state;
    expect("name=a,extra=dyndbg=\"file x +p\"");
    assert_string_equal(spec.extra, "dyndbg=\"file x +p\"");
}

/* ---- what is refused ---- */

#define MEMORY_RULE "must be a number of MiB, or one with K, M or G, from 1M to 1024G"
#define NAME_RULE   "must be a letter, then letters, digits, '_', '-' and '.', at most 31 in all"

static void bad_values_are_named(void **state)
{
    (void)state;
    expect_problem("name=a,memory=", "memory=: " MEMORY_RULE);
    expect_problem("name=a,memory=12x", "memory=12x: " MEMORY_RULE);
    expect_problem("name=a,memory=-1", "memory=-1: " MEMORY_RULE);
    expect_problem("name=a,memory=1023K", "memory=1023K: " MEMORY_RULE);
    expect_problem("name=a,memory=1025G", "memory=1025G: " MEMORY_RULE);
    expect_problem("name=a,memory=12MM", "memory=12MM: " MEMORY_RULE);
    expect_problem("name=a,memory=99999999999999999999",
                   "memory=99999999999999999999: " MEMORY_RULE);
    expect_problem("name=a,vcpus=0", "vcpus=0: must be a number from 1 to 32");
    expect_problem("name=a,vcpus=33", "vcpus=33: must be a number from 1 to 32");
    expect_problem("name=a,vcpus=two", "vcpus=two: must be a number from 1 to 32");
    expect_problem("name=a,vcpus=4294967297", "vcpus=4294967297: must be a number from 1 to 32");
    expect_problem("name=1a", "name=1a: " NAME_RULE);
    expect_problem("name=", "name=: " NAME_RULE);
    expect_problem("name=a b", "name=a b: " NAME_RULE);
    expect_problem("name=a,kernel=", "kernel= must not be empty");
    expect_problem("name=a,ramdisk=\"\"", "ramdisk= must not be empty");
    assert_false(parse("name=a,console=com5", DOMAIN_SPEC_IN_MODULE));
    assert_string_equal(problem.text, "console=com5: must be com1, com2, com3 or com4");
    assert_false(parse("name=a,console=hvc0", DOMAIN_SPEC_IN_MODULE));
    assert_false(parse("name=a,console=com12", DOMAIN_SPEC_IN_MODULE));
}

static void names_have_a_length(void **state)
{
    (void)state;
    assert_true(domain_name_is_valid("a234567890123456789012345678901"));
    assert_false(domain_name_is_valid("a2345678901234567890123456789012"));
    assert_true(domain_name_is_valid("Web_1-b.c"));
    assert_false(domain_name_is_valid("a/b"));
}

#define HOST_KEYS "the keys are name, memory, vcpus, extra, kernel, ramdisk, serial"

static void unknown_keys_are_named_with_those_there_are(void **state)
{
    (void)state;
    expect_problem("name=a,disk=x", "unknown key \"disk\"; " HOST_KEYS);
    expect_problem("name=a,Memory=1", "unknown key \"Memory\"; " HOST_KEYS);
    expect_problem("name=a,=1", "unknown key \"\"; " HOST_KEYS);
    expect_problem("name=a,console=com2", "unknown key \"console\"; " HOST_KEYS);
    assert_false(parse("name=a,kernel=x", DOMAIN_SPEC_IN_MODULE));
    assert_string_equal(problem.text, "unknown key \"kernel\"; the keys are name, memory, vcpus, "
                                      "extra, console");
}

static void keys_given_twice_are_refused(void **state)
{
    (void)state;
    expect_problem("name=a,memory=1,memory=2", "memory=2: memory is given a second time");
    expect_problem("name=a,name=a", "name=a: name is given a second time");
}

static void missing_parts_are_named(void **state)
{
    (void)state;
    expect_problem("", "\"\" is not KEY=VALUE");
    expect_problem("memory=1", "the key \"name\" is missing; every domain has one");
    expect_problem("name=a,", "\"\" is not KEY=VALUE");
    expect_problem("name=a,memory", "\"memory\" is not KEY=VALUE");
    expect_problem("name=a,b,memory=1", "\"b\" is not KEY=VALUE");
    expect_problem("name=a,extra=\"b c", "extra=\"b c: the closing quotation mark is missing");
    expect_problem("name=a,extra=\"b\\\"", "extra=\"b\\\": the closing quotation mark is missing");
    expect_problem("name=a,extra=\"b\"c,memory=1",
                   "extra: \"c,memory=1\" follows the closing quotation mark, not a comma");
}

/* ---- to a boot module and back ---- */

static void expect_same_after_formatting(const char *line)
{
    static char formatted[sizeof(text)];
    static char copy[sizeof(text)];
    struct domain_spec again;
    expect(line);
    size_t length = domain_spec_format(&spec, formatted, sizeof(formatted));
    assert_int_equal(length, strlen(formatted));
    strcpy(copy, formatted);
    char *rest = copy;
    char *word = domain_word_cut(&rest, &problem);
    assert_ptr_equal(word, copy);
    assert_string_equal(rest, "");
    assert_true(domain_spec_parse(&again, word, DOMAIN_SPEC_IN_MODULE, &problem));
    assert_string_equal(again.name, spec.name);
    assert_int_equal(again.memory_kib, spec.memory_kib);
    assert_int_equal(again.vcpus, spec.vcpus);
    assert_int_equal(again.console, spec.console);
    assert_string_equal(again.extra != NULL ? again.extra : "none",
                        spec.extra != NULL ? spec.extra : "none");
}

static void what_is_formatted_can_be_parsed(void **state)
{
    (void)state;
    expect_same_after_formatting("name=a");
    expect_same_after_formatting("name=a,memory=5000K,vcpus=3,extra=console=hvc0 quiet");
    expect_same_after_formatting("name=a,extra=\"'x,' \\\\ \\\"y\\\" = \"");
    expect_same_after_formatting("name=a,extra=");
}

static void formatting_keeps_within_its_buffer(void **state)
{
    (void)state;
    char buffer[64];
    expect("name=a,extra=\"x \\\"y\\\" z\"");
    size_t whole = domain_spec_format(&spec, buffer, sizeof(buffer));
    assert_string_equal(buffer, "name=a,memory=131072K,vcpus=1,extra=\"x \\\"y\\\" z\"");
    for (size_t size = 0; size < whole + 1; size++) {
        char cut[64];
        memset(cut, '#', sizeof(cut));
        assert_int_equal(domain_spec_format(&spec, cut, size), whole);
        assert_int_equal(cut[size], '#');
        assert_true(size == 0 || cut[size - 1] == '\0');
        assert_true(size == 0 || memcmp(cut, buffer, size - 1) == 0);
    }
}

/* ---- words ---- */

static const char *cut(char **rest)
{
    const char *word = domain_word_cut(rest, &problem);
    return word != NULL ? word : problem.text;
}

static void words_end_at_spaces_outside_quoted_values(void **state)
{
    (void)state;
    strcpy(text, "  domain name=a,extra=\"b c\",memory=1  domain name=b ");
    char *rest = text;
    assert_string_equal(cut(&rest), "domain");
    assert_string_equal(cut(&rest), "name=a,extra=\"b c\",memory=1");
    assert_string_equal(cut(&rest), "domain");
    assert_string_equal(cut(&rest), "name=b");
    assert_string_equal(cut(&rest), "");
    assert_string_equal(cut(&rest), "");
}

/* GRUB quotes words with spaces, and puts a backslash before what was quoted in them. */
static void words_lose_grub_s_quotation_marks(void **state)
{
    (void)state;
    strcpy(text, "\"name=a,extra=b c\" \"name=b,extra=\\\"x, y\\\"\" c");
    char *rest = text;
    assert_string_equal(cut(&rest), "name=a,extra=b c");
    assert_string_equal(cut(&rest), "name=b,extra=\"x, y\"");
    assert_string_equal(cut(&rest), "c");
}

static void words_without_an_end_are_refused(void **state)
{
    (void)state;
    strcpy(text, "name=a,extra=\"b c");
    char *rest = text;
    assert_null(domain_word_cut(&rest, &problem));
    assert_string_equal(problem.text, "name=a,extra=\"b c: the closing quotation mark is missing");
    strcpy(text, "\"name=a\"x");
    rest = text;
    assert_null(domain_word_cut(&rest, &problem));
    assert_string_equal(problem.text, "\"x\" follows the closing quotation mark, not a space");
}

/* ---- amounts of memory ---- */

static void sizes_are_bounded(void **state)
{
    (void)state;
    uint64_t kib;
    assert_true(memory_size_read("1048576G", &kib));
    assert_int_equal(kib, MEMORY_SIZE_MAX_KIB);
    assert_false(memory_size_read("1048577G", &kib));
    assert_false(memory_size_read("18446744073709551616", &kib));
    assert_false(memory_size_read("", &kib));
    assert_false(memory_size_read("M", &kib));
    assert_false(memory_size_read("1T", &kib));
    assert_false(memory_size_read(" 1", &kib));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(what_is_not_given_is_usual),
        cmocka_unit_test(memory_has_units),
        cmocka_unit_test(values_may_have_spaces_and_equals_signs),
        cmocka_unit_test(quoted_values_may_have_commas),
        cmocka_unit_test(backslash_makes_characters_ordinary),
        cmocka_unit_test(quotation_marks_inside_a_value_stay),
        cmocka_unit_test(bad_values_are_named),
        cmocka_unit_test(names_have_a_length),
        cmocka_unit_test(unknown_keys_are_named_with_those_there_are),
        cmocka_unit_test(keys_given_twice_are_refused),
        cmocka_unit_test(missing_parts_are_named),
        cmocka_unit_test(what_is_formatted_can_be_parsed),
        cmocka_unit_test(formatting_keeps_within_its_buffer),
        cmocka_unit_test(words_end_at_spaces_outside_quoted_values),
        cmocka_unit_test(words_lose_grub_s_quotation_marks),
        cmocka_unit_test(words_without_an_end_are_refused),
        cmocka_unit_test(sizes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
