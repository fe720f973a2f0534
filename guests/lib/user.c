/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/lib/user.h"

#include "guests/lib/hypercall.h"
#include "guests/lib/test.h"
#include "guests/lib/trap_stubs.h"
#include "lib/check.h"

extern char _snippets_start[], _snippets_end[];

static uint8_t kernel_entry_stack[4 * PAGE_SIZE] ALIGNED(4096);

void user_init(void)
{
    int64_t result = hypercall_stack_switch(
        FLAT_KERNEL_SS, pointer_value(kernel_entry_stack + sizeof(kernel_entry_stack)));
    CHECK(result == 0);
}

static void snippets_map(uint64_t *l1)
{
    size_t index = table_index(USER_CODE_VA, 1);
    for (const char *page = _snippets_start; page < _snippets_end; page += PAGE_SIZE) {
        l1[index++] = pte_make(mfn_of(page), PTE_READ_ONLY | PTE_USER);
    }
}

struct user_space user_space_create(void)
{
    struct user_space space = {
        .l4 = page_alloc(),
        .l3 = page_alloc(),
        .l2 = page_alloc(),
        .l1 = page_alloc(),
        .stack = page_alloc(),
        .data = page_alloc(),
    };
    uint64_t user_flags = PTE_READ_WRITE | PTE_USER;
    snippets_map(space.l1);
    space.l1[table_index(USER_STACK_VA, 1)] = pte_make(mfn_of(space.stack), user_flags);
    space.l1[table_index(USER_DATA_VA, 1)] = pte_make(mfn_of(space.data), user_flags);
    space.l2[table_index(USER_CODE_VA, 2)] = pte_make(mfn_of(space.l1), PTE_TABLE);
    space.l3[0] = pte_make(mfn_of(space.l2), PTE_TABLE);
    space.l4[0] = pte_make(mfn_of(space.l3), PTE_TABLE);
    EXPECT_RESULT(page_read_only(space.l1), 0);
    EXPECT_RESULT(page_read_only(space.l2), 0);
    EXPECT_RESULT(page_read_only(space.l3), 0);
    EXPECT_RESULT(table_pin(4, space.l4), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(space.l4)), 0);
    return space;
}

uint64_t user_address(void (*snippet)(void))
{
    return (uint64_t)snippet - pointer_value(_snippets_start) + USER_CODE_VA;
}

struct iret_attempt {
    const struct iret_frame *frame;
    const struct registers *registers;
};

static void iret_action(void *argument)
{
    const struct iret_attempt *attempt = argument;
    user_enter(attempt->registers, &attempt->frame->rip);
}

struct trap iret_try(const struct iret_frame *frame, const struct registers *registers)
{
    static const struct registers zero;
    struct iret_attempt attempt = {frame, registers != NULL ? registers : &zero};
    return trap_try(iret_action, &attempt);
}

struct trap user_run(void (*snippet)(void), const struct registers *registers)
{
    struct iret_frame frame = {
        .rip = user_address(snippet),
        .cs = FLAT_USER_CS,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = USER_STACK_VA + PAGE_SIZE,
        .ss = FLAT_USER_SS,
    };
    return iret_try(&frame, registers);
}
