/* SPDX-License-Identifier: BSD-2-Clause */
/* The ELF file inside a kernel image: the `extract` command, and the first step of `run`. */
#ifndef TOOLS_EXTRACT_H
#define TOOLS_EXTRACT_H

#include "tools/kernel_image.h"
#include "tools/outcome.h"

/* A kernel file and what was found in it. */
struct kernel_file {
    uint8_t *bytes; /* as read */
    struct kernel_image image;
};

/* Read and unpack. After a refusal, which is reported, there is nothing to free. */
NODISCARD enum outcome kernel_file_read(const char *path, struct kernel_file *kernel);
void kernel_file_free(struct kernel_file *kernel);

/* `pinnace extract IN OUT`; argv[0] is "extract". */
enum outcome command_extract(int argc, char **argv);

#endif
