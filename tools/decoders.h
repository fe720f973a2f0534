/* SPDX-License-Identifier: BSD-2-Clause */
/* For decompress.c: one function for each kind of compression, and what they share. Each takes one
 * stream off the input. */
#ifndef TOOLS_DECODERS_H
#define TOOLS_DECODERS_H

#include "tools/decompress.h"

NODISCARD enum decompress_status decode_gzip(struct decompression *job);
NODISCARD enum decompress_status decode_bzip2(struct decompression *job);
NODISCARD enum decompress_status decode_lzma(struct decompression *job);
NODISCARD enum decompress_status decode_xz(struct decompression *job);
NODISCARD enum decompress_status decode_lzo(struct decompression *job);
NODISCARD enum decompress_status decode_lz4(struct decompression *job);
NODISCARD enum decompress_status decode_zstd(struct decompression *job);

/*
 * Make room for `more` bytes, at least, behind the output. DECOMPRESS_TOO_LARGE: there is more of
 * it than allowed already. A decoder has room for one byte too many, so that one that writes
 * exactly the maximum can come to its end.
 */
NODISCARD enum decompress_status decoder_make_room(struct decompression *job, size_t more);

/* `used` bytes of input are taken, and `made` bytes of output are there. */
void decoder_advance(struct decompression *job, size_t used, size_t made);

/* DECOMPRESS_DAMAGED, for this reason. */
NODISCARD enum decompress_status decoder_damaged(struct decompression *job, const char *format, ...)
    PRINTF_FORMAT(2, 3);

#endif
