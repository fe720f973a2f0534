/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole tables: pinning and unpinning, and loading base pointers. */
#include "guests/bench/bench.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "guests/lib/trap.h"

#define LEAF (PTE_READ_WRITE | PTE_USER)

/* An operation on one table, measured. */
static void mmuext_measure(struct sample *sample, unsigned int command, const void *table)
{
    struct mmuext_op operation = {.cmd = command, .arg1.mfn = mfn_of(table).value};
    uint64_t start = ticks();
    int64_t result = hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
    uint64_t end = ticks();
    EXPECT_RESULT(result, 0);
    sample_add(sample, start, end);
}

/* The table is not mapped writable any more. */
static void pin_and_unpin(const char *pin_name, const char *unpin_name, unsigned int level,
                          const void *table, size_t repeats)
{
    struct sample pin = SAMPLE_NONE, unpin = SAMPLE_NONE;
    for (size_t i = 0; i < repeats; i++) {
        mmuext_measure(&pin, MMUEXT_PIN_L1_TABLE + level - 1, table);
        mmuext_measure(&unpin, MMUEXT_UNPIN_TABLE, table);
    }
    sample_print(pin_name, &pin, 1);
    sample_print(unpin_name, &unpin, 1);
}

/* `count` entries, which map the pages in turn. */
static void table_fill(uint64_t *table, size_t count, const uint8_t *pages, size_t page_count,
                       size_t first_page)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *page = pages + (first_page + i) % page_count * PAGE_SIZE;
        table[i] = pte_make(mfn_of(page), LEAF);
    }
}

TEST(l1_empty)
{
    uint64_t *table = page_alloc();
    EXPECT_RESULT(page_read_only(table), 0);
    pin_and_unpin("pin_l1_empty", "unpin_l1_empty", 1, table, BENCH_REPEATS);
}

TEST(l1_full)
{
    uint64_t *table = page_alloc();
    const uint8_t *pages = page_alloc_many(TABLE_ENTRIES);
    table_fill(table, TABLE_ENTRIES, pages, TABLE_ENTRIES, 0);
    EXPECT_RESULT(page_read_only(table), 0);
    pin_and_unpin("pin_l1_full", "unpin_l1_full", 1, table, BENCH_REPEATS);
}

/*
 * A small process: 1 L4, 2 L3, 3 L2 and 20 L1 with 64 pages each.
 *
 *   L4 --+-- L3 --+-- L2 -- 7 L1
 *        |        +-- L2 -- 7 L1
 *        +-- L3 ----- L2 -- 6 L1
 */
#define TREE_L1_COUNT 20
#define TREE_L1_PAGES 64
#define TREE_PAGES    512

struct tree {
    uint64_t l4[TABLE_ENTRIES];
    uint64_t l3[2][TABLE_ENTRIES];
    uint64_t l2[3][TABLE_ENTRIES];
    uint64_t l1[TREE_L1_COUNT][TABLE_ENTRIES];
};
_Static_assert(sizeof(struct tree) == 26 * PAGE_SIZE, "26 tables, each a page");

static void tables_read_only(const void *first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        EXPECT_RESULT(page_read_only((const uint8_t *)first + i * PAGE_SIZE), 0);
    }
}

static struct tree *tree_new(void)
{
    struct tree *tree = page_alloc_many(sizeof(struct tree) / PAGE_SIZE);
    const uint8_t *pages = page_alloc_many(TREE_PAGES);
    for (size_t i = 0; i < TREE_L1_COUNT; i++) {
        table_fill(tree->l1[i], TREE_L1_PAGES, pages, TREE_PAGES, i * TREE_L1_PAGES);
        tree->l2[i / 7][i % 7] = pte_make(mfn_of(tree->l1[i]), PTE_TABLE);
    }
    for (size_t i = 0; i < 3; i++) {
        tree->l3[i / 2][i % 2] = pte_make(mfn_of(tree->l2[i]), PTE_TABLE);
    }
    for (size_t i = 0; i < 2; i++) {
        tree->l4[i] = pte_make(mfn_of(tree->l3[i]), PTE_TABLE);
    }
    tables_read_only(tree, sizeof(struct tree) / PAGE_SIZE);
    return tree;
}

TEST(l4_tree)
{
    struct tree *tree = tree_new();
    pin_and_unpin("pin_l4_tree", "unpin_l4_tree", 4, tree->l4, BENCH_REPEATS);
}

#define L2_PAGES 256

TEST(l2_over_512_full_l1)
{
    uint64_t *l2 = page_alloc();
    uint64_t(*l1)[TABLE_ENTRIES] = page_alloc_many(TABLE_ENTRIES);
    const uint8_t *pages = page_alloc_many(L2_PAGES);
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        table_fill(l1[i], TABLE_ENTRIES, pages, L2_PAGES, 0);
        l2[i] = pte_make(mfn_of(l1[i]), PTE_TABLE);
    }
    tables_read_only(l1, TABLE_ENTRIES);
    tables_read_only(l2, 1);
    pin_and_unpin("pin_l2_full", "unpin_l2_full", 2, l2, 2);
}

static bool slot_is_ours(size_t slot)
{
    return slot < L4_HOLE_FIRST || slot > L4_HOLE_LAST;
}

/* A second L4 in which the kernel can run: it has all that the bootstrap L4 has. */
static uint64_t *second_l4_new(void)
{
    uint64_t *l4 = page_alloc();
    for (size_t slot = 0; slot < TABLE_ENTRIES; slot++) {
        l4[slot] = slot_is_ours(slot) ? boot_l4()[slot] : 0;
    }
    EXPECT_RESULT(table_pin(4, l4), 0);
    return l4;
}

TEST(base_pointer_pinned)
{
    uint64_t *l4 = second_l4_new();
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        mmuext_measure(&sample, MMUEXT_NEW_BASEPTR, l4);
        mmuext_measure(&sample, MMUEXT_NEW_BASEPTR, boot_l4());
    }
    sample_print("new_base_pinned", &sample, 1);
}

/* One entry, that of the image and the stack: the kernel can run in it, without the pool. Loading
 * it validates it; leaving it drops what validation took. */
TEST(base_pointer_unpinned)
{
    uint64_t *l4 = page_alloc();
    size_t slot = table_index(VIRT_BASE, 4);
    l4[slot] = boot_l4()[slot];
    EXPECT_RESULT(page_read_only(l4), 0);
    struct sample enter = SAMPLE_NONE, leave = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        mmuext_measure(&enter, MMUEXT_NEW_BASEPTR, l4);
        mmuext_measure(&leave, MMUEXT_NEW_BASEPTR, boot_l4());
    }
    sample_print("new_base_unpinned", &enter, 1);
    sample_print("new_base_leave_unpinned", &leave, 1);
}

/* As Linux does it for a process: both base pointers in one mmuext_op, and the kernel stack. */
struct context {
    struct mmuext_op bases[2];
    multicall_entry_t calls[2];
};

static void context_make(struct context *context, const uint64_t *kernel_l4,
                         const uint64_t *user_l4)
{
    static uint8_t stacks[2][PAGE_SIZE] ALIGNED(16);
    static size_t stack;
    context->bases[0] = (struct mmuext_op){
        .cmd = MMUEXT_NEW_BASEPTR,
        .arg1.mfn = mfn_of(kernel_l4).value,
    };
    context->bases[1] = (struct mmuext_op){
        .cmd = MMUEXT_NEW_USER_BASEPTR,
        .arg1.mfn = mfn_of(user_l4).value,
    };
    context->calls[0] = (multicall_entry_t){
        .op = __HYPERVISOR_stack_switch,
        .args = {FLAT_KERNEL_SS, pointer_value(stacks[++stack % 2] + PAGE_SIZE)},
    };
    context->calls[1] = (multicall_entry_t){
        .op = __HYPERVISOR_mmuext_op,
        .args = {pointer_value(context->bases), 2, 0, DOMID_SELF},
    };
}

TEST(context_switch)
{
    static struct context contexts[2];
    context_make(&contexts[0], second_l4_new(), table_new(4));
    context_make(&contexts[1], boot_l4(), table_new(4));
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < 2 * BENCH_REPEATS; i++) {
        struct context *context = &contexts[i % 2];
        uint64_t start = ticks();
        int64_t result = hypercall_multicall(context->calls, 2);
        uint64_t end = ticks();
        EXPECT_RESULT(result, 0);
        EXPECT_RESULT(context->calls[0].result, 0);
        EXPECT_RESULT(context->calls[1].result, 0);
        sample_add(&sample, start, end);
    }
    sample_print("context_switch", &sample, 1);
}

static void flush_measure(const char *name, unsigned int command)
{
    struct mmuext_op operation = {.cmd = command, .arg1.linear_addr = SCRATCH_VA};
    struct sample sample = SAMPLE_NONE;
    for (size_t i = 0; i < BENCH_REPEATS; i++) {
        uint64_t start = ticks();
        int64_t result = hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
        uint64_t end = ticks();
        EXPECT_RESULT(result, 0);
        sample_add(&sample, start, end);
    }
    sample_print(name, &sample, 1);
}

TEST(flushes)
{
    flush_measure("tlb_flush", MMUEXT_TLB_FLUSH_LOCAL);
    flush_measure("invlpg", MMUEXT_INVLPG_LOCAL);
}
