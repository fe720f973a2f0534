/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INS and OUTS, with which disk drivers move sectors. A hypervisor that loses count corrupts data;
 * one that writes where the guest's kernel may not has let it through the page tables.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "lib/string.h"

SNIPPET(do_insb, "insb");
SNIPPET(do_rep_insb, "rep insb");
SNIPPET(do_rep_insl, "rep insl");
SNIPPET(do_rep_outsb, "rep outsb");
SNIPPET(do_outb, "outb %al, %dx");
SNIPPET(do_inb, "inb %dx, %al");

#define CMOS_INDEX  0x70
#define CMOS_DATA   0x71
#define CMOS_DISKS  0x10 /* a byte that does not change */
#define POST_CODE   0x80 /* takes any byte */
#define ABSENT_PORT 0x2e8
#define LONG_COUNT  1500 /* more than is carried out at once */

static void ports_enable(void)
{
    struct physdev_set_iopl argument = {.iopl = 1};
    test_needs_first_domain();
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_set_iopl, &argument), 0);
}

/* Point the clock chip at that byte, and answer it. */
static uint8_t cmos_select(void)
{
    struct registers registers = {.rax = CMOS_DISKS, .rdx = CMOS_INDEX, .rflags = RFLAGS_FIXED};
    snippet_run(do_outb, &registers);
    registers.rdx = CMOS_DATA;
    snippet_run(do_inb, &registers);
    return (uint8_t)registers.rax;
}

static struct registers to_memory(uint64_t address, uint64_t count)
{
    return (struct registers){
        .rdx = CMOS_DATA, .rdi = address, .rcx = count, .rflags = RFLAGS_FIXED};
}

TEST(insb_reads_one_byte_and_moves_on)
{
    ports_enable();
    uint8_t *page = page_alloc();
    uint8_t expected = cmos_select();
    page[0] = page[1] = (uint8_t)~expected;
    struct registers registers = to_memory(pointer_value(page), 5);
    snippet_run(do_insb, &registers);
    EXPECT_EQUAL(page[0], expected);
    EXPECT_EQUAL(page[1], (uint8_t)~expected);
    EXPECT_EQUAL(registers.rdi, pointer_value(page) + 1);
    EXPECT_EQUAL(registers.rcx, 5);
}

TEST(rep_insb_fills_two_pages)
{
    ports_enable();
    uint8_t *pages = page_alloc_many(2);
    uint8_t expected = cmos_select();
    uint8_t *first = pages + PAGE_SIZE - 700;
    memset(pages, (uint8_t)~expected, 2 * PAGE_SIZE);
    struct registers registers = to_memory(pointer_value(first), LONG_COUNT);
    snippet_run(do_rep_insb, &registers);
    for (size_t i = 0; i < LONG_COUNT; i++) {
        EXPECT_EQUAL(first[i], expected);
    }
    EXPECT_EQUAL(first[-1], (uint8_t)~expected);
    EXPECT_EQUAL(first[LONG_COUNT], (uint8_t)~expected);
    EXPECT_EQUAL(registers.rdi, pointer_value(first) + LONG_COUNT);
    EXPECT_EQUAL(registers.rcx, 0);
}

TEST(rep_insb_goes_down_with_the_direction_flag)
{
    ports_enable();
    uint8_t *page = page_alloc();
    uint8_t expected = cmos_select();
    memset(page, (uint8_t)~expected, 16);
    struct registers registers = to_memory(pointer_value(page) + 9, 4);
    registers.rflags |= RFLAGS_DF;
    snippet_run(do_rep_insb, &registers);
    EXPECT_EQUAL(page[5], (uint8_t)~expected);
    EXPECT_EQUAL(page[6], expected);
    EXPECT_EQUAL(page[9], expected);
    EXPECT_EQUAL(page[10], (uint8_t)~expected);
    EXPECT_EQUAL(registers.rdi, pointer_value(page) + 5);
    EXPECT_EQUAL(registers.rcx, 0);
}

TEST(rep_with_count_0_does_nothing)
{
    ports_enable();
    struct registers registers = to_memory(FREE_VA, 0);
    EXPECT_NO_TRAP(snippet_try(do_rep_insb, &registers));
    EXPECT_EQUAL(registers.rdi, FREE_VA);
}

TEST(rep_insl_takes_four_bytes_at_a_time)
{
    ports_enable();
    uint32_t *page = page_alloc();
    struct registers registers = to_memory(pointer_value(page), 300);
    registers.rdx = ABSENT_PORT;
    snippet_run(do_rep_insl, &registers);
    EXPECT_EQUAL(page[0], UINT32_MAX);
    EXPECT_EQUAL(page[299], UINT32_MAX);
    EXPECT_EQUAL(page[300], 0);
    EXPECT_EQUAL(registers.rdi, pointer_value(page) + 1200);
}

TEST(ins_to_memory_that_is_not_writable_is_a_page_fault)
{
    ports_enable();
    (void)cmos_select();
    uint8_t *page = page_alloc();
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_ONLY)), 0);
    struct registers registers = to_memory(SCRATCH_VA + 8, 3);
    EXPECT_PAGE_FAULT(snippet_try(do_rep_insb, &registers), PAGE_FAULT_WRITE, SCRATCH_VA + 8);
    registers = to_memory(FREE_VA, 3);
    EXPECT_PAGE_FAULT(snippet_try(do_rep_insb, &registers), PAGE_FAULT_WRITE, FREE_VA);
}

TEST(rep_insb_stops_at_the_page_that_is_not_there)
{
    ports_enable();
    uint8_t expected = cmos_select();
    uint8_t *page = page_alloc();
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_WRITE)), 0);
    uint64_t second = SCRATCH_VA + PAGE_SIZE;
    memset(page, (uint8_t)~expected, PAGE_SIZE);
    struct registers registers = to_memory(second - 6, 20);
    struct trap trap = snippet_try(do_rep_insb, &registers);
    EXPECT_PAGE_FAULT(trap, PAGE_FAULT_WRITE, second);
    EXPECT_EQUAL(trap.frame.rdi, second);
    EXPECT_EQUAL(trap.frame.rcx, 14);
    EXPECT_EQUAL(page[PAGE_SIZE - 6], expected);
    EXPECT_EQUAL(page[PAGE_SIZE - 1], expected);
}

TEST(ins_cannot_write_a_page_table)
{
    ports_enable();
    (void)cmos_select();
    uint64_t before = scratch_l1[0];
    struct registers registers = to_memory(pointer_value(scratch_l1), 8);
    EXPECT_PAGE_FAULT(snippet_try(do_rep_insb, &registers), PAGE_FAULT_WRITE,
                      pointer_value(scratch_l1));
    EXPECT_EQUAL(scratch_l1[0], before);
}

TEST(rep_outsb_reads_memory)
{
    ports_enable();
    struct registers registers = {.rdx = POST_CODE,
                                  .rsi = pointer_value(page_alloc()),
                                  .rcx = LONG_COUNT,
                                  .rflags = RFLAGS_FIXED};
    uint64_t end = registers.rsi + LONG_COUNT;
    snippet_run(do_rep_outsb, &registers);
    EXPECT_EQUAL(registers.rsi, end);
    EXPECT_EQUAL(registers.rcx, 0);
    registers.rsi = FREE_VA;
    registers.rcx = 1;
    EXPECT_PAGE_FAULT(snippet_try(do_rep_outsb, &registers), 0, FREE_VA);
}

TEST(string_io_needs_iopl_1)
{
    ports_enable();
    struct physdev_set_iopl argument = {.iopl = 0};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_set_iopl, &argument), 0);
    struct registers registers = to_memory(pointer_value(page_alloc()), 1);
    EXPECT_TRAP(snippet_try(do_rep_insb, &registers), TRAP_PROTECTION, 0);
}
