/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZ4's legacy container, which Linux uses: a magic number, then blocks, each with its packed
 * length before it. Nothing marks the end but the end of the input, and there are no checksums.
 */
#include <lz4.h>
#include <string.h>

#include "tools/decoders.h"

#define MAGIC      0x184c2102U
#define BLOCK_SIZE (8 << 20) /* unpacked, and at most */

/* Four bytes, little endian as we are, off the input. */
static bool take_number(struct decompression *job, uint32_t *number)
{
    if (job->input_size < sizeof(*number)) {
        return false;
    }
    memcpy(number, job->input, sizeof(*number));
    decoder_advance(job, sizeof(*number), 0);
    return true;
}

static enum decompress_status decode_block(struct decompression *job, uint32_t packed_size)
{
    if (packed_size == 0 || packed_size > LZ4_COMPRESSBOUND(BLOCK_SIZE)) {
        return decoder_damaged(job, "a block claims a length of %u bytes", packed_size);
    }
    if (packed_size > job->input_size) {
        return DECOMPRESS_CUT_SHORT;
    }
    enum decompress_status status = decoder_make_room(job, BLOCK_SIZE);
    if (status != DECOMPRESS_OK) {
        return status;
    }
    int made = LZ4_decompress_safe((const char *)job->input, (char *)job->output + job->size,
                                   (int)packed_size, BLOCK_SIZE);
    if (made < 0) {
        return decoder_damaged(job, "a block contradicts itself");
    }
    decoder_advance(job, packed_size, (size_t)made);
    return DECOMPRESS_OK;
}

enum decompress_status decode_lz4(struct decompression *job)
{
    while (job->input_size > 0) {
        uint32_t number;
        if (!take_number(job, &number)) {
            return DECOMPRESS_CUT_SHORT;
        }
        if (number == MAGIC) { /* at the start, and where a packer put two together */
            continue;
        }
        enum decompress_status status = decode_block(job, number);
        if (status != DECOMPRESS_OK) {
            return status;
        }
    }
    return DECOMPRESS_OK;
}
