/* SPDX-License-Identifier: BSD-2-Clause */
/* What the console printed last, as XEN_SYSCTL_readconsole wants it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/console/conring.h"

static char bytes[8];
static struct conring ring;
static char text[32];

static int start(void **state)
{
    (void)state;
    memset(text, 0, sizeof(text));
    conring_init(&ring, bytes, sizeof(bytes));
    return 0;
}

/* All positions wrap in what follows. */
static int start_before_the_wrap(void **state)
{
    start(state);
    ring.start = ring.end = UINT32_MAX - 2;
    return 0;
}

static void print(const char *what)
{
    for (; *what != '\0'; what++) {
        conring_put(&ring, *what);
    }
}

static size_t read_from(uint32_t *index, size_t size)
{
    memset(text, 0, sizeof(text));
    return conring_read(&ring, index, text, size);
}

static void empty_ring_reads_as_nothing(void **state)
{
    (void)state;
    uint32_t index = conring_oldest(&ring);
    assert_int_equal(read_from(&index, sizeof(text)), 0);
    assert_int_equal(index, conring_oldest(&ring));
}

static void last_byte_is_known_while_something_is_kept(void **state)
{
    (void)state;
    assert_int_equal(conring_last(&ring, '-'), '-');
    print("hello");
    assert_int_equal(conring_last(&ring, '-'), 'o');
    conring_forget(&ring, ring.end);
    assert_int_equal(conring_last(&ring, '-'), '-');
}

static void what_was_printed_is_read(void **state)
{
    (void)state;
    print("hello");
    uint32_t index = conring_oldest(&ring);
    assert_int_equal(read_from(&index, sizeof(text)), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(index - conring_oldest(&ring), 5);
}

static void oldest_is_lost_first(void **state)
{
    (void)state;
    print("hello world");
    uint32_t index = conring_oldest(&ring);
    assert_int_equal(read_from(&index, sizeof(text)), sizeof(bytes));
    assert_string_equal(text, "lo world");
}

static void reader_goes_on_where_it_stopped(void **state)
{
    (void)state;
    print("hello");
    uint32_t index = conring_oldest(&ring);
    assert_int_equal(read_from(&index, 3), 3);
    assert_string_equal(text, "hel");
    print("ab");
    assert_int_equal(read_from(&index, sizeof(text)), 4);
    assert_string_equal(text, "loab");
    assert_int_equal(read_from(&index, sizeof(text)), 0);
}

static void reader_that_was_overtaken_goes_on_with_the_oldest(void **state)
{
    (void)state;
    uint32_t index = conring_oldest(&ring);
    print("hello world");
    assert_int_equal(read_from(&index, 2), 2);
    assert_string_equal(text, "lo");
    assert_int_equal(index - conring_oldest(&ring), 2);
}

static void position_that_never_was_means_the_oldest(void **state)
{
    (void)state;
    print("hello");
    uint32_t index = conring_oldest(&ring) + 6;
    assert_int_equal(read_from(&index, sizeof(text)), 5);
    assert_string_equal(text, "hello");
}

static void what_is_forgotten_is_not_read_again(void **state)
{
    (void)state;
    print("hello");
    uint32_t index = conring_oldest(&ring);
    (void)read_from(&index, 3);
    conring_forget(&ring, index);
    index = conring_oldest(&ring);
    assert_int_equal(read_from(&index, sizeof(text)), 2);
    assert_string_equal(text, "lo");
}

static void forgetting_up_to_where_nothing_is_changes_nothing(void **state)
{
    (void)state;
    print("hello");
    conring_forget(&ring, conring_oldest(&ring) + 6);
    conring_forget(&ring, conring_oldest(&ring) - 1);
    uint32_t index = conring_oldest(&ring);
    assert_int_equal(read_from(&index, sizeof(text)), 5);
}

static void larger_memory_keeps_text_and_positions(void **state)
{
    (void)state;
    static char larger[16];
    print("hello world");
    uint32_t index = conring_oldest(&ring) + 2;
    conring_move(&ring, larger, sizeof(larger));
    print(" ABCDEF");
    assert_int_equal(read_from(&index, sizeof(text)), 13);
    assert_string_equal(text, " world ABCDEF");
    index = conring_oldest(&ring);
    assert_int_equal(read_from(&index, sizeof(text)), 15);
    assert_string_equal(text, "lo world ABCDEF");
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup(test, start), cmocka_unit_test_setup(test, start_before_the_wrap)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(empty_ring_reads_as_nothing),
        BOTH(last_byte_is_known_while_something_is_kept),
        BOTH(what_was_printed_is_read),
        BOTH(oldest_is_lost_first),
        BOTH(reader_goes_on_where_it_stopped),
        BOTH(reader_that_was_overtaken_goes_on_with_the_oldest),
        BOTH(position_that_never_was_means_the_oldest),
        BOTH(what_is_forgotten_is_not_read_again),
        BOTH(forgetting_up_to_where_nothing_is_changes_nothing),
        BOTH(larger_memory_keeps_text_and_positions),
    };
    return cmocka_run_group_tests_name("console text", tests, NULL, NULL);
}
