/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/options.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct hv_options options;
static char complaints[4096]; /* "name!" for an unknown one, "name=value!" for a bad value */

static void complain(const char *parameter, const char *value)
{
    size_t used = strlen(complaints);
    snprintf(complaints + used, sizeof(complaints) - used, "%s%s%s!", parameter,
             value != NULL ? "=" : "", value != NULL ? value : "");
}

static void parse(const char *command_line)
{
    memset(&options, 0xee, sizeof(options));
    complaints[0] = '\0';
    options_parse(&options, command_line, complain);
}

static void parse_without_complaint(const char *command_line)
{
    parse(command_line);
    assert_string_equal(complaints, "");
}

static void assert_refused(const char *command_line, const char *expected)
{
    parse(command_line);
    assert_string_equal(complaints, expected);
}

static void assert_defaults(void)
{
    assert_int_equal(options.console, CONSOLE_COM1);
    assert_int_equal(options.com1.baud, 0);
    assert_int_equal(options.com1.data_bits, 8);
    assert_int_equal(options.com1.parity, 'n');
    assert_int_equal(options.com1.stop_bits, 1);
    assert_int_equal(options.com1.io_base, 0x3f8);
    assert_int_equal(options.com1.irq, 4);
    assert_int_equal(options.com2.io_base, 0x2f8);
    assert_int_equal(options.com2.irq, 3);
    assert_false(options.dom0_mem.size.given);
    assert_false(options.dom0_mem.min.given);
    assert_false(options.dom0_mem.max.given);
    assert_int_equal(options.dom0_vcpus.min, 1);
    assert_int_equal(options.dom0_vcpus.max, DOM0_VCPUS_MAX);
    assert_int_equal(options.loglvl.always, LOG_INFO);
    assert_int_equal(options.loglvl.limited, LOG_INFO);
    assert_int_equal(options.guest_loglvl.always, LOG_ALWAYS);
    assert_int_equal(options.guest_loglvl.limited, LOG_WARNING);
    assert_false(options.noreboot);
    assert_int_equal(options.smap, CHOICE_DEFAULT);
    assert_int_equal(options.smep, CHOICE_DEFAULT);
    assert_int_equal(options.xpti, CHOICE_DEFAULT);
    assert_int_equal(options.pv_l1tf, CHOICE_DEFAULT);
    assert_int_equal(options.tlb_flush, TLB_FLUSH_LAZY);
}

static void no_command_line_gives_the_defaults(void **state)
{
    (void)state;
    parse_without_complaint(NULL);
    assert_defaults();
    parse_without_complaint("");
    assert_defaults();
    parse_without_complaint(" \t  ");
    assert_defaults();
}

static void usual_command_line_is_understood(void **state)
{
    (void)state;
    parse_without_complaint("console=com1 com1=115200,8n1 dom0_mem=512M,max:1G loglvl=all "
                            "guest_loglvl=all noreboot");
    assert_int_equal(options.console, CONSOLE_COM1);
    assert_int_equal(options.com1.baud, 115200);
    assert_int_equal(options.dom0_mem.size.bytes, 512 * MIB);
    assert_int_equal(options.dom0_mem.max.bytes, GIB);
    assert_false(options.dom0_mem.min.given);
    assert_int_equal(options.loglvl.always, LOG_DEBUG);
    assert_int_equal(options.guest_loglvl.limited, LOG_DEBUG);
    assert_true(options.noreboot);
}

static void image_name_in_front_is_passed_over(void **state)
{
    (void)state;
    parse_without_complaint("build/pinnace-hv noreboot");
    assert_true(options.noreboot);
    parse_without_complaint("/boot/xen-4.17.gz noreboot");
    assert_true(options.noreboot);
    parse_without_complaint("pinnace-hv noreboot");
    assert_true(options.noreboot);
    parse_without_complaint("pinnace-hv");
    assert_defaults();
}

static void image_name_elsewhere_is_an_unknown_option(void **state)
{
    (void)state;
    assert_refused("noreboot /boot/pinnace-hv", "/boot/pinnace-hv!");
    assert_refused("/a/pinnace-hv /b/pinnace-hv", "/b/pinnace-hv!");
}

static void first_word_with_a_value_is_an_option(void **state)
{
    (void)state;
    parse_without_complaint("guest_loglvl=error/info");
    assert_int_equal(options.guest_loglvl.limited, LOG_INFO);
    assert_refused("path=/boot/pinnace-hv", "path!");
}

static void unknown_option_is_told_and_the_rest_counts(void **state)
{
    (void)state;
    assert_refused("foo noreboot bar=1 no-baz smep=off", "foo!bar!no-baz!");
    assert_true(options.noreboot);
    assert_int_equal(options.smep, CHOICE_OFF);
}

static void beginnings_and_extensions_of_names_are_unknown(void **state)
{
    (void)state;
    assert_refused("norebo noreboots =1 no- no-no-smap", "norebo!noreboots!!no-!no-no-smap!");
}

static void boolean_forms_are_understood(void **state)
{
    (void)state;
    static const char *const on[] = {"smap",      "smap=on", "smap=yes",
                                     "smap=true", "smap=1",  "smap=enable"};
    static const char *const off[] = {"no-smap",    "smap=off", "smap=no",
                                      "smap=false", "smap=0",   "smap=disable"};
    for (size_t i = 0; i < 6; i++) {
        parse_without_complaint(on[i]);
        assert_int_equal(options.smap, CHOICE_ON);
        parse_without_complaint(off[i]);
        assert_int_equal(options.smap, CHOICE_OFF);
    }
}

static void each_boolean_sets_its_own_field(void **state)
{
    (void)state;
    parse_without_complaint("noreboot no-xpti pv-l1tf=off smep");
    assert_int_equal(options.xpti, CHOICE_OFF);
    assert_int_equal(options.pv_l1tf, CHOICE_OFF);
    assert_int_equal(options.smep, CHOICE_ON);
    assert_int_equal(options.smap, CHOICE_DEFAULT);
    parse_without_complaint("noreboot no-noreboot");
    assert_false(options.noreboot);
}

static void underscore_and_dash_in_names_are_the_same(void **state)
{
    (void)state;
    parse_without_complaint("dom0-mem=1M tlb_flush=always");
    assert_int_equal(options.dom0_mem.size.bytes, MIB);
    assert_int_equal(options.tlb_flush, TLB_FLUSH_ALWAYS);
}

static void bad_boolean_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    assert_refused("smap=maybe no-smap=on smap= smap=ON", "smap=maybe!no-smap=on!smap=!smap=ON!");
    assert_int_equal(options.smap, CHOICE_DEFAULT);
}

static void last_of_two_counts(void **state)
{
    (void)state;
    parse_without_complaint("smap=on smap=off dom0_mem=1G,min:1G dom0_mem=2G");
    assert_int_equal(options.smap, CHOICE_OFF);
    assert_int_equal(options.dom0_mem.size.bytes, 2 * GIB);
    assert_false(options.dom0_mem.min.given);
}

static void suffixes_scale_an_amount(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"dom0_mem=4096B", 4096}, {"dom0_mem=3", 3 << 10},      {"dom0_mem=3k", 3 << 10},
        {"dom0_mem=3K", 3 << 10}, {"dom0_mem=0x10M", 16 * MIB}, {"dom0_mem=3m", 3 * MIB},
        {"dom0_mem=2g", 2 * GIB}, {"dom0_mem=1T", 1024 * GIB},  {"dom0_mem=0", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse_without_complaint(cases[i].text);
        assert_true(options.dom0_mem.size.given);
        assert_int_equal(options.dom0_mem.size.bytes, cases[i].bytes);
    }
}

static void parts_of_dom0_mem_come_in_any_order(void **state)
{
    (void)state;
    parse_without_complaint("dom0_mem=max:-128M,min:64M,1G");
    assert_int_equal(options.dom0_mem.size.bytes, GIB);
    assert_false(options.dom0_mem.size.negative);
    assert_int_equal(options.dom0_mem.min.bytes, 64 * MIB);
    assert_int_equal(options.dom0_mem.max.bytes, 128 * MIB);
    assert_true(options.dom0_mem.max.negative);
}

static void bad_amounts_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "M",
        "1X",
        "1MB",
        "--1M",
        "1M,,2M",
        "max:",
        "max",
        "",
        "-",
        "0x",
        "18446744073709551616",
        "16777216T",
        "1G+5%",
        "mid:1M",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "dom0_mem=%s", bad[i]);
        parse(text);
        assert_string_not_equal(complaints, "");
        assert_defaults();
    }
    assert_refused("dom0_mem", "dom0_mem=!");
    assert_refused("no-dom0_mem", "no-dom0_mem=!");
}

static void largest_amount_fits(void **state)
{
    (void)state;
    parse_without_complaint("dom0_mem=18446744073709551615B");
    assert_int_equal(options.dom0_mem.size.bytes, UINT64_MAX);
    parse_without_complaint("dom0_mem=16777215T");
    assert_int_equal(options.dom0_mem.size.bytes, UINT64_C(16777215) << 40);
}

static void dom0_gets_everything_by_default(void **state)
{
    (void)state;
    parse("");
    assert_int_equal(options_dom0_bytes(&options.dom0_mem, GIB + 5), GIB);
}

static uint64_t dom0_bytes(const char *command_line, uint64_t available)
{
    parse(command_line);
    return options_dom0_bytes(&options.dom0_mem, available);
}

static void dom0_size_is_bounded_by_min_max_and_what_there_is(void **state)
{
    (void)state;
    assert_int_equal(dom0_bytes("dom0_mem=512M", GIB), 512 * MIB);
    assert_int_equal(dom0_bytes("dom0_mem=2G", GIB), GIB);
    assert_int_equal(dom0_bytes("dom0_mem=-256M", GIB), 768 * MIB);
    assert_int_equal(dom0_bytes("dom0_mem=-2G", GIB), 0);
    assert_int_equal(dom0_bytes("dom0_mem=-2G,min:64M", GIB), 64 * MIB);
    assert_int_equal(dom0_bytes("dom0_mem=max:256M", GIB), 256 * MIB);
    assert_int_equal(dom0_bytes("dom0_mem=1G,max:-256M", GIB), 768 * MIB);
    assert_int_equal(dom0_bytes("dom0_mem=1M,min:2G", GIB), GIB);
    assert_int_equal(dom0_bytes("dom0_mem=4097B", GIB), 4096);
}

static void first_domain_has_as_many_vcpus_as_there_are_cpus_within_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned int with_1_cpu, with_4, with_64;
    } cases[] = {
        {"", 1, 4, 32},
        {"dom0_max_vcpus=2", 2, 2, 2},
        {"dom0-max-vcpus=32", 32, 32, 32},
        {"dom0_max_vcpus=2-", 2, 4, 32},
        {"dom0_max_vcpus=1-3", 1, 3, 3},
        {"dom0_max_vcpus=5-5", 5, 5, 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse_without_complaint(cases[i].text);
        assert_int_equal(options_dom0_vcpus(&options.dom0_vcpus, 1), cases[i].with_1_cpu);
        assert_int_equal(options_dom0_vcpus(&options.dom0_vcpus, 4), cases[i].with_4);
        assert_int_equal(options_dom0_vcpus(&options.dom0_vcpus, 64), cases[i].with_64);
    }
}

static void bad_numbers_of_vcpus_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"0",   "33",  "",     "-",     "-2",
                                      "3-2", "0-2", "2-33", "1-2-3", "2x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "dom0_max_vcpus=%s", bad[i]);
        parse(text);
        assert_string_not_equal(complaints, "");
        assert_defaults();
    }
    assert_refused("dom0_max_vcpus", "dom0_max_vcpus=!");
}

static void serial_port_takes_each_part(void **state)
{
    (void)state;
    parse_without_complaint("com1=9600,7e2,0x2e8,5 com2=auto");
    assert_int_equal(options.com1.baud, 9600);
    assert_int_equal(options.com1.data_bits, 7);
    assert_int_equal(options.com1.parity, 'e');
    assert_int_equal(options.com1.stop_bits, 2);
    assert_int_equal(options.com1.io_base, 0x2e8);
    assert_int_equal(options.com1.irq, 5);
    assert_int_equal(options.com2.baud, 0);
    assert_int_equal(options.com2.io_base, 0x2f8);
}

static void empty_parts_of_a_serial_port_keep_their_defaults(void **state)
{
    (void)state;
    parse_without_complaint("com2=38400,,,0");
    assert_int_equal(options.com2.baud, 38400);
    assert_int_equal(options.com2.data_bits, 8);
    assert_int_equal(options.com2.io_base, 0x2f8);
    assert_int_equal(options.com2.irq, 0);
}

static void bad_serial_ports_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "1",
        "0",
        "115201",
        "fast",
        "9600,8x1",
        "9600,9n1",
        "9600,8n3",
        "9600,8n",
        "9600,8n11",
        "9600,8n1,0",
        "9600,8n1,0xfff9",
        "9600,8n1,zz",
        "9600,,,16",
        "9600,,,4,extra",
        "9600/115200",
        "9600,4n1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[64];
        char expected[64];
        snprintf(text, sizeof(text), "com1=%s", bad[i]);
        snprintf(expected, sizeof(expected), "com1=%s!", bad[i]);
        assert_refused(text, expected);
        assert_defaults();
    }
}

static unsigned int console_port(void)
{
    unsigned int number = 99;
    return options_console_port(&options, &number) ? number : 99;
}

static void console_is_the_first_device_we_have(void **state)
{
    (void)state;
    parse_without_complaint("console=com2");
    assert_int_equal(options.console, CONSOLE_COM2);
    assert_int_equal(console_port(), 1);
    parse_without_complaint("console=com2,com1");
    assert_int_equal(options.console, CONSOLE_COM2);
    parse_without_complaint("console=com4");
    assert_int_equal(console_port(), 3);
    parse_without_complaint("console=none");
    assert_int_equal(options.console, CONSOLE_NONE);
    assert_int_equal(console_port(), 99);
    parse_without_complaint("");
    assert_int_equal(console_port(), 0);
}

static void serial_ports_have_settings_of_their_own(void **state)
{
    (void)state;
    parse_without_complaint("com3=9600 com4=,7e1,0x3000,9");
    assert_ptr_equal(options_serial(&options, 0), &options.com1);
    assert_ptr_equal(options_serial(&options, 1), &options.com2);
    assert_ptr_equal(options_serial(&options, 2), &options.com3);
    assert_ptr_equal(options_serial(&options, 3), &options.com4);
    assert_int_equal(options.com3.baud, 9600);
    assert_int_equal(options.com3.io_base, 0x3e8);
    assert_int_equal(options.com3.irq, 4);
    assert_int_equal(options.com4.data_bits, 7);
    assert_int_equal(options.com4.io_base, 0x3000);
    assert_int_equal(options.com4.irq, 9);
    assert_refused("com5=9600", "com5!");
}

static void serial_ports_are_known_by_name(void **state)
{
    (void)state;
    unsigned int number = 99;
    assert_true(options_port_name("com1", 4, &number));
    assert_int_equal(number, 0);
    assert_true(options_port_name("com4, more", 4, &number));
    assert_int_equal(number, 3);
    assert_false(options_port_name("com0", 4, &number));
    assert_false(options_port_name("com5", 4, &number));
    assert_false(options_port_name("com12", 5, &number));
    assert_false(options_port_name("com1", 3, &number));
    assert_false(options_port_name("Com1", 4, &number));
}

static void input_switch_has_a_letter_and_may_begin_with_the_hypervisor(void **state)
{
    (void)state;
    parse_without_complaint("");
    assert_int_equal(options.conswitch.letter, 'a');
    assert_false(options.conswitch.to_hypervisor);
    parse_without_complaint("conswitch=q");
    assert_int_equal(options.conswitch.letter, 'q');
    assert_false(options.conswitch.to_hypervisor);
    parse_without_complaint("conswitch=ax");
    assert_int_equal(options.conswitch.letter, 'a');
    assert_true(options.conswitch.to_hypervisor);
    parse_without_complaint("conswitch=by");
    assert_int_equal(options.conswitch.letter, 'b');
    assert_false(options.conswitch.to_hypervisor);
}

static void input_switch_that_is_no_letter_is_refused(void **state)
{
    (void)state;
    assert_refused("conswitch=1", "conswitch=1!");
    assert_refused("conswitch=A", "conswitch=A!");
    assert_refused("conswitch=axx", "conswitch=axx!");
    assert_refused("conswitch=", "conswitch=!");
    assert_int_equal(options.conswitch.letter, 'a');
}

static void console_ring_s_size_is_rounded_to_a_power_of_two(void **state)
{
    (void)state;
    parse_without_complaint("");
    assert_int_equal(options.conring_bytes, 16384);
    assert_false(options.console_to_ring);
    parse_without_complaint("conring_size=1 console_to_ring");
    assert_int_equal(options.conring_bytes, 16384);
    assert_true(options.console_to_ring);
    parse_without_complaint("conring_size=32k");
    assert_int_equal(options.conring_bytes, 32768);
    parse_without_complaint("conring-size=100");
    assert_int_equal(options.conring_bytes, 131072);
    parse_without_complaint("conring_size=64M");
    assert_int_equal(options.conring_bytes, 64 * MIB);
    assert_refused("conring_size=65M", "conring_size=65M!");
    assert_refused("conring_size=-1", "conring_size=-1!");
    assert_refused("conring_size=", "conring_size=!");
    assert_int_equal(options.conring_bytes, 16384);
}

static void console_device_we_do_not_have_is_named_and_the_others_count(void **state)
{
    (void)state;
    assert_refused("console=vga,com2", "console=vga!");
    assert_int_equal(options.console, CONSOLE_COM2);
    assert_refused("console=vga,pv", "console=vga!console=pv!");
    assert_int_equal(options.console, CONSOLE_COM1);
    assert_refused("console=", "console=!");
    assert_int_equal(options.console, CONSOLE_COM1);
}

static void log_levels_have_an_always_and_a_limited_part(void **state)
{
    (void)state;
    parse_without_complaint("loglvl=none guest_loglvl=error/all");
    assert_int_equal(options.loglvl.always, LOG_ALWAYS);
    assert_int_equal(options.loglvl.limited, LOG_ALWAYS);
    assert_int_equal(options.guest_loglvl.always, LOG_ERROR);
    assert_int_equal(options.guest_loglvl.limited, LOG_DEBUG);
    parse_without_complaint("loglvl=debug/warning guest_loglvl=warning/info");
    assert_int_equal(options.loglvl.always, LOG_DEBUG);
    assert_int_equal(options.loglvl.limited, LOG_DEBUG);
    assert_int_equal(options.guest_loglvl.always, LOG_WARNING);
    assert_int_equal(options.guest_loglvl.limited, LOG_INFO);
}

static void bad_log_levels_are_refused_and_change_nothing(void **state)
{
    (void)state;
    assert_refused("loglvl=loud guest_loglvl=all/ loglvl=/info loglvl=info/info/info loglvl",
                   "loglvl=loud!guest_loglvl=all/!loglvl=/info!loglvl=info/info/info!loglvl=!");
    assert_defaults();
}

static void tlb_flush_takes_its_two_words(void **state)
{
    (void)state;
    parse_without_complaint("tlb-flush=always");
    assert_int_equal(options.tlb_flush, TLB_FLUSH_ALWAYS);
    parse_without_complaint("tlb-flush=always tlb-flush=lazy");
    assert_int_equal(options.tlb_flush, TLB_FLUSH_LAZY);
    assert_refused("tlb-flush=never tlb-flush", "tlb-flush=never!tlb-flush=!");
    assert_int_equal(options.tlb_flush, TLB_FLUSH_LAZY);
}

static void very_long_words_are_refused_and_cut_in_the_complaint(void **state)
{
    (void)state;
    char text[1000] = "smap=";
    memset(text + 5, 'x', 900);
    text[905] = '\0';
    parse(text);
    assert_true(strlen(complaints) < 200);
    assert_int_equal(options.smap, CHOICE_DEFAULT);
    memset(text, 'y', 900);
    text[900] = '\0';
    parse(text);
    assert_true(strlen(complaints) < 200 && strlen(complaints) > 0);
}

/* The sanitizers look on: nothing outside the text is read, no enum gets a value it has not. */
static void random_text_does_no_harm(void **state)
{
    (void)state;
    static const char letters[] = " =,-_/:.0159xXnobycmlgKMGT%\tadusp";
    static const char *const words[] = {
        "com1=", "dom0_mem=", "min:", "console=", "loglvl=", "no-",    "smap",
        "xpti=", "com2",      "none", "115200",   ",8n1",    "warning"};
    unsigned int seed = (unsigned int)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (size_t run = 0; run < 20000; run++) {
        char *text = calloc(1, 80);
        assert_non_null(text);
        while (strlen(text) < 60) {
            if (rand() % 2 == 0) {
                strcat(text, words[(size_t)rand() % (sizeof(words) / sizeof(words[0]))]);
            } else {
                text[strlen(text)] = letters[(size_t)rand() % (sizeof(letters) - 1)];
            }
        }
        char *exact = strdup(text);
        parse(exact);
        assert_true(options.loglvl.always <= options.loglvl.limited);
        assert_true(options_dom0_bytes(&options.dom0_mem, GIB) <= GIB);
        free(exact);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_command_line_gives_the_defaults),
        cmocka_unit_test(usual_command_line_is_understood),
        cmocka_unit_test(image_name_in_front_is_passed_over),
        cmocka_unit_test(image_name_elsewhere_is_an_unknown_option),
        cmocka_unit_test(first_word_with_a_value_is_an_option),
        cmocka_unit_test(unknown_option_is_told_and_the_rest_counts),
        cmocka_unit_test(beginnings_and_extensions_of_names_are_unknown),
        cmocka_unit_test(boolean_forms_are_understood),
        cmocka_unit_test(each_boolean_sets_its_own_field),
        cmocka_unit_test(underscore_and_dash_in_names_are_the_same),
        cmocka_unit_test(bad_boolean_is_refused_and_changes_nothing),
        cmocka_unit_test(last_of_two_counts),
        cmocka_unit_test(suffixes_scale_an_amount),
        cmocka_unit_test(parts_of_dom0_mem_come_in_any_order),
        cmocka_unit_test(bad_amounts_are_refused_and_change_nothing),
        cmocka_unit_test(largest_amount_fits),
        cmocka_unit_test(dom0_gets_everything_by_default),
        cmocka_unit_test(dom0_size_is_bounded_by_min_max_and_what_there_is),
        cmocka_unit_test(first_domain_has_as_many_vcpus_as_there_are_cpus_within_bounds),
        cmocka_unit_test(bad_numbers_of_vcpus_are_refused_and_change_nothing),
        cmocka_unit_test(serial_port_takes_each_part),
        cmocka_unit_test(empty_parts_of_a_serial_port_keep_their_defaults),
        cmocka_unit_test(bad_serial_ports_are_refused_and_change_nothing),
        cmocka_unit_test(console_is_the_first_device_we_have),
        cmocka_unit_test(serial_ports_have_settings_of_their_own),
        cmocka_unit_test(serial_ports_are_known_by_name),
        cmocka_unit_test(input_switch_has_a_letter_and_may_begin_with_the_hypervisor),
        cmocka_unit_test(input_switch_that_is_no_letter_is_refused),
        cmocka_unit_test(console_ring_s_size_is_rounded_to_a_power_of_two),
        cmocka_unit_test(console_device_we_do_not_have_is_named_and_the_others_count),
        cmocka_unit_test(log_levels_have_an_always_and_a_limited_part),
        cmocka_unit_test(bad_log_levels_are_refused_and_change_nothing),
        cmocka_unit_test(tlb_flush_takes_its_two_words),
        cmocka_unit_test(very_long_words_are_refused_and_cut_in_the_complaint),
        cmocka_unit_test(random_text_does_no_harm),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
