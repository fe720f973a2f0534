/* SPDX-License-Identifier: BSD-2-Clause */
/* A domain's memory: memory_op and the pin. Returns are control.h's. */
#ifndef TOOLS_CONTROL_MEMORY_H
#define TOOLS_CONTROL_MEMORY_H

#include "tools/control/control.h"

/* The memory map that the domain will be shown: RAM from 0. */
NODISCARD int memory_set_map(struct control *control, uint32_t domain, uint64_t bytes);

/* Give the domain frames for the PFNs first, first + 1, ...: their MFNs go to mfns[0], ... Less
 * than all: -ENOMEM, and what was given is the domain's. */
NODISCARD int memory_populate(struct control *control, uint32_t domain, uint64_t first,
                              uint64_t count, xen_pfn_t *mfns);

NODISCARD int memory_pin_l4(struct control *control, uint32_t domain, uint64_t mfn);

/* The highest MFN of RAM in the machine. */
NODISCARD int memory_get_last_mfn(struct control *control, uint64_t *mfn);

#endif
