/* SPDX-License-Identifier: BSD-2-Clause */
/* One block of LZO1X data. Pure. */
#ifndef TOOLS_LZO1X_H
#define TOOLS_LZO1X_H

#include "lib/compiler.h"

/* Unpack to exactly `size` bytes; a block whose packed size is the same is stored as it is. False:
 * the data is not what it should be. Nothing beyond either buffer is touched. */
NODISCARD bool lzo1x_unpack(const uint8_t *packed, size_t packed_size, uint8_t *to, size_t size);

#endif
