/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free RAM as a bitmap: a set bit is a frame nobody has. Single frames are found from a cursor on,
 * larger blocks by looking for aligned runs of set bits from the top of the allowed range down, so
 * that low memory is kept for those who need it. The frames themselves are not touched.
 */
#include "core/machine.h"
#include "lib/check.h"

#define WORD_BITS 64U

static uint64_t run_mask(unsigned int order)
{
    return order >= 6 ? UINT64_MAX : (UINT64_C(1) << (1U << order)) - 1;
}

/* Are all 2^order frames from `first` free? `first` is a multiple of 2^order. */
static bool run_is_free(uint64_t first, unsigned int order)
{
    uint64_t mask = run_mask(order) << (first % WORD_BITS);
    uint64_t words = order > 6 ? UINT64_C(1) << (order - 6) : 1;
    for (uint64_t i = 0; i < words; i++) {
        if ((machine.free_bitmap[first / WORD_BITS + i] & mask) != mask) {
            return false;
        }
    }
    return true;
}

static void run_take(uint64_t first, unsigned int order)
{
    uint64_t mask = run_mask(order) << (first % WORD_BITS);
    uint64_t words = order > 6 ? UINT64_C(1) << (order - 6) : 1;
    for (uint64_t i = 0; i < words; i++) {
        machine.free_bitmap[first / WORD_BITS + i] &= ~mask;
    }
    machine.free_count -= UINT64_C(1) << order;
}

/* One frame, anywhere: upwards from where the last one was. */
static mfn_t take_single(void)
{
    uint64_t words = (machine.frame_count + WORD_BITS - 1) / WORD_BITS;
    for (uint64_t i = 0; i < words; i++) {
        uint64_t word = machine.alloc_cursor + i;
        word = word < words ? word : word - words;
        uint64_t bits = machine.free_bitmap[word];
        if (bits != 0) {
            uint64_t first = word * WORD_BITS + (uint64_t)__builtin_ctzll(bits);
            machine.alloc_cursor = word;
            run_take(first, 0);
            return mfn_make(first);
        }
    }
    return MFN_INVALID;
}

/* An aligned block that ends at or below `limit`, from the top down. */
static mfn_t take_run(unsigned int order, uint64_t limit)
{
    uint64_t size = UINT64_C(1) << order;
    for (uint64_t first = round_down(limit, size); first >= size;) {
        first -= size;
        /* An empty word holds no block at all: on to the one below. */
        if (order < 6 && machine.free_bitmap[first / WORD_BITS] == 0) {
            first = round_down(first, WORD_BITS);
            continue;
        }
        if (run_is_free(first, order)) {
            run_take(first, order);
            return mfn_make(first);
        }
    }
    return MFN_INVALID;
}

mfn_t frame_alloc(unsigned int order, unsigned int address_bits)
{
    ASSERT(order < 32);
    uint64_t limit = machine.frame_count;
    if (address_bits < 64) {
        limit = address_bits > PAGE_SHIFT
                    ? min_u64(limit, UINT64_C(1) << (address_bits - PAGE_SHIFT))
                    : 0;
    }
    ticket_lock_take(&machine.alloc_lock);
    mfn_t first = MFN_INVALID;
    if (machine.free_count >= UINT64_C(1) << order) {
        first = order == 0 && limit == machine.frame_count ? take_single() : take_run(order, limit);
    }
    ticket_lock_release(&machine.alloc_lock);
    return first;
}

void frame_alloc_undo(mfn_t first, unsigned int order)
{
    uint64_t mask = run_mask(order) << (first.value % WORD_BITS);
    uint64_t words = order > 6 ? UINT64_C(1) << (order - 6) : 1;
    ticket_lock_take(&machine.alloc_lock);
    for (uint64_t i = 0; i < words; i++) {
        uint64_t *word = &machine.free_bitmap[first.value / WORD_BITS + i];
        CHECK((*word & mask) == 0);
        *word |= mask;
    }
    machine.free_count += UINT64_C(1) << order;
    ticket_lock_release(&machine.alloc_lock);
}
