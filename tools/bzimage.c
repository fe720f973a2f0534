/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/bzimage.h"

#include <string.h>

/* Offsets in the setup header, all fields little-endian. */
#define SETUP_SECTORS      0x1f1 /* u8: sectors of real-mode code after the first */
#define BOOT_FLAG          0x1fe /* u16: 0xaa55 */
#define HEADER_MAGIC       0x202 /* "HdrS" */
#define PROTOCOL_VERSION   0x206 /* u16 */
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

enum bzimage_status bzimage_find_payload(const uint8_t *image, size_t size,
                                         struct bzimage_payload *payload)
{
    if (size < HEADER_END || read_le(image + BOOT_FLAG, 2) != 0xaa55 ||
        memcmp(image + HEADER_MAGIC, "HdrS", 4) != 0) {
        return BZIMAGE_NOT_ONE;
    }
    if (read_le(image + PROTOCOL_VERSION, 2) < FIRST_WITH_PAYLOAD) {
        return BZIMAGE_TOO_OLD;
    }
    size_t setup_sectors = image[SETUP_SECTORS] == 0 ? 4 : image[SETUP_SECTORS];
    size_t start = (setup_sectors + 1) * SECTOR_SIZE + read_le(image + PAYLOAD_OFFSET, 4);
    size_t length = read_le(image + PAYLOAD_LENGTH, 4);
    if (start > size || length > size - start || length < sizeof(uint32_t)) {
        return BZIMAGE_BAD_PAYLOAD;
    }
    /* Linux's build appends the unpacked length to what the compressor made. */
    payload->bytes = image + start;
    payload->size = length - sizeof(uint32_t);
    payload->unpacked_size = read_le(payload->bytes + payload->size, 4);
    return BZIMAGE_OK;
}
