/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel file and the ELF file that was found in it. */
#ifndef TOOLS_KERNEL_FILE_H
#define TOOLS_KERNEL_FILE_H

#include "tools/kernel_unpack.h"

struct kernel_file {
    uint8_t *bytes; /* as read */
    struct unpacked_kernel kernel;
};

/* Read and unpack. After a refusal, which is reported, there is nothing to free. */
NODISCARD enum outcome kernel_file_read(const char *path, struct kernel_file *file);
void kernel_file_free(struct kernel_file *file);

#endif
