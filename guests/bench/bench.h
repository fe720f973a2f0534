/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measuring with the time-stamp counter. Under QEMU's -icount shift=0 on a machine where the
 * counter runs at 1 GHz, one tick is one executed instruction, of kernel and hypervisor together;
 * anywhere else the figures are ticks of whatever the counter counts.
 */
#ifndef GUESTS_BENCH_BENCH_H
#define GUESTS_BENCH_BENCH_H

#include "lib/compiler.h"

/* How often an operation is repeated. Its figure is the least: without the hypervisor's timers, and
 * after what it does only once. */
#define BENCH_REPEATS 8

struct sample {
    uint64_t least;
};

#define SAMPLE_NONE ((struct sample){.least = UINT64_MAX})

/* One asm statement, so that the compiler can move nothing into what is measured. */
static inline uint64_t ticks(void)
{
    uint64_t value;
    __asm__ volatile("rdtsc\n\tshl $32, %%rdx\n\tor %%rdx, %%rax"
                     : "=a"(value)
                     :
                     : "rdx", "cc", "memory");
    return value;
}

/* Enter a measurement: two results of ticks(), one before and one after the operation. */
void sample_add(struct sample *sample, uint64_t start, uint64_t end);

/* Print the figure: "BENCH name N", for each of `count` operations that were measured at once. */
void sample_print(const char *name, const struct sample *sample, uint64_t count);

#endif
