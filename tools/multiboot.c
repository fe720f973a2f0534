/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/multiboot.h"

#include <string.h>

#define HEADER_MAGIC 0x1badb002U

bool multiboot_has_header(const uint8_t *start, size_t size)
{
    uint32_t header[3]; /* magic, flags and a number that brings their sum to 0 */
    for (size_t at = 0; at + sizeof(header) <= size && at < MULTIBOOT_SEARCH_SIZE; at += 4) {
        memcpy(header, start + at, sizeof(header));
        if (header[0] == HEADER_MAGIC && header[0] + header[1] + header[2] == 0) {
            return true;
        }
    }
    return false;
}
