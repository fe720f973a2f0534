/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run starts with: from the options to files that are open, checked, and known to fit. */
#ifndef TOOLS_RUN_INPUTS_H
#define TOOLS_RUN_INPUTS_H

#include "tools/qemu.h"
#include "tools/run_options.h"

/* Open, unpack and check all files, and say in `config` what QEMU is to hand to the hypervisor. A
 * refusal is reported. What `config` points to lives as long as the program. */
NODISCARD enum outcome run_inputs_open(const struct run_options *options,
                                       struct qemu_config *config);

#endif
