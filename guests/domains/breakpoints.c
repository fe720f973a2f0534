/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families K and M: what the processor checks for a domain while it runs, breakpoints and
 * descriptors, it does not check for, or show to, the domain that runs next.
 */
#include "guests/domains/child.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define WATCH_STORES 0x000d0001U /* DR7: breakpoint 0, stores, four bytes */
#define DR6_INITIAL  0xffff0ff0U
#define DR7_INITIAL  0x00000400U
#define FLAT_DATA    UINT64_C(0x00cff3000000ffff)
#define GDT_SELECTOR (20U << 3 | 3)
#define LDT_SELECTOR (20U << 3 | 7)

static int64_t child_register(const struct child *child, unsigned int number)
{
    return child_call(child, __HYPERVISOR_get_debugreg, number, 0, 0, 0);
}

static void child_watches(const struct child *child, uint64_t address)
{
    EXPECT_RESULT(child_call(child, __HYPERVISOR_set_debugreg, 0, address, 0, 0), 0);
    EXPECT_RESULT(child_call(child, __HYPERVISOR_set_debugreg, 7, WATCH_STORES, 0, 0), 0);
}

static void watch(uint64_t address)
{
    EXPECT_RESULT(hypercall_set_debugreg(0, address), 0);
    EXPECT_RESULT(hypercall_set_debugreg(7, address != 0 ? WATCH_STORES : 0), 0);
}

TEST(m_breakpoints_of_one_domain_do_not_stop_another)
{
    struct child child = child_start();
    uint64_t theirs = child_address(PAGE_PLAIN), ours = pointer_value(page_alloc());
    watch(theirs);
    EXPECT_RESULT(child_call(&child, CHILD_STORE, theirs, 1, 0, 0), 0); /* it has no handler */
    for (unsigned int number = 0; number < 4; number++) {
        EXPECT_EQUAL(child_register(&child, number), 0);
    }
    EXPECT_EQUAL(child_register(&child, 6), DR6_INITIAL);
    EXPECT_EQUAL(child_register(&child, 7), DR7_INITIAL);
    child_watches(&child, ours);
    EXPECT_RESULT(hypercall_get_debugreg(0), theirs);
    EXPECT_RESULT(hypercall_get_debugreg(7), WATCH_STORES | DR7_INITIAL);
    EXPECT_NO_TRAP(trap_try_write(ours, 1));
    watch(ours);
    EXPECT_TRAP(trap_try_write(ours, 2), TRAP_DEBUG, 0);
    watch(0);
    EXPECT_EQUAL(child_register(&child, 0), ours);
    EXPECT_EQUAL(child_register(&child, 6), DR6_INITIAL); /* the trap was ours */
    child_watches(&child, theirs);
    EXPECT_NO_TRAP(trap_try_write(ours, 3));
    child_ask(&child, CHILD_STORE, theirs, 2, 0, 0);
    EXPECT_EQUAL(child_shutdown_code(&child), SHUTDOWN_crash);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/* Where CHILD_SPOIL finds the selector that it is to load. */
static uint64_t selector_record(const struct child *child, uint64_t selector)
{
    struct spoil *spoil = child_record_place(child);
    memset(spoil, 0, sizeof(*spoil));
    spoil->msr_count = 1;
    spoil->selector = selector;
    return child_address(PAGE_MAILBOX) + CHILD_RECORDS;
}

static uint16_t data_selector(void)
{
    uint16_t selector;
    __asm__ volatile("movw %%ds, %0" : "=r"(selector));
    return selector;
}

static void load_selector(uint64_t selector)
{
    __asm__ volatile("movl %0, %%ds" ::"r"((uint32_t)selector));
}

/* A child without descriptors of its own finds none of ours by selectors that we have loaded. */
static void expect_only_ours(uint64_t selector)
{
    struct child child = child_start();
    uint16_t before = data_selector();
    load_selector(selector);
    EXPECT_RESULT(child_call(&child, CHILD_SPOIL, selector_record(&child, 0), 0, 0, 0), 0);
    EXPECT_EQUAL(data_selector(), selector);
    child_ask(&child, CHILD_SPOIL, selector_record(&child, selector), 0, 0, 0);
    EXPECT_EQUAL(child_shutdown_code(&child), SHUTDOWN_crash);
    EXPECT_EQUAL(data_selector(), selector);
    load_selector(before);
    EXPECT_RESULT(foreign_map(child.slot, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
}

TEST(k_descriptors_of_one_domain_are_not_the_next_ones)
{
    test_needs_first_domain();
    uint64_t *gdt = page_alloc(), *ldt = page_alloc();
    gdt[GDT_SELECTOR >> 3] = FLAT_DATA;
    ldt[LDT_SELECTOR >> 3] = FLAT_DATA;
    EXPECT_RESULT(page_read_only(gdt), 0);
    EXPECT_RESULT(page_read_only(ldt), 0);
    uint64_t list = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&list, TABLE_ENTRIES), 0);
    struct mmuext_op set_ldt = {
        .cmd = MMUEXT_SET_LDT,
        .arg1.linear_addr = pointer_value(ldt),
        .arg2.nr_ents = TABLE_ENTRIES,
    };
    EXPECT_RESULT(hypercall_mmuext_op(&set_ldt, 1, NULL, DOMID_SELF), 0);
    expect_only_ours(GDT_SELECTOR);
    expect_only_ours(LDT_SELECTOR);
}
