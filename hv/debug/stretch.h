/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The longest stretches in which the hypervisor listens to nobody: with interrupts off, and with a
 * lock held between two questions whether to stop. Only an image built with MEASURE=1 measures, in
 * ticks of the TSC: instructions, on QEMU with -icount shift=0. In all others this is nothing.
 */
#ifndef HV_DEBUG_STRETCH_H
#define HV_DEBUG_STRETCH_H

#include "lib/compiler.h"

#ifdef PINNACE_MEASURE
/* Interrupts are off from here, if they were not, or may come again. */
void stretch_irq_off(void);
void stretch_irq_on(void);

/* A lock is taken or released; somebody asks whether the work should be broken off. */
void stretch_lock(void);
void stretch_unlock(void);
void stretch_may_stop(void);

/* What is between does not count: how long the serial line makes the hypervisor wait depends, in a
 * machine whose clock counts instructions, on who reads it. */
NODISCARD uint64_t stretch_pause(void);
void stretch_go_on(uint64_t paused);

/* Back to a guest for the first time: what was before is boot, and does not count. */
void stretch_leave(void);
void stretch_print(void);
#else
static inline void stretch_irq_off(void)
{
}
static inline void stretch_irq_on(void)
{
}
static inline void stretch_lock(void)
{
}
static inline void stretch_unlock(void)
{
}
static inline void stretch_may_stop(void)
{
}
static inline uint64_t stretch_pause(void)
{
    return 0;
}
static inline void stretch_go_on(uint64_t paused)
{
    (void)paused;
}
static inline void stretch_print(void)
{
}
#endif

#endif
