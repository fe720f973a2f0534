/* SPDX-License-Identifier: BSD-2-Clause */
/* `pinnace run`: boot a kernel on the hypervisor in QEMU. */
#ifndef TOOLS_RUN_H
#define TOOLS_RUN_H

#include "tools/outcome.h"

/* argv[0] is "run". Does not come back if a signal ended the run: it then ends us too. */
enum outcome command_run(int argc, char **argv);

#endif
