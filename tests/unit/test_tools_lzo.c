/* SPDX-License-Identifier: BSD-2-Clause */
/* LZO1X, instruction by instruction, and lzop's container around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/decompress.h"
#include "tools/lzo1x.h"

#define END "\x11\0\0"

static uint8_t output[40000];

/* Both are literals: their NULs at the end do not count. */
#define assert_unpacks(packed, text)                                                               \
    do {                                                                                           \
        assert_true(lzo1x_unpack((const uint8_t *)(packed), sizeof(packed) - 1, output,            \
                                 sizeof(text) - 1));                                               \
        assert_memory_equal(output, text, sizeof(text) - 1);                                       \
    } while (0)
#define assert_damaged(packed, size)                                                               \
    assert_false(lzo1x_unpack((const uint8_t *)(packed), sizeof(packed) - 1, output, size))

/* ---- instructions ---- */

static void first_byte_is_a_run_of_literals(void **state)
{
    (void)state;
    assert_unpacks("\x16"
                   "hello" END,
                   "hello");
}

static void short_field_of_literals_has_three_more(void **state)
{
    (void)state;
    assert_unpacks("\x01"
                   "four" END,
                   "four");
}

static void length_of_zero_goes_on_in_further_bytes(void **state)
{
    (void)state;
    uint8_t packed[3 + 18 + 255 + 2 + 3] = {0, 0, 2};
    memset(packed + 3, 'x', 18 + 255 + 2);
    memcpy(packed + sizeof(packed) - 3, END, 3);
    assert_true(lzo1x_unpack(packed, sizeof(packed), output, 18 + 255 + 2));
    assert_int_equal(output[18 + 255 + 1], 'x');
}

static void near_match_copies_three_bytes_or_four(void **state)
{
    (void)state;
    assert_unpacks("\x15"
                   "abcd"
                   "\x4c\0" END,
                   "abcdabc");
    assert_unpacks("\x15"
                   "abcd"
                   "\x6c\0" END,
                   "abcdabcd");
}

static void nearest_match_copies_five_bytes_to_eight(void **state)
{
    (void)state;
    assert_unpacks("\x15"
                   "abcd"
                   "\x8c\0" END,
                   "abcdabcda");
    assert_unpacks("\x15"
                   "abcd"
                   "\xec\0" END,
                   "abcdabcdabcd");
}

static void match_reaches_into_what_it_makes(void **state)
{
    (void)state;
    assert_unpacks("\x15"
                   "abcx"
                   "\xe0\0" END,
                   "abcxxxxxxxxx");
}

static void match_of_medium_distance_has_a_length_of_its_own(void **state)
{
    (void)state;
    assert_unpacks("\x15"
                   "abcd"
                   "\x26\x0c\0" END,
                   "abcdabcdabcd");
    assert_unpacks("\x15"
                   "abcd"
                   "\x20\x01\x0c\0" END,
                   "abcdabcdabcdabcdabcdabcdabcdabcdabcdab");
}

static void literals_follow_a_match(void **state)
{
    (void)state;
    assert_unpacks("\x15"
                   "abcd"
                   "\x4e\0"
                   "xy" END,
                   "abcdabcxy");
}

static void behind_few_literals_two_bytes_are_copied(void **state)
{
    (void)state;
    assert_unpacks("\x15"
                   "abcd"
                   "\x4d\0"
                   "x"
                   "\x0c\x01" END,
                   "abcdabcxab");
}

/* ---- damage ---- */

static void match_from_before_the_start_is_refused(void **state)
{
    (void)state;
    assert_damaged("\x15"
                   "abcd"
                   "\x50\0" END,
                   7);
}

static void more_than_the_room_is_refused(void **state)
{
    (void)state;
    assert_damaged("\x16"
                   "hello" END,
                   4);
    assert_damaged("\x15"
                   "abcd"
                   "\x4c\0" END,
                   6);
}

static void less_than_the_size_is_refused(void **state)
{
    (void)state;
    assert_damaged("\x16"
                   "hello" END,
                   6);
}

static void data_that_ends_too_early_is_refused(void **state)
{
    (void)state;
    assert_damaged("\x16"
                   "hel",
                   5);
    assert_damaged("\x16"
                   "hello",
                   5);
    assert_damaged("\x16"
                   "hello"
                   "\x11\0",
                   5);
    assert_damaged("\0\0\0\0", 600);
    assert_damaged("", 1);
}

static void data_behind_the_end_is_refused(void **state)
{
    (void)state;
    assert_damaged("\x16"
                   "hello" END "x",
                   5);
}

/* ---- the container ---- */

#define HEADER                                                                                     \
    "\x89LZO\0\r\n\x1a\n"                                                                          \
    "\x10\x40"                                                                                     \
    "\x20\xa0"                                                                                     \
    "\x09\x40"                                                                                     \
    "\x03"                                                                                         \
    "\x09"                                                                                         \
    "\0\0\0\x01"                                                                                   \
    "\0\0\0\0"                                                                                     \
    "\0\0\0\0"                                                                                     \
    "\0\0\0\0"                                                                                     \
    "\x02"                                                                                         \
    "ab"                                                                                           \
    "sums"
#define HELLO_ADLER "\x06\x2c\x02\x15"
#define BLOCK                                                                                      \
    "\0\0\0\x05"                                                                                   \
    "\0\0\0\x05" HELLO_ADLER "hello"
#define NO_MORE "\0\0\0\0"

static struct decompression job;

#define unpack(container)                                                                          \
    decompress(COMPRESSION_LZO, (const uint8_t *)(container), sizeof(container) - 1, 1000, &job)

static void container_is_unpacked_block_by_block(void **state)
{
    (void)state;
    assert_int_equal(unpack(HEADER BLOCK BLOCK NO_MORE "rest"), DECOMPRESS_OK);
    assert_int_equal(job.size, 10);
    assert_memory_equal(job.output, "hellohello", 10);
    free(job.output);
}

static void damaged_block_is_told_by_its_checksum(void **state)
{
    (void)state;
    assert_int_equal(unpack(HEADER "\0\0\0\x05"
                                   "\0\0\0\x05" HELLO_ADLER "hellO" NO_MORE),
                     DECOMPRESS_DAMAGED);
    assert_string_equal(job.reason, "a block contradicts its checksum");
}

static void container_that_is_cut_short_is_told_wherever_it_ends(void **state)
{
    (void)state;
    static const char whole[] = HEADER BLOCK NO_MORE;
    for (size_t size = 9; size < sizeof(whole) - 1; size++) {
        uint8_t *copy = malloc(size); /* the sanitizer sees what reads beyond */
        memcpy(copy, whole, size);
        assert_int_equal(decompress(COMPRESSION_LZO, copy, size, 1000, &job), DECOMPRESS_CUT_SHORT);
        free(copy);
    }
}

static void impossible_sizes_and_methods_are_refused(void **state)
{
    (void)state;
    assert_int_equal(unpack(HEADER "\0\0\0\x05"
                                   "\0\0\0\x06" HELLO_ADLER "hello!" NO_MORE),
                     DECOMPRESS_DAMAGED);
    assert_int_equal(unpack(HEADER "\x7f\0\0\x05"
                                   "\0\0\0\x06"),
                     DECOMPRESS_DAMAGED);
    char other[] = HEADER BLOCK NO_MORE;
    other[15] = 9;
    assert_int_equal(unpack(other), DECOMPRESS_DAMAGED);
}

static void more_than_is_allowed_is_not_unpacked(void **state)
{
    (void)state;
    static const char whole[] = HEADER BLOCK NO_MORE;
    assert_int_equal(
        decompress(COMPRESSION_LZO, (const uint8_t *)whole, sizeof(whole) - 1, 4, &job),
        DECOMPRESS_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_byte_is_a_run_of_literals),
        cmocka_unit_test(short_field_of_literals_has_three_more),
        cmocka_unit_test(length_of_zero_goes_on_in_further_bytes),
        cmocka_unit_test(near_match_copies_three_bytes_or_four),
        cmocka_unit_test(nearest_match_copies_five_bytes_to_eight),
        cmocka_unit_test(match_reaches_into_what_it_makes),
        cmocka_unit_test(match_of_medium_distance_has_a_length_of_its_own),
        cmocka_unit_test(literals_follow_a_match),
        cmocka_unit_test(behind_few_literals_two_bytes_are_copied),
        cmocka_unit_test(match_from_before_the_start_is_refused),
        cmocka_unit_test(more_than_the_room_is_refused),
        cmocka_unit_test(less_than_the_size_is_refused),
        cmocka_unit_test(data_that_ends_too_early_is_refused),
        cmocka_unit_test(data_behind_the_end_is_refused),
        cmocka_unit_test(container_is_unpacked_block_by_block),
        cmocka_unit_test(damaged_block_is_told_by_its_checksum),
        cmocka_unit_test(container_that_is_cut_short_is_told_wherever_it_ends),
        cmocka_unit_test(impossible_sizes_and_methods_are_refused),
        cmocka_unit_test(more_than_is_allowed_is_not_unpacked),
    };
    return cmocka_run_group_tests_name("lzo", tests, NULL, NULL);
}
