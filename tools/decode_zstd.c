/* SPDX-License-Identifier: BSD-2-Clause */
#include <zstd.h>
#include <zstd_errors.h>

#include "tools/decoders.h"

/* Kernels are packed with windows as long as they are; this is the longest there is. */
#define WINDOW_LOG_MAX 31

static enum decompress_status explain(struct decompression *job, size_t result)
{
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) {
        return DECOMPRESS_NO_MEMORY;
    }
    return decoder_damaged(job, "%s", ZSTD_getErrorName(result));
}

static enum decompress_status decode(struct decompression *job, ZSTD_DCtx *context)
{
    for (;;) {
        enum decompress_status status = decoder_make_room(job, 1);
        if (status != DECOMPRESS_OK) {
            return status;
        }
        ZSTD_inBuffer input = {job->input, job->input_size, 0};
        ZSTD_outBuffer output = {job->output + job->size, job->room - job->size, 0};
        size_t result = ZSTD_decompressStream(context, &output, &input);
        decoder_advance(job, input.pos, output.pos);
        if (ZSTD_isError(result)) {
            return explain(job, result);
        }
        if (result == 0) {
            return DECOMPRESS_OK;
        }
        if (job->input_size == 0 && output.pos < output.size) {
            return DECOMPRESS_CUT_SHORT;
        }
    }
}

enum decompress_status decode_zstd(struct decompression *job)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL) {
        return DECOMPRESS_NO_MEMORY;
    }
    enum decompress_status status = DECOMPRESS_NO_MEMORY;
    if (!ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        status = decode(job, context);
    }
    ZSTD_freeDCtx(context);
    return status;
}
