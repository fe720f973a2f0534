/* SPDX-License-Identifier: BSD-2-Clause */
/* `pinnace extract`: the ELF file inside a kernel file. */
#ifndef TOOLS_EXTRACT_H
#define TOOLS_EXTRACT_H

#include "tools/outcome.h"

/* argv[0] is "extract". */
enum outcome command_extract(int argc, char **argv);

#endif
