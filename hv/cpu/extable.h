/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions of the hypervisor that may fault on what a guest gave, and where to go on then. The
 * table is made of pairs of 32-bit distances, each from its own place.
 */
#ifndef HV_CPU_EXTABLE_H
#define HV_CPU_EXTABLE_H

#include "lib/compiler.h"

struct extable_entry {
    int32_t from;
    int32_t to;
};

/* In inline assembly: a fault at label `from` continues at label `to`. */
#define EXTABLE(from, to)                                                                          \
    "\n\t.pushsection .extable, \"a\"\n\t.long " from " - ., " to " - .\n\t.popsection\n\t"

/* Where to go on after a fault at `rip`; 0: the fault is a bug. */
uint64_t extable_find(uint64_t rip);

#endif
