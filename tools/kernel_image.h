/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a kernel file as distributions ship it to the ELF file that a domain builder loads. The
 * unpacking is done here, on the host, so that the hypervisor needs no decompressor.
 */
#ifndef TOOLS_KERNEL_IMAGE_H
#define TOOLS_KERNEL_IMAGE_H

#include "lib/compiler.h"

enum kernel_image_status {
    KERNEL_IMAGE_OK,
    KERNEL_IMAGE_NOT_A_KERNEL,
    KERNEL_IMAGE_NOT_X86_64,  /* an ELF file, but no 64-bit x86 program */
    KERNEL_IMAGE_TOO_OLD,     /* a bzImage from before Linux 2.6.26 */
    KERNEL_IMAGE_CUT_SHORT,   /* a bzImage that ends before its payload does */
    KERNEL_IMAGE_UNSUPPORTED, /* a compression we do not unpack */
    KERNEL_IMAGE_DAMAGED,     /* the compressed data contradicts itself */
    KERNEL_IMAGE_NO_MEMORY,
};

struct kernel_image {
    const uint8_t *elf; /* inside the given file, or the same as `unpacked` */
    size_t elf_size;
    uint8_t *unpacked; /* from malloc(), or NULL: the caller frees it */
};

/* Find or unpack the ELF file. After a refusal there is nothing to free. */
NODISCARD enum kernel_image_status kernel_image_unpack(const uint8_t *file, size_t size,
                                                       struct kernel_image *image);

/* Why `file` was refused with `status`, as the rest of a sentence, in `text`. */
void kernel_image_explain(enum kernel_image_status status, const uint8_t *file, size_t size,
                          char *text, size_t text_size);

#endif
