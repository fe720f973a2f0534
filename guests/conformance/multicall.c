/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * multicall: many calls in one. Results are per entry and the calls must not know that they are in
 * a batch; what ends kernel mode must end the batch (XSA-213).
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"

#define UNTOUCHED INT64_C(0x5555)

static multicall_entry_t call_va_mapping(uint64_t va, uint64_t pte)
{
    return (multicall_entry_t){
        .op = __HYPERVISOR_update_va_mapping,
        .result = UNTOUCHED,
        .args = {va, pte, UVMF_INVLPG},
    };
}

static multicall_entry_t call_mmuext(const struct mmuext_op *operation)
{
    return (multicall_entry_t){
        .op = __HYPERVISOR_mmuext_op,
        .result = UNTOUCHED,
        .args = {pointer_value(operation), 1, 0, DOMID_SELF},
    };
}

TEST(multicall_runs_its_entries_in_order_with_a_result_each)
{
    mfn_t mfn = mfn_of(page_alloc());
    multicall_entry_t calls[] = {
        call_va_mapping(SCRATCH_VA, pte_make(mfn, PTE_READ_ONLY)),
        call_va_mapping(FREE_VA, 0),
        call_va_mapping(SCRATCH_VA + PAGE_SIZE, pte_make(mfn, PTE_READ_WRITE)),
        {.op = __HYPERVISOR_xen_version, .result = UNTOUCHED, .args = {XENVER_version, 0}},
        {.op = 11, .result = UNTOUCHED},
        {.op = 0xffffffff, .result = UNTOUCHED},
    };
    EXPECT_RESULT(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
    EXPECT_RESULT((int64_t)calls[0].result, 0);
    EXPECT_RESULT((int64_t)calls[1].result, -XEN_EINVAL);
    EXPECT_RESULT((int64_t)calls[2].result, 0);
    EXPECT_RESULT((int64_t)calls[3].result, hypercall_xen_version(XENVER_version, NULL));
    EXPECT_RESULT((int64_t)calls[4].result, -XEN_ENOSYS);
    EXPECT_RESULT((int64_t)calls[5].result, -XEN_ENOSYS);
    EXPECT_EQUAL(pte_mfn(pte_of(SCRATCH_VA + PAGE_SIZE)).value, mfn.value);
}

TEST(empty_multicall_succeeds)
{
    EXPECT_RESULT(hypercall_multicall(NULL, 0), 0);
}

TEST(multicall_inside_a_multicall_is_refused)
{
    multicall_entry_t inner = call_va_mapping(SCRATCH_VA, 0);
    multicall_entry_t outer = {
        .op = __HYPERVISOR_multicall,
        .result = UNTOUCHED,
        .args = {pointer_value(&inner), 1},
    };
    EXPECT_RESULT(hypercall_multicall(&outer, 1), 0);
    EXPECT_RESULT((int64_t)outer.result, -XEN_EINVAL);
    EXPECT_RESULT((int64_t)inner.result, UNTOUCHED);
}

TEST(multicall_array_that_cannot_be_read_is_refused)
{
    EXPECT_RESULT(hypercall_multicall((multicall_entry_t *)FREE_VA, 1), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_multicall((multicall_entry_t *)HYPERVISOR_VIRT_START, 1), -XEN_EFAULT);
}

TEST(multicall_that_runs_into_an_unmapped_page_has_done_what_came_before)
{
    mfn_t mfn = mfn_of(page_alloc());
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_WRITE)), 0);
    multicall_entry_t *last = (multicall_entry_t *)(SCRATCH_VA + PAGE_SIZE) - 1;
    *last = call_va_mapping(SCRATCH_VA + 2 * PAGE_SIZE, pte_make(mfn, PTE_READ_ONLY));
    EXPECT_RESULT(hypercall_multicall(last, 2), -XEN_EFAULT);
    EXPECT_RESULT((int64_t)last->result, 0);
    EXPECT_EQUAL(pte_mfn(pte_of(SCRATCH_VA + 2 * PAGE_SIZE)).value, mfn.value);
}

TEST(table_unpinned_in_a_multicall_can_be_made_writable_by_the_next_entry)
{
    uint64_t *table = table_new(1);
    struct mmuext_op unpin_it = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn_of(table).value};
    multicall_entry_t calls[] = {
        call_mmuext(&unpin_it),
        call_va_mapping(pointer_value(table), pte_make(mfn_of(table), PTE_READ_WRITE)),
    };
    EXPECT_RESULT(hypercall_multicall(calls, 2), 0);
    EXPECT_RESULT((int64_t)calls[0].result, 0);
    EXPECT_RESULT((int64_t)calls[1].result, 0);
    EXPECT_NO_TRAP(trap_try_write(pointer_value(table), 1));
}

TEST(page_made_read_only_in_a_multicall_can_be_pinned_by_the_next_entry)
{
    uint64_t *table = page_alloc();
    table[0] = 0; /* the processor holds a writable translation */
    struct mmuext_op pin_it = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn_of(table).value};
    multicall_entry_t calls[] = {
        call_va_mapping(pointer_value(table), pte_make(mfn_of(table), PTE_READ_ONLY)),
        call_mmuext(&pin_it),
    };
    calls[0].args[2] = UVMF_NONE;
    EXPECT_RESULT(hypercall_multicall(calls, 2), 0);
    EXPECT_RESULT((int64_t)calls[1].result, 0);
    /* As an entry this value is refused, whether or not stores to tables are emulated. */
    uint64_t refused = pte_make(mfn_of(pool_l2), PTE_READ_WRITE);
    EXPECT_PAGE_FAULT(trap_try_write(pointer_value(table), refused),
                      PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE, pointer_value(table));
}

TEST(table_exchanged_in_a_multicall_is_the_one_that_the_next_entry_edits)
{
    uint64_t *old = page_alloc(), *new = page_alloc();
    EXPECT_RESULT(page_read_only(new), 0);
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, old), 0);
    trap_try_read(FREE_VA, NULL);
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    mmu_update_t update = {
        .ptr = entry_address(pool_l2, FREE_L2_INDEX),
        .val = pte_make(mfn_of(new), PTE_TABLE),
    };
    multicall_entry_t calls[] = {
        {.op = __HYPERVISOR_mmu_update, .args = {pointer_value(&update), 1, 0, DOMID_SELF}},
        call_va_mapping(FREE_VA, pte),
    };
    EXPECT_RESULT(hypercall_multicall(calls, 2), 0);
    EXPECT_RESULT((int64_t)calls[1].result, 0);
    EXPECT_EQUAL(pte_mfn(new[0]).value, pte_mfn(pte).value);
    EXPECT_EQUAL(((volatile uint64_t *)old)[0], 0);
}

TEST(long_multicall_finishes)
{
    static multicall_entry_t calls[4000];
    mfn_t mfn = mfn_of(page_alloc());
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        calls[i] = call_va_mapping(SCRATCH_VA + i % TABLE_ENTRIES * PAGE_SIZE,
                                   pte_make(mfn, PTE_READ_WRITE));
    }
    EXPECT_RESULT(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        EXPECT_RESULT((int64_t)calls[i].result, 0);
    }
}

/* rdi, rsi: the multicall; rdx: the iret frame, on which the stack pointer must be. */
SNIPPET(multicall_on_stack, "movq %rdx, %rsp\n movl $13, %eax\n syscall\n ud2");
SNIPPET(user_returns, "syscall");

TEST(iret_in_a_multicall_ends_it)
{
    user_space_create();
    struct iret_context context = {
        .rax = 0x77,
        .rip = user_address(user_returns),
        .cs = FLAT_USER_CS,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = USER_STACK_VA + PAGE_SIZE,
        .ss = FLAT_USER_SS,
    };
    multicall_entry_t calls[] = {
        call_va_mapping(SCRATCH_VA, pte_make(mfn_of(page_alloc()), PTE_READ_ONLY)),
        {.op = __HYPERVISOR_iret},
        call_va_mapping(SCRATCH_VA + PAGE_SIZE, pte_make(mfn_of(page_alloc()), PTE_READ_ONLY)),
    };
    struct registers registers = {
        .rdi = pointer_value(calls),
        .rsi = ARRAY_SIZE(calls),
        .rdx = pointer_value(&context),
        .rflags = RFLAGS_FIXED,
    };
    struct trap trap = snippet_try(multicall_on_stack, &registers);
    EXPECT_TRAP(trap, TRAP_SYSCALL, 0);
    EXPECT_EQUAL(trap.frame.rax, 0x77);
    EXPECT_RESULT((int64_t)calls[0].result, 0);
    EXPECT_RESULT((int64_t)calls[2].result, UNTOUCHED);
    EXPECT_EQUAL(pte_of(SCRATCH_VA + PAGE_SIZE), 0);
}
