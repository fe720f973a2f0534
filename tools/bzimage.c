/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/bzimage.h"

#include <string.h>

/* Offsets in the setup header, all fields little-endian. */
#define SETUP_SECTORS      0x1f1 /* u8: sectors of real-mode code after the first */
#define BOOT_FLAG          0x1fe /* u16: 0xaa55 */
#define HEADER_MAGIC       0x202 /* "HdrS" */
#define PROTOCOL_VERSION   0x206 /* u16 */
#define KERNEL_VERSION     0x20e /* u16: where the version's text is, less 0x200 */
#define PAYLOAD_OFFSET     0x248 /* u32: from the start of the protected-mode code */
#define PAYLOAD_LENGTH     0x24c /* u32 */
#define HEADER_END         0x250
#define SECTOR_SIZE        512
#define FIRST_WITH_PAYLOAD 0x0208

static uint32_t read_le(const uint8_t *bytes, size_t count)
{
    uint32_t value = 0;
    for (size_t i = count; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

/* The first word of the version's text. Other characters than a release has end it: it is to be
 * part of a file's name. */
static void read_release(const uint8_t *file, size_t size, struct bzimage *bzimage)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_+~";
    size_t at = read_le(file + KERNEL_VERSION, 2) + (size_t)0x200;
    size_t length = 0;
    while (at > 0x200 && at + length < size && length < sizeof(bzimage->release) - 1 &&
           file[at + length] != '\0' && strchr(allowed, file[at + length]) != NULL) {
        bzimage->release[length] = (char)file[at + length];
        length++;
    }
    bzimage->release[length] = '\0';
}

enum bzimage_status bzimage_read(const uint8_t *file, size_t size, struct bzimage *bzimage)
{
    *bzimage = (struct bzimage){0};
    if (size < HEADER_END || read_le(file + BOOT_FLAG, 2) != 0xaa55 ||
        memcmp(file + HEADER_MAGIC, "HdrS", 4) != 0) {
        return BZIMAGE_NOT_ONE;
    }
    bzimage->protocol = read_le(file + PROTOCOL_VERSION, 2);
    if (bzimage->protocol < FIRST_WITH_PAYLOAD) {
        return BZIMAGE_TOO_OLD;
    }
    size_t setup_sectors = file[SETUP_SECTORS] == 0 ? 4 : file[SETUP_SECTORS];
    size_t start = (setup_sectors + 1) * SECTOR_SIZE + read_le(file + PAYLOAD_OFFSET, 4);
    size_t length = read_le(file + PAYLOAD_LENGTH, 4);
    bzimage->payload_end = (uint64_t)start + length;
    if (length < sizeof(uint32_t)) {
        return BZIMAGE_NO_PAYLOAD;
    }
    if (bzimage->payload_end > size) {
        return BZIMAGE_BAD_PAYLOAD;
    }
    bzimage->payload = file + start;
    bzimage->payload_size = length;
    /* Linux's build appends it to what the compressor made. (gzip has it at the end by itself.) */
    bzimage->unpacked_size = read_le(bzimage->payload + length - sizeof(uint32_t), 4);
    read_release(file, size, bzimage);
    return BZIMAGE_OK;
}
