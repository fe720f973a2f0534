/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux's boot image for x86, as far as its compressed payload: the "Linux/x86 boot protocol". */
#ifndef TOOLS_BZIMAGE_H
#define TOOLS_BZIMAGE_H

#include "lib/compiler.h"

struct bzimage_payload {
    const uint8_t *bytes; /* inside the image */
    size_t size;          /* without the length at its end */
    uint32_t unpacked_size;
};

enum bzimage_status {
    BZIMAGE_OK,
    BZIMAGE_NOT_ONE,     /* not an x86 Linux boot image at all */
    BZIMAGE_TOO_OLD,     /* boot protocol before 2.08: does not say where its payload is */
    BZIMAGE_BAD_PAYLOAD, /* the payload is not inside the file: damaged or cut short */
};

NODISCARD enum bzimage_status bzimage_find_payload(const uint8_t *image, size_t size,
                                                   struct bzimage_payload *payload);

#endif
