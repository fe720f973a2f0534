/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * update_va_mapping: one L1 entry by address, and a flush. Where the entry is refused nothing may
 * change; where only the flush request is bad the entry has changed already, and kernels know it.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

static int64_t update_other_domain(uint64_t va, uint64_t pte, uint64_t flags, uint64_t domain)
{
    return hypercall(__HYPERVISOR_update_va_mapping_otherdomain, va, pte, flags, domain, 0);
}

TEST(every_flush_request_is_accepted_and_the_entry_set)
{
    uint64_t *bitmap = page_alloc();
    bitmap[0] = 1;
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    uint64_t flags[] = {
        UVMF_NONE,
        UVMF_TLB_FLUSH | UVMF_LOCAL,
        UVMF_TLB_FLUSH | UVMF_ALL,
        UVMF_TLB_FLUSH | pointer_value(bitmap),
        UVMF_INVLPG | UVMF_LOCAL,
        UVMF_INVLPG | UVMF_ALL,
        UVMF_INVLPG | pointer_value(bitmap),
        3,
        UVMF_NONE | UVMF_ALL,
    };
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, pte, flags[i]), 0);
        EXPECT_EQUAL(pte_mfn(pte_of(SCRATCH_VA)).value, pte_mfn(pte).value);
        EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, 0, flags[i]), 0);
        EXPECT_EQUAL(pte_of(SCRATCH_VA), 0);
    }
}

TEST(low_bits_of_the_address_do_not_matter)
{
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA + 0xfff, pte, UVMF_INVLPG), 0);
    EXPECT_EQUAL(pte_mfn(pte_of(SCRATCH_VA)).value, pte_mfn(pte).value);
    EXPECT_EQUAL(pte_of(SCRATCH_VA + PAGE_SIZE), 0);
}

TEST(flush_of_the_address_makes_the_new_frame_visible)
{
    uint64_t *first = page_alloc(), *second = page_alloc();
    first[0] = 1;
    second[0] = 2;
    volatile uint64_t *scratch = (volatile uint64_t *)SCRATCH_VA;
    static const uint64_t flags[] = {
        UVMF_INVLPG | UVMF_LOCAL,
        UVMF_INVLPG | UVMF_ALL,
        UVMF_TLB_FLUSH | UVMF_LOCAL,
        UVMF_TLB_FLUSH | UVMF_ALL,
    };
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        for (uint64_t user = 0; user <= PTE_USER; user += PTE_USER) {
            EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(first), PTE_PRESENT | user)), 0);
            EXPECT_EQUAL(scratch[0], 1);
            EXPECT_RESULT(hypercall_update_va_mapping(
                              SCRATCH_VA, pte_make(mfn_of(second), PTE_PRESENT | user), flags[i]),
                          0);
            EXPECT_EQUAL(scratch[0], 2);
        }
    }
}

TEST(address_without_an_l1_is_refused)
{
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    static const uint64_t addresses[] = {
        0,                     /* no L3 */
        FREE_VA,               /* no L1 */
        POOL_VA + (1ul << 30), /* no L2 */
        0x00007ffffffff000,    /* the last page below the gap */
        0x0000800000000000,    /* the first of the gap */
        0xffff7ffffffff000,    /* the last of the gap */
        0x8000000000000000,
        HYPERVISOR_VIRT_START,
        MACH2PHYS_VIRT_END - PAGE_SIZE,
        HYPERVISOR_VIRT_END - PAGE_SIZE,
        0xfffffffffffff000,
    };
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        if (table_of(addresses[i], 1) != NULL && addresses[i] >= HYPERVISOR_VIRT_END) {
            continue;
        }
        EXPECT_RESULT(hypercall_update_va_mapping(addresses[i], pte, UVMF_INVLPG | UVMF_ALL),
                      -XEN_EINVAL);
    }
}

TEST(refused_entry_leaves_the_old_one_in_place)
{
    uint64_t *page = page_alloc();
    page[0] = 7;
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_ONLY)), 0);
    EXPECT_EQUAL(*(volatile uint64_t *)SCRATCH_VA, 7);
    uint64_t before = pte_of(SCRATCH_VA);

    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(scratch_l1), PTE_READ_WRITE)), -XEN_EBUSY);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_make(UINT64_C(0xffffffffff)), PTE_READ_ONLY)),
                  -XEN_EINVAL);
    EXPECT_EQUAL(pte_of(SCRATCH_VA), before);
    EXPECT_EQUAL(*(volatile uint64_t *)SCRATCH_VA, 7);
}

TEST(unreadable_vcpu_bitmap_is_reported_after_the_entry_has_changed)
{
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, pte, UVMF_INVLPG | FREE_VA), -XEN_EFAULT);
    EXPECT_EQUAL(pte_mfn(pte_of(SCRATCH_VA)).value, pte_mfn(pte).value);
    EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, 0, UVMF_TLB_FLUSH | FREE_VA),
                  -XEN_EFAULT);
    EXPECT_EQUAL(pte_of(SCRATCH_VA), 0);
}

TEST(bitmap_address_is_not_looked_at_without_a_flush)
{
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, pte, UVMF_NONE | FREE_VA), 0);
    EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, pte, 3 | FREE_VA), 0);
}

TEST(l1_shared_by_two_addresses_changes_at_both)
{
    uint64_t *l1 = page_alloc();
    uint64_t *page = page_alloc();
    page[0] = 0x77;
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, l1), 0);
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX + 1, l1), 0);

    EXPECT_RESULT(va_set(FREE_VA, pte_make(mfn_of(page), PTE_READ_ONLY)), 0);
    uint64_t value = 0;
    EXPECT_NO_TRAP(trap_try_read(FREE_VA + (UINT64_C(1) << 21), &value));
    EXPECT_EQUAL(value, 0x77);
}

TEST(first_domain_can_map_video_memory)
{
    test_needs_first_domain();
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_make(0xb8), PTE_READ_WRITE)), 0);
    uint64_t pte = pte_of(SCRATCH_VA);
    EXPECT_EQUAL(pte_mfn(pte).value, 0xb8);
    EXPECT_EQUAL(pte & PTE_WRITABLE, PTE_WRITABLE);
    /* Write-back is turned into uncached: PAT entry 3. */
    EXPECT_EQUAL(pte & (PTE_CACHE_DISABLE | PTE_WRITE_THROUGH | PTE_PAT),
                 PTE_CACHE_DISABLE | PTE_WRITE_THROUGH);
    EXPECT_NO_TRAP(trap_try_read(SCRATCH_VA, NULL));
}

TEST(local_apic_cannot_be_mapped)
{
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_make(0xfee00), PTE_READ_WRITE)), -XEN_EPERM);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_make(0xfee00), PTE_READ_ONLY)), -XEN_EPERM);
    EXPECT_EQUAL(pte_of(SCRATCH_VA), 0);
}

TEST(other_domain_form_refuses_unknown_domains_and_the_own_id)
{
    test_needs_first_domain();
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    EXPECT_RESULT(update_other_domain(SCRATCH_VA, pte, UVMF_INVLPG, 0x1234), -XEN_ESRCH);
    EXPECT_RESULT(update_other_domain(SCRATCH_VA, pte, UVMF_INVLPG, 0), -XEN_ESRCH);
    EXPECT_EQUAL(pte_of(SCRATCH_VA), 0);
}

TEST(other_domain_form_with_self_is_the_plain_form)
{
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    EXPECT_RESULT(update_other_domain(SCRATCH_VA, pte, UVMF_INVLPG, DOMID_SELF), 0);
    EXPECT_EQUAL(pte_mfn(pte_of(SCRATCH_VA)).value, pte_mfn(pte).value);
}
