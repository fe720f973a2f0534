/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/kernel_image.h"

#include <elf.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bzimage.h"
#include "tools/compression.h"

/* Debian's kernel needs 33 MiB (its dictionary is 32 MiB); more than this is not a kernel. */
#define XZ_MEMORY_MAX (UINT64_C(256) << 20)

static bool is_elf(const uint8_t *file, size_t size)
{
    return size >= SELFMAG && memcmp(file, ELFMAG, SELFMAG) == 0;
}

static enum kernel_image_status check_elf(const uint8_t *file, size_t size)
{
    Elf64_Ehdr header;
    if (!is_elf(file, size)) {
        return KERNEL_IMAGE_NOT_A_KERNEL;
    }
    if (size < sizeof(header)) {
        return KERNEL_IMAGE_NOT_X86_64;
    }
    memcpy(&header, file, sizeof(header));
    bool fits = header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == EM_X86_64 &&
                (header.e_type == ET_EXEC || header.e_type == ET_DYN);
    return fits ? KERNEL_IMAGE_OK : KERNEL_IMAGE_NOT_X86_64;
}

static enum kernel_image_status unpack_xz(const struct bzimage_payload *payload, uint8_t *unpacked)
{
    uint64_t memory_max = XZ_MEMORY_MAX;
    size_t consumed = 0;
    size_t produced = 0;
    lzma_ret result =
        lzma_stream_buffer_decode(&memory_max, 0, NULL, payload->bytes, &consumed, payload->size,
                                  unpacked, &produced, payload->unpacked_size);
    if (result == LZMA_MEM_ERROR) {
        return KERNEL_IMAGE_NO_MEMORY;
    }
    if (result != LZMA_OK || produced != payload->unpacked_size) {
        return KERNEL_IMAGE_DAMAGED;
    }
    return KERNEL_IMAGE_OK;
}

static enum kernel_image_status unpack_payload(const struct bzimage_payload *payload,
                                               struct kernel_image *image)
{
    if (compression_detect(payload->bytes, payload->size) != COMPRESSION_XZ) {
        return KERNEL_IMAGE_UNSUPPORTED;
    }
    uint8_t *unpacked = malloc(payload->unpacked_size > 0 ? payload->unpacked_size : 1);
    if (unpacked == NULL) {
        return KERNEL_IMAGE_NO_MEMORY;
    }
    enum kernel_image_status status = unpack_xz(payload, unpacked);
    if (status == KERNEL_IMAGE_OK) {
        status = check_elf(unpacked, payload->unpacked_size);
    }
    if (status != KERNEL_IMAGE_OK) {
        free(unpacked);
        return status;
    }
    *image = (struct kernel_image){unpacked, payload->unpacked_size, unpacked};
    return KERNEL_IMAGE_OK;
}

enum kernel_image_status kernel_image_unpack(const uint8_t *file, size_t size,
                                             struct kernel_image *image)
{
    *image = (struct kernel_image){file, size, NULL};
    if (is_elf(file, size)) {
        return check_elf(file, size);
    }
    struct bzimage_payload payload;
    switch (bzimage_find_payload(file, size, &payload)) {
    case BZIMAGE_OK:
        return unpack_payload(&payload, image);
    case BZIMAGE_NOT_ONE:
        return KERNEL_IMAGE_NOT_A_KERNEL;
    case BZIMAGE_TOO_OLD:
        return KERNEL_IMAGE_TOO_OLD;
    case BZIMAGE_BAD_PAYLOAD:
        return KERNEL_IMAGE_CUT_SHORT;
    }
    return KERNEL_IMAGE_NOT_A_KERNEL;
}

/* What was found where a kernel should be, for someone who gave the wrong file. */
static void explain_not_a_kernel(const uint8_t *file, size_t size, char *text, size_t text_size)
{
    enum compression compression = compression_detect(file, size);
    if (size == 0) {
        snprintf(text, text_size, "the file is empty");
    } else if (compression != COMPRESSION_UNKNOWN) {
        snprintf(text, text_size,
                 "neither a Linux boot image (bzImage) nor an ELF file, but %s-compressed data",
                 compression_name(compression));
    } else {
        snprintf(text, text_size, "neither a Linux boot image (bzImage) nor an ELF file");
    }
}

static void explain_unsupported(const uint8_t *file, size_t size, char *text, size_t text_size)
{
    struct bzimage_payload payload;
    enum compression compression = COMPRESSION_UNKNOWN;
    uint32_t first_bytes = 0;
    if (bzimage_find_payload(file, size, &payload) == BZIMAGE_OK) {
        compression = compression_detect(payload.bytes, payload.size);
        /* Inside the file even if the payload is empty: its length follows it. */
        memcpy(&first_bytes, payload.bytes, sizeof(first_bytes));
    }
    if (compression != COMPRESSION_UNKNOWN) {
        snprintf(text, text_size,
                 "the kernel is compressed with %s; only xz can be unpacked (or give the ELF file)",
                 compression_name(compression));
    } else {
        snprintf(text, text_size,
                 "the kernel is compressed in an unknown way: its data begins with %08x",
                 __builtin_bswap32(first_bytes));
    }
}

void kernel_image_explain(enum kernel_image_status status, const uint8_t *file, size_t size,
                          char *text, size_t text_size)
{
    switch (status) {
    case KERNEL_IMAGE_OK:
        snprintf(text, text_size, "a usable kernel");
        break;
    case KERNEL_IMAGE_NOT_A_KERNEL:
        explain_not_a_kernel(file, size, text, text_size);
        break;
    case KERNEL_IMAGE_NOT_X86_64:
        snprintf(text, text_size, "an ELF file, but not a 64-bit x86 kernel");
        break;
    case KERNEL_IMAGE_TOO_OLD:
        snprintf(text, text_size, "a Linux boot image older than boot protocol 2.08");
        break;
    case KERNEL_IMAGE_CUT_SHORT:
        snprintf(text, text_size, "a Linux boot image that ends before its payload does");
        break;
    case KERNEL_IMAGE_UNSUPPORTED:
        explain_unsupported(file, size, text, text_size);
        break;
    case KERNEL_IMAGE_DAMAGED:
        snprintf(text, text_size, "the xz data in the Linux boot image is damaged");
        break;
    case KERNEL_IMAGE_NO_MEMORY:
        snprintf(text, text_size, "not enough memory to unpack the kernel");
        break;
    }
}
