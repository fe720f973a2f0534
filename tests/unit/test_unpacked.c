/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of an unpacking guest is believed in nothing but what is checked. */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include "hv/boot/unpacked.h"
#include "lib/unpack_report.h"

#define FRAMES 200U
#define PAGES  3U

static struct domain *guest;
static mfn_t report_frame;
static struct unpack_report *report;
static uint64_t *list;
static struct unpacked_file file;
static struct unpack_problem problem;

/* A guest that has unpacked PAGES pages, of 'a', 'b' and 'c', less ten bytes. */
static int start(void **state)
{
    (void)state;
    fake_start(FRAMES);
    guest = fake_domain(3, 1);
    report_frame = fake_give(guest);
    report = (void *)fake_entries(report_frame);
    mfn_t list_frame = fake_give(guest);
    list = (void *)fake_entries(list_frame);
    report->magic = UNPACK_MAGIC;
    report->size = PAGES * PAGE_SIZE - 10;
    report->lists[0] = list_frame.value;
    for (unsigned int i = 0; i < PAGES; i++) {
        mfn_t page = fake_give(guest);
        list[i] = page.value;
        memset(fake_entries(page), 'a' + (int)i, PAGE_SIZE);
    }
    file = (struct unpacked_file){0};
    problem.text[0] = '\0';
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fake_stop();
    return 0;
}

static void expect_refusal(const char *why)
{
    uint64_t free_count = machine.free_count;
    assert_false(unpacked_take(&file, guest, report_frame, &problem));
    assert_string_equal(problem.text, why);
    assert_null(file.bytes);
    assert_int_equal(machine.free_count, free_count);
    assert_audit_clean();
}

static void file_is_copied_page_by_page(void **state)
{
    (void)state;
    uint64_t free_count = machine.free_count;
    assert_true(unpacked_take(&file, guest, report_frame, &problem));
    assert_int_equal(file.size, PAGES * PAGE_SIZE - 10);
    const char *bytes = file.bytes;
    assert_int_equal(bytes[0], 'a');
    assert_int_equal(bytes[PAGE_SIZE], 'b');
    assert_int_equal(bytes[file.size - 1], 'c');
    assert_int_equal(bytes[file.size], 0);
    assert_int_equal(machine.free_count, free_count - PAGES);
    assert_audit_clean();
    unpacked_free(&file);
    assert_int_equal(machine.free_count, free_count);
    assert_null(file.bytes);
    assert_audit_clean();
}

static void guest_s_reason_is_passed_on_as_text(void **state)
{
    (void)state;
    report->size = 0;
    strcpy(report->reason, "bad\n(PIN) lie\x1b[1m");
    expect_refusal("bad?(PIN) lie?[1m");
    memset(report->reason, 'x', sizeof(report->reason)); /* it need not end */
    assert_false(unpacked_take(&file, guest, report_frame, &problem));
    assert_int_equal(strlen(problem.text), sizeof(problem.text) - 1);
}

static void page_without_a_report_is_told(void **state)
{
    (void)state;
    report->magic++;
    expect_refusal("the unpacker left no report");
}

static void report_page_that_was_given_away_is_not_read(void **state)
{
    (void)state;
    struct domain *other = fake_domain(4, 1);
    report_frame = fake_give(other);
    memcpy(fake_entries(report_frame), report, sizeof(*report));
    expect_refusal("the unpacker left no report");
    report_frame = mfn_make(FAKE_HYPERVISOR);
    memcpy(fake_entries(report_frame), report, sizeof(*report));
    expect_refusal("the unpacker left no report");
}

static void size_is_bounded(void **state)
{
    (void)state;
    report->size = UNPACK_SIZE_MAX + 1;
    expect_refusal("the unpacker reports a file of 0x20000001 bytes");
    report->size = UINT64_MAX;
    expect_refusal("the unpacker reports a file of 0xffffffffffffffff bytes");
}

static void more_than_there_is_room_for_is_told(void **state)
{
    (void)state;
    report->size = UNPACK_SIZE_MAX;
    expect_refusal("there is no memory for the 512 MiB that it unpacks to");
}

/* Another's, the hypervisor's, the M2P's, I/O memory, a free frame, and no frame at all. */
static void frames_that_are_not_the_guest_s_are_refused(void **state)
{
    (void)state;
    mfn_t other = fake_give(fake_domain(4, 1));
    const uint64_t frames[] = {
        other.value, FAKE_HYPERVISOR, FAKE_SHARED_READ, FAKE_IO_FIRST,
        FRAMES - 1,  FRAMES,          UINT64_MAX,
    };
    uint64_t page = list[1];
    uint64_t list_frame = report->lists[0];
    for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++) {
        list[1] = frames[i];
        expect_refusal("the unpacker reports memory that is not its own");
        list[1] = page;
        report->lists[0] = frames[i];
        expect_refusal("the unpacker reports memory that is not its own");
        report->lists[0] = list_frame;
    }
}

static void nothing_is_freed_where_nothing_is(void **state)
{
    (void)state;
    uint64_t free_count = machine.free_count;
    unpacked_free(&file);
    assert_int_equal(machine.free_count, free_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_is_copied_page_by_page, start, stop),
        cmocka_unit_test_setup_teardown(guest_s_reason_is_passed_on_as_text, start, stop),
        cmocka_unit_test_setup_teardown(page_without_a_report_is_told, start, stop),
        cmocka_unit_test_setup_teardown(report_page_that_was_given_away_is_not_read, start, stop),
        cmocka_unit_test_setup_teardown(size_is_bounded, start, stop),
        cmocka_unit_test_setup_teardown(more_than_there_is_room_for_is_told, start, stop),
        cmocka_unit_test_setup_teardown(frames_that_are_not_the_guest_s_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(nothing_is_freed_where_nothing_is, start, stop),
    };
    return cmocka_run_group_tests_name("unpacked", tests, NULL, NULL);
}
