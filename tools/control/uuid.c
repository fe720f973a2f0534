/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/uuid.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static int digit_value(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *place = c != '\0' ? strchr(digits, c) : NULL;
    if (place == NULL) {
        return -1;
    }
    return (int)(place - digits) - (place - digits >= 16 ? 6 : 0);
}

/* Whether a hyphen stands before byte `index`. */
static bool has_hyphen(unsigned int index)
{
    return index == 4 || index == 6 || index == 8 || index == 10;
}

bool uuid_parse(const char *text, uint8_t uuid[16])
{
    for (unsigned int i = 0; i < 16; i++) {
        if (has_hyphen(i) && *text++ != '-') {
            return false;
        }
        int high = digit_value(text[0]);
        int low = high < 0 ? -1 : digit_value(text[1]);
        if (low < 0) {
            return false;
        }
        uuid[i] = (uint8_t)(high * 16 + low);
        text += 2;
    }
    return *text == '\0';
}

void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE])
{
    for (unsigned int i = 0; i < 16; i++) {
        text += sprintf(text, "%s%02x", has_hyphen(i) ? "-" : "", uuid[i]);
    }
}

bool uuid_make(uint8_t uuid[16])
{
    if (getrandom(uuid, 16, 0) != 16) {
        return false;
    }
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    return true;
}
