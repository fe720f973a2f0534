/* SPDX-License-Identifier: BSD-2-Clause */
/* Flushes on other vCPUs, and page tables that two of them want at the same time. */
#include "guests/vcpus/other.h"

#define TABLES 300U

static volatile uint64_t *shown_page(void)
{
    return (volatile uint64_t *)SCRATCH_VA;
}

static void job_read(struct other *other)
{
    while (!other->stop) {
        other->result = (int64_t)*shown_page();
        other->turns++;
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

/* Both flushes by a bitmap of vCPUs, and the flag of update_va_mapping. */
TEST(flush_on_another_vcpu_is_seen_there)
{
    struct other *other = other_start();
    uint64_t *pages[2] = {page_alloc(), page_alloc()};
    *pages[0] = 100;
    *pages[1] = 101;
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(pages[0]), PTE_READ_ONLY)), 0);
    other_begin(other, job_read);
    uint64_t vcpus = UINT64_C(1) << other->id;
    for (unsigned int way = 0; way < 6; way++) {
        mfn_t frame = mfn_of(pages[(way + 1) % 2]);
        EXPECT_RESULT(entry_set(scratch_l1, 0, pte_make(frame, PTE_READ_ONLY)), 0);
        struct mmuext_op operation = {.cmd = way % 3 == 0 ? MMUEXT_INVLPG_MULTI
                                                          : MMUEXT_TLB_FLUSH_MULTI};
        operation.arg1.linear_addr = SCRATCH_VA;
        set_xen_guest_handle(operation.arg2.vcpumask, &vcpus);
        if (way % 3 == 2) {
            EXPECT_RESULT(
                hypercall_update_va_mapping(SCRATCH_VA, pte_make(frame, PTE_READ_ONLY),
                                            UVMF_INVLPG | UVMF_MULTI | pointer_value(&vcpus)),
                0);
        } else {
            EXPECT_RESULT(hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF), 0);
        }
        uint64_t turns = other->turns;
        WAIT_FOR(other->turns > turns + 1);
        EXPECT_EQUAL(other->result, 100 + (way + 1) % 2);
    }
    other->stop = true;
    other_wait(other);
}

static int64_t pin_l2(const void *table)
{
    return pin(2, table);
}

static void job_pin(struct other *other)
{
    other->turns = 1;
    other->result = pin_l2((const void *)other->argument);
}

/* A wide tree, whose validation takes longer than a slice on a slow machine: whoever of the two is
 * stopped half-way, both calls come to an end, and one of them has pinned it. */
TEST(two_vcpus_that_pin_the_same_tree_both_get_an_answer)
{
    struct other *other = other_start();
    uint64_t *l2 = page_alloc();
    uint64_t *target = page_alloc();
    EXPECT_RESULT(page_read_only(target), 0);
    for (unsigned int i = 0; i < TABLES; i++) {
        uint64_t *l1 = page_alloc();
        for (unsigned int j = 0; j < TABLE_ENTRIES; j++) {
            l1[j] = pte_make(mfn_of(target), PTE_READ_ONLY);
        }
        EXPECT_RESULT(page_read_only(l1), 0);
        l2[i] = pte_make(mfn_of(l1), PTE_TABLE);
    }
    EXPECT_RESULT(page_read_only(l2), 0);
    other->argument = pointer_value(l2);
    for (unsigned int round = 0; round < 4; round++) {
        other_begin(other, job_pin);
        int64_t mine = pin_l2(l2);
        other_wait(other);
        EXPECT((mine == 0 && other->result == -XEN_EINVAL) ||
               (mine == -XEN_EINVAL && other->result == 0));
        EXPECT_RESULT(unpin(l2), 0);
    }
}
