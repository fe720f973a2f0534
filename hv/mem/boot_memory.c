/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/mem/boot_memory.h"

#include "hv/crash.h"
#include "lib/check.h"
#include "lib/string.h"

#define MAP_LIMIT   128U
#define TAKEN_LIMIT 64U
#define LOW_MEMORY  UINT64_C(0x100000)

struct range {
    uint64_t start;
    uint64_t end;
};

static struct e820_entry map[MAP_LIMIT]; /* sorted by address */
static unsigned int map_count;
static struct range taken[TAKEN_LIMIT]; /* sorted by start; whole frames; never overlapping */
static unsigned int taken_count;
static uint64_t allocated;
static bool closed;

bool boot_memory_add(uint64_t address, uint64_t size, uint32_t type)
{
    if (map_count == MAP_LIMIT || size == 0 || address + size < address) {
        return false;
    }
    unsigned int at = map_count++;
    while (at > 0 && map[at - 1].address > address) {
        map[at] = map[at - 1];
        at--;
    }
    map[at] = (struct e820_entry){.address = address, .size = size, .type = type};
    return true;
}

const struct e820_entry *machine_memory_map(unsigned int *count)
{
    *count = map_count;
    return map;
}

static void remove_taken(unsigned int index)
{
    taken_count--;
    for (unsigned int i = index; i < taken_count; i++) {
        taken[i] = taken[i + 1];
    }
}

void boot_memory_reserve(uint64_t address, uint64_t size)
{
    if (size == 0) {
        return;
    }
    struct range range = {round_down(address, PAGE_SIZE), round_up(address + size, PAGE_SIZE)};
    /* Swallow what overlaps or touches, so that the list stays short and disjoint. */
    for (unsigned int i = 0; i < taken_count;) {
        if (taken[i].start <= range.end && taken[i].end >= range.start) {
            range.start = min_u64(range.start, taken[i].start);
            range.end = max_u64(range.end, taken[i].end);
            remove_taken(i);
        } else {
            i++;
        }
    }
    CHECK(taken_count < TAKEN_LIMIT);
    unsigned int at = taken_count++;
    while (at > 0 && taken[at - 1].start > range.start) {
        taken[at] = taken[at - 1];
        at--;
    }
    taken[at] = range;
}

/* RAM of map entry `index` in whole frames, from `bottom` up; empty if it is no RAM. */
static struct range ram_of(unsigned int index, uint64_t bottom)
{
    if (map[index].type != MEMORY_RAM) {
        return (struct range){0, 0};
    }
    uint64_t start = max_u64(round_up(map[index].address, PAGE_SIZE), bottom);
    uint64_t end = round_down(map[index].address + map[index].size, PAGE_SIZE);
    return start < end ? (struct range){start, end} : (struct range){0, 0};
}

/* Call `visit` for the parts of `ram` that are not taken. */
static void visit_gaps(struct range ram, void (*visit)(uint64_t address, uint64_t size))
{
    uint64_t at = ram.start;
    for (unsigned int i = 0; i < taken_count && at < ram.end; i++) {
        if (taken[i].end <= at || taken[i].start >= ram.end) {
            continue;
        }
        if (taken[i].start > at) {
            visit(at, taken[i].start - at);
        }
        at = taken[i].end;
    }
    if (at < ram.end) {
        visit(at, ram.end - at);
    }
}

void boot_memory_visit_free(void (*visit)(uint64_t address, uint64_t size))
{
    for (unsigned int i = 0; i < map_count; i++) {
        visit_gaps(ram_of(i, LOW_MEMORY), visit);
    }
}

void boot_memory_visit_ram(void (*visit)(uint64_t address, uint64_t size))
{
    for (unsigned int i = 0; i < map_count; i++) {
        struct range ram = ram_of(i, 0);
        if (ram.end > ram.start) {
            visit(ram.start, ram.end - ram.start);
        }
    }
}

/* The search of boot_memory_alloc(): boot is single-threaded, and visitors take no argument. */
static struct {
    uint64_t size;
    uint64_t align;
    uint64_t found;
} search;

static void consider_gap(uint64_t address, uint64_t size)
{
    uint64_t end = min_u64(address + size, BOOT_MAPPED);
    if (end >= search.size) {
        uint64_t candidate = round_down(end - search.size, search.align);
        if (candidate >= address && candidate > search.found) {
            search.found = candidate;
        }
    }
}

uint64_t boot_memory_alloc(uint64_t size, uint64_t align)
{
    CHECK(!closed);
    size = round_up(size, PAGE_SIZE);
    search.size = size;
    search.align = align;
    search.found = 0;
    boot_memory_visit_free(consider_gap);
    if (search.found == 0) {
        panic("too little memory for the hypervisor itself: %lu KiB of RAM, %lu KiB of it in use, "
              "%lu KiB more wanted in one piece",
              boot_memory_total() >> 10, allocated >> 10, size >> 10);
    }
    boot_memory_reserve(search.found, size);
    allocated += size;
    memset(phys_to_virt(search.found), 0, size);
    return search.found;
}

void boot_memory_close(void)
{
    closed = true;
}

bool boot_memory_is_open(void)
{
    return !closed;
}

uint64_t boot_memory_allocated(void)
{
    return allocated;
}

uint64_t boot_memory_total(void)
{
    uint64_t total = 0;
    for (unsigned int i = 0; i < map_count; i++) {
        struct range ram = ram_of(i, 0);
        total += ram.end - ram.start;
    }
    return total;
}

uint64_t boot_memory_end(void)
{
    uint64_t end = 0;
    for (unsigned int i = 0; i < map_count; i++) {
        end = max_u64(end, ram_of(i, 0).end);
    }
    return end;
}
