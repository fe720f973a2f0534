/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of compression that Linux builds its kernel image with, told by their first bytes. */
#ifndef TOOLS_COMPRESSION_H
#define TOOLS_COMPRESSION_H

#include "lib/compiler.h"

enum compression {
    COMPRESSION_UNKNOWN, /* also: not compressed */
    COMPRESSION_GZIP,
    COMPRESSION_BZIP2,
    COMPRESSION_LZMA,
    COMPRESSION_XZ,
    COMPRESSION_LZO,
    COMPRESSION_LZ4,
    COMPRESSION_ZSTD,
};

enum compression compression_detect(const uint8_t *bytes, size_t size);
const char *compression_name(enum compression compression);

#endif
