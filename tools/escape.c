/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/escape.h"

#define PREFIX 0x01 /* Ctrl-a */

size_t escape_filter(struct escape *escape, const uint8_t *typed, size_t size, uint8_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < size && !escape->quit; i++) {
        uint8_t byte = typed[i];
        if (!escape->after_prefix) {
            escape->after_prefix = byte == PREFIX;
            if (byte != PREFIX) {
                out[count++] = byte;
            }
            continue;
        }
        escape->after_prefix = false;
        if (byte == 'x') {
            escape->quit = true;
        } else if (byte == 'a' || byte == PREFIX) {
            out[count++] = PREFIX;
        } else { /* not ours: the guest gets both */
            out[count++] = PREFIX;
            out[count++] = byte;
        }
    }
    return count;
}
