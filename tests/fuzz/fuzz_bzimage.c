/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel file on the host: boot images and compressed files, with all decoders. What unpacks must
 * begin like an ELF file and be within its bound.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/kernel_unpack.h"

#define SIZE_MAX_UNPACKED 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct unpacked_kernel kernel;
    struct reason reason;
    enum outcome outcome = kernel_unpack(data, size, SIZE_MAX_UNPACKED, &kernel, &reason);
    if (outcome == OUTCOME_SUCCESS) {
        bool fits = kernel.unpacked == NULL || kernel.elf_size <= SIZE_MAX_UNPACKED;
        if (!fits || memcmp(kernel.elf, "\x7f\x45LF", 4) != 0) {
            abort();
        }
        free(kernel.unpacked);
    } else if (kernel.unpacked != NULL || reason.text[0] == '\0') {
        abort();
    }
    return 0;
}
