/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands in the first domain make of the hypervisor's answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tools/control/frame_counts.h"
#include "tools/control/list_line.h"
#include "tools/control/config.h"

#include <cmocka.h>

#include "tools/control/audit_text.h"
#include "tools/control/walk.h"

/* ---- list ---- */

static void assert_line(const char *name, const struct xen_domctl_getdomaininfo *info,
                        const char *expected)
{
    char line[LIST_LINE_SIZE];
    list_format(line, name, info);
    assert_string_equal(line, expected);
}

static void line_of_the_list_has_xl_s_columns(void **state)
{
    (void)state;
    const struct xen_domctl_getdomaininfo info = {
        .domain = 3,
        .flags = XEN_DOMINF_blocked | XEN_DOMINF_paused,
        .tot_pages = 32768,
        .nr_online_vcpus = 1,
        .cpu_time = UINT64_C(12340000000),
    };
    assert_line(
        "guest", &info,
        "guest                                        3   128     1     -bp---      12.3\n");
    assert_line(
        NULL, &info,
        "(null)                                       3   128     1     -bp---      12.3\n");
}

static void ended_domains_are_told_apart(void **state)
{
    (void)state;
    struct xen_domctl_getdomaininfo info = {
        .flags = XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift,
    };
    assert_line(
        "g", &info,
        "g                                            0     0     0     ---sc-       0.0\n");
    info.flags = XEN_DOMINF_shutdown | SHUTDOWN_reboot << XEN_DOMINF_shutdownshift;
    assert_line(
        "g", &info,
        "g                                            0     0     0     ---s--       0.0\n");
    info.flags = XEN_DOMINF_dying | XEN_DOMINF_running;
    assert_line(
        "g", &info,
        "g                                            0     0     0     r----d       0.0\n");
}

/* ---- frames ---- */

static void frames_are_counted_by_type(void **state)
{
    (void)state;
    struct frame_counts counts = {0};
    frame_counts_add(&counts, 1, XEN_DOMCTL_PFINFO_NOTAB);
    frame_counts_add(&counts, 2, XEN_DOMCTL_PFINFO_L1TAB);
    frame_counts_add(&counts, 3, XEN_DOMCTL_PFINFO_L1TAB | XEN_DOMCTL_PFINFO_LPINTAB);
    frame_counts_add(&counts, 4, XEN_DOMCTL_PFINFO_L4TAB | XEN_DOMCTL_PFINFO_LPINTAB);
    frame_counts_add(&counts, 5, XEN_DOMCTL_PFINFO_L2TAB);
    assert_int_equal(counts.other, 1);
    assert_int_equal(counts.tables[1], 2);
    assert_int_equal(counts.pinned[1], 1);
    assert_int_equal(counts.tables[2], 1);
    assert_int_equal(counts.tables[4], 1);
    assert_int_equal(counts.root_count, 1);
    assert_int_equal(counts.roots[0], 4);
    assert_int_equal(frame_counts_sum(&counts), 5);
}

static void frames_of_others_do_not_count(void **state)
{
    (void)state;
    struct frame_counts counts = {0};
    frame_counts_add(&counts, 1, XEN_DOMCTL_PFINFO_XTAB);
    frame_counts_add(&counts, 2, XEN_DOMCTL_PFINFO_BROKEN);
    frame_counts_add(&counts, 3, XEN_DOMCTL_PFINFO_XALLOC);
    assert_int_equal(frame_counts_sum(&counts), 0);
}

static void more_roots_than_can_be_kept_are_counted(void **state)
{
    (void)state;
    struct frame_counts counts = {0};
    for (uint64_t mfn = 0; mfn < 2 * FRAME_ROOTS_MAX; mfn++) {
        frame_counts_add(&counts, mfn, XEN_DOMCTL_PFINFO_L4TAB | XEN_DOMCTL_PFINFO_LPINTAB);
    }
    assert_int_equal(counts.pinned[4], 2 * FRAME_ROOTS_MAX);
    assert_int_equal(counts.root_count, FRAME_ROOTS_MAX);
    assert_int_equal(counts.roots[FRAME_ROOTS_MAX - 1], FRAME_ROOTS_MAX - 1);
}

/* ---- walk: tables 4 to 1 at the MFN of their level; each has one entry, index 1 but in the L1
 * ---- */

struct tables {
    uint64_t entries[5];
    uint64_t unreadable; /* MFN of a table that cannot be read */
};

#define ADDRESS                                                                                    \
    (UINT64_C(1) << 39 | UINT64_C(1) << 30 | UINT64_C(1) << 21 | UINT64_C(2) << 12 | 0x123)

static bool read_table(void *context, mfn_t table, unsigned int index, pte_t *entry)
{
    const struct tables *tables = context;
    assert_in_range(table.value, 1, 4);
    assert_int_equal(index, table.value == 1 ? 2 : 1);
    *entry = (pte_t){.raw = tables->entries[table.value]};
    return table.value != tables->unreadable;
}

static struct tables whole_tree(void)
{
    return (struct tables){.entries = {0, 0x55007, 0x1007, 0x2007, 0x3007}};
}

static unsigned int walk(struct tables *tables, struct walk_step steps[4], bool *complete)
{
    return walk_address(mfn_make(4), ADDRESS, read_table, tables, steps, complete);
}

static void walk_ends_at_the_page(void **state)
{
    (void)state;
    struct tables tables = whole_tree();
    struct walk_step steps[4];
    bool complete;
    uint64_t machine;
    assert_int_equal(walk(&tables, steps, &complete), 4);
    assert_true(complete);
    assert_int_equal(steps[0].level, 4);
    assert_int_equal(steps[3].level, 1);
    assert_int_equal(steps[3].table.value, 1);
    assert_true(walk_maps(&steps[3], ADDRESS, &machine));
    assert_int_equal(machine, 0x55123);
}

static void walk_ends_at_an_entry_that_is_not_present(void **state)
{
    (void)state;
    struct tables tables = whole_tree();
    struct walk_step steps[4];
    bool complete;
    uint64_t machine;
    tables.entries[2] = 0x1006;
    assert_int_equal(walk(&tables, steps, &complete), 3);
    assert_true(complete);
    assert_false(walk_maps(&steps[2], ADDRESS, &machine));
    tables.entries[1] = 0;
    tables.entries[2] = 0x1007;
    assert_int_equal(walk(&tables, steps, &complete), 4);
    assert_false(walk_maps(&steps[3], ADDRESS, &machine));
}

static void walk_ends_at_a_large_page(void **state)
{
    (void)state;
    struct tables tables = whole_tree();
    struct walk_step steps[4];
    bool complete;
    uint64_t machine;
    tables.entries[2] = 0x400087;
    assert_int_equal(walk(&tables, steps, &complete), 3);
    assert_true(walk_maps(&steps[2], ADDRESS, &machine));
    assert_int_equal(machine, 0x402123);
}

static void walk_says_that_a_table_cannot_be_read(void **state)
{
    (void)state;
    struct tables tables = whole_tree();
    struct walk_step steps[4];
    bool complete;
    tables.unreadable = 3;
    assert_int_equal(walk(&tables, steps, &complete), 1);
    assert_false(complete);
}

static void assert_bits(uint64_t raw, unsigned int level, const char *expected)
{
    char text[WALK_BITS_SIZE];
    walk_name_bits(text, (pte_t){.raw = raw}, level);
    assert_string_equal(text, expected);
}

static void bits_are_named(void **state)
{
    (void)state;
    assert_bits(0, 1, "");
    assert_bits(0x67, 4, "P W U A D");
    assert_bits(0x81, 2, "P PS");
    assert_bits(0x81, 1, "P PAT");
    assert_bits(UINT64_C(0x80100000000001ff), 1, "P W U PWT PCD A D G guest-kernel NX PAT");
}

/* ---- audit ---- */

/* In pieces of each size: the verdict must be the same. */
static void assert_verdict(const char *text, enum audit_verdict expected)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        struct audit_text audit = {0};
        for (size_t i = 0; i < strlen(text); i += step) {
            size_t rest = strlen(text) - i;
            audit_text_add(&audit, text + i, rest < step ? rest : step);
        }
        assert_int_equal(audit_text_judge(&audit), expected);
    }
}

static void audit_is_judged_by_its_last_line(void **state)
{
    (void)state;
    assert_verdict("(PIN) key V\r\n(PIN) audit: 9 frames examined, 7 references counted, "
                   "0 differences\r\n",
                   AUDIT_CLEAN);
    assert_verdict("(PIN) audit: frame 0x1 x: counted 0x1, recorded 0x2\n"
                   "(PIN) audit: 9 frames examined, 7 references counted, 10 differences\n",
                   AUDIT_DIFFERENCES);
    assert_verdict("(PIN) audit: no free frame to count in\n", AUDIT_NONE);
    assert_verdict("(XEN) 'V' pressed -> something\n", AUDIT_NONE);
}

static void guest_cannot_pretend_an_audit(void **state)
{
    (void)state;
    assert_verdict(" (PIN) audit: 9 frames examined, 7 references counted, 0 differences\n",
                   AUDIT_NONE);
    assert_verdict("(PIN) audit: 0 differences", AUDIT_NONE); /* without an end */
}

static void line_that_is_too_long_is_no_verdict(void **state)
{
    (void)state;
    static char text[400];
    struct audit_text audit = {0};
    memset(text, 'x', sizeof(text));
    memcpy(text, "(PIN) audit: ", 13);
    memcpy(text + sizeof(text) - 15, " 0 differences\n", 15);
    audit_text_add(&audit, text, sizeof(text));
    assert_int_equal(audit_text_judge(&audit), AUDIT_NONE);
}

/* ---- what becomes of a domain that has ended ---- */

static void action_is_chosen_by_the_shutdown_code(void **state)
{
    (void)state;
    const struct config config = {
        .on_poweroff = CONFIG_PRESERVE,
        .on_reboot = CONFIG_RESTART,
        .on_crash = CONFIG_DESTROY,
    };
    assert_int_equal(config_choose_action(&config, SHUTDOWN_poweroff), CONFIG_PRESERVE);
    assert_int_equal(config_choose_action(&config, SHUTDOWN_reboot), CONFIG_RESTART);
    assert_int_equal(config_choose_action(&config, SHUTDOWN_crash), CONFIG_DESTROY);
    assert_int_equal(config_choose_action(&config, SHUTDOWN_watchdog), CONFIG_DESTROY);
    assert_int_equal(config_choose_action(&config, SHUTDOWN_suspend), CONFIG_PRESERVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_of_the_list_has_xl_s_columns),
        cmocka_unit_test(ended_domains_are_told_apart),
        cmocka_unit_test(frames_are_counted_by_type),
        cmocka_unit_test(frames_of_others_do_not_count),
        cmocka_unit_test(more_roots_than_can_be_kept_are_counted),
        cmocka_unit_test(walk_ends_at_the_page),
        cmocka_unit_test(walk_ends_at_an_entry_that_is_not_present),
        cmocka_unit_test(walk_ends_at_a_large_page),
        cmocka_unit_test(walk_says_that_a_table_cannot_be_read),
        cmocka_unit_test(bits_are_named),
        cmocka_unit_test(audit_is_judged_by_its_last_line),
        cmocka_unit_test(guest_cannot_pretend_an_audit),
        cmocka_unit_test(line_that_is_too_long_is_no_verdict),
        cmocka_unit_test(action_is_chosen_by_the_shutdown_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
