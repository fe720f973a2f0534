/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacking, whatever the packer was. What comes out is bounded, and what goes in may be damaged
 * or hostile: every way ends, and ends with a reason.
 */
#ifndef TOOLS_DECOMPRESS_H
#define TOOLS_DECOMPRESS_H

#include "tools/compression.h"

enum decompress_status {
    DECOMPRESS_OK,
    DECOMPRESS_DAMAGED,
    DECOMPRESS_CUT_SHORT, /* the input ends before the data does */
    DECOMPRESS_TOO_LARGE, /* more comes out than was allowed */
    DECOMPRESS_NO_MEMORY,
};

/* One job. The decoders take from the input and append to the output. */
struct decompression {
    const uint8_t *input; /* what is left of it */
    size_t input_size;
    uint8_t *output; /* from malloc() */
    size_t size;
    size_t room;
    size_t max;
    char reason[128]; /* of DECOMPRESS_DAMAGED, in the decoder's words */
};

/*
 * Unpack `packed` to at most `max` bytes. What follows the packed data is ignored, unless it is
 * more of the same kind. On DECOMPRESS_OK the caller frees job->output; else there is none.
 */
NODISCARD enum decompress_status decompress(enum compression compression, const uint8_t *packed,
                                            size_t packed_size, size_t max,
                                            struct decompression *job);

/* A status as the rest of a sentence about the packed data. */
void decompress_explain(enum decompress_status status, const struct decompression *job, char *text,
                        size_t text_size);

#endif
