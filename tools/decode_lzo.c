/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The container of the program lzop, in which Linux keeps LZO data: a header, then blocks, each
 * with its two lengths and checksums before it, then an unpacked length of 0. Numbers are big
 * endian. (LZO's own library is under the GPL: lzo1x.c is ours.)
 */
#include "tools/decoders.h"

#include <zlib.h>

#include "tools/lzo1x.h"

#define MAGIC_SIZE    9U
#define BLOCK_MAX     (64U << 20) /* unpacked: as lzop makes them */
#define FIRST_WITH_64 0x0940U     /* versions from here on have three fields more */

/* Flags of the header. */
#define ADLER32_UNPACKED 0x00000001U
#define ADLER32_PACKED   0x00000002U
#define EXTRA_FIELD      0x00000040U
#define CRC32_UNPACKED   0x00000100U
#define CRC32_PACKED     0x00000200U
#define FILTER           0x00000800U

/* A reader of the job's input that remembers having met its end. */
struct cursor {
    struct decompression *job;
    bool cut_short;
};

static const uint8_t *take(struct cursor *cursor, size_t count)
{
    if (cursor->cut_short || cursor->job->input_size < count) {
        cursor->cut_short = true;
        return NULL;
    }
    const uint8_t *bytes = cursor->job->input;
    decoder_advance(cursor->job, count, 0);
    return bytes;
}

static uint32_t take_number(struct cursor *cursor, size_t size)
{
    const uint8_t *bytes = take(cursor, size);
    uint32_t value = 0;
    for (size_t i = 0; bytes != NULL && i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* Past the header; *flags say what comes with each block. */
static enum decompress_status read_header(struct cursor *cursor, uint32_t *flags)
{
    take(cursor, MAGIC_SIZE);
    uint32_t version = take_number(cursor, 2);
    bool is_new = version >= FIRST_WITH_64;
    take(cursor, is_new ? 4 : 2); /* the library's version, and the one that can unpack it */
    uint32_t method = take_number(cursor, 1);
    take(cursor, is_new ? 1 : 0); /* level */
    *flags = take_number(cursor, 4);
    uint32_t filter = (*flags & FILTER) != 0 ? take_number(cursor, 4) : 0;
    take(cursor, is_new ? 12 : 8);        /* mode and time of the file */
    take(cursor, take_number(cursor, 1)); /* its name */
    take(cursor, 4);                      /* checksum */
    if ((*flags & EXTRA_FIELD) != 0) {
        take(cursor, take_number(cursor, 4));
        take(cursor, 4);
    }
    if (cursor->cut_short) {
        return DECOMPRESS_CUT_SHORT;
    }
    if (method < 1 || method > 3 || filter != 0) {
        return decoder_damaged(cursor->job, "its header asks for method %u, filter %u", method,
                               filter);
    }
    return DECOMPRESS_OK;
}

static bool has_sum(uint32_t flags, uint32_t flag, uint32_t wanted, uLong sum)
{
    return (flags & flag) == 0 || wanted == sum;
}

/* What the header says of one block's contents. */
struct block {
    uint32_t unpacked_size;
    uint32_t packed_size;
    uint32_t adler32;
    uint32_t crc32;
};

static enum decompress_status unpack_block(struct cursor *cursor, const struct block *block,
                                           uint32_t flags)
{
    struct decompression *job = cursor->job;
    enum decompress_status status = decoder_make_room(job, block->unpacked_size);
    if (status != DECOMPRESS_OK) {
        return status;
    }
    const uint8_t *packed = take(cursor, block->packed_size);
    if (packed == NULL) {
        return DECOMPRESS_CUT_SHORT;
    }
    uint8_t *to = job->output + job->size;
    if (!lzo1x_unpack(packed, block->packed_size, to, block->unpacked_size)) {
        return decoder_damaged(job, "a block contradicts itself");
    }
    if (!has_sum(flags, ADLER32_UNPACKED, block->adler32,
                 adler32(adler32(0, NULL, 0), to, block->unpacked_size)) ||
        !has_sum(flags, CRC32_UNPACKED, block->crc32, crc32(0, to, block->unpacked_size))) {
        return decoder_damaged(job, "a block contradicts its checksum");
    }
    decoder_advance(job, 0, block->unpacked_size);
    return DECOMPRESS_OK;
}

/* One block, if there is one more. */
static enum decompress_status read_block(struct cursor *cursor, uint32_t flags, bool *more)
{
    struct block block = {.unpacked_size = take_number(cursor, 4)};
    *more = block.unpacked_size != 0;
    if (cursor->cut_short || !*more) {
        return cursor->cut_short ? DECOMPRESS_CUT_SHORT : DECOMPRESS_OK;
    }
    block.packed_size = take_number(cursor, 4);
    if (block.unpacked_size > BLOCK_MAX || block.packed_size > block.unpacked_size ||
        block.packed_size == 0) {
        return cursor->cut_short
                   ? DECOMPRESS_CUT_SHORT
                   : decoder_damaged(cursor->job, "a block claims to unpack %u bytes to %u",
                                     block.packed_size, block.unpacked_size);
    }
    block.adler32 = (flags & ADLER32_UNPACKED) != 0 ? take_number(cursor, 4) : 0;
    block.crc32 = (flags & CRC32_UNPACKED) != 0 ? take_number(cursor, 4) : 0;
    if (block.packed_size < block.unpacked_size) { /* else it is stored as it is */
        take(cursor, (flags & ADLER32_PACKED) != 0 ? 4 : 0);
        take(cursor, (flags & CRC32_PACKED) != 0 ? 4 : 0);
    }
    return unpack_block(cursor, &block, flags);
}

enum decompress_status decode_lzo(struct decompression *job)
{
    struct cursor cursor = {.job = job};
    uint32_t flags;
    enum decompress_status status = read_header(&cursor, &flags);
    for (bool more = true; status == DECOMPRESS_OK && more;) {
        status = read_block(&cursor, flags, &more);
    }
    return status;
}
