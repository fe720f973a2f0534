/* SPDX-License-Identifier: BSD-2-Clause */
/* A page that a domain grants to itself, mapped and unmapped. */
#include "guests/bench/bench.h"
#include "guests/lib/console.h"
#include "guests/lib/grant.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

#define MAPPING_VA SCRATCH_VA

static grant_handle_t map_measure(struct sample *sample)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = MAPPING_VA,
        .flags = GNTMAP_host_map,
        .ref = GRANT_FIRST,
        .dom = GRANT_DOMAIN,
    };
    uint64_t start = ticks();
    int64_t result = grant_call(GNTTABOP_map_grant_ref, &map, 1);
    uint64_t end = ticks();
    EXPECT_RESULT(result, 0);
    EXPECT_RESULT(map.status, GNTST_okay);
    sample_add(sample, start, end);
    return map.handle;
}

static void unmap_measure(struct sample *sample, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref unmap = {.host_addr = MAPPING_VA, .handle = handle};
    uint64_t start = ticks();
    int64_t result = grant_call(GNTTABOP_unmap_grant_ref, &unmap, 1);
    uint64_t end = ticks();
    EXPECT_RESULT(result, 0);
    EXPECT_RESULT(unmap.status, GNTST_okay);
    sample_add(sample, start, end);
}

TEST(grant_of_its_own)
{
    test_needs_first_domain();
    if (!grant_table_open()) {
        print("BENCH grant_map skipped\nBENCH grant_unmap skipped\n");
        test_skip("there are no grant tables");
    }
    uint8_t *page = page_alloc();
    grant_give(GRANT_FIRST, mfn_of(page), GTF_permit_access);
    struct sample map = SAMPLE_NONE, unmap = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        *(volatile uint8_t *)page = (uint8_t)(i + 1);
        grant_handle_t handle = map_measure(&map);
        EXPECT_EQUAL(*(volatile uint8_t *)MAPPING_VA, i + 1);
        unmap_measure(&unmap, handle);
    }
    grant_entry(GRANT_FIRST)->flags = 0;
    sample_print("grant_map", &map, 1);
    sample_print("grant_unmap", &unmap, 1);
}
