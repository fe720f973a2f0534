/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/memory_size.h"

/* KiB of one unit, as a shift; 64: there is no such letter. */
static unsigned int unit_shift(char letter)
{
    switch (letter) {
    case 'k':
    case 'K':
        return 0;
    case '\0':
    case 'm':
    case 'M':
        return 10;
    case 'g':
    case 'G':
        return 20;
    default:
        return 64;
    }
}

bool memory_size_read(const char *text, uint64_t *kib)
{
    const char *next = text;
    uint64_t number = 0;
    for (; *next >= '0' && *next <= '9'; next++) {
        number = number * 10 + (uint64_t)(*next - '0');
        if (number > MEMORY_SIZE_MAX_KIB) {
            return false;
        }
    }
    unsigned int shift = unit_shift(*next);
    if (next == text || shift == 64 || (*next != '\0' && next[1] != '\0')) {
        return false;
    }
    *kib = number << shift; /* below 2^61 */
    return *kib <= MEMORY_SIZE_MAX_KIB;
}
