/* SPDX-License-Identifier: BSD-2-Clause */
/* RFLAGS (SDM volume 1, 3.4.3), and the one rule for what a guest may run with. */
#ifndef HV_ENTRY_RFLAGS_H
#define HV_ENTRY_RFLAGS_H

#include "lib/compiler.h"

#define RFLAGS_ALWAYS     (UINT64_C(1) << 1)
#define RFLAGS_TF         (UINT64_C(1) << 8)
#define RFLAGS_IF         (UINT64_C(1) << 9)
#define RFLAGS_IOPL_SHIFT 12
#define RFLAGS_IOPL       (UINT64_C(3) << RFLAGS_IOPL_SHIFT)
#define RFLAGS_NT         (UINT64_C(1) << 14)
#define RFLAGS_RF         (UINT64_C(1) << 16)
#define RFLAGS_VM         (UINT64_C(1) << 17)
#define RFLAGS_AC         (UINT64_C(1) << 18)

/* Status flags, TF, DF, NT, RF, AC and ID: what a guest may choose. */
#define RFLAGS_GUEST UINT64_C(0x00254dd5)

/* Interrupts on, no I/O privilege, no virtual-8086 mode, whatever the guest asked for. */
static inline uint64_t rflags_sanitise(uint64_t rflags)
{
    return (rflags & RFLAGS_GUEST) | RFLAGS_ALWAYS | RFLAGS_IF;
}

#endif
