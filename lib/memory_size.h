/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts of memory as people write them. */
#ifndef LIB_MEMORY_SIZE_H
#define LIB_MEMORY_SIZE_H

#include "lib/compiler.h"

/* The most that is understood: 2^40 KiB. */
#define MEMORY_SIZE_MAX_KIB (UINT64_C(1) << 40)

/* "512", "512M", "1G", "65536K" to KiB: a decimal number of MiB, or of what the letter says. */
NODISCARD bool memory_size_read(const char *text, uint64_t *kib);

#endif
