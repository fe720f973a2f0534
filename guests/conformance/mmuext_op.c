/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmuext_op but for pinning: base pointers, flushes, clearing and copying pages, the batch. A base
 * that is loaded without a validated L4 hands the processor tables of the guest's making.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

static int64_t mmuext_with(unsigned int command, uint64_t arg1, const void *arg2)
{
    struct mmuext_op operation = {.cmd = command, .arg1.linear_addr = arg1};
    set_xen_guest_handle(operation.arg2.vcpumask, (const uint8_t *)arg2);
    return hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

/* A copy of the live L4: loading it changes nothing but the root. */
static uint64_t *l4_copy(void)
{
    uint64_t *l4 = page_alloc();
    for (size_t slot = 0; slot < TABLE_ENTRIES; slot++) {
        l4[slot] = boot_l4()[slot];
    }
    EXPECT_RESULT(page_read_only(l4), 0);
    return l4;
}

TEST(new_base_that_was_never_pinned_is_validated_and_held_while_loaded)
{
    uint64_t *l4 = l4_copy();
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(l4)), 0);
    EXPECT_RESULT(page_writable(l4), -XEN_EBUSY);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(boot_l4())), 0);
    EXPECT_RESULT(page_writable(l4), 0);
}

TEST(loading_the_same_base_again_succeeds)
{
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(boot_l4())), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(boot_l4())), 0);
}

TEST(base_that_is_no_l4_is_refused_and_the_old_one_stays)
{
    uint64_t *page = page_alloc();
    uint64_t frames[] = {mfn_of(page).value,
                         mfn_of(table_new(1)).value,
                         mfn_of(table_new(3)).value,
                         0,
                         0xa0,
                         UINT64_C(0xffffffffff),
                         UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_make(frames[i])), -XEN_EINVAL);
    }
    page[0] = 5;
    EXPECT_EQUAL(((volatile uint64_t *)page)[0], 5);
}

TEST(base_with_a_bad_entry_is_refused_and_left_plain)
{
    uint64_t *l4 = page_alloc();
    l4[3] = pte_make(mfn_of(page_alloc()), PTE_TABLE);
    EXPECT_RESULT(page_read_only(l4), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(l4)), -XEN_EINVAL);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4)), -XEN_EINVAL);
    EXPECT_RESULT(page_writable(l4), 0);
}

TEST(loaded_base_can_be_unpinned_and_stays_loaded)
{
    uint64_t *l4 = l4_copy();
    EXPECT_RESULT(pin(4, l4), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(l4)), 0);
    EXPECT_RESULT(unpin(l4), 0);
    EXPECT_RESULT(page_writable(l4), -XEN_EBUSY);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(boot_l4())), 0);
    EXPECT_RESULT(page_writable(l4), 0);
}

TEST(pin_switch_and_unpin_work_in_one_batch)
{
    uint64_t *first = l4_copy(), *second = l4_copy();
    EXPECT_RESULT(pin(4, first), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(first)), 0);
    struct mmuext_op operations[3] = {
        {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = mfn_of(second).value},
        {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = mfn_of(second).value},
        {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn_of(first).value},
    };
    uint32_t done = 0;

    EXPECT_RESULT(hypercall_mmuext_op(operations, 3, &done, DOMID_SELF), 0);
    EXPECT_EQUAL(done, 3);
    EXPECT_RESULT(page_writable(first), 0);
}

TEST(user_base_is_held_until_it_is_replaced)
{
    uint64_t *first = page_alloc(), *second = page_alloc();
    EXPECT_RESULT(page_read_only(first), 0);
    EXPECT_RESULT(page_read_only(second), 0);

    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(first)), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(first)), 0);
    EXPECT_RESULT(page_writable(first), -XEN_EBUSY);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(second)), 0);
    EXPECT_RESULT(page_writable(first), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_make(0)), 0);
    EXPECT_RESULT(page_writable(second), 0);
}

TEST(user_base_that_is_no_l4_is_refused_and_the_old_one_stays)
{
    uint64_t *l4 = page_alloc();
    EXPECT_RESULT(page_read_only(l4), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4)), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(page_alloc())), -XEN_EINVAL);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(table_new(2))), -XEN_EINVAL);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_make(UINT64_MAX)), -XEN_EINVAL);
    EXPECT_RESULT(page_writable(l4), -XEN_EBUSY);
}

TEST(one_frame_can_be_kernel_and_user_base)
{
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(boot_l4())), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_make(0)), 0);
}

TEST(flushes_succeed)
{
    test_needs_first_domain();
    uint64_t *bitmap = page_alloc();
    bitmap[0] = UINT64_MAX; /* bits of vCPUs that do not exist are skipped */
    EXPECT_RESULT(mmuext_with(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL), 0);
    EXPECT_RESULT(mmuext_with(MMUEXT_INVLPG_LOCAL, SCRATCH_VA, NULL), 0);
    EXPECT_RESULT(mmuext_with(MMUEXT_TLB_FLUSH_MULTI, 0, bitmap), 0);
    EXPECT_RESULT(mmuext_with(MMUEXT_INVLPG_MULTI, SCRATCH_VA, bitmap), 0);
    EXPECT_RESULT(mmuext_with(MMUEXT_TLB_FLUSH_ALL, 0, NULL), 0);
    EXPECT_RESULT(mmuext_with(MMUEXT_INVLPG_ALL, SCRATCH_VA, NULL), 0);
    EXPECT_RESULT(mmuext_with(MMUEXT_FLUSH_CACHE, 0, NULL), 0);
    EXPECT_RESULT(mmuext_with(MMUEXT_FLUSH_CACHE_GLOBAL, 0, NULL), 0);
}

TEST(flush_of_one_address_makes_the_new_frame_visible)
{
    uint64_t *bitmap = page_alloc(), *first = page_alloc(), *second = page_alloc();
    bitmap[0] = 1;
    first[0] = 1;
    second[0] = 2;
    static const unsigned int commands[] = {
        MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_INVLPG_LOCAL,  MMUEXT_TLB_FLUSH_MULTI,
        MMUEXT_INVLPG_MULTI,    MMUEXT_TLB_FLUSH_ALL, MMUEXT_INVLPG_ALL,
    };
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        uint64_t flags = PTE_PRESENT | PTE_USER; /* global: the stubborn kind */
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(first), flags)), 0);
        EXPECT_EQUAL(*(volatile uint64_t *)SCRATCH_VA, 1);
        EXPECT_RESULT(entry_set(scratch_l1, 0, pte_make(mfn_of(second), flags)), 0);
        EXPECT_RESULT(mmuext_with(commands[i], SCRATCH_VA, bitmap), 0);
        EXPECT_EQUAL(*(volatile uint64_t *)SCRATCH_VA, 2);
    }
}

TEST(flush_of_an_address_nobody_may_map_is_ignored)
{
    uint64_t *bitmap = page_alloc();
    bitmap[0] = 1;
    static const uint64_t addresses[] = {0x0000800000000000, 0x8000000000000000, 0xffff7fffffffffff,
                                         HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_END - 1};
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        EXPECT_RESULT(mmuext_with(MMUEXT_INVLPG_LOCAL, addresses[i], NULL), 0);
        EXPECT_RESULT(mmuext_with(MMUEXT_INVLPG_MULTI, addresses[i], bitmap), 0);
        EXPECT_RESULT(mmuext_with(MMUEXT_INVLPG_ALL, addresses[i], NULL), 0);
    }
}

TEST(flush_with_an_unreadable_bitmap_is_refused)
{
    const void *unreadable = (const void *)FREE_VA;
    const void *hole = (const void *)HYPERVISOR_VIRT_START;
    EXPECT_RESULT(mmuext_with(MMUEXT_TLB_FLUSH_MULTI, 0, unreadable), -XEN_EINVAL);
    EXPECT_RESULT(mmuext_with(MMUEXT_INVLPG_MULTI, SCRATCH_VA, unreadable), -XEN_EINVAL);
    EXPECT_RESULT(mmuext_with(MMUEXT_TLB_FLUSH_MULTI, 0, hole), -XEN_EINVAL);
}

TEST(clear_page_zeroes_writable_and_untyped_frames)
{
    uint64_t *page = page_alloc();
    page[0] = page[511] = 1;
    EXPECT_RESULT(mmuext(MMUEXT_CLEAR_PAGE, mfn_of(page)), 0);
    EXPECT_EQUAL(((volatile uint64_t *)page)[0] | ((volatile uint64_t *)page)[511], 0);
    page[100] = 1;
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(mmuext(MMUEXT_CLEAR_PAGE, mfn_of(page)), 0);
    EXPECT_EQUAL(((volatile uint64_t *)page)[100], 0);
}

TEST(copy_page_copies_from_any_own_frame)
{
    uint64_t *to = page_alloc(), *table = page_alloc();
    table[77] = 0xabcdef0;
    EXPECT_RESULT(table_pin(1, table), 0);
    struct mmuext_op copy = {
        .cmd = MMUEXT_COPY_PAGE,
        .arg1.mfn = mfn_of(to).value,
        .arg2.src_mfn = mfn_of(table).value,
    };
    EXPECT_RESULT(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF), 0);
    EXPECT_EQUAL(((volatile uint64_t *)to)[77], 0xabcdef0);
}

TEST(tables_cannot_be_cleared_or_copied_over)
{
    uint64_t *page = page_alloc(), *table = page_alloc();
    table[0] = pte_make(mfn_of(page), PTE_READ_ONLY);
    EXPECT_RESULT(table_pin(1, table), 0);
    struct mmuext_op copy = {
        .cmd = MMUEXT_COPY_PAGE,
        .arg1.mfn = mfn_of(table).value,
        .arg2.src_mfn = mfn_of(page).value,
    };
    EXPECT_RESULT(mmuext(MMUEXT_CLEAR_PAGE, mfn_of(table)), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    EXPECT_EQUAL(pte_mfn(table[0]).value, mfn_of(page).value);
}

TEST(frames_of_others_cannot_be_cleared_or_copied)
{
    uint64_t own = mfn_of(page_alloc()).value;
    static const uint64_t frames[] = {0, 0xa0, 0xfee00, UINT64_C(0xffffffffff), UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        struct mmuext_op to = {.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = frames[i], .arg2.src_mfn = own};
        struct mmuext_op from = {
            .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = own, .arg2.src_mfn = frames[i]};
        EXPECT_RESULT(mmuext(MMUEXT_CLEAR_PAGE, mfn_make(frames[i])), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_mmuext_op(&to, 1, NULL, DOMID_SELF), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_mmuext_op(&from, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    }
}

TEST(superpage_marks_are_not_supported)
{
    mfn_t mfn = mfn_of(page_alloc());
    EXPECT_RESULT(mmuext(MMUEXT_MARK_SUPER, mfn), -XEN_EOPNOTSUPP);
    EXPECT_RESULT(mmuext(MMUEXT_UNMARK_SUPER, mfn), -XEN_EOPNOTSUPP);
}

TEST(unknown_mmuext_commands_are_refused)
{
    static const unsigned int commands[] = {14, 21, 22, 64, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        EXPECT_RESULT(mmuext(commands[i], mfn_make(0)), -XEN_ENOSYS);
    }
}

TEST(mmuext_batch_stops_at_the_first_refusal)
{
    uint64_t *page = page_alloc(), *other = page_alloc();
    page[0] = other[0] = 1;
    struct mmuext_op operations[3] = {
        {.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn_of(page).value},
        {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn_of(page).value},
        {.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn_of(other).value},
    };
    uint32_t done = 99;
    EXPECT_RESULT(hypercall_mmuext_op(operations, 3, &done, DOMID_SELF), -XEN_EINVAL);
    EXPECT_EQUAL(done, 1);
    EXPECT_EQUAL(((volatile uint64_t *)page)[0], 0);
    EXPECT_EQUAL(((volatile uint64_t *)other)[0], 1);
}

TEST(empty_mmuext_batch_succeeds)
{
    struct mmuext_op operation = {0};
    uint32_t done = 99;
    EXPECT_RESULT(hypercall_mmuext_op(&operation, 0, &done, DOMID_SELF), 0);
    EXPECT_EQUAL(done, 0);
}

TEST(mmuext_array_in_the_hole_or_unmapped_is_refused)
{
    const struct mmuext_op *hole = (const struct mmuext_op *)HYPERVISOR_VIRT_START;
    const struct mmuext_op *unmapped = (const struct mmuext_op *)FREE_VA;
    EXPECT_RESULT(hypercall_mmuext_op(hole, 1, NULL, DOMID_SELF), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_mmuext_op(unmapped, 1, NULL, DOMID_SELF), -XEN_EFAULT);
}

TEST(mmuext_for_a_foreign_domain_is_refused)
{
    test_needs_first_domain();
    struct mmuext_op operation = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    EXPECT_RESULT(hypercall_mmuext_op(&operation, 1, NULL, 0), -XEN_ESRCH);
    EXPECT_RESULT(hypercall_mmuext_op(&operation, 1, NULL, 0x1234), -XEN_ESRCH);
    static const unsigned int own_only[] = {
        MMUEXT_NEW_BASEPTR,      MMUEXT_TLB_FLUSH_LOCAL,    MMUEXT_INVLPG_LOCAL,
        MMUEXT_TLB_FLUSH_MULTI,  MMUEXT_INVLPG_MULTI,       MMUEXT_TLB_FLUSH_ALL,
        MMUEXT_INVLPG_ALL,       MMUEXT_FLUSH_CACHE,        MMUEXT_SET_LDT,
        MMUEXT_NEW_USER_BASEPTR, MMUEXT_FLUSH_CACHE_GLOBAL,
    };
    for (size_t i = 0; i < ARRAY_SIZE(own_only); i++) {
        operation.cmd = own_only[i];
        EXPECT_RESULT(hypercall_mmuext_op(&operation, 1, NULL, DOMID_IO), -XEN_EPERM);
    }
}
