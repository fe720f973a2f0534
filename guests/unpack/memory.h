/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's memory beyond what the builder mapped: the file, read-only, and the rest, for the
 * arena. */
#ifndef GUESTS_UNPACK_MEMORY_H
#define GUESTS_UNPACK_MEMORY_H

#include "lib/compiler.h"
#include "lib/frame_number.h"

/* Map it. `file` is the domain's ramdisk. */
void memory_map(void);

const uint8_t *memory_file(void);
void *memory_unused(size_t *size);

/* The frame behind a page of the image, the file or the arena. */
mfn_t memory_mfn(const void *page);

#endif
