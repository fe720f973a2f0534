/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux workload, which runs as the machine's first program: measuring with the time-stamp
 * counter, which under bench/run counts executed instructions.
 */
#ifndef BENCH_LINUX_BENCH_H
#define BENCH_LINUX_BENCH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

/* End the machine, with a message on the console, unless `condition` holds. */
#define REQUIRE(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, #condition))
void fail(const char *file, int line, const char *condition) __attribute__((noreturn));

/* Note the figure of an operation: `total` ticks for `count` of them. Nothing is written to the
 * console before results_print(), since that costs instructions too. */
void result_add(const char *name, uint64_t total, uint64_t count);
void results_print(void);

/* Each measures a group of operations and adds their results. */
void bench_calls(void);
void bench_memory(void);
void bench_processes(void);

#endif
