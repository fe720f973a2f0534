/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping, touching, protecting and moving memory. Figures of many pages are for one of them. */
#include <sys/mman.h>

#include "bench/linux/bench.h"

#define PAGE    4096UL
#define REPEATS 200
#define ROUNDS  10

static char *map(size_t pages, int flags)
{
    void *address = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    REQUIRE(address != MAP_FAILED);
    return address;
}

static void unmap(char *address, size_t pages)
{
    REQUIRE(munmap(address, pages * PAGE) == 0);
}

static void write_pages(volatile char *address, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        address[i * PAGE] = (char)(i + 1);
    }
}

static void read_pages(const volatile char *address, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        (void)address[i * PAGE];
    }
}

static void protect(char *address, size_t pages, int protection)
{
    REQUIRE(mprotect(address, pages * PAGE, protection) == 0);
}

static void measure_mmap(const char *name, size_t pages, size_t touched, int flags, int repeats)
{
    uint64_t total = 0;
    for (int i = 0; i <= repeats; i++) {
        uint64_t start = ticks();
        char *address = map(pages, flags);
        write_pages(address, touched);
        unmap(address, pages);
        total += i > 0 ? ticks() - start : 0; /* the first one warms up */
    }
    result_add(name, total, (uint64_t)repeats * pages);
}

static void measure_faults(void)
{
    enum { PAGES = 1024 };
    uint64_t written = 0, read = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char *address = map(PAGES, 0);
        uint64_t start = ticks();
        write_pages(address, PAGES);
        written += ticks() - start;
        unmap(address, PAGES);

        address = map(PAGES, 0);
        start = ticks();
        read_pages(address, PAGES);
        read += ticks() - start;
        unmap(address, PAGES);
    }
    result_add("fault_write", written, ROUNDS * PAGES);
    result_add("fault_read", read, ROUNDS * PAGES);
}

static void measure_dontneed(void)
{
    enum { PAGES = 512 };
    char *address = map(PAGES, 0);
    uint64_t start = ticks();
    for (int i = 0; i < ROUNDS; i++) {
        write_pages(address, PAGES);
        REQUIRE(madvise(address, PAGES * PAGE, MADV_DONTNEED) == 0);
    }
    result_add("touch_dontneed_512", ticks() - start, ROUNDS * PAGES);
    unmap(address, PAGES);
}

/* Each change is one: to read-only, and back. */
static void measure_mprotect(const char *name, size_t pages, int repeats)
{
    char *address = map(pages, 0);
    write_pages(address, pages);
    uint64_t start = ticks();
    for (int i = 0; i < repeats; i++) {
        protect(address, pages, PROT_READ);
        protect(address, pages, PROT_READ | PROT_WRITE);
    }
    result_add(name, ticks() - start, 2 * (uint64_t)repeats * pages);
    unmap(address, pages);
}

/* Read-only and back, and each page written to in between. */
static void measure_mprotect_write(void)
{
    enum { PAGES = 512 };
    char *address = map(PAGES, 0);
    write_pages(address, PAGES);
    uint64_t start = ticks();
    for (int i = 0; i < ROUNDS; i++) {
        protect(address, PAGES, PROT_READ);
        protect(address, PAGES, PROT_READ | PROT_WRITE);
        write_pages(address, PAGES);
    }
    result_add("mprotect_write_512", ticks() - start, ROUNDS * PAGES);
    unmap(address, PAGES);
}

/* To and fro between two places that are not whole tables apart: entry by entry. */
static void measure_mremap(void)
{
    enum { PAGES = 512, ROOM = 2 * PAGES + 1 };
    char *here = map(ROOM, 0), *there = here + (PAGES + 1) * PAGE;
    write_pages(here, PAGES);
    uint64_t start = ticks();
    for (int i = 0; i < ROUNDS; i++) {
        REQUIRE(mremap(here, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there) ==
                there);
        char *former = here;
        here = there;
        there = former;
    }
    result_add("mremap_512", ticks() - start, ROUNDS * PAGES);
    unmap(here, PAGES);
}

void bench_memory(void)
{
    measure_mmap("mmap_munmap", 1, 0, 0, REPEATS);
    measure_mmap("mmap_touch_munmap_1", 1, 1, 0, REPEATS);
    measure_mmap("mmap_touch_munmap_1024", 1024, 1024, 0, ROUNDS);
    measure_mmap("mmap_populate_munmap_1024", 1024, 0, MAP_POPULATE, ROUNDS);
    measure_faults();
    measure_dontneed();
    measure_mprotect("mprotect_toggle_1", 1, REPEATS);
    measure_mprotect("mprotect_toggle_512", 512, ROUNDS);
    measure_mprotect_write();
    measure_mremap();
}
