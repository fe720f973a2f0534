/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/extract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/file.h"
#include "tools/report.h"

static const char usage[] =
    "Usage: pinnace extract IN OUT\n"
    "Unpack the Linux boot image IN (bzImage, compressed with xz) and write the ELF kernel in it\n"
    "to OUT. An IN that is an ELF kernel already is copied.\n";

enum outcome kernel_file_read(const char *path, struct kernel_file *kernel)
{
    struct file_contents file;
    if (!file_read(path, &file)) {
        return OUTCOME_BAD_USAGE;
    }
    enum kernel_image_status status = kernel_image_unpack(file.bytes, file.size, &kernel->image);
    if (status != KERNEL_IMAGE_OK) {
        char why[160];
        kernel_image_explain(status, file.bytes, file.size, why, sizeof(why));
        report("%s: %s", path, why);
        free(file.bytes);
        return status == KERNEL_IMAGE_NO_MEMORY ? OUTCOME_FAILED : OUTCOME_INPUT_REFUSED;
    }
    kernel->bytes = file.bytes;
    return OUTCOME_SUCCESS;
}

void kernel_file_free(struct kernel_file *kernel)
{
    free(kernel->image.unpacked);
    free(kernel->bytes);
}

enum outcome command_extract(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return OUTCOME_SUCCESS;
    }
    if (argc != 3) {
        report("extract: needs two file names, IN and OUT");
        return OUTCOME_BAD_USAGE;
    }
    struct kernel_file kernel;
    enum outcome outcome = kernel_file_read(argv[1], &kernel);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    bool written = file_write(argv[2], kernel.image.elf, kernel.image.elf_size);
    kernel_file_free(&kernel);
    return written ? OUTCOME_SUCCESS : OUTCOME_FAILED;
}
