/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/unpack/memory.h"

#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "lib/check.h"

#define AREA_VA   UINT64_C(0xffff880000000000) /* the file's first page; L4 slot 272 */
#define AREA_SLOT ((AREA_VA >> 39) % TABLE_ENTRIES)
#define L1_TABLES TABLE_ENTRIES /* all that one L2 table holds: 1 GiB */

static uint64_t l1[L1_TABLES][TABLE_ENTRIES] ALIGNED(4096);
static uint64_t l2[TABLE_ENTRIES] ALIGNED(4096);
static uint64_t l3[TABLE_ENTRIES] ALIGNED(4096);

/* Behind the builder's mapping comes the ramdisk, and behind that what is free. */
static uint64_t area_pages(void)
{
    return min_u64(start_info->nr_pages - start_info->mod_start,
                   (uint64_t)L1_TABLES * TABLE_ENTRIES);
}

static uint64_t file_pages(void)
{
    return pages_of(start_info->mod_len);
}

static mfn_t mfn_of_pfn(uint64_t pfn)
{
    return mfn_make(((const uint64_t *)start_info->mfn_list)[pfn]);
}

mfn_t memory_mfn(const void *page)
{
    uint64_t address = pointer_value(page);
    uint64_t pfn = address >= VIRT_BASE
                       ? (address - VIRT_BASE) >> PAGE_SHIFT
                       : start_info->mod_start + ((address - AREA_VA) >> PAGE_SHIFT);
    CHECK(pfn < start_info->nr_pages);
    return mfn_of_pfn(pfn);
}

/* A page of ours becomes a table: no longer writable here. */
static uint64_t table_entry(const void *table)
{
    mfn_t mfn = memory_mfn(table);
    CHECK(hypercall_update_va_mapping(pointer_value(table), pte_make(mfn, PTE_READ_ONLY),
                                      UVMF_INVLPG) == 0);
    return pte_make(mfn, PTE_TABLE);
}

void memory_map(void)
{
    uint64_t pages = area_pages();
    for (uint64_t i = 0; i < pages; i++) {
        l1[i / TABLE_ENTRIES][i % TABLE_ENTRIES] =
            pte_make(mfn_of_pfn(start_info->mod_start + i),
                     i < file_pages() ? PTE_READ_ONLY : PTE_READ_WRITE);
    }
    for (uint64_t i = 0; i * TABLE_ENTRIES < pages; i++) {
        l2[i] = table_entry(l1[i]);
    }
    l3[(AREA_VA >> 30) % TABLE_ENTRIES] = table_entry(l2);
    mmu_update_t update = {
        .ptr = (memory_mfn((const void *)start_info->pt_base).value << PAGE_SHIFT) +
               AREA_SLOT * sizeof(uint64_t),
        .val = table_entry(l3),
    };
    CHECK(hypercall_mmu_update(&update, 1, NULL, DOMID_SELF) == 0);
}

const uint8_t *memory_file(void)
{
    return (const uint8_t *)AREA_VA;
}

void *memory_unused(size_t *size)
{
    *size = (area_pages() - file_pages()) * PAGE_SIZE;
    return (void *)(AREA_VA + file_pages() * PAGE_SIZE);
}
