/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flush clock. It ticks with every full flush of a CPU. A frame remembers the clock of its last
 * use (two stamps); a CPU remembers the clock of its last full flush. A CPU can hold a stale
 * translation of a frame only if its flush is not newer than the stamp.
 *
 * The clock saturates: from 2^32 - 1 on, stamps made since then equal every CPU's time, so each
 * reuse flushes. That is slower, and never wrong.
 */
#ifndef CORE_TLB_H
#define CORE_TLB_H

#include "core/machine.h"

static inline uint32_t tlb_clock_now(void)
{
    return atomic_load_explicit(&machine.flush_clock, memory_order_seq_cst);
}

/* A CPU is about to flush everything: the value to hand to tlb_flush_end() afterwards. Interrupts
 * are off between the two. */
uint32_t tlb_flush_begin(void);
void tlb_flush_end(unsigned int cpu, uint32_t clock);

/* Flush every CPU that may hold a translation from before `stamp`. */
void tlb_flush_stale(uint32_t stamp);

#endif
