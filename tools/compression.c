/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/compression.h"

#include <string.h>

struct compression_kind {
    const char *name;
    const char *magic;
    size_t magic_size;
};

static const struct compression_kind kinds[] = {
    [COMPRESSION_UNKNOWN] = {"unknown", "", 0},
    [COMPRESSION_GZIP] = {"gzip", "\x1f\x8b", 2},
    [COMPRESSION_BZIP2] = {"bzip2", "BZh", 3},
    [COMPRESSION_LZMA] = {"lzma", "\x5d\0\0", 3},
    [COMPRESSION_XZ] = {"xz", "\xfd\x37zXZ\0", 6},
    [COMPRESSION_LZO] = {"lzo", "\x89LZO\0\r\n\x1a\n", 9},
    [COMPRESSION_LZ4] = {"lz4", "\x02\x21\x4c\x18", 4}, /* the old frame format, as Linux uses it */
    [COMPRESSION_ZSTD] = {"zstd", "\x28\xb5\x2f\xfd", 4},
};

enum compression compression_detect(const uint8_t *bytes, size_t size)
{
    for (size_t i = COMPRESSION_UNKNOWN + 1; i < ARRAY_SIZE(kinds); i++) {
        if (size >= kinds[i].magic_size &&
            memcmp(bytes, kinds[i].magic, kinds[i].magic_size) == 0) {
            return (enum compression)i;
        }
    }
    return COMPRESSION_UNKNOWN;
}

const char *compression_name(enum compression compression)
{
    return kinds[compression].name;
}
