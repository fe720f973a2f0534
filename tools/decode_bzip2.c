/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/decoders.h"

#include <bzlib.h>
#include <limits.h>

static enum decompress_status decode(struct decompression *job, bz_stream *stream)
{
    for (;;) {
        enum decompress_status status = decoder_make_room(job, 1);
        if (status != DECOMPRESS_OK) {
            return status;
        }
        unsigned given = (unsigned)min_u64(job->input_size, UINT_MAX);
        unsigned room = (unsigned)min_u64(job->room - job->size, UINT_MAX);
        /* The API lacks a `const`; the library does not write to its input. */
        stream->next_in = (char *)(uintptr_t)job->input;
        stream->avail_in = given;
        stream->next_out = (char *)job->output + job->size;
        stream->avail_out = room;
        int result = BZ2_bzDecompress(stream);
        decoder_advance(job, given - stream->avail_in, room - stream->avail_out);
        switch (result) {
        case BZ_OK:
            if (job->input_size == 0 && stream->avail_out > 0) {
                return DECOMPRESS_CUT_SHORT;
            }
            break;
        case BZ_STREAM_END:
            return DECOMPRESS_OK;
        case BZ_MEM_ERROR:
            return DECOMPRESS_NO_MEMORY;
        default:
            return decoder_damaged(job, "%s",
                                   result == BZ_DATA_ERROR_MAGIC
                                       ? "a block does not begin as one"
                                       : "a block contradicts itself or its checksum");
        }
    }
}

enum decompress_status decode_bzip2(struct decompression *job)
{
    bz_stream stream = {0};
    if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) {
        return DECOMPRESS_NO_MEMORY;
    }
    enum decompress_status status = decode(job, &stream);
    BZ2_bzDecompressEnd(&stream);
    return status;
}
