/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host threads as CPUs, under TSan: the MMU lock and the flush clock, which is all that the core
 * leaves to concurrency. The core's own objects are built with TSan for this program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/domain.h"
#include "core/port.h"
#include "core/tlb.h"

#define THREADS                                                                                    \
    2U /* as many as there are CPUs: a fair lock waits for whoever is next, scheduled or not */
#define ROUNDS 300U

static struct domain domains[2];
static struct frame frames[8];
static uint64_t bitmap[1];
static uint64_t m2p[512];
static _Thread_local unsigned int this_cpu;
static unsigned int flushes; /* total_lock */
static struct ticket_lock total_lock;

/* ---- the port: only what these parts of the core call ---- */

NORETURN void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, condition);
    abort();
}

static _Alignas(PAGE_SIZE) char memory[8][PAGE_SIZE];

void *port_map_frame(mfn_t mfn)
{
    return memory[mfn.value];
}

void port_domain_empty(struct domain *domain)
{
    (void)domain; /* none is destroyed here */
}

unsigned int port_cpu(void)
{
    return this_cpu;
}

/* Each CPU of the set flushes: here on its behalf, as an interrupt there would. */
void port_flush_tlb(uint64_t cpus)
{
    for (uint64_t left = cpus; left != 0; left &= left - 1) {
        tlb_flush_end((unsigned int)__builtin_ctzll(left), tlb_flush_begin());
    }
    ticket_lock_take(&total_lock);
    flushes++;
    ticket_lock_release(&total_lock);
}

static void machine_setup(void)
{
    static bool done;
    if (done) {
        return;
    }
    done = true;
    machine_init(frames, 8, bitmap, m2p, 512, 36);
    machine_add_free(mfn_make(1), 7);
    machine.cpus_online = (UINT64_C(1) << THREADS) - 1;
    domain_init(&domains[0], 0);
    domain_init(&domains[1], 1);
}

static void run_threads(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, body, (void *)i), 0);
    }
    for (unsigned int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

/* ---- what is tested ---- */

/* Half of the threads name the domains in one order, half in the other: no deadlock, no race. */
static void *count_under_both_locks(void *argument)
{
    unsigned int thread = (unsigned int)(uintptr_t)argument;
    this_cpu = thread;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        unsigned int first = thread % 2;
        struct mmu_locked locked = domain_mmu_lock_two(&domains[first], &domains[1 - first]);
        domains[0].page_count++;
        domains[1].page_count++;
        domain_mmu_unlock(locked);
        locked = domain_mmu_lock(&domains[first]);
        domains[first].page_limit--;
        domain_mmu_unlock(locked);
    }
    return NULL;
}

static void two_domains_locked_in_either_order_exclude_each_other(void **state)
{
    (void)state;
    machine_setup();
    domains[0].page_count = 0;
    domains[1].page_count = 0;
    domains[0].page_limit = UINT64_MAX;
    domains[1].page_limit = UINT64_MAX;

    run_threads(count_under_both_locks);

    assert_int_equal(domains[0].page_count, THREADS * ROUNDS);
    assert_int_equal(domains[1].page_count, THREADS * ROUNDS);
    assert_int_equal(UINT64_MAX - domains[0].page_limit, THREADS / 2 * ROUNDS);
    domains[0].page_count = 0;
    domains[1].page_count = 0;
}

/* A frame becomes writable, is let go, and becomes a table of descriptors, by whoever has the lock:
 * each new use finds every CPU's flush newer than the last use. */
static void *change_types(void *argument)
{
    this_cpu = (unsigned int)(uintptr_t)argument;
    for (unsigned int i = 0; i < ROUNDS / 10; i++) {
        struct mmu_locked locked = domain_mmu_lock(&domains[0]);
        struct frame *frame = &frames[1];
        CHECK(frame_get_writable(frame) == STATUS_OK);
        frame_put_writable(frame);
        uint32_t stamp = frame->writable_stamp;
        frame_claim(frame, FRAME_DESCRIPTORS);
        for (unsigned int cpu = 0; cpu < THREADS; cpu++) {
            CHECK(atomic_load(&machine.cpu_flushed[cpu]) > stamp);
        }
        frame_publish(frame);
        frame_release(frame);
        domain_mmu_unlock(locked);
    }
    return NULL;
}

static void type_changes_on_all_cpus_flush_what_came_before(void **state)
{
    (void)state;
    machine_setup();
    mfn_t mfn = frame_alloc(0, 64);
    assert_int_equal(mfn.value, 1);
    frame_assign(&frames[1], &domains[0]);
    flushes = 0;

    run_threads(change_types);

    assert_true(flushes >= THREADS * (ROUNDS / 10));
    assert_int_equal(frames[1].type_count, 0);
}

/* Frames come from the allocator to one thread at a time. */
static void *allocate_and_free(void *argument)
{
    this_cpu = (unsigned int)(uintptr_t)argument;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        mfn_t mfn = frame_alloc(0, 64);
        if (!mfn_equal(mfn, MFN_INVALID)) {
            char *page = port_map_frame(mfn);
            page[0] = (char)this_cpu;
            CHECK(page[0] == (char)this_cpu);
            frame_alloc_undo(mfn, 0);
        }
    }
    return NULL;
}

static void a_free_frame_is_handed_to_one_cpu(void **state)
{
    (void)state;
    machine_setup();
    uint64_t before = machine.free_count;

    run_threads(allocate_and_free);

    assert_int_equal(machine.free_count, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_domains_locked_in_either_order_exclude_each_other),
        cmocka_unit_test(a_free_frame_is_handed_to_one_cpu),
        cmocka_unit_test(type_changes_on_all_cpus_flush_what_came_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
