/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that come and go. */
#include "guests/bench/bench.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

#define FRAMES 512

static xen_pfn_t extents[FRAMES];

static void reservation_measure(struct sample *sample, unsigned int command)
{
    struct xen_memory_reservation reservation = {.nr_extents = FRAMES, .domid = DOMID_SELF};
    set_xen_guest_handle(reservation.extent_start, extents);
    uint64_t start = ticks();
    int64_t result = hypercall_memory_op(command, &reservation);
    uint64_t end = ticks();
    EXPECT_RESULT(result, FRAMES);
    sample_add(sample, start, end);
}

TEST(frames_given_back_and_taken)
{
    const uint8_t *pages = page_alloc_many(FRAMES);
    for (size_t i = 0; i < FRAMES; i++) {
        EXPECT_RESULT(va_set(pointer_value(pages + i * PAGE_SIZE), 0), 0);
    }
    struct sample give = SAMPLE_NONE, take = SAMPLE_NONE;
    for (size_t repeat = 0; repeat < BENCH_REPEATS; repeat++) {
        for (size_t i = 0; i < FRAMES; i++) {
            extents[i] = mfn_of(pages + i * PAGE_SIZE).value;
        }
        reservation_measure(&give, XENMEM_decrease_reservation);
        for (size_t i = 0; i < FRAMES; i++) {
            extents[i] = pfn_of(pages + i * PAGE_SIZE).value;
        }
        reservation_measure(&take, XENMEM_populate_physmap);
        for (size_t i = 0; i < FRAMES; i++) {
            p2m_set(pfn_of(pages + i * PAGE_SIZE), mfn_make(extents[i]));
        }
    }
    sample_print("give_back_512", &give, FRAMES);
    sample_print("take_512", &take, FRAMES);
}
