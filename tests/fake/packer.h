/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes what the tools take apart: compressed data, and Linux boot images around it. */
#ifndef TESTS_FAKE_PACKER_H
#define TESTS_FAKE_PACKER_H

#include "tools/compression.h"

/* Some bytes that grow; `bytes` from malloc(). Start with zeros. */
struct packed {
    uint8_t *bytes;
    size_t size;
};

void packed_append(struct packed *packed, const void *bytes, size_t size);
void packed_free(struct packed *packed);

/* Compress as Linux's build does, behind what is there. Not for lzo, of which there is no library
 * that we may link. */
void packed_compress(struct packed *packed, enum compression compression, const void *bytes,
                     size_t size);

/* A boot image with `payload`, whose last four bytes are the unpacked size. */
void packed_bzimage(struct packed *packed, const struct packed *payload, const char *version);

/* The same in one step. */
void packed_kernel(struct packed *packed, enum compression compression, const void *elf,
                   size_t elf_size, const char *version);

#endif
