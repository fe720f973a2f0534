/* SPDX-License-Identifier: BSD-2-Clause */
/* hv/sched/run_queue: a CPU of which only the arithmetic is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hv/sched/run_queue.h"

#define ENTRY_COUNT 40U
#define MS          UINT64_C(1000000)

static struct run_entry entries[ENTRY_COUNT];
static struct heap_node *places[ENTRY_COUNT];
static struct run_queue queue;
static uint64_t had_ns[ENTRY_COUNT]; /* how long each has run */
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    memset(entries, 0, sizeof(entries));
    memset(had_ns, 0, sizeof(had_ns));
    queue = (struct run_queue){.waiting = {.nodes = places, .limit = ENTRY_COUNT}};
    now = 0;
    for (unsigned int i = 0; i < ENTRY_COUNT; i++) {
        entries[i].weight = WEIGHT_DEFAULT;
    }
    return 0;
}

static void choose(bool goes_on)
{
    (void)run_queue_choose(&queue, goes_on, now);
}

/* True: the CPU was taken from whoever had it. */
static bool join(unsigned int i)
{
    if (!run_queue_join(&queue, &entries[i], now)) {
        return false;
    }
    choose(queue.running != NULL);
    return true;
}

/* Time passes, and slices end. */
static void run_for(uint64_t ns)
{
    uint64_t end = now + ns;
    while (now < end) {
        uint64_t next = queue.slice_end_ns != 0 ? min_u64(queue.slice_end_ns, end) : end;
        if (queue.running != NULL) {
            had_ns[queue.running - entries] += next - now;
        }
        now = next;
        if (now == queue.slice_end_ns) {
            choose(queue.running != NULL);
        }
    }
}

static void assert_share(unsigned int i, uint64_t of, unsigned int part, unsigned int whole)
{
    uint64_t due = of * part / whole;
    assert_in_range(had_ns[i], due - due / 20, due + due / 20);
}

/* ---- shares -------------------------------------------------------------------------------- */

static void nobody_runs_on_an_empty_queue_and_the_time_is_idle(void **state)
{
    (void)state;
    choose(false);
    assert_null(queue.running);
    now = 7 * MS;
    assert_int_equal(run_queue_idle_ns(&queue, now), 7 * MS);
    assert_true(join(0));
    assert_ptr_equal(queue.running, &entries[0]);
    run_for(MS);
    assert_int_equal(run_queue_idle_ns(&queue, now), 7 * MS);
}

static void who_is_alone_has_no_slice(void **state)
{
    (void)state;
    join(0);
    assert_int_equal(queue.slice_end_ns, 0);
    join(1);
    assert_int_equal(queue.slice_end_ns, SLICE_NS);
}

static void equals_share_equally(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < ENTRY_COUNT; i++) {
        join(i);
    }
    run_for(ENTRY_COUNT * 1000 * MS);
    for (unsigned int i = 0; i < ENTRY_COUNT; i++) {
        assert_share(i, ENTRY_COUNT * 1000 * MS, 1, ENTRY_COUNT);
    }
}

static void shares_are_as_the_weights(void **state)
{
    (void)state;
    entries[1].weight = 512;
    entries[2].weight = 1024;
    for (unsigned int i = 0; i < 3; i++) {
        join(i);
    }
    run_for(7000 * MS);
    assert_share(0, 7000 * MS, 1, 7);
    assert_share(1, 7000 * MS, 2, 7);
    assert_share(2, 7000 * MS, 4, 7);
}

static void heaviest_does_not_stop_the_lightest(void **state)
{
    (void)state;
    entries[0].weight = 1;
    entries[1].weight = WEIGHT_LIMIT;
    join(0);
    join(1);
    run_for(2 * (WEIGHT_LIMIT + 1) * SLICE_NS);
    assert_in_range(had_ns[0], 2 * SLICE_NS, 3 * SLICE_NS);
}

/* ---- coming, sleeping, going --------------------------------------------------------------- */

/* What the late one may have more than its half: its credit, a slice, and the granularity. */
#define HEAD_START (WAKE_CREDIT_NS + SLICE_NS + GRANULARITY_NS)

static void late_comer_gets_its_share_and_no_more(void **state)
{
    (void)state;
    join(0);
    run_for(10000 * MS); /* alone, without a slice's end */
    had_ns[0] = 0;
    assert_true(join(1));
    run_for(1000 * MS);
    assert_in_range(had_ns[1], 500 * MS - SLICE_NS, 500 * MS + HEAD_START);
    assert_in_range(had_ns[0], 500 * MS - HEAD_START, 500 * MS + SLICE_NS);
}

static void light_one_that_was_alone_is_not_starved_by_a_late_comer(void **state)
{
    (void)state;
    entries[0].weight = 1;
    join(0);
    run_for(10000 * MS); /* 2560 s of virtual time */
    had_ns[0] = 0;
    entries[1].weight = 1;
    join(1);
    run_for(1000 * MS);
    assert_share(0, 1000 * MS, 1, 2);
}

static void sleeper_saves_nothing_up(void **state)
{
    (void)state;
    join(0);
    join(1);
    run_for(5 * SLICE_NS);
    while (queue.running != &entries[0]) {
        run_for(SLICE_NS);
    }
    choose(false); /* entry 0 sleeps */
    run_for(5000 * MS);
    memset(had_ns, 0, sizeof(had_ns));
    assert_true(join(0));
    run_for(1000 * MS);
    assert_in_range(had_ns[0], 500 * MS - SLICE_NS, 500 * MS + HEAD_START);
}

static void sleeper_gets_the_cpu_at_once_from_any_number_of_spinners(void **state)
{
    (void)state;
    for (unsigned int i = 1; i < ENTRY_COUNT; i++) {
        join(i);
    }
    run_for(500 * MS);
    for (unsigned int wake = 0; wake < 1000; wake++) {
        assert_true(join(0));
        assert_ptr_equal(queue.running, &entries[0]);
        run_for(MS / 10);
        choose(false);
        run_for(9 * MS + wake * 1000);
    }
}

/* A stream of sleepers that wake, none of them far behind, does not make a slice longer. */
static void slice_ends_in_time_though_others_join(void **state)
{
    (void)state;
    join(0);
    run_for(MS);
    for (unsigned int i = 1; i < 10; i++) {
        entries[i].virtual_ns = 100 * MS;
        assert_false(join(i));
        run_for(MS);
    }
    assert_int_equal(queue.slice_end_ns, MS + SLICE_NS);
}

static void who_leaves_does_not_come_again(void **state)
{
    (void)state;
    join(0);
    join(1);
    run_queue_leave(&queue, &entries[1]);
    run_for(100 * MS);
    assert_int_equal(had_ns[1], 0);
    assert_int_equal(had_ns[0], 100 * MS);
    assert_false(run_queue_has(&entries[1]));
}

/* ---- yielding ------------------------------------------------------------------------------ */

static void yield_lets_the_next_one_run(void **state)
{
    (void)state;
    join(0);
    assert_false(run_queue_yield(&queue, now));
    join(1);
    join(2);
    struct run_entry *before = queue.running;
    assert_true(run_queue_yield(&queue, now));
    choose(true);
    assert_ptr_not_equal(queue.running, before);
}

static void who_always_yields_takes_nothing_from_who_does_not(void **state)
{
    (void)state;
    join(0);
    join(1);
    for (unsigned int i = 0; i < 100000; i++) {
        run_for(MS / 100);
        if (queue.running == &entries[0] && run_queue_yield(&queue, now)) {
            choose(true);
        }
    }
    assert_true(had_ns[1] > 900 * MS);
    assert_true(had_ns[0] > 0);
}

/* Two that hand the CPU to each other all the time make virtual time run fast. */
static void yielding_to_each_other_gives_neither_a_monopoly_afterwards(void **state)
{
    (void)state;
    join(0);
    join(1);
    for (unsigned int i = 0; i < 100000; i++) {
        run_for(MS / 1000);
        if (run_queue_yield(&queue, now)) {
            choose(true);
        }
    }
    memset(had_ns, 0, sizeof(had_ns));
    join(2);
    run_for(3000 * MS);
    assert_share(0, 3000 * MS, 1, 3);
    assert_share(1, 3000 * MS, 1, 3);
    assert_share(2, 3000 * MS, 1, 3);
}

/* ---- weights that change ------------------------------------------------------------------- */

static void changed_weight_counts_at_once(void **state)
{
    (void)state;
    join(0);
    join(1);
    run_for(1000 * MS);
    run_queue_set_weight(&queue, &entries[0], 3 * WEIGHT_DEFAULT, now);
    memset(had_ns, 0, sizeof(had_ns));
    run_for(4000 * MS);
    assert_share(0, 4000 * MS, 3, 4);
}

static void who_was_light_does_not_pay_for_it_later(void **state)
{
    (void)state;
    entries[0].weight = 1;
    join(0);
    join(1);
    run_for(100 * MS); /* it has had its turn, and would now wait for 2.5 s */
    run_queue_set_weight(&queue, &entries[0], WEIGHT_DEFAULT, now);
    memset(had_ns, 0, sizeof(had_ns));
    run_for(1000 * MS);
    assert_share(0, 1000 * MS, 1, 2);
}

static void weight_of_one_that_sleeps_counts_when_it_wakes(void **state)
{
    (void)state;
    join(0);
    run_queue_set_weight(&queue, &entries[1], 2 * WEIGHT_DEFAULT, now);
    assert_false(run_queue_has(&entries[1]));
    join(1);
    run_for(3000 * MS);
    assert_share(1, 3000 * MS, 2, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nobody_runs_on_an_empty_queue_and_the_time_is_idle, setup),
        cmocka_unit_test_setup(who_is_alone_has_no_slice, setup),
        cmocka_unit_test_setup(equals_share_equally, setup),
        cmocka_unit_test_setup(shares_are_as_the_weights, setup),
        cmocka_unit_test_setup(heaviest_does_not_stop_the_lightest, setup),
        cmocka_unit_test_setup(late_comer_gets_its_share_and_no_more, setup),
        cmocka_unit_test_setup(light_one_that_was_alone_is_not_starved_by_a_late_comer, setup),
        cmocka_unit_test_setup(sleeper_saves_nothing_up, setup),
        cmocka_unit_test_setup(sleeper_gets_the_cpu_at_once_from_any_number_of_spinners, setup),
        cmocka_unit_test_setup(slice_ends_in_time_though_others_join, setup),
        cmocka_unit_test_setup(who_leaves_does_not_come_again, setup),
        cmocka_unit_test_setup(yield_lets_the_next_one_run, setup),
        cmocka_unit_test_setup(who_always_yields_takes_nothing_from_who_does_not, setup),
        cmocka_unit_test_setup(yielding_to_each_other_gives_neither_a_monopoly_afterwards, setup),
        cmocka_unit_test_setup(changed_weight_counts_at_once, setup),
        cmocka_unit_test_setup(who_was_light_does_not_pay_for_it_later, setup),
        cmocka_unit_test_setup(weight_of_one_that_sleeps_counts_when_it_wakes, setup),
    };
    return cmocka_run_group_tests_name("run_queue", tests, NULL, NULL);
}
