/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/extract.h"

#include <string.h>

#include "tools/file.h"
#include "tools/kernel_file.h"
#include "tools/report.h"

static const char usage[] =
    "Usage: pinnace extract IN OUT\n"
    "Unpack the kernel file IN, which may be a Linux boot image (bzImage) or compressed by itself,\n"
    "with gzip, bzip2, lzma, xz, lzo, lz4 or zstd, and write the ELF file in it to OUT. An IN that\n"
    "is an ELF file already is copied.\n"
    "\n"
    "  --help  show this text\n";

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
    struct kernel_file file;
    enum outcome outcome = kernel_file_read(argv[1], &file);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    bool written = file_write(argv[2], file.kernel.elf, file.kernel.elf_size);
    kernel_file_free(&file);
    return written ? OUTCOME_SUCCESS : OUTCOME_FAILED;
}
