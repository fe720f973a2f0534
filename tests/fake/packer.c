/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/packer.h"

#include <bzlib.h>
#include <lz4hc.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define SLACK     65536 /* more than any compressor adds to a small input */
#define LZ4_BLOCK ((size_t)8 << 20)

static void require(bool condition)
{
    if (!condition) {
        fprintf(stderr, "packer: it failed\n");
        abort();
    }
}

void packed_append(struct packed *packed, const void *bytes, size_t size)
{
    packed->bytes = realloc(packed->bytes, packed->size + size);
    require(packed->bytes != NULL);
    memcpy(packed->bytes + packed->size, bytes, size);
    packed->size += size;
}

void packed_free(struct packed *packed)
{
    free(packed->bytes);
    *packed = (struct packed){0};
}

static size_t pack_gzip(const uint8_t *bytes, size_t size, uint8_t *out, size_t room)
{
    z_stream stream = {0};
    require(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    require(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&stream);
    return room - stream.avail_out;
}

static size_t pack_bzip2(const uint8_t *bytes, size_t size, uint8_t *out, size_t room)
{
    unsigned made = (unsigned)room;
    require(BZ2_bzBuffToBuffCompress((char *)out, &made, (char *)(uintptr_t)bytes, (unsigned)size,
                                     9, 0, 0) == BZ_OK);
    return made;
}

static size_t pack_lzma(bool alone, const uint8_t *bytes, size_t size, uint8_t *out, size_t room)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_options_lzma options;
    require(!lzma_lzma_preset(&options, 0));
    lzma_filter filters[] = {
        {LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    lzma_ret started = alone ? lzma_alone_encoder(&stream, &options)
                             : lzma_stream_encoder(&stream, filters, LZMA_CHECK_CRC32);
    require(started == LZMA_OK);
    stream.next_in = bytes;
    stream.avail_in = size;
    stream.next_out = out;
    stream.avail_out = room;
    require(lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END);
    lzma_end(&stream);
    return room - stream.avail_out;
}

static size_t pack_lz4(const uint8_t *bytes, size_t size, uint8_t *out, size_t room)
{
    static const uint8_t magic[4] = {0x02, 0x21, 0x4c, 0x18};
    size_t used = sizeof(magic);
    memcpy(out, magic, sizeof(magic));
    for (size_t at = 0; at < size; at += LZ4_BLOCK) {
        size_t part = size - at < LZ4_BLOCK ? size - at : LZ4_BLOCK;
        int made = LZ4_compress_HC((const char *)bytes + at, (char *)out + used + 4, (int)part,
                                   (int)(room - used - 4), 9);
        require(made > 0);
        uint32_t block = (uint32_t)made;
        memcpy(out + used, &block, sizeof(block));
        used += sizeof(block) + (size_t)made;
    }
    return used;
}

/* As from a pipe, with the size unknown, the header names the whole window. */
static size_t pack_zstd(const uint8_t *bytes, size_t size, uint8_t *out, size_t room)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    require(context != NULL);
    int window_log = size < SLACK ? 16 : 27; /* a long one takes a fuzzer's time */
    require(!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log)));
    require(!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    ZSTD_inBuffer input = {bytes, size, 0};
    ZSTD_outBuffer output = {out, room, 0};
    require(!ZSTD_isError(ZSTD_compressStream2(context, &output, &input, ZSTD_e_continue)));
    require(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end) == 0);
    ZSTD_freeCCtx(context);
    return output.pos;
}

static size_t pack(enum compression compression, const uint8_t *bytes, size_t size, uint8_t *out,
                   size_t room)
{
    switch (compression) {
    case COMPRESSION_GZIP:
        return pack_gzip(bytes, size, out, room);
    case COMPRESSION_BZIP2:
        return pack_bzip2(bytes, size, out, room);
    case COMPRESSION_LZMA:
        return pack_lzma(true, bytes, size, out, room);
    case COMPRESSION_XZ:
        return pack_lzma(false, bytes, size, out, room);
    case COMPRESSION_LZ4:
        return pack_lz4(bytes, size, out, room);
    case COMPRESSION_ZSTD:
        return pack_zstd(bytes, size, out, room);
    case COMPRESSION_LZO:
    case COMPRESSION_UNKNOWN:
        break;
    }
    require(false);
    return 0;
}

void packed_compress(struct packed *packed, enum compression compression, const void *bytes,
                     size_t size)
{
    size_t room = size + size / 2 + SLACK;
    uint8_t *out = malloc(room);
    require(out != NULL);
    packed_append(packed, out, pack(compression, bytes, size, out, room));
    free(out);
}

/* A sector of boot code and one of set-up code, the version's text in it, and behind them, where
 * the protected-mode code would be, the payload. */
void packed_bzimage(struct packed *packed, const struct packed *payload, const char *version)
{
    uint8_t start[1024] = {0};
    uint32_t length = (uint32_t)payload->size;
    memcpy(start + 0x1f1, "\x01", 1);
    memcpy(start + 0x1fe, "\x55\xaa", 2);
    memcpy(start + 0x202, "HdrS\x0f\x02", 6);
    memcpy(start + 0x20e, "\x80\x01", 2); /* 0x380, less 0x200 */
    memcpy(start + 0x24c, &length, sizeof(length));
    snprintf((char *)start + 0x380, 0x80, "%s", version);
    packed_append(packed, start, sizeof(start));
    packed_append(packed, payload->bytes, payload->size);
}

void packed_kernel(struct packed *packed, enum compression compression, const void *elf,
                   size_t elf_size, const char *version)
{
    struct packed payload = {0};
    uint32_t unpacked_size = (uint32_t)elf_size;
    packed_compress(&payload, compression, elf, elf_size);
    if (compression != COMPRESSION_GZIP) {
        packed_append(&payload, &unpacked_size, sizeof(unpacked_size));
    }
    packed_bzimage(packed, &payload, version);
    packed_free(&payload);
}
