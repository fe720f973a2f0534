/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/decoders.h"

#include <limits.h>
#include <zlib.h>

#define WINDOW_BITS      15
#define WANT_GZIP_HEADER 16

static enum decompress_status decode(struct decompression *job, z_stream *stream)
{
    for (;;) {
        enum decompress_status status = decoder_make_room(job, 1);
        if (status != DECOMPRESS_OK) {
            return status;
        }
        /* zlib's API lacks a `const`; it does not write to its input. */
        stream->next_in = (Bytef *)(uintptr_t)job->input;
        stream->avail_in = (uInt)min_u64(job->input_size, UINT_MAX);
        stream->next_out = job->output + job->size;
        stream->avail_out = (uInt)min_u64(job->room - job->size, UINT_MAX);
        int result = inflate(stream, Z_NO_FLUSH);
        decoder_advance(job, (size_t)(stream->next_in - job->input),
                        (size_t)(stream->next_out - job->output) - job->size);
        switch (result) {
        case Z_OK:
            break;
        case Z_STREAM_END:
            return DECOMPRESS_OK;
        case Z_BUF_ERROR: /* no progress, and there was room */
            return DECOMPRESS_CUT_SHORT;
        case Z_MEM_ERROR:
            return DECOMPRESS_NO_MEMORY;
        default:
            return decoder_damaged(job, "%s", stream->msg != NULL ? stream->msg : "not gzip data");
        }
    }
}

enum decompress_status decode_gzip(struct decompression *job)
{
    z_stream stream = {0};
    if (inflateInit2(&stream, WINDOW_BITS + WANT_GZIP_HEADER) != Z_OK) {
        return DECOMPRESS_NO_MEMORY;
    }
    enum decompress_status status = decode(job, &stream);
    inflateEnd(&stream);
    return status;
}
