/* SPDX-License-Identifier: BSD-2-Clause */
/* What every part may assume of the compiler: attributes and small macros. */
#ifndef LIB_COMPILER_H
#define LIB_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODISCARD           __attribute__((warn_unused_result))
#define NORETURN            __attribute__((noreturn))
#define PACKED              __attribute__((packed))
#define ALIGNED(n)          __attribute__((aligned(n)))
#define ALWAYS_INLINE       __attribute__((always_inline)) inline
#define NOINLINE            __attribute__((noinline))
#define COLD                __attribute__((cold, noinline))
#define PRINTF_FORMAT(f, a) __attribute__((format(printf, f, a)))
#define LIKELY(x)           __builtin_expect(!!(x), 1)
#define UNLIKELY(x)         __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define PAGE_SHIFT 12
#define PAGE_SIZE  UINT64_C(4096)
#define PAGE_MASK  (PAGE_SIZE - 1)

static inline uint64_t round_up(uint64_t value, uint64_t power_of_two)
{
    return (value + power_of_two - 1) & ~(power_of_two - 1);
}

static inline uint64_t round_down(uint64_t value, uint64_t power_of_two)
{
    return value & ~(power_of_two - 1);
}

/* Bytes to whole 4 KiB frames, rounded up. */
static inline uint64_t pages_of(uint64_t bytes)
{
    return (bytes >> PAGE_SHIFT) + ((bytes & PAGE_MASK) != 0);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/*
 * `index` if it is below `size`, else 0, without a branch the CPU could guess wrongly: for array
 * indices that a guest chose (Spectre variant 1). The caller has checked the range already.
 */
static inline uint64_t index_nospec(uint64_t index, uint64_t size)
{
    uint64_t mask;
    __asm__("cmp %2, %1\n\tsbb %0, %0" : "=r"(mask) : "r"(index), "r"(size) : "cc");
    return index & mask;
}

#endif
