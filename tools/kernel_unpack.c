/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/kernel_unpack.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bzimage.h"
#include "tools/decompress.h"

#define NESTING_MAX 3 /* a compressed boot image of a compressed kernel, and one to spare */

/* Kinds of files that people take for a kernel we could boot, told by a few bytes in them. */
struct other_kind {
    size_t offset;
    const char *magic;
    size_t magic_size;
    const char *name;
};

static const struct other_kind other_kinds[] = {
    {56, "ARM\x64", 4, "a kernel for arm64"},
    {56, "RSC\x05", 4, "a kernel for RISC-V"},
    {36, "\x18\x28\x6f\x01", 4, "a kernel for 32-bit ARM"},
    {0, "\x27\x05\x19\x56", 4, "an image for U-Boot"},
    {4, "zimg", 4, "an EFI image of a kernel for another processor"},
    {0, "MZ", 2, "an EFI program (of a unified kernel image, give the section .linux)"},
    {257, "ustar", 5, "a tar archive"},
    {0, "070701", 6, "an initial ramdisk (cpio)"},
    {0, "!<arch>\n", 8, "an archive, such as a Debian package"},
};

static const char *other_kind_of(const uint8_t *file, size_t size)
{
    for (size_t i = 0; i < ARRAY_SIZE(other_kinds); i++) {
        const struct other_kind *kind = &other_kinds[i];
        if (size >= kind->offset + kind->magic_size &&
            memcmp(file + kind->offset, kind->magic, kind->magic_size) == 0) {
            return kind->name;
        }
    }
    return NULL;
}

static bool is_elf(const uint8_t *file, size_t size)
{
    return size >= SELFMAG && memcmp(file, ELFMAG, SELFMAG) == 0;
}

/* What was found where a kernel should be, for someone who gave the wrong file. */
static enum outcome refuse_no_kernel(const uint8_t *file, size_t size, struct reason *reason)
{
    const char *kind = other_kind_of(file, size);
    if (size == 0) {
        reason_add(reason, "the file is empty");
    } else {
        reason_add(reason, "neither an x86 Linux boot image (bzImage) nor an ELF file");
    }
    if (kind != NULL) {
        reason_add(reason, ", but %s", kind);
    }
    return OUTCOME_INPUT_REFUSED;
}

static enum outcome refuse_packed(enum decompress_status status, const struct decompression *job,
                                  const char *what, enum compression compression,
                                  struct reason *reason)
{
    char why[256];
    decompress_explain(status, job, why, sizeof(why));
    reason_add(reason, "the %s %s %s", compression_name(compression), what, why);
    return status == DECOMPRESS_NO_MEMORY ? OUTCOME_FAILED : OUTCOME_INPUT_REFUSED;
}

/* Of gzip's data the last four bytes, the size, are part; behind all others they are added. */
static size_t packed_size_of(const struct bzimage *bzimage, enum compression compression)
{
    return compression == COMPRESSION_GZIP ? bzimage->payload_size
                                           : bzimage->payload_size - sizeof(uint32_t);
}

static enum outcome unpack_payload(const struct bzimage *bzimage, size_t size_max,
                                   struct decompression *job, struct reason *reason)
{
    enum compression compression = compression_detect(bzimage->payload, bzimage->payload_size);
    if (compression == COMPRESSION_UNKNOWN) {
        uint32_t first;
        memcpy(&first, bzimage->payload, sizeof(first));
        reason_add(reason,
                   "the Linux boot image's payload is compressed in an unknown way: it begins "
                   "with %08x",
                   __builtin_bswap32(first));
        return OUTCOME_INPUT_REFUSED;
    }
    if (bzimage->unpacked_size > size_max) {
        reason_add(reason,
                   "the Linux boot image's payload claims to unpack to %u bytes, more than "
                   "the %zu that are allowed",
                   bzimage->unpacked_size, size_max);
        return OUTCOME_INPUT_REFUSED;
    }
    enum decompress_status status =
        decompress(compression, bzimage->payload, packed_size_of(bzimage, compression),
                   bzimage->unpacked_size, job);
    if (status == DECOMPRESS_TOO_LARGE) {
        reason_add(reason,
                   "the %s payload of the Linux boot image is damaged: it unpacks to more than the "
                   "%u bytes that it should",
                   compression_name(compression), bzimage->unpacked_size);
        return OUTCOME_INPUT_REFUSED;
    }
    if (status != DECOMPRESS_OK) {
        return refuse_packed(status, job, "payload of the Linux boot image", compression, reason);
    }
    if (job->size != bzimage->unpacked_size) {
        reason_add(reason,
                   "the %s payload of the Linux boot image is damaged: it unpacks to %zu bytes, "
                   "and should to %u",
                   compression_name(compression), job->size, bzimage->unpacked_size);
        free(job->output);
        return OUTCOME_INPUT_REFUSED;
    }
    return OUTCOME_SUCCESS;
}

static enum outcome open_bzimage(const uint8_t *file, size_t size, size_t size_max,
                                 struct unpacked_kernel *kernel, struct decompression *job,
                                 struct reason *reason)
{
    struct bzimage bzimage;
    switch (bzimage_read(file, size, &bzimage)) {
    case BZIMAGE_OK:
        memcpy(kernel->release, bzimage.release, sizeof(kernel->release));
        return unpack_payload(&bzimage, size_max, job, reason);
    case BZIMAGE_NOT_ONE:
        return refuse_no_kernel(file, size, reason);
    case BZIMAGE_TOO_OLD:
        reason_add(reason,
                   "a Linux boot image of boot protocol %u.%02u, which does not say where its "
                   "payload is; that begins with 2.08 (Linux 2.6.26)",
                   bzimage.protocol >> 8, bzimage.protocol & 0xff);
        break;
    case BZIMAGE_NO_PAYLOAD:
        reason_add(reason, "a Linux boot image without a payload");
        break;
    case BZIMAGE_BAD_PAYLOAD:
        reason_add(reason,
                   "a Linux boot image that is cut short: its payload goes to byte %" PRIu64
                   ", but the file has %zu",
                   bzimage.payload_end, size);
        break;
    }
    return OUTCOME_INPUT_REFUSED;
}

/* Take one wrapping off `file`. */
static enum outcome unwrap(const uint8_t *file, size_t size, size_t size_max,
                           struct unpacked_kernel *kernel, struct decompression *job,
                           struct reason *reason)
{
    enum compression compression = compression_detect(file, size);
    if (compression == COMPRESSION_UNKNOWN) {
        return open_bzimage(file, size, size_max, kernel, job, reason);
    }
    enum decompress_status status = decompress(compression, file, size, size_max, job);
    if (status != DECOMPRESS_OK) {
        return refuse_packed(status, job, "data", compression, reason);
    }
    reason_add(reason, "unpacked with %s, ", compression_name(compression));
    return OUTCOME_SUCCESS;
}

enum outcome kernel_unpack(const uint8_t *file, size_t size, size_t size_max,
                           struct unpacked_kernel *kernel, struct reason *reason)
{
    *kernel = (struct unpacked_kernel){.elf = file, .elf_size = size};
    reason_set(reason, "%s", "");
    for (unsigned depth = 0; !is_elf(kernel->elf, kernel->elf_size); depth++) {
        struct decompression job;
        enum outcome outcome = OUTCOME_INPUT_REFUSED;
        if (depth == NESTING_MAX) {
            reason_add(reason, "there is still no kernel");
        } else {
            outcome = unwrap(kernel->elf, kernel->elf_size, size_max, kernel, &job, reason);
        }
        free(kernel->unpacked);
        kernel->unpacked = NULL;
        if (outcome != OUTCOME_SUCCESS) {
            return outcome;
        }
        kernel->elf = job.output;
        kernel->elf_size = job.size;
        kernel->unpacked = job.output;
    }
    return OUTCOME_SUCCESS;
}
