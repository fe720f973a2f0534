/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families A, B and C again: translations from before a change of base, of an upper entry, of a
 * frame's owner or of its level, and what user mode finds of the kernel's.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"
#include "lib/string.h"

#include <xen/version.h>

#define SLOT    300
#define SLOT_VA (UINT64_C(0xffff000000000000) | (uint64_t)SLOT << 39)

/* A copy of the boot L4 in which SLOT_VA maps a page of its own, which says `mark`. */
static uint64_t *base_with_own_page(uint64_t mark, uint64_t leaf_flags)
{
    uint64_t *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc();
    uint64_t *page = page_alloc();
    page[0] = mark;
    l1[0] = pte_make(mfn_of(page), leaf_flags);
    l2[0] = pte_make(mfn_of(l1), PTE_TABLE);
    l3[0] = pte_make(mfn_of(l2), PTE_TABLE);
    memcpy(l4, boot_l4(), PAGE_SIZE);
    l4[SLOT] = pte_make(mfn_of(l3), PTE_TABLE);
    EXPECT_RESULT(page_read_only(l1), 0);
    EXPECT_RESULT(page_read_only(l2), 0);
    EXPECT_RESULT(page_read_only(l3), 0);
    EXPECT_RESULT(table_pin(4, l4), 0);
    return l4;
}

/* Leaves with US are global: a change of base by CR3 alone leaves them in the TLB. */
TEST(xsa_294_bases_never_show_each_others_pages)
{
    static const uint64_t flags[] = {PTE_READ_WRITE, PTE_READ_WRITE | PTE_USER,
                                     PTE_READ_WRITE | PTE_USER | PTE_GLOBAL};
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        const uint64_t *bases[] = {base_with_own_page(1000, flags[i]),
                                   base_with_own_page(1001, flags[i])};
        for (uint64_t round = 0; round < 500; round++) {
            uint64_t value = 0;
            EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(bases[round % 2])), 0);
            EXPECT_NO_TRAP(trap_try_read(SLOT_VA, &value));
            EXPECT_EQUAL(value, 1000 + round % 2);
        }
        EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(boot_l4())), 0);
        EXPECT_PAGE_FAULT(trap_try_read(SLOT_VA, NULL), 0, SLOT_VA);
    }
}

SNIPPET(user_read_at_rdi, "movq (%rdi), %rax\n syscall");

TEST(a11_kernel_leaf_is_not_there_in_user_mode)
{
    user_space_create();
    uint64_t *page = page_alloc();
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_WRITE)), 0);
    for (unsigned int round = 0; round < 3; round++) {
        EXPECT_NO_TRAP(trap_try_write(SCRATCH_VA, 1)); /* so that it is in the TLB */
        struct registers registers = {.rdi = SCRATCH_VA};
        EXPECT_PAGE_FAULT(user_run(user_read_at_rdi, &registers), PAGE_FAULT_USER, SCRATCH_VA);
    }
}

TEST(r1_user_mode_loses_what_the_kernel_takes_away)
{
    struct user_space space = user_space_create();
    struct registers registers = {.rdi = USER_DATA_VA};
    space.data[0] = 0x5a;
    EXPECT_TRAP(user_run(user_read_at_rdi, &registers), TRAP_SYSCALL, 0);
    /* Everything between the kernel half and nothing: the whole tree below slot 0. */
    EXPECT_RESULT(entry_set(space.l4, 0, 0), 0);
    struct trap trap = user_run(user_read_at_rdi, &registers);
    EXPECT(trap.raised && trap.vector == TRAP_PAGE_FAULT);
    EXPECT_RESULT(page_writable(space.l3), 0);
    memset(space.l3, 0xff, PAGE_SIZE);
    trap = user_run(user_read_at_rdi, &registers);
    EXPECT(trap.raised && trap.vector == TRAP_PAGE_FAULT);
}

/* A leaf for X is an L2 entry for X, if X is an L1: walked as before, the table would show X. */
TEST(b2_l1_that_became_an_l2_is_no_longer_walked_as_an_l1)
{
    uint64_t *l1 = page_alloc(), *below = page_alloc();
    EXPECT_RESULT(page_read_only(below), 0);
    l1[0] = pte_make(mfn_of(below), PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_GUEST_KERNEL);
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, l1), 0);
    EXPECT_NO_TRAP(trap_try_read(FREE_VA, NULL));
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, 0), 0);
    EXPECT_RESULT(pin(2, l1), 0);
    EXPECT_PAGE_FAULT(trap_try_read(FREE_VA, NULL), 0, FREE_VA);
}

/* Each use that takes a type, straight after each other, with a stale writable mapping on each way.
 */
TEST(xsa_408_every_next_use_is_flushed_before_it_begins)
{
    for (unsigned int old = 1; old <= 5; old++) {
        for (unsigned int next = 1; next <= 5; next++) {
            uint64_t *page = page_alloc();
            uint64_t frame = mfn_of(page).value;
            const unsigned int uses[] = {old, next};
            for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
                EXPECT_RESULT(page_read_only(page), 0);
                EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_WRITE)), 0);
                memset((void *)SCRATCH_VA, 0, PAGE_SIZE); /* an L4 was filled in */
                EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, 0, UVMF_NONE), 0);
                EXPECT_RESULT(uses[i] <= 4 ? pin(uses[i], page) : hypercall_set_gdt(&frame, 512),
                              0);
                EXPECT_PAGE_FAULT(trap_try_write(SCRATCH_VA, UINT64_MAX), PAGE_FAULT_WRITE,
                                  SCRATCH_VA);
                EXPECT_EQUAL(((volatile uint64_t *)page)[0], 0);
                EXPECT_RESULT(uses[i] <= 4 ? unpin(page) : hypercall_set_gdt(NULL, 0), 0);
            }
        }
    }
}

/* A frame is written through, given back, got again, and becomes a table in its new life. */
TEST(xsa_346_stale_mapping_of_a_frame_given_back_does_not_reach_its_next_life)
{
    unsigned int again = 0;
    for (unsigned int round = 0; round < 20; round++) {
        uint64_t *page = page_alloc();
        mfn_t old = mfn_of(page);
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(old, PTE_READ_WRITE)), 0);
        *(volatile uint64_t *)SCRATCH_VA = 0;
        EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
        EXPECT_RESULT(hypercall_update_va_mapping(SCRATCH_VA, 0, UVMF_NONE), 0);
        xen_pfn_t extent = old.value;
        struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
        set_xen_guest_handle(reservation.extent_start, &extent);
        EXPECT_RESULT(hypercall_memory_op(XENMEM_decrease_reservation, &reservation), 1);
        extent = pfn_of(page).value;
        EXPECT_RESULT(hypercall_memory_op(XENMEM_populate_physmap, &reservation), 1);
        p2m_set(pfn_of(page), mfn_make(extent));
        if (extent == old.value) {
            again++;
            EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE, old), 0);
            EXPECT_PAGE_FAULT(trap_try_write(SCRATCH_VA, 2), PAGE_FAULT_WRITE, SCRATCH_VA);
        }
    }
    if (again == 0) {
        test_skip("no frame came back");
    }
}

/* In one multicall: another table in an upper entry, then a result that goes to an address below.
 */
TEST(xsa_286_copy_to_the_guest_follows_an_upper_update)
{
    uint64_t *pages[2], *tables[2];
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        pages[i] = page_alloc();
        tables[i] = page_alloc();
        tables[i][0] = pte_make(mfn_of(pages[i]), PTE_READ_WRITE);
        EXPECT_RESULT(table_pin(1, tables[i]), 0);
    }
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(tables[0]), PTE_TABLE)), 0);
    EXPECT_NO_TRAP(trap_try_write(FREE_VA, 0));
    mmu_update_t update = {.ptr = entry_address(pool_l2, FREE_L2_INDEX),
                           .val = pte_make(mfn_of(tables[1]), PTE_TABLE)};
    multicall_entry_t calls[] = {
        {.op = __HYPERVISOR_mmu_update, .args = {pointer_value(&update), 1, 0, DOMID_SELF}},
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_extraversion, FREE_VA}},
    };
    EXPECT_RESULT(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
    EXPECT_RESULT((int64_t)calls[1].result, 0);
    EXPECT_EQUAL(pages[0][0], 0);
    EXPECT(pages[1][0] != 0);
}

/* The same with a new base: what comes behind it in the batch acts on the new tables. */
TEST(xsa_286_calls_behind_a_new_base_act_on_its_tables)
{
    const uint64_t *old = base_with_own_page(1, PTE_READ_WRITE);
    const uint64_t *new = base_with_own_page(2, PTE_READ_WRITE);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(old)), 0);
    EXPECT_NO_TRAP(trap_try_read(SLOT_VA, NULL));
    struct mmuext_op base = {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = mfn_of(new).value};
    multicall_entry_t calls[] = {
        {.op = __HYPERVISOR_mmuext_op, .args = {pointer_value(&base), 1, 0, DOMID_SELF}},
        {.op = __HYPERVISOR_update_va_mapping, .args = {SLOT_VA, 0, UVMF_NONE}},
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_extraversion, SLOT_VA}},
    };
    EXPECT_RESULT(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
    EXPECT_RESULT((int64_t)calls[0].result, 0);
    EXPECT_RESULT((int64_t)calls[1].result, 0);
    uint64_t value = 0;
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(old)), 0);
    EXPECT_NO_TRAP(trap_try_read(SLOT_VA, &value));
    EXPECT_EQUAL(value, 1);
}
