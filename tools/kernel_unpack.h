/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a kernel file as distributions ship it to the ELF file that a domain builder loads. The
 * unpacking is done here, on the host, so that the hypervisor needs no decompressor.
 */
#ifndef TOOLS_KERNEL_UNPACK_H
#define TOOLS_KERNEL_UNPACK_H

#include "tools/outcome.h"
#include "tools/reason.h"

/* More than this is no kernel. */
#define KERNEL_SIZE_MAX (UINT64_C(1) << 30)

struct unpacked_kernel {
    const uint8_t *elf; /* inside the given file, or inside `unpacked` */
    size_t elf_size;
    uint8_t *unpacked; /* from malloc(), or NULL: the caller frees it */
    char release[80];  /* of Linux, as its boot image has it, or empty */
};

/*
 * Find or unpack the ELF file, of at most `size_max` bytes: in a Linux boot image, in a compressed
 * file, or as it is. That it begins like one is all that is known of it then. After a refusal
 * there is nothing to free, and `reason` says why.
 */
NODISCARD enum outcome kernel_unpack(const uint8_t *file, size_t size, size_t size_max,
                                     struct unpacked_kernel *kernel, struct reason *reason);

#endif
