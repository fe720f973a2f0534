/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/bench/bench.h"

#include "guests/lib/console.h"
#include "guests/lib/test.h"

/* What ticks() itself adds between two of them: the least of some attempts. */
static uint64_t ticks_cost(void)
{
    uint64_t cost = UINT64_MAX;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        uint64_t start = ticks();
        uint64_t end = ticks();
        cost = min_u64(cost, end - start);
    }
    return cost;
}

void sample_add(struct sample *sample, uint64_t start, uint64_t end)
{
    sample->least = min_u64(sample->least, end - start - ticks_cost());
}

void sample_print(const char *name, const struct sample *sample, uint64_t count)
{
    EXPECT(sample->least != UINT64_MAX);
    print("BENCH %s %lu\n", name, sample->least / count);
}

/* First of all: when the kernel was reached, on the counter that began at the machine's reset. */
TEST(kernel_is_reached)
{
    print("BENCH kernel_reached %lu\n", ticks());
}
