/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration files of domains: the syntax of xl's, and the rules of each key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/control/config.h"
#include "tools/control/settings.h"
#include "tools/control/uuid.h"

#define MINIMAL "name='g'\nkernel='/k'\nmemory=64\n"

static struct config config;
static struct reason reason;

/* The text in a block of its own size, so that a read behind its end is found. */
static bool reads_bytes(const char *text, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    bool right = config_read(&config, "f", copy, size, NULL, 0, &reason);
    free(copy);
    return right;
}

static bool reads(const char *text)
{
    return reads_bytes(text, strlen(text));
}

static void assert_refused(const char *text, const char *why)
{
    assert_false(reads(text));
    assert_string_equal(reason.text, why);
}

static void assert_command_line(const char *text, const char *expected)
{
    assert_true(reads(text));
    assert_string_equal(config.command_line, expected);
}

static void assert_action(const char *text, enum config_action expected)
{
    assert_true(reads(text));
    assert_int_equal(config.on_crash, expected);
}

static void all_keys_are_understood(void **state)
{
    (void)state;
    assert_true(reads("# a guest\n"
                      "name = \"guest-1\"\n"
                      "kernel = '/boot/vmlinuz'; ramdisk = \"/boot/initrd\" # both\n"
                      "\r\n"
                      "root = '/dev/xvda1 ro'\n"
                      "extra = \"quiet x=\\\"y\\\"\"\n"
                      "memory = 128\nmaxmem = 0x100\nvcpus = 1\nmaxvcpus = \"2\"\n"
                      "cpu_weight = 512\ntype = 'pv'\n"
                      "on_poweroff = 'preserve'\non_reboot = 'destroy'\non_crash = 'restart'\n"
                      "uuid = '01234567-89ab-cdef-0123-456789abCDEF'"));
    static const uint8_t uuid[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                     0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    assert_string_equal(config.name, "guest-1");
    assert_string_equal(config.kernel, "/boot/vmlinuz");
    assert_string_equal(config.ramdisk, "/boot/initrd");
    assert_string_equal(config.command_line, "root=/dev/xvda1 ro quiet x=\"y\"");
    assert_int_equal(config.memory_mib, 128);
    assert_int_equal(config.memory_limit_mib, 256);
    assert_int_equal(config.vcpus, 1);
    assert_int_equal(config.vcpu_limit, 2);
    assert_int_equal(config.weight, 512);
    assert_int_equal(config.on_poweroff, CONFIG_PRESERVE);
    assert_int_equal(config.on_reboot, CONFIG_DESTROY);
    assert_int_equal(config.on_crash, CONFIG_RESTART);
    assert_true(config.has_uuid);
    assert_memory_equal(config.uuid, uuid, sizeof(uuid));
}

static void what_is_not_given_has_xl_s_defaults(void **state)
{
    (void)state;
    assert_true(reads(MINIMAL));
    assert_string_equal(config.ramdisk, "");
    assert_string_equal(config.command_line, "");
    assert_int_equal(config.memory_limit_mib, 64);
    assert_int_equal(config.vcpus, 1);
    assert_int_equal(config.vcpu_limit, 1);
    assert_int_equal(config.weight, 0);
    assert_int_equal(config.on_poweroff, CONFIG_DESTROY);
    assert_int_equal(config.on_reboot, CONFIG_RESTART);
    assert_int_equal(config.on_crash, CONFIG_DESTROY);
    assert_false(config.has_uuid);
}

static void command_line_is_cmdline_or_root_and_extra(void **state)
{
    (void)state;
    assert_command_line(MINIMAL "extra='a b'", "a b");
    assert_command_line(MINIMAL "root='/dev/a'", "root=/dev/a");
    assert_command_line(MINIMAL "cmdline='c d'", "c d");
    assert_refused(MINIMAL "cmdline='c'\nextra='a'",
                   "f: cmdline replaces root and extra: give one or the other");
}

static void last_setting_of_a_key_counts(void **state)
{
    (void)state;
    assert_true(reads(MINIMAL "memory=32"));
    assert_int_equal(config.memory_mib, 32);
    char first[] = "memory=16";
    char second[] = "name='h'; vcpus=2";
    char *const overrides[] = {first, second};
    assert_true(config_read(&config, "f", MINIMAL, strlen(MINIMAL), overrides, 2, &reason));
    assert_int_equal(config.memory_mib, 16);
    assert_int_equal(config.vcpus, 2);
    assert_string_equal(config.name, "h");
}

static void settings_can_add_to_a_text(void **state)
{
    (void)state;
    assert_command_line(MINIMAL "extra += 'a'\nextra+=' b'", "a b");
    assert_command_line(MINIMAL "extra='a'; extra='b'; extra += 'c'", "bc");
    char more[] = "extra += ' more'";
    char *const overrides[] = {more};
    const char *text = MINIMAL "extra='file'";
    assert_true(config_read(&config, "f", text, strlen(text), overrides, 1, &reason));
    assert_string_equal(config.command_line, "file more");
    assert_refused(MINIMAL "name += '/h'",
                   "f: line 4: name must be a word without \"/\", and not a "
                   "number: \"g/h\" is not");
    assert_refused("memory=1\nmemory += 2", "f: line 2: memory is a number, and += is for texts");
}

static void setting_of_the_command_line_is_named_in_its_refusal(void **state)
{
    (void)state;
    char setting[] = "colour=1";
    char *const overrides[] = {setting};
    assert_false(config_read(&config, "f", MINIMAL, strlen(MINIMAL), overrides, 1, &reason));
    assert_string_equal(reason.text, "colour=1: line 1: unknown key \"colour\"");
}

static void key_that_is_missing_is_named(void **state)
{
    (void)state;
    assert_refused("", "f: the key name is missing");
    assert_refused("name='g'\nmemory=1", "f: the key kernel is missing");
    assert_refused("name='g'\nkernel='/k'", "f: the key memory is missing");
}

static void unknown_keys_are_named_with_their_line(void **state)
{
    (void)state;
    assert_refused(MINIMAL "\n# x\nvif = [ 'bridge=br0' ]", "f: line 6: unknown key \"vif\"");
    assert_refused("Memory = 1", "f: line 1: unknown key \"Memory\"");
}

static void lists_are_refused_where_a_value_belongs(void **state)
{
    (void)state;
    assert_refused("name = [ 'a' ]", "f: line 1: name takes one value, not a list");
}

static void each_value_obeys_its_rule(void **state)
{
    (void)state;
    assert_refused("memory=0", "f: line 1: memory must be a number from 1 to 16777216, not \"0\"");
    assert_refused("memory='64M'",
                   "f: line 1: memory must be a number from 1 to 16777216, not \"64M\"");
    assert_refused("memory=99999999999999999999",
                   "f: line 1: memory must be a number from 1 to 16777216, not "
                   "\"99999999999999999999\"");
    assert_refused("vcpus=0", "f: line 1: vcpus must be a number from 1 to 8192, not \"0\"");
    assert_refused("cpu_weight=65536",
                   "f: line 1: cpu_weight must be a number from 1 to 65535, not \"65536\"");
    assert_refused("type='hvm'", "f: line 1: type must be \"pv\", the only kind there is, not "
                                 "\"hvm\"");
    assert_refused("on_crash='coredump-restart'",
                   "f: line 1: on_crash must be \"destroy\", \"restart\" or \"preserve\", not "
                   "\"coredump-restart\"");
    assert_refused("uuid='1'", "f: line 1: uuid must be 32 hexadecimal digits, with a hyphen after "
                               "8, 12, 16 and 20 of them, not \"1\"");
    assert_refused("name='12'",
                   "f: line 1: name must be a word without \"/\", and not a number: \"12\" is not");
    assert_refused("name=''",
                   "f: line 1: name must be a word without \"/\", and not a number: \"\" is not");
    assert_refused(
        "name='a/b'",
        "f: line 1: name must be a word without \"/\", and not a number: \"a/b\" is not");
}

static void keys_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    assert_refused(MINIMAL "maxmem=63", "f: maxmem is less than memory");
    assert_refused(MINIMAL "vcpus=2\nmaxvcpus=1", "f: maxvcpus is less than vcpus");
}

static void every_action_has_its_word(void **state)
{
    (void)state;
    assert_action(MINIMAL "on_crash='destroy'", CONFIG_DESTROY);
    assert_action(MINIMAL "on_crash='restart'", CONFIG_RESTART);
    assert_action(MINIMAL "on_crash='preserve'", CONFIG_PRESERVE);
}

static void long_values_are_refused_at_their_limit(void **state)
{
    (void)state;
    static char text[9000];
    strcpy(text, MINIMAL "extra='");
    size_t start = strlen(text);
    memset(text + start, 'x', CONFIG_LINE_MAX);
    text[start + CONFIG_LINE_MAX] = '\'';
    assert_true(reads_bytes(text, start + CONFIG_LINE_MAX + 1));
    memset(text + start, 'x', CONFIG_LINE_MAX + 1);
    text[start + CONFIG_LINE_MAX + 1] = '\'';
    assert_false(reads_bytes(text, start + CONFIG_LINE_MAX + 2));
    assert_string_equal(reason.text, "f: line 4: extra has more than 1023 characters");
    memset(text + start, 'x', SETTING_VALUE_MAX + 1);
    assert_false(reads_bytes(text, start + SETTING_VALUE_MAX + 2));
    assert_string_equal(reason.text, "f: line 4: the text is too long");
    static const char path[] = "kernel='";
    static const char more[] = "'; kernel += 'kk'";
    strcpy(text, path);
    memset(text + strlen(path), 'k', SETTING_VALUE_MAX - 1);
    strcpy(text + strlen(path) + SETTING_VALUE_MAX - 1, more);
    assert_refused(text, "f: line 1: kernel has more than 4095 characters");
    memset(text, 'k', SETTING_KEY_MAX + 1);
    assert_false(reads_bytes(text, SETTING_KEY_MAX + 1));
    assert_string_equal(reason.text, "f: line 1: the key is too long");
}

static void root_and_extra_share_the_command_line(void **state)
{
    (void)state;
    char text[2200] = MINIMAL "root='";
    size_t start = strlen(text);
    memset(text + start, 'r', 600);
    strcpy(text + start + 600, "'\nextra='");
    start = strlen(text);
    memset(text + start, 'e', 600);
    strcpy(text + start + 600, "'");
    assert_refused(text, "f: the kernel's command line has more than 1023 characters");
}

static void broken_syntax_is_told_with_its_line(void **state)
{
    (void)state;
    assert_refused("name", "f: line 1: a key must be followed by = or += and a value");
    assert_refused("name + = 'x'", "f: line 1: a key must be followed by = or += and a value");
    assert_refused("name +", "f: line 1: a key must be followed by = or += and a value");
    assert_refused("\nname = ", "f: line 2: a value must be a number, or a text in quotes");
    assert_refused("name = guest", "f: line 1: a value must be a number, or a text in quotes");
    assert_refused("name = 'a", "f: line 1: the quoted text has no end on its line");
    assert_refused("name = 'a\n'", "f: line 1: the quoted text has no end on its line");
    assert_refused("name = 'a\\", "f: line 1: a backslash in a text must be followed by one of "
                                  "abfnrtv\\'\" or x and two hexadecimal digits");
    assert_refused("name = '\\x0g'", "f: line 1: a backslash in a text must be followed by one of "
                                     "abfnrtv\\'\" or x and two hexadecimal digits");
    assert_refused("memory = 1 vcpus = 1",
                   "f: line 1: a value must be followed by the end of the line or ;");
    assert_refused("= 1", "f: line 1: a setting must begin with a key, as in name = \"guest\"");
}

static void nul_bytes_are_refused(void **state)
{
    (void)state;
    assert_false(reads_bytes("\0", 1));
    assert_false(reads_bytes("name='a\0b'", 10));
    assert_false(reads_bytes("memory=1\0", 9));
    assert_false(reads_bytes("name='\\x00'", 11));
}

static void escapes_are_understood(void **state)
{
    (void)state;
    assert_command_line(MINIMAL "extra=\"a\\tb\\x41\\x7a\\\\\\'\\\"\"", "a\tbAz\\'\"");
}

static void every_beginning_of_a_file_is_answered(void **state)
{
    (void)state;
    static const char text[] = "# c\n" MINIMAL "extra = \"\\x41\\n\"; vcpus = 1\nfoo = [ 1 ]\n";
    for (size_t size = 0; size < sizeof(text); size++) {
        (void)!reads_bytes(text, size); /* the sanitizers watch */
    }
}

static void uuid_is_formatted_as_it_is_parsed(void **state)
{
    (void)state;
    uint8_t uuid[16];
    char text[UUID_TEXT_SIZE];
    assert_true(uuid_parse("01234567-89ab-cdef-FEDC-ba9876543210", uuid));
    uuid_format(uuid, text);
    assert_string_equal(text, "01234567-89ab-cdef-fedc-ba9876543210");
    assert_false(uuid_parse("01234567-89ab-cdef-FEDC-ba987654321", uuid));
    assert_false(uuid_parse("01234567-89ab-cdef-FEDC-ba98765432100", uuid));
    assert_false(uuid_parse("0123456789abcdefFEDCba9876543210", uuid));
}

static void made_uuid_is_of_version_4(void **state)
{
    (void)state;
    uint8_t uuid[16];
    assert_true(uuid_make(uuid));
    assert_int_equal(uuid[6] >> 4, 4);
    assert_int_equal(uuid[8] >> 6, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keys_are_understood),
        cmocka_unit_test(what_is_not_given_has_xl_s_defaults),
        cmocka_unit_test(command_line_is_cmdline_or_root_and_extra),
        cmocka_unit_test(last_setting_of_a_key_counts),
        cmocka_unit_test(settings_can_add_to_a_text),
        cmocka_unit_test(setting_of_the_command_line_is_named_in_its_refusal),
        cmocka_unit_test(key_that_is_missing_is_named),
        cmocka_unit_test(unknown_keys_are_named_with_their_line),
        cmocka_unit_test(lists_are_refused_where_a_value_belongs),
        cmocka_unit_test(each_value_obeys_its_rule),
        cmocka_unit_test(keys_that_contradict_each_other_are_refused),
        cmocka_unit_test(every_action_has_its_word),
        cmocka_unit_test(long_values_are_refused_at_their_limit),
        cmocka_unit_test(root_and_extra_share_the_command_line),
        cmocka_unit_test(broken_syntax_is_told_with_its_line),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(escapes_are_understood),
        cmocka_unit_test(every_beginning_of_a_file_is_answered),
        cmocka_unit_test(uuid_is_formatted_as_it_is_parsed),
        cmocka_unit_test(made_uuid_is_of_version_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
