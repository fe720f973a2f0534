/* SPDX-License-Identifier: BSD-2-Clause */
/* Both formats of LZMA data: xz, and the older one that Linux calls lzma. */
#include <lzma.h>

#include "tools/decoders.h"

/* For the dictionary, which in kernels has 128 MiB at most. */
#define MEMORY_MAX (UINT64_C(1) << 30)

static enum decompress_status explain(struct decompression *job, lzma_ret result)
{
    switch ((int)result) {
    case LZMA_STREAM_END:
        return DECOMPRESS_OK;
    case LZMA_BUF_ERROR: /* no progress, and there was room */
        return DECOMPRESS_CUT_SHORT;
    case LZMA_MEM_ERROR:
        return DECOMPRESS_NO_MEMORY;
    case LZMA_MEMLIMIT_ERROR:
        return decoder_damaged(job, "its dictionary is larger than any kernel's");
    case LZMA_FORMAT_ERROR:
        return decoder_damaged(job, "its header is none");
    case LZMA_OPTIONS_ERROR:
        return decoder_damaged(job, "its header asks for what does not exist");
    default:
        return decoder_damaged(job, "the data contradicts itself or its checksum");
    }
}

static enum decompress_status decode(struct decompression *job, lzma_stream *stream)
{
    lzma_ret result = LZMA_OK;
    while (result == LZMA_OK) {
        enum decompress_status status = decoder_make_room(job, 1);
        if (status != DECOMPRESS_OK) {
            return status;
        }
        stream->next_in = job->input;
        stream->avail_in = job->input_size;
        stream->next_out = job->output + job->size;
        stream->avail_out = job->room - job->size;
        result = lzma_code(stream, LZMA_FINISH);
        decoder_advance(job, job->input_size - stream->avail_in,
                        job->room - job->size - stream->avail_out);
    }
    return explain(job, result);
}

/* `started` is what came of setting `stream` up. */
static enum decompress_status run(struct decompression *job, lzma_stream *stream, lzma_ret started)
{
    enum decompress_status status = started == LZMA_OK ? decode(job, stream) : DECOMPRESS_NO_MEMORY;
    lzma_end(stream);
    return status;
}

enum decompress_status decode_xz(struct decompression *job)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    return run(job, &stream, lzma_stream_decoder(&stream, MEMORY_MAX, 0));
}

enum decompress_status decode_lzma(struct decompression *job)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    return run(job, &stream, lzma_alone_decoder(&stream, MEMORY_MAX));
}
