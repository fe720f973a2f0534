/* SPDX-License-Identifier: BSD-2-Clause */
/* Which boot module belongs to which domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hv/boot/plan.h"

static struct boot_information information;
static struct boot_plan plan;
static char complaints[4096];

static int start(void **state)
{
    (void)state;
    memset(&information, 0, sizeof(information));
    complaints[0] = '\0';
    return 0;
}

static void note_complaint(const char *text)
{
    strcat(complaints, text);
    strcat(complaints, "\n");
}

static void add_module(const char *text)
{
    char *to = information.module_texts + information.module_texts_used;
    strcpy(to, text);
    information.module_texts_used += strlen(text) + 1;
    information.modules[information.module_count++].text = to;
}

static void make_plan(void)
{
    boot_plan_make(&plan, &information, note_complaint);
}

/* Its number, or -1 for none. */
static int number_of(const struct boot_module *module)
{
    return module != NULL ? (int)(module - information.modules) : -1;
}

static void expect_domain(unsigned int index, const char *name, int kernel, int ramdisk)
{
    const struct planned_domain *domain = &plan.domains[index];
    assert_true(index < plan.count);
    assert_int_equal(domain->id, index + 1);
    assert_string_equal(domain->spec.name, name);
    assert_int_equal(number_of(domain->kernel), kernel);
    assert_int_equal(number_of(domain->ramdisk), ramdisk);
}

/* ---- what is planned ---- */

static void modules_without_a_word_are_the_first_domain(void **state)
{
    (void)state;
    add_module("console=hvc0 domain=x");
    add_module("");
    make_plan();
    assert_true(plan.has_first);
    assert_int_equal(plan.first.id, 0);
    assert_string_equal(plan.first.spec.extra, "console=hvc0 domain=x");
    assert_int_equal(number_of(plan.first.kernel), 0);
    assert_int_equal(number_of(plan.first.ramdisk), 1);
    assert_int_equal(plan.count, 0);
    assert_string_equal(complaints, "");
}

/* A kernel's own arguments are not ours to unquote. */
static void first_domain_s_arguments_stay_as_they_are(void **state)
{
    (void)state;
    add_module("domains \"x y\" 'z'");
    make_plan();
    assert_string_equal(plan.first.spec.extra, "domains \"x y\" 'z'");
    assert_string_equal(complaints, "");
}

static void domains_alone_need_no_first_domain(void **state)
{
    (void)state;
    add_module("domain name=a,memory=64,extra=\"console=hvc0 quiet\"");
    add_module("ramdisk a");
    add_module("domain name=b");
    make_plan();
    assert_false(plan.has_first);
    assert_int_equal(plan.count, 2);
    expect_domain(0, "a", 0, 1);
    expect_domain(1, "b", 2, -1);
    assert_string_equal(plan.domains[0].spec.extra, "console=hvc0 quiet");
    assert_int_equal(plan.domains[0].spec.memory_kib, 64 << 10);
    assert_string_equal(complaints, "");
}

static void order_of_modules_does_not_matter(void **state)
{
    (void)state;
    add_module("ramdisk b");
    add_module("domain name=a");
    add_module("quiet");
    add_module("domain name=b");
    add_module("first's ramdisk");
    make_plan();
    expect_domain(0, "a", 1, -1);
    expect_domain(1, "b", 3, 0);
    assert_true(plan.has_first);
    assert_int_equal(number_of(plan.first.kernel), 2);
    assert_int_equal(number_of(plan.first.ramdisk), 4);
    assert_string_equal(complaints, "");
}

static void domains_may_share_modules(void **state)
{
    (void)state;
    add_module("domain name=a,extra=\"x y\" domain name=b,memory=64");
    add_module("ramdisk a b");
    make_plan();
    assert_int_equal(plan.count, 2);
    expect_domain(0, "a", 0, 1);
    expect_domain(1, "b", 0, 1);
    assert_string_equal(complaints, "");
}

static void names_of_files_are_passed_over(void **state)
{
    (void)state;
    information.texts_have_names = true;
    add_module("/boot/vmlinux domain name=a");
    add_module("/boot/initrd.gz ramdisk a");
    add_module("domain"); /* a file's name, without arguments */
    make_plan();
    expect_domain(0, "a", 0, 1);
    assert_true(plan.has_first);
    assert_int_equal(number_of(plan.first.kernel), 2);
    assert_string_equal(plan.first.spec.extra, "");
    assert_string_equal(complaints, "");
}

static void grub_s_quotation_marks_are_understood(void **state)
{
    (void)state;
    add_module("domain \"name=a,extra=console=hvc0 quiet,memory=64\"");
    make_plan();
    expect_domain(0, "a", 0, -1);
    assert_string_equal(plan.domains[0].spec.extra, "console=hvc0 quiet");
    assert_int_equal(plan.domains[0].spec.memory_kib, 64 << 10);
}

/* ---- what is complained of: the rest is planned all the same ---- */

static void bad_domain_is_left_out(void **state)
{
    (void)state;
    add_module("domain name=a,memory=much");
    add_module("domain name=b");
    add_module("domain kernel=x domain name=c domain name=");
    make_plan();
    assert_int_equal(plan.count, 2);
    expect_domain(0, "b", 1, -1);
    expect_domain(1, "c", 2, -1);
    assert_string_equal(
        complaints,
        "boot module 0: domain \"a\": memory=much: must be a number of MiB, or one with K, M or G, "
        "from 1M to 1024G\n"
        "boot module 2: unknown key \"kernel\"; the keys are name, memory, vcpus, extra, console\n"
        "boot module 2: name=: must be a letter, then letters, digits, '_', '-' and '.', at most "
        "31 in all\n");
}

static void value_with_spaces_needs_quotation_marks(void **state)
{
    (void)state;
    add_module("domain name=a,extra=console=hvc0 quiet,memory=64");
    make_plan();
    assert_int_equal(plan.count, 0);
    assert_false(plan.has_first);
    assert_string_equal(complaints, "boot module 0: \"quiet,memory=64\" follows a domain's keys (a "
                                    "value with spaces needs quotation marks)\n");
}

static void incomplete_texts_are_named(void **state)
{
    (void)state;
    add_module("domain");
    add_module("ramdisk ");
    add_module("domain name=a,extra=\"x");
    make_plan();
    assert_int_equal(plan.count, 0);
    assert_string_equal(complaints,
                        "boot module 0: \"domain\" needs KEY=VALUE,... behind it\n"
                        "boot module 2: name=a,extra=\"x: the closing quotation mark is missing\n"
                        "boot module 1: \"ramdisk\" needs a domain's name behind it\n");
}

static void names_are_given_once(void **state)
{
    (void)state;
    add_module("domain name=a,memory=64");
    add_module("domain name=a,memory=32");
    add_module("domain name=Domain-0");
    make_plan();
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan.domains[0].spec.memory_kib, 64 << 10);
    assert_string_equal(complaints,
                        "boot module 1: there is a domain with the name \"a\" already\n"
                        "boot module 2: there is a domain with the name \"Domain-0\" already\n");
}

static void ramdisks_need_their_domain(void **state)
{
    (void)state;
    add_module("domain name=a");
    add_module("ramdisk b");
    add_module("ramdisk a c");
    add_module("ramdisk a");
    make_plan();
    expect_domain(0, "a", 0, 2);
    assert_string_equal(complaints,
                        "boot module 1: it is the ramdisk of \"b\", but there is no such domain\n"
                        "boot module 2: it is the ramdisk of \"c\", but there is no such domain\n"
                        "boot module 3: domain \"a\" has a ramdisk already\n");
}

static void module_that_nobody_uses_is_named(void **state)
{
    (void)state;
    add_module("kernel's");
    add_module("ramdisk's");
    add_module("nobody's");
    make_plan();
    assert_int_equal(number_of(plan.first.ramdisk), 1);
    assert_string_equal(complaints,
                        "boot module 2: it is not used: the first domain has its kernel and its "
                        "ramdisk, and its text begins neither with \"domain\" nor with "
                        "\"ramdisk\" nor with \"unpack\"\n");
}

static void unpacker_is_no_domain_of_the_plan(void **state)
{
    (void)state;
    add_module("unpack");
    add_module("console=hvc0");
    make_plan();
    assert_int_equal(number_of(plan.unpacker), 0);
    assert_int_equal(plan.unpacker_seconds, UNPACK_SECONDS_USUAL);
    assert_string_equal(plan.unpacker_arguments, "");
    assert_int_equal(number_of(plan.first.kernel), 1);
    assert_string_equal(complaints, "");
}

static void plan_needs_no_unpacker(void **state)
{
    (void)state;
    add_module("unpacked");
    make_plan();
    assert_null(plan.unpacker);
    assert_int_equal(number_of(plan.first.kernel), 0);
}

static void unpacker_has_a_time_limit_and_arguments(void **state)
{
    (void)state;
    add_module("unpack  timeout=3600 only=none timeout=1");
    make_plan();
    assert_int_equal(plan.unpacker_seconds, 3600);
    assert_string_equal(plan.unpacker_arguments, " only=none timeout=1");
    assert_string_equal(complaints, "");
}

static void bad_time_limits_are_named(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "0", "3601", "4294967297", "5s", "-1", " 5"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        start(state);
        char text[64];
        char complaint[128];
        sprintf(text, "unpack timeout=%s", bad[i]);
        sprintf(complaint,
                "boot module 0: timeout=%s: must be a number of seconds from 1 to 3600\n", bad[i]);
        add_module(text);
        make_plan();
        assert_string_equal(complaints, complaint);
        assert_int_equal(number_of(plan.unpacker), 0);
        assert_int_equal(plan.unpacker_seconds, UNPACK_SECONDS_USUAL);
    }
}

static void one_unpacker_is_enough(void **state)
{
    (void)state;
    add_module("unpack");
    add_module("unpack");
    make_plan();
    assert_int_equal(number_of(plan.unpacker), 0);
    assert_string_equal(complaints,
                        "boot module 1: there is a module that unpacks kernels already\n");
}

static void domains_have_a_limit(void **state)
{
    (void)state;
    char text[1024] = "";
    for (unsigned int i = 0; i < BOOT_DOMAIN_LIMIT + 1; i++) {
        sprintf(text + strlen(text), "domain name=d%u ", i);
    }
    add_module(text);
    make_plan();
    assert_int_equal(plan.count, BOOT_DOMAIN_LIMIT);
    assert_string_equal(complaints, "boot module 0: domain \"d32\" is one too many: 32 can be "
                                    "started from modules\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(modules_without_a_word_are_the_first_domain, start),
        cmocka_unit_test_setup(first_domain_s_arguments_stay_as_they_are, start),
        cmocka_unit_test_setup(domains_alone_need_no_first_domain, start),
        cmocka_unit_test_setup(order_of_modules_does_not_matter, start),
        cmocka_unit_test_setup(domains_may_share_modules, start),
        cmocka_unit_test_setup(names_of_files_are_passed_over, start),
        cmocka_unit_test_setup(grub_s_quotation_marks_are_understood, start),
        cmocka_unit_test_setup(bad_domain_is_left_out, start),
        cmocka_unit_test_setup(value_with_spaces_needs_quotation_marks, start),
        cmocka_unit_test_setup(incomplete_texts_are_named, start),
        cmocka_unit_test_setup(names_are_given_once, start),
        cmocka_unit_test_setup(ramdisks_need_their_domain, start),
        cmocka_unit_test_setup(module_that_nobody_uses_is_named, start),
        cmocka_unit_test_setup(unpacker_is_no_domain_of_the_plan, start),
        cmocka_unit_test_setup(plan_needs_no_unpacker, start),
        cmocka_unit_test_setup(unpacker_has_a_time_limit_and_arguments, start),
        cmocka_unit_test_setup(bad_time_limits_are_named, start),
        cmocka_unit_test_setup(one_unpacker_is_enough, start),
        cmocka_unit_test_setup(domains_have_a_limit, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
