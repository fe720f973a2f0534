/* SPDX-License-Identifier: BSD-2-Clause */
/* Model-specific registers that may be missing, or refuse a value. */
#ifndef HV_CPU_MSR_SAFE_H
#define HV_CPU_MSR_SAFE_H

#include "hv/cpu/extable.h"

/* RDMSR. False, and 0: the processor raised #GP. */
NODISCARD static inline bool msr_read_safe(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0;
    uint32_t high = 0;
    uint32_t done = 0;
    __asm__ volatile("1:\trdmsr\n\t"
                     "movl $1, %2\n"
                     "2:\n\t" EXTABLE("1b", "2b")
                     : "+a"(low), "+d"(high), "+r"(done)
                     : "c"(msr)
                     : "memory");
    *value = ((uint64_t)high << 32) | low;
    return done != 0;
}

/* WRMSR. False: #GP, nothing was written. */
static inline bool msr_write_safe(uint32_t msr, uint64_t value)
{
    uint32_t done = 0;
    __asm__ volatile("1:\twrmsr\n\t"
                     "movl $1, %0\n"
                     "2:\n\t" EXTABLE("1b", "2b")
                     : "+r"(done)
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
    return done != 0;
}

#endif
