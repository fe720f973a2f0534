/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/lib/memory.h"

#include "guests/lib/console.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "lib/check.h"
#include "lib/string.h"

#define POOL_L1_TABLES (POOL_PAGES / TABLE_ENTRIES)

uint64_t pool_l3[TABLE_ENTRIES] ALIGNED(4096);
uint64_t pool_l2[TABLE_ENTRIES] ALIGNED(4096);
uint64_t scratch_l1[TABLE_ENTRIES] ALIGNED(4096);
static uint64_t pool_l1[POOL_L1_TABLES][TABLE_ENTRIES] ALIGNED(4096);

static uint64_t pool_first_pfn;

/* LOST: a test went wrong and something still holds the frame; nobody gets the page again. */
enum page_state { PAGE_FREE, PAGE_USED, PAGE_LOST };

static enum page_state page_states[POOL_PAGES];
/* Which L4 slots the builder filled: not for us to empty. */
static bool boot_slot[TABLE_ENTRIES];

static uint64_t *p2m(void)
{
    return (uint64_t *)start_info->mfn_list;
}

static bool in_pool(uint64_t va)
{
    return va >= POOL_VA && va < POOL_VA + POOL_PAGES * PAGE_SIZE;
}

pfn_t pfn_of(const volatile void *address)
{
    uint64_t va = pointer_value(address);
    if (in_pool(va)) {
        return pfn_make(pool_first_pfn + ((va - POOL_VA) >> PAGE_SHIFT));
    }
    CHECK(va >= VIRT_BASE);
    return pfn_make((va - VIRT_BASE) >> PAGE_SHIFT);
}

mfn_t p2m_get(pfn_t pfn)
{
    CHECK(pfn.value < start_info->nr_pages);
    return mfn_make(p2m()[pfn.value]);
}

void p2m_set(pfn_t pfn, mfn_t mfn)
{
    CHECK(pfn.value < start_info->nr_pages);
    p2m()[pfn.value] = mfn.value;
}

mfn_t mfn_of(const volatile void *address)
{
    return p2m_get(pfn_of(address));
}

uint64_t m2p_get(mfn_t mfn)
{
    return ((const volatile uint64_t *)MACH2PHYS_VIRT_START)[mfn.value];
}

void *mfn_address(mfn_t mfn)
{
    uint64_t pfn = m2p_get(mfn);
    if (pfn >= start_info->nr_pages || !mfn_equal(p2m_get(pfn_make(pfn)), mfn)) {
        return NULL;
    }
    if (pfn >= pool_first_pfn && pfn < pool_first_pfn + POOL_PAGES) {
        return (void *)(POOL_VA + ((pfn - pool_first_pfn) << PAGE_SHIFT));
    }
    return (void *)(VIRT_BASE + (pfn << PAGE_SHIFT));
}

uint64_t *boot_l4(void)
{
    return (uint64_t *)start_info->pt_base;
}

uint64_t *table_of(uint64_t va, unsigned int level)
{
    uint64_t *table = boot_l4();
    for (unsigned int above = 4; above > level && table != NULL; above--) {
        uint64_t entry = table[table_index(va, above)];
        table = (entry & PTE_PRESENT) != 0 ? mfn_address(pte_mfn(entry)) : NULL;
    }
    return table;
}

uint64_t pte_of(uint64_t va)
{
    const volatile uint64_t *table = table_of(va, 1);
    return table == NULL ? 0 : table[table_index(va, 1)];
}

uint64_t entry_address(const uint64_t *table, size_t index)
{
    return (mfn_of(table).value << PAGE_SHIFT) + index * sizeof(uint64_t);
}

int64_t entry_set(const uint64_t *table, size_t index, uint64_t value)
{
    mmu_update_t update = {.ptr = entry_address(table, index) | MMU_NORMAL_PT_UPDATE, .val = value};
    return hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

int64_t va_set(uint64_t va, uint64_t pte)
{
    return hypercall_update_va_mapping(va, pte, UVMF_INVLPG);
}

int64_t page_read_only(const volatile void *page)
{
    return va_set(pointer_value(page), pte_make(mfn_of(page), PTE_READ_ONLY));
}

int64_t page_writable(const volatile void *page)
{
    return va_set(pointer_value(page), pte_make(mfn_of(page), PTE_READ_WRITE));
}

int64_t mmuext(unsigned int command, mfn_t mfn)
{
    struct mmuext_op operation = {.cmd = command, .arg1.mfn = mfn.value};
    return hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

int64_t mmuext_address(unsigned int command, uint64_t address)
{
    struct mmuext_op operation = {.cmd = command, .arg1.linear_addr = address};
    return hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

int64_t pin(unsigned int level, const void *table)
{
    return mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn_of(table));
}

int64_t unpin(const void *table)
{
    return mmuext(MMUEXT_UNPIN_TABLE, mfn_of(table));
}

int64_t table_pin(unsigned int level, const void *table)
{
    int64_t result = page_read_only(table);
    return result != 0 ? result : pin(level, table);
}

uint64_t *table_new(unsigned int level)
{
    uint64_t *table = page_alloc();
    EXPECT_RESULT(table_pin(level, table), 0);
    return table;
}

int64_t table_link(const uint64_t *parent, size_t index, const void *table)
{
    int64_t result = page_read_only(table);
    return result != 0 ? result : entry_set(parent, index, pte_make(mfn_of(table), PTE_TABLE));
}

static void link_or_stop(const uint64_t *parent, size_t index, const uint64_t *table)
{
    int64_t result = table_link(parent, index, table);
    CHECK(result == 0);
}

/*
 * The pool is the end of the pseudo-physical memory: whatever the builder laid out is far below,
 * and kernels with an unmapped initrd or P2M need not step around it.
 */
void memory_init(void)
{
    CHECK(start_info->nr_pages > 4 * POOL_PAGES);
    pool_first_pfn = start_info->nr_pages - POOL_PAGES;
    for (size_t slot = 0; slot < TABLE_ENTRIES; slot++) {
        boot_slot[slot] = (boot_l4()[slot] & PTE_PRESENT) != 0;
    }
    for (size_t i = 0; i < POOL_PAGES; i++) {
        mfn_t mfn = p2m_get(pfn_make(pool_first_pfn + i));
        pool_l1[i / TABLE_ENTRIES][i % TABLE_ENTRIES] = pte_make(mfn, PTE_READ_WRITE);
    }
    for (size_t i = 0; i < POOL_L1_TABLES; i++) {
        link_or_stop(pool_l2, i, pool_l1[i]);
    }
    link_or_stop(pool_l2, POOL_L1_TABLES, scratch_l1);
    link_or_stop(pool_l3, 0, pool_l2);
    link_or_stop(boot_l4(), table_index(POOL_VA, 4), pool_l3);
    boot_slot[table_index(POOL_VA, 4)] = true;
}

static void *page_at(size_t index)
{
    return (void *)(POOL_VA + index * PAGE_SIZE);
}

/* How many free pages, up to `count`, there are in a row from `index`. */
static size_t free_run(size_t index, size_t count)
{
    size_t length = 0;
    while (length < count && index + length < POOL_PAGES &&
           page_states[index + length] == PAGE_FREE) {
        length++;
    }
    return length;
}

void *page_alloc_many(size_t count)
{
    size_t index = 0;
    while (index < POOL_PAGES && free_run(index, count) < count) {
        index++;
    }
    if (index == POOL_PAGES) {
        test_fail(__FILE__, __LINE__, "no page left in the pool");
    }
    for (size_t i = 0; i < count; i++) {
        page_states[index + i] = PAGE_USED;
    }
    memset(page_at(index), 0, count * PAGE_SIZE);
    return page_at(index);
}

void *page_alloc(void)
{
    return page_alloc_many(1);
}

static void table_empty_from(const uint64_t *table, size_t first)
{
    for (size_t index = first; index < TABLE_ENTRIES; index++) {
        if (((const volatile uint64_t *)table)[index] != 0) {
            entry_set(table, index, 0);
        }
    }
}

static void boot_l4_restore(void)
{
    mmuext(MMUEXT_NEW_BASEPTR, mfn_of(boot_l4()));
    mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_make(0));
    for (size_t slot = 0; slot < TABLE_ENTRIES; slot++) {
        bool hole = slot >= L4_HOLE_FIRST && slot <= L4_HOLE_LAST;
        if (!hole && !boot_slot[slot] && boot_l4()[slot] != 0) {
            entry_set(boot_l4(), slot, 0);
        }
    }
}

/* A PFN that a test left without a frame gets a new one. */
static void page_populate_if_gone(pfn_t pfn)
{
    if (p2m_get(pfn).value != UINT64_MAX) {
        return;
    }
    xen_pfn_t extent = pfn.value;
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(reservation.extent_start, &extent);
    if (hypercall_memory_op(XENMEM_populate_physmap, &reservation) == 1) {
        p2m_set(pfn, mfn_make(extent));
    }
}

static bool page_restore(size_t index)
{
    void *page = page_at(index);
    page_populate_if_gone(pfn_of(page));
    int64_t result = page_writable(page);
    page_states[index] = result == 0 ? PAGE_FREE : PAGE_LOST;
    if (result != 0) {
        print("# page %u, mfn %#lx, is still in use: %d\n", (unsigned int)index, mfn_of(page).value,
              (int)result);
    }
    return result == 0;
}

bool memory_restore(void)
{
    boot_l4_restore();
    table_empty_from(pool_l3, 1);
    table_empty_from(pool_l2, POOL_L1_TABLES + 1);
    table_empty_from(scratch_l1, 0);
    mmuext(MMUEXT_TLB_FLUSH_LOCAL, mfn_make(0));
    for (size_t i = 0; i < POOL_PAGES; i++) {
        if (page_states[i] == PAGE_USED) {
            unpin(page_at(i));
        }
    }
    bool restored = true;
    for (size_t i = 0; i < POOL_PAGES; i++) {
        if (page_states[i] == PAGE_USED && !page_restore(i)) {
            restored = false;
        }
    }
    return restored;
}
