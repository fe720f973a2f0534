/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux's boot image for x86, as far as its compressed payload: the "Linux/x86 boot protocol". */
#ifndef TOOLS_BZIMAGE_H
#define TOOLS_BZIMAGE_H

#include "lib/compiler.h"

struct bzimage {
    const uint8_t *payload; /* inside the image */
    size_t payload_size;
    uint32_t unpacked_size; /* the payload's last four bytes */
    unsigned protocol;      /* version of the boot protocol, such as 0x20f */
    uint64_t payload_end;   /* in the file, as the header has it */
    char release[80];       /* "6.1.0-18-amd64", or empty */
};

enum bzimage_status {
    BZIMAGE_OK,
    BZIMAGE_NOT_ONE,     /* not an x86 Linux boot image at all */
    BZIMAGE_TOO_OLD,     /* boot protocol before 2.08: does not say where its payload is */
    BZIMAGE_NO_PAYLOAD,  /* too short to be anything */
    BZIMAGE_BAD_PAYLOAD, /* the payload is not inside the file: damaged or cut short */
};

/* What is known by the time of a refusal is set. */
NODISCARD enum bzimage_status bzimage_read(const uint8_t *file, size_t size,
                                           struct bzimage *bzimage);

#endif
