/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/decompress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/decoders.h"

#define ROOM_MIN (UINT64_C(64) << 10)

typedef enum decompress_status (*decoder)(struct decompression *job);

static const decoder decoders[] = {
    [COMPRESSION_UNKNOWN] = NULL,       [COMPRESSION_GZIP] = decode_gzip,
    [COMPRESSION_BZIP2] = decode_bzip2, [COMPRESSION_LZMA] = decode_lzma,
    [COMPRESSION_XZ] = decode_xz,       [COMPRESSION_LZO] = decode_lzo,
    [COMPRESSION_LZ4] = decode_lz4,     [COMPRESSION_ZSTD] = decode_zstd,
};

enum decompress_status decoder_make_room(struct decompression *job, size_t more)
{
    if (job->size > job->max) {
        return DECOMPRESS_TOO_LARGE;
    }
    if (job->room - job->size >= more) {
        return DECOMPRESS_OK;
    }
    size_t room = (size_t)max_u64(job->room * 2, ROOM_MIN);
    room = (size_t)max_u64(min_u64(room, job->max + 1), job->size + more);
    uint8_t *output = realloc(job->output, room);
    if (output == NULL) {
        return DECOMPRESS_NO_MEMORY;
    }
    job->output = output;
    job->room = room;
    return DECOMPRESS_OK;
}

void decoder_advance(struct decompression *job, size_t used, size_t made)
{
    job->input += used;
    job->input_size -= used;
    job->size += made;
}

enum decompress_status decoder_damaged(struct decompression *job, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(job->reason, sizeof(job->reason), format, values);
    va_end(values);
    return DECOMPRESS_DAMAGED;
}

enum decompress_status decompress(enum compression compression, const uint8_t *packed,
                                  size_t packed_size, size_t max, struct decompression *job)
{
    *job = (struct decompression){.input = packed, .input_size = packed_size, .max = max};
    enum decompress_status status;
    do {
        status = decoders[compression](job);
        if (status == DECOMPRESS_OK && job->size > max) {
            status = DECOMPRESS_TOO_LARGE;
        }
    } while (status == DECOMPRESS_OK &&
             compression_detect(job->input, job->input_size) == compression);
    if (status != DECOMPRESS_OK) {
        free(job->output);
        job->output = NULL;
    }
    return status;
}

void decompress_explain(enum decompress_status status, const struct decompression *job, char *text,
                        size_t text_size)
{
    switch (status) {
    case DECOMPRESS_OK:
        snprintf(text, text_size, "is whole");
        break;
    case DECOMPRESS_DAMAGED:
        snprintf(text, text_size, "is damaged: %s, after %zu bytes were unpacked", job->reason,
                 job->size);
        break;
    case DECOMPRESS_CUT_SHORT:
        snprintf(text, text_size, "is cut short: it ends after %zu bytes were unpacked", job->size);
        break;
    case DECOMPRESS_TOO_LARGE:
        snprintf(text, text_size, "unpacks to more than the %zu bytes it may have", job->max);
        break;
    case DECOMPRESS_NO_MEMORY:
        snprintf(text, text_size, "cannot be unpacked: there is not enough memory");
        break;
    }
}
