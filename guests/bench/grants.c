/* SPDX-License-Identifier: BSD-2-Clause */
/* A page that a domain grants to itself, mapped and unmapped. */
#include "guests/bench/bench.h"
#include "guests/lib/console.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

#include <xen/grant_table.h>

#define FIRST_DOMAIN 0
#define GRANT        8 /* the references below it are reserved */
#define TABLE_VA     SCRATCH_VA
#define MAPPING_VA   (SCRATCH_VA + PAGE_SIZE)

static int64_t grant_call(unsigned int command, void *argument)
{
    return hypercall(__HYPERVISOR_grant_table_op, command, pointer_value(argument), 1, 0, 0);
}

/* Map the grant table. False if there are none. */
static bool grant_table_map(void)
{
    xen_pfn_t frame;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
    set_xen_guest_handle(setup.frame_list, &frame);
    if (grant_call(GNTTABOP_setup_table, &setup) != 0) {
        return false;
    }
    EXPECT_EQUAL(setup.status, GNTST_okay);
    EXPECT_RESULT(va_set(TABLE_VA, pte_make(mfn_make(frame), PTE_READ_WRITE)), 0);
    return true;
}

static grant_handle_t map_measure(struct sample *sample)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = MAPPING_VA,
        .flags = GNTMAP_host_map,
        .ref = GRANT,
        .dom = FIRST_DOMAIN,
    };
    uint64_t start = ticks();
    int64_t result = grant_call(GNTTABOP_map_grant_ref, &map);
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
    int64_t result = grant_call(GNTTABOP_unmap_grant_ref, &unmap);
    uint64_t end = ticks();
    EXPECT_RESULT(result, 0);
    EXPECT_RESULT(unmap.status, GNTST_okay);
    sample_add(sample, start, end);
}

TEST(grant_of_its_own)
{
    test_needs_first_domain();
    if (!grant_table_map()) {
        print("BENCH grant_map skipped\nBENCH grant_unmap skipped\n");
        test_skip("there are no grant tables");
    }
    uint8_t *page = page_alloc();
    volatile grant_entry_v1_t *entry = (grant_entry_v1_t *)TABLE_VA + GRANT;
    entry->domid = FIRST_DOMAIN;
    entry->frame = (uint32_t)mfn_of(page).value;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    entry->flags = GTF_permit_access;

    struct sample map = SAMPLE_NONE, unmap = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        *(volatile uint8_t *)page = (uint8_t)(i + 1);
        grant_handle_t handle = map_measure(&map);
        EXPECT_EQUAL(*(volatile uint8_t *)MAPPING_VA, i + 1);
        unmap_measure(&unmap, handle);
    }
    entry->flags = 0;
    sample_print("grant_map", &map, 1);
    sample_print("grant_unmap", &unmap, 1);
}
