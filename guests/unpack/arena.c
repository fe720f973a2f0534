/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/unpack/arena.h"

#include "lib/check.h"
#include "lib/string.h"

/* Before each block, in a page of its own, so that the block begins with a page. */
struct header {
    size_t pages; /* of the block, without this one */
    bool used;
};

static struct header *first;
static struct header *end;

static struct header *behind(const struct header *header)
{
    return (struct header *)((uintptr_t)header + (header->pages + 1) * PAGE_SIZE);
}

static void *block_of(struct header *header)
{
    return (void *)((uintptr_t)header + PAGE_SIZE);
}

static struct header *header_of(const void *block)
{
    struct header *header = (struct header *)((uintptr_t)block - PAGE_SIZE);
    CHECK(header >= first && header < end && header->used);
    return header;
}

void arena_init(void *memory, size_t size)
{
    first = memory;
    *first = (struct header){.pages = size / PAGE_SIZE - 1};
    end = behind(first);
}

/* A free block takes in the free ones behind it. */
static void join(struct header *header)
{
    for (struct header *next = behind(header); next < end && !next->used; next = behind(header)) {
        header->pages += next->pages + 1;
    }
}

/* What a used block does not need becomes a free one, if a header and a page are left. */
static void cut(struct header *header, size_t pages)
{
    if (header->pages >= pages + 2) {
        size_t rest = header->pages - pages - 1;
        header->pages = pages;
        *behind(header) = (struct header){.pages = rest};
    }
}

void *arena_take(size_t size)
{
    size_t pages = (size_t)max_u64(pages_of(size), 1);
    for (struct header *header = first; header < end; header = behind(header)) {
        if (header->used) {
            continue;
        }
        join(header);
        if (header->pages >= pages) {
            header->used = true;
            cut(header, pages);
            return block_of(header);
        }
    }
    return NULL;
}

void *arena_resize(void *block, size_t size)
{
    if (block == NULL) {
        return arena_take(size);
    }
    struct header *header = header_of(block);
    size_t pages = header->pages;
    size_t wanted = (size_t)max_u64(pages_of(size), 1);
    join(header);
    if (header->pages >= wanted) {
        cut(header, wanted);
        return block;
    }
    cut(header, pages);
    void *moved = arena_take(size);
    if (moved != NULL) {
        memcpy(moved, block, pages * PAGE_SIZE);
        arena_give_back(block);
    }
    return moved;
}

void arena_give_back(void *block)
{
    if (block != NULL) {
        header_of(block)->used = false;
    }
}
