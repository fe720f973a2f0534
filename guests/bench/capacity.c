/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor keeps for itself: the machine's RAM, as its memory map has it, less all that
 * domains can get. The first domain takes what is left until there is none, and gives it back.
 */
#include "guests/bench/bench.h"
#include "guests/lib/console.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

#define E820_RAM    1
#define MAP_ENTRIES 128
#define TAKEN_MAX   (UINT64_C(1) << 17) /* 512 MiB */
#define CHUNK       512

struct map_entry {
    uint64_t address;
    uint64_t size;
    uint32_t type;
} PACKED;

static xen_pfn_t taken[TAKEN_MAX];

static uint64_t ram_bytes(void)
{
    static struct map_entry entries[MAP_ENTRIES];
    struct xen_memory_map map = {.nr_entries = MAP_ENTRIES};
    set_xen_guest_handle(map.buffer, entries);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_machine_memory_map, &map), 0);
    uint64_t bytes = 0;
    for (size_t i = 0; i < map.nr_entries; i++) {
        bytes += entries[i].type == E820_RAM ? entries[i].size : 0;
    }
    return bytes;
}

static int64_t reservation_call(unsigned int command, xen_pfn_t *extents, uint64_t count)
{
    struct xen_memory_reservation reservation = {.nr_extents = count, .domid = DOMID_SELF};
    set_xen_guest_handle(reservation.extent_start, extents);
    return hypercall_memory_op(command, &reservation);
}

/* Take frames until a request is not met in full; how many there were. */
static uint64_t take_all(void)
{
    uint64_t count = 0;
    while (count + CHUNK <= TAKEN_MAX) {
        int64_t got = reservation_call(XENMEM_increase_reservation, taken + count, CHUNK);
        EXPECT(got >= 0);
        count += (uint64_t)got;
        if (got < CHUNK) {
            return count;
        }
    }
    test_fail(__FILE__, __LINE__, "there is more memory left than this can count");
}

TEST(memory_of_the_hypervisor_itself)
{
    test_needs_first_domain();
    uint64_t count = take_all();
    domid_t self = DOMID_SELF;
    int64_t pages = hypercall_memory_op(XENMEM_current_reservation, &self);
    EXPECT_RESULT(reservation_call(XENMEM_decrease_reservation, taken, count), (int64_t)count);
    uint64_t domains = (uint64_t)pages << PAGE_SHIFT;
    EXPECT(pages > 0 && domains < ram_bytes());
    print("BENCH own_memory_kib %lu\n", (ram_bytes() - domains) >> 10);
}
