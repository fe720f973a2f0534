/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that arises in an interrupt but must not run there, in the middle of who knows what: it is
 * noted on this CPU, and done when nothing else is under way: on the way out to the guest, and
 * while the CPU is idle. Long operations stop for it (port_should_yield()).
 */
#ifndef HV_ENTRY_WORK_H
#define HV_ENTRY_WORK_H

#include "lib/compiler.h"

#define CPU_WORK_DEBUG_KEYS (UINT64_C(1) << 0)
#define CPU_WORK_SCHEDULE   (UINT64_C(1) << 1) /* another vCPU may have to run */
#define CPU_WORK_REAP       (UINT64_C(1) << 2) /* a domain has nothing left but its record */
#define CPU_WORK_CONSOLE    (UINT64_C(1) << 3) /* a domain's console ring or input */
#define CPU_WORK_BOOT       (UINT64_C(1) << 4) /* the unpacking of kernels goes on, or boot does */

/* Note work for this CPU. */
void cpu_work_raise(uint64_t work);

bool cpu_work_is_pending(void);

/* Do what is noted, with interrupts on; then another vCPU may be loaded, and its registers on top
 * of the stack. Where none can run, the CPU sleeps in here. Called, and returns, with interrupts
 * off, at a place where no operation of the core is in flight and no lock is held. */
void cpu_work_perform(void);

#endif
