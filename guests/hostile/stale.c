/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families B and C: translations that the processor still holds after the hypervisor has forgotten
 * them. The guest drops a mapping and skips the flush it owes itself; the hypervisor owes itself
 * one before the frame's next use begins. (Emulators that empty their TLB at every change of CR3
 * hide some of this; a processor does not.)
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "lib/string.h"

/* A page that is nowhere mapped writable any more, but for what the TLB remembers of SCRATCH_VA. */
static uint64_t *page_with_stale_writable_mapping(void)
{
    uint64_t *page = page_alloc();
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_WRITE)), 0);
    *(volatile uint64_t *)SCRATCH_VA = 0;
    EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, 0, UVMF_NONE), 0);
    return page;
}

TEST(xsa_408_stale_writable_mapping_cannot_write_a_table)
{
    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t *table = page_with_stale_writable_mapping();
        EXPECT_RESULT(pin(level, table), 0);
        EXPECT_PAGE_FAULT(trap_try_write(SCRATCH_VA, UINT64_MAX), PAGE_FAULT_WRITE, SCRATCH_VA);
        EXPECT_EQUAL(table[0], 0);
    }
}

TEST(xsa_408_stale_writable_mapping_cannot_write_descriptors)
{
    uint64_t *gdt = page_with_stale_writable_mapping();
    uint64_t frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);
    EXPECT_PAGE_FAULT(trap_try_write(SCRATCH_VA, UINT64_MAX), PAGE_FAULT_WRITE, SCRATCH_VA);
    EXPECT_EQUAL(gdt[0], 0);
}

TEST(xsa_408_stale_writable_mapping_cannot_write_a_base)
{
    uint64_t *l4 = page_with_stale_writable_mapping();
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4)), 0);
    EXPECT_PAGE_FAULT(trap_try_write(SCRATCH_VA, UINT64_MAX), PAGE_FAULT_WRITE, SCRATCH_VA);
    EXPECT_EQUAL(l4[0], 0);
}

TEST(c3_stale_writable_mapping_cannot_write_a_table_linked_by_an_update)
{
    uint64_t *table = page_with_stale_writable_mapping();
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(table), PTE_TABLE)), 0);
    EXPECT_PAGE_FAULT(trap_try_write(SCRATCH_VA, UINT64_MAX), PAGE_FAULT_WRITE, SCRATCH_VA);
    EXPECT_EQUAL(table[0], 0);
}

/*
 * The address of a leaf below a chain of fresh tables that hangs in the entry of `level`, and the
 * table that the entry names.
 */
struct chain {
    uint64_t *parent;
    size_t index;
    uint64_t *top;
    uint64_t va;
};

static struct chain chain_create(unsigned int level)
{
    uint64_t *below = page_alloc();
    below[0] = 0x600d;
    uint64_t entry = pte_make(mfn_of(below), PTE_READ_ONLY);
    struct chain chain = {.va = level == 2   ? FREE_VA
                                : level == 3 ? POOL_VA + (UINT64_C(5) << 30)
                                             : UINT64_C(0xffff000000000000) | UINT64_C(300) << 39};
    for (unsigned int made = 1; made < level; made++) {
        chain.top = page_alloc();
        chain.top[0] = entry;
        EXPECT_RESULT(page_read_only(chain.top), 0);
        entry = pte_make(mfn_of(chain.top), PTE_TABLE);
    }
    chain.parent = level == 2 ? pool_l2 : level == 3 ? pool_l3 : boot_l4();
    chain.index = table_index(chain.va, level);
    EXPECT_RESULT(entry_set(chain.parent, chain.index, entry), 0);
    uint64_t value = 0;
    EXPECT_NO_TRAP(trap_try_read(chain.va, &value));
    EXPECT_EQUAL(value, 0x600d);
    return chain;
}

TEST(c4_unlinked_table_is_no_longer_walked)
{
    for (unsigned int level = 2; level <= 4; level++) {
        struct chain chain = chain_create(level);
        EXPECT_RESULT(entry_set(chain.parent, chain.index, 0), 0);
        EXPECT_RESULT(page_writable(chain.top), 0);
        chain.top[0] = pte_make(mfn_make(0), PTE_READ_WRITE | PTE_USER);
        EXPECT_PAGE_FAULT(trap_try_read(chain.va, NULL), 0, chain.va);
    }
}

TEST(c4_table_that_is_freed_is_no_longer_walked)
{
    struct chain chain = chain_create(2);
    EXPECT_RESULT(entry_set(chain.parent, chain.index, 0), 0);
    xen_pfn_t frame = mfn_of(chain.top).value;
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(reservation.extent_start, &frame);
    EXPECT_RESULT(va_set(pointer_value(chain.top), 0), 0);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_decrease_reservation, &reservation), 1);
    p2m_set(pfn_of(chain.top), mfn_make(UINT64_MAX));
    EXPECT_PAGE_FAULT(trap_try_read(chain.va, NULL), 0, chain.va);
}

TEST(c4_level_of_a_table_can_change_without_a_stale_walk)
{
    struct chain chain = chain_create(2);
    EXPECT_RESULT(entry_set(chain.parent, chain.index, 0), 0);
    EXPECT_RESULT(page_writable(chain.top), 0);
    uint64_t *l1 = page_alloc();
    EXPECT_RESULT(page_read_only(l1), 0);
    chain.top[0] = pte_make(mfn_of(l1), PTE_TABLE);
    EXPECT_RESULT(table_pin(2, chain.top), 0);
    EXPECT_PAGE_FAULT(trap_try_read(chain.va, NULL), 0, chain.va);
}

/* In one multicall: another table in an upper entry, then an update by address below it. */
static void expect_update_in_the_new_table(unsigned int level)
{
    struct chain old = chain_create(level);
    uint64_t *new_l1 = NULL, *top = NULL;
    uint64_t entry = 0;
    for (unsigned int made = 1; made < level; made++) {
        top = page_alloc();
        top[0] = entry;
        new_l1 = new_l1 == NULL ? top : new_l1;
        EXPECT_RESULT(page_read_only(top), 0);
        entry = pte_make(mfn_of(top), PTE_TABLE);
    }
    const volatile uint64_t *old_l1 = table_of(old.va, 1);
    uint64_t old_entry = old_l1[0];
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    mmu_update_t update = {.ptr = entry_address(old.parent, old.index), .val = entry};
    multicall_entry_t calls[] = {
        {.op = __HYPERVISOR_mmu_update, .args = {pointer_value(&update), 1, 0, DOMID_SELF}},
        {.op = __HYPERVISOR_update_va_mapping, .args = {old.va, pte, UVMF_NONE}},
    };
    EXPECT_RESULT(hypercall_multicall(calls, 2), 0);
    EXPECT_RESULT((int64_t)calls[0].result, 0);
    EXPECT_RESULT((int64_t)calls[1].result, 0);
    EXPECT_EQUAL(pte_mfn(new_l1[0]).value, pte_mfn(pte).value);
    EXPECT_EQUAL(old_l1[0], old_entry);
}

TEST(xsa_286_update_by_address_follows_an_upper_update_at_once)
{
    for (unsigned int level = 2; level <= 4; level++) {
        expect_update_in_the_new_table(level);
    }
}

TEST(xsa_286_emulated_store_follows_an_upper_update)
{
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    uint64_t *window = page_alloc(), *old = table_new(1), *new = table_new(1);
    window[0] = pte_make(mfn_of(old), PTE_READ_ONLY);
    uint64_t *other_window = page_alloc();
    other_window[0] = pte_make(mfn_of(new), PTE_READ_ONLY);
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, window), 0);
    EXPECT_NO_TRAP(trap_try_write(FREE_VA, 0x10));
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, other_window), 0);
    EXPECT_NO_TRAP(trap_try_write(FREE_VA, 0x20));
    EXPECT_EQUAL(((volatile uint64_t *)old)[0], 0x10);
    EXPECT_EQUAL(((volatile uint64_t *)new)[0], 0x20);
}

TEST(xsa_279_flush_of_a_bad_address_is_not_done_after_a_refusal)
{
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    static const uint64_t addresses[] = {0x8000000000000000, 0x0000800000000000, 0xffff7ffffffff000,
                                         HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_END - PAGE_SIZE};
    static const uint64_t flags[] = {UVMF_INVLPG | UVMF_ALL, UVMF_INVLPG | UVMF_LOCAL,
                                     UVMF_TLB_FLUSH | UVMF_ALL};
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(flags); j++) {
            EXPECT_RESULT(hypercall_update_va_mapping(addresses[i], pte, flags[j]), -XEN_EINVAL);
        }
    }
}

TEST(c13_old_base_can_be_reused_as_soon_as_another_is_loaded)
{
    uint64_t *l4 = page_alloc();
    memcpy(l4, boot_l4(), PAGE_SIZE);
    EXPECT_RESULT(table_pin(4, l4), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(l4)), 0);
    EXPECT_RESULT(unpin(l4), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(boot_l4())), 0);
    EXPECT_RESULT(page_writable(l4), 0);
    memset(l4, 0xff, PAGE_SIZE);
    EXPECT_NO_TRAP(trap_try_write(pointer_value(l4), 0));
}

TEST(b9_many_mappings_of_one_frame_are_all_counted)
{
    uint64_t *page = page_alloc();
    uint64_t *tables[64];
    EXPECT_RESULT(page_read_only(page), 0);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        tables[i] = page_alloc();
        for (size_t j = 0; j < TABLE_ENTRIES; j++) {
            tables[i][j] = pte_make(mfn_of(page), PTE_READ_WRITE);
        }
        EXPECT_RESULT(table_pin(1, tables[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        EXPECT_RESULT(pin(1, page), -XEN_EINVAL);
        EXPECT_RESULT(unpin(tables[i]), 0);
    }
    EXPECT_RESULT(pin(1, page), 0);
}
