/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for the decompression libraries: few blocks, some of them large, and one that grows. First
 * fit; neighbours that are free are joined on the way. Blocks begin at page boundaries.
 */
#ifndef GUESTS_UNPACK_ARENA_H
#define GUESTS_UNPACK_ARENA_H

#include "lib/compiler.h"

/* Page-aligned memory that nobody else uses. */
void arena_init(void *memory, size_t size);

/* NULL: there is not so much in one piece. */
void *arena_take(size_t size);
/* Stays where it is if what lies behind it is free; else its contents move. NULL: it stays as it
 * is. `block` may be NULL. */
void *arena_resize(void *block, size_t size);
/* `block` may be NULL. */
void arena_give_back(void *block);

#endif
