/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/kernel_file.h"

#include <stdlib.h>

#include "tools/file.h"
#include "tools/report.h"

enum outcome kernel_file_read(const char *path, struct kernel_file *file)
{
    struct file_contents contents;
    if (!file_read("kernel", path, &contents)) {
        return OUTCOME_INPUT_REFUSED;
    }
    struct reason reason;
    enum outcome outcome =
        kernel_unpack(contents.bytes, contents.size, KERNEL_SIZE_MAX, &file->kernel, &reason);
    if (outcome != OUTCOME_SUCCESS) {
        report("kernel %s: %s", path, reason.text);
        free(contents.bytes);
        return outcome;
    }
    file->bytes = contents.bytes;
    return OUTCOME_SUCCESS;
}

void kernel_file_free(struct kernel_file *file)
{
    free(file->kernel.unpacked);
    free(file->bytes);
}
