/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writable page tables (vm_assist 2): a kernel's stores to a live L1, through a read-only mapping,
 * are carried out by the hypervisor. Each form runs twice, once on plain memory and once on the
 * table: memory, registers and flags must come out the same, but for the bits that the hypervisor
 * adds. Plain memory is the oracle, so an emulated instruction that differs from the processor's
 * own in any register, flag or byte is found.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"
#include "lib/string.h"

#define FLAGS_ARITHMETIC UINT64_C(0x8d5) /* OF SF ZF AF PF CF */
#define FLAGS_LOGIC      UINT64_C(0x8c5) /* AF is undefined */
#define FLAGS_BIT_TEST   UINT64_C(0x041) /* CF, and ZF unchanged */

/* rdi: the entry. rax, rcx, rdx: operands of the case. */
SNIPPET(mov_8, "movq %rax, (%rdi)");
SNIPPET(mov_4_low, "movl %eax, (%rdi)");
SNIPPET(mov_4_high, "movl %eax, 4(%rdi)");
SNIPPET(mov_2, "movw %ax, (%rdi)");
SNIPPET(mov_1, "movb %al, (%rdi)");
SNIPPET(mov_1_of_second_byte, "movb %ah, 1(%rdi)");
SNIPPET(mov_1_of_last_byte, "movb %al, 7(%rdi)");
SNIPPET(mov_8_immediate, "movq $0x7ffffff0, (%rdi)");
SNIPPET(mov_8_negative_immediate, "movq $-16, (%rdi)");
SNIPPET(mov_4_immediate, "movl $0x7ffffff0, (%rdi)");
SNIPPET(mov_2_immediate, "movw $0x60, (%rdi)");
SNIPPET(mov_1_immediate, "movb $0x60, (%rdi)");
SNIPPET(mov_8_indexed, "leaq -0x78(%rdi), %rsi\n movq %rcx, %rdx\n movl $15, %ecx\n"
                       "movq %rax, (%rsi,%rcx,8)\n movq %rdx, %rcx");
SNIPPET(mov_8_r15_r12, "movq %rdi, %r12\n movq %rax, %r15\n movq %r15, (%r12)");
SNIPPET(mov_8_rip_relative_neighbour, "movq %rax, 0x10(%rdi)\n movq %rax, -0x10(%rdi)");
SNIPPET(mov_absolute_prefix, ".byte 0x3e\n movq %rax, (%rdi)");
SNIPPET(movnti_8, "movnti %rax, (%rdi)");
SNIPPET(movnti_4, "movnti %eax, (%rdi)");
SNIPPET(stosq_once, "movq %rdi, %rsi\n stosq\n subq $8, %rdi");
SNIPPET(stosb_once, "stosb\n decq %rdi");
SNIPPET(movsq_once, "leaq 1f(%rip), %rsi\n movsq\n subq $8, %rdi\n xorl %esi, %esi\n ret\n"
                    ".balign 8\n1: .quad 0x123456789abcde0");
SNIPPET(setnc_1, "stc\n setnc (%rdi)");
SNIPPET(xchg_8, "xchgq %rax, (%rdi)");
SNIPPET(xchg_4, "xchgl %eax, (%rdi)");
SNIPPET(xchg_2, "xchgw %ax, (%rdi)");
SNIPPET(xchg_1, "xchgb %al, (%rdi)");
SNIPPET(lock_and_1, "lock andb $0xfd, (%rdi)");
SNIPPET(and_1_ds, ".byte 0x3e\n andb $0xfd, (%rdi)");
SNIPPET(lock_and_2, "lock andw $0xfffd, (%rdi)");
SNIPPET(lock_and_4, "lock andl $0xfffffffd, (%rdi)");
SNIPPET(lock_and_8, "lock andq $-3, (%rdi)");
SNIPPET(and_8_register, "andq %rax, (%rdi)");
SNIPPET(and_8_ds, ".byte 0x3e\n andq $-3, (%rdi)");
SNIPPET(lock_or_1, "lock orb $0x40, (%rdi)");
SNIPPET(lock_or_2, "lock orw $0x200, (%rdi)");
SNIPPET(lock_or_4, "lock orl $0x400, (%rdi)");
SNIPPET(lock_or_8, "lock orq $0x60, (%rdi)");
SNIPPET(or_8_register, "orq %rcx, (%rdi)");
SNIPPET(or_4_ds, ".byte 0x3e\n orl $0x400, (%rdi)");
SNIPPET(lock_xor_1, "lock xorb $0x40, (%rdi)");
SNIPPET(lock_xor_8, "lock xorq %rcx, (%rdi)");
SNIPPET(lock_bts, "lock btsq $6, (%rdi)");
SNIPPET(lock_btr, "lock btrq $5, (%rdi)");
SNIPPET(lock_btc, "lock btcq $9, (%rdi)");
SNIPPET(lock_btr_4, "lock btrl $6, (%rdi)");
SNIPPET(bts_ds, ".byte 0x3e\n btsq $6, (%rdi)");
SNIPPET(btr_ds, ".byte 0x3e\n btrq $5, (%rdi)");
SNIPPET(lock_btr_register, "lock btrq %rcx, (%rdi)");
SNIPPET(lock_bts_register_beyond, "subq $16, %rdi\n lock btsq %rdx, (%rdi)\n addq $16, %rdi");
SNIPPET(lock_cmpxchg_8, "lock cmpxchgq %rcx, (%rdi)");
SNIPPET(lock_cmpxchg_4, "lock cmpxchgl %ecx, (%rdi)");
SNIPPET(lock_cmpxchg_1, "lock cmpxchgb %cl, (%rdi)");
SNIPPET(cmpxchg_8_ds, ".byte 0x3e\n cmpxchgq %rcx, (%rdi)");
SNIPPET(lock_cmpxchg8b, "xorl %ebx, %ebx\n xorl %ecx, %ecx\n lock cmpxchg8b (%rdi)");
SNIPPET(lock_xadd_8, "lock xaddq %rdx, (%rdi)");
SNIPPET(xadd_8_ds, ".byte 0x3e\n xaddq %rdx, (%rdi)");
SNIPPET(lock_add_8, "lock addq %rdx, (%rdi)");
SNIPPET(add_1, "addb $2, (%rdi)");
SNIPPET(adc_8, "stc\n adcq $1, (%rdi)");
SNIPPET(lock_sub_8, "lock subq %rdx, (%rdi)");
SNIPPET(sbb_8, "stc\n sbbq $1, (%rdi)");
SNIPPET(lock_inc_8, "lock incq (%rdi)");
SNIPPET(inc_1_ds, ".byte 0x3e\n incb (%rdi)");
SNIPPET(lock_dec_8, "lock decq (%rdi)");
SNIPPET(lock_not_8, "lock notq (%rdi)");
SNIPPET(not_8_ds, ".byte 0x3e\n notq (%rdi)");
SNIPPET(lock_neg_8, "lock negq (%rdi)");
SNIPPET(neg_4, "negl (%rdi)");
SNIPPET(shl_8, "shlq $1, (%rdi)");
SNIPPET(sar_8_by_cl, "movb $4, %cl\n sarq %cl, (%rdi)");

/* What the entry holds before: nothing is present in EMPTY and EVEN. */
enum before { EMPTY, EVEN, MAPPED };

struct form {
    const char *name;
    void (*snippet)(void);
    enum before before;
    uint64_t flags; /* the flags that the instruction defines */
};

#define FORM(snippet, before, flags)                                                               \
    {                                                                                              \
#snippet, snippet, before, flags                                                           \
    }

static const struct form forms[] = {
    FORM(mov_8, EMPTY, FLAGS_ARITHMETIC),
    FORM(mov_8, MAPPED, FLAGS_ARITHMETIC),
    FORM(mov_4_low, EMPTY, FLAGS_ARITHMETIC),
    FORM(mov_4_high, EMPTY, FLAGS_ARITHMETIC),
    FORM(mov_2, EVEN, FLAGS_ARITHMETIC),
    FORM(mov_1, EVEN, FLAGS_ARITHMETIC),
    FORM(mov_1_of_second_byte, EVEN, FLAGS_ARITHMETIC),
    FORM(mov_1_of_last_byte, EVEN, FLAGS_ARITHMETIC),
    FORM(mov_8_immediate, MAPPED, FLAGS_ARITHMETIC),
    FORM(mov_8_negative_immediate, MAPPED, FLAGS_ARITHMETIC),
    FORM(mov_4_immediate, MAPPED, FLAGS_ARITHMETIC),
    FORM(mov_2_immediate, MAPPED, FLAGS_ARITHMETIC),
    FORM(mov_1_immediate, MAPPED, FLAGS_ARITHMETIC),
    FORM(mov_8_indexed, EMPTY, FLAGS_ARITHMETIC),
    FORM(mov_8_r15_r12, EMPTY, FLAGS_ARITHMETIC),
    FORM(mov_8_rip_relative_neighbour, EMPTY, FLAGS_ARITHMETIC),
    FORM(mov_absolute_prefix, EMPTY, FLAGS_ARITHMETIC),
    FORM(movnti_8, EMPTY, FLAGS_ARITHMETIC),
    FORM(movnti_4, EVEN, FLAGS_ARITHMETIC),
    FORM(stosq_once, EMPTY, FLAGS_ARITHMETIC),
    FORM(stosb_once, EVEN, FLAGS_ARITHMETIC),
    FORM(movsq_once, MAPPED, FLAGS_ARITHMETIC),
    FORM(setnc_1, EVEN, FLAGS_ARITHMETIC),
    FORM(xchg_8, MAPPED, FLAGS_ARITHMETIC),
    FORM(xchg_4, EVEN, FLAGS_ARITHMETIC),
    FORM(xchg_2, EVEN, FLAGS_ARITHMETIC),
    FORM(xchg_1, EVEN, FLAGS_ARITHMETIC),
    FORM(lock_and_1, MAPPED, FLAGS_LOGIC),
    FORM(and_1_ds, MAPPED, FLAGS_LOGIC),
    FORM(lock_and_2, MAPPED, FLAGS_LOGIC),
    FORM(lock_and_4, MAPPED, FLAGS_LOGIC),
    FORM(lock_and_8, MAPPED, FLAGS_LOGIC),
    FORM(and_8_register, EVEN, FLAGS_LOGIC),
    FORM(and_8_ds, MAPPED, FLAGS_LOGIC),
    FORM(lock_or_1, MAPPED, FLAGS_LOGIC),
    FORM(lock_or_2, MAPPED, FLAGS_LOGIC),
    FORM(lock_or_4, MAPPED, FLAGS_LOGIC),
    FORM(lock_or_8, MAPPED, FLAGS_LOGIC),
    FORM(or_8_register, EMPTY, FLAGS_LOGIC),
    FORM(or_4_ds, MAPPED, FLAGS_LOGIC),
    FORM(lock_xor_1, MAPPED, FLAGS_LOGIC),
    FORM(lock_xor_8, EMPTY, FLAGS_LOGIC),
    FORM(lock_bts, MAPPED, FLAGS_BIT_TEST),
    FORM(lock_btr, MAPPED, FLAGS_BIT_TEST),
    FORM(lock_btc, MAPPED, FLAGS_BIT_TEST),
    FORM(lock_btr_4, MAPPED, FLAGS_BIT_TEST),
    FORM(bts_ds, MAPPED, FLAGS_BIT_TEST),
    FORM(btr_ds, MAPPED, FLAGS_BIT_TEST),
    FORM(lock_btr_register, EVEN, FLAGS_BIT_TEST),
    FORM(lock_bts_register_beyond, EVEN, FLAGS_BIT_TEST),
    FORM(lock_cmpxchg_8, EMPTY, FLAGS_ARITHMETIC),
    FORM(lock_cmpxchg_8, MAPPED, FLAGS_ARITHMETIC),
    FORM(lock_cmpxchg_8, EVEN, FLAGS_ARITHMETIC),
    FORM(lock_cmpxchg_4, EVEN, FLAGS_ARITHMETIC),
    FORM(lock_cmpxchg_1, EVEN, FLAGS_ARITHMETIC),
    FORM(cmpxchg_8_ds, MAPPED, FLAGS_ARITHMETIC),
    FORM(lock_cmpxchg8b, EVEN, RFLAGS_ZF),
    FORM(lock_xadd_8, EVEN, FLAGS_ARITHMETIC),
    FORM(xadd_8_ds, EVEN, FLAGS_ARITHMETIC),
    FORM(lock_add_8, EVEN, FLAGS_ARITHMETIC),
    FORM(add_1, EVEN, FLAGS_ARITHMETIC),
    FORM(adc_8, EVEN, FLAGS_ARITHMETIC),
    FORM(lock_sub_8, EVEN, FLAGS_ARITHMETIC),
    FORM(sbb_8, MAPPED, FLAGS_ARITHMETIC),
    FORM(lock_inc_8, EVEN, FLAGS_ARITHMETIC),
    FORM(inc_1_ds, EVEN, FLAGS_ARITHMETIC),
    FORM(lock_dec_8, MAPPED, FLAGS_ARITHMETIC),
    FORM(lock_not_8, MAPPED, FLAGS_ARITHMETIC),
    FORM(not_8_ds, MAPPED, FLAGS_ARITHMETIC),
    FORM(lock_neg_8, EVEN, FLAGS_ARITHMETIC),
    FORM(neg_4, EVEN, FLAGS_ARITHMETIC),
    FORM(shl_8, EVEN, FLAGS_LOGIC & ~UINT64_C(0x800)),
    FORM(sar_8_by_cl, EVEN, FLAGS_LOGIC & ~UINT64_C(0x801)),
};

/* The bits that are added to an acceptable L1 entry. */
static uint64_t adjusted(uint64_t pte)
{
    if ((pte & PTE_PRESENT) == 0) {
        return pte;
    }
    if ((pte & PTE_USER) == 0) {
        return pte | PTE_USER | PTE_GUEST_KERNEL;
    }
    return (pte & PTE_GUEST_KERNEL) != 0 ? pte : pte | PTE_GLOBAL;
}

#define ENTRY 64

struct stage {
    uint64_t *plain;
    uint64_t *table;
    uint64_t mapped; /* an entry as the table holds it */
};

static struct stage stage_create(void)
{
    struct stage stage = {.plain = page_alloc(), .table = page_alloc()};
    EXPECT_RESULT(table_pin(1, stage.table), 0);
    EXPECT_RESULT(entry_set(stage.table, 0, pte_make(mfn_of(page_alloc()), PTE_READ_WRITE)), 0);
    stage.mapped = stage.table[0];
    EXPECT_RESULT(entry_set(stage.table, 0, 0), 0);
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    return stage;
}

static uint64_t value_before(const struct stage *stage, enum before before)
{
    switch (before) {
    case EMPTY:
        return 0;
    case EVEN:
        return stage->mapped & ~PTE_PRESENT;
    case MAPPED:
        return stage->mapped;
    }
    return 0;
}

static struct registers run_on(const struct stage *stage, const struct form *form, uint64_t *memory)
{
    struct registers registers = {
        .rdi = pointer_value(memory + ENTRY),
        .rax = stage->mapped,
        .rcx = form->before == EMPTY ? stage->mapped : 2,
        .rdx = 0x80 + 6,
        .rflags = RFLAGS_FIXED,
    };
    if (form->snippet == lock_xadd_8 || form->snippet == xadd_8_ds || form->snippet == lock_add_8) {
        registers.rdx = 1;
    } else if (form->snippet == lock_sub_8) {
        registers.rdx = 2;
    }
    struct trap trap = snippet_try(form->snippet, &registers);
    if (trap.raised) {
        test_fail(__FILE__, __LINE__, "%s met %s error %#lx cr2 %#lx", form->name,
                  trap_name(trap.vector), trap.error, trap.cr2);
    }
    return registers;
}

/* Registers that hold addresses of the two memories differ as these do. */
static void expect_same_registers(const struct form *form, const struct registers *plain,
                                  const struct registers *table, uint64_t distance)
{
    const uint64_t *a = &plain->r15, *b = &table->r15;
    for (size_t i = 0; i < 15; i++) {
        if (a[i] != b[i] && a[i] + distance != b[i]) {
            test_fail(__FILE__, __LINE__, "%s: register %u is %#lx, on plain memory %#lx",
                      form->name, (unsigned int)i, b[i], a[i]);
        }
    }
    if (((plain->rflags ^ table->rflags) & form->flags) != 0) {
        test_fail(__FILE__, __LINE__, "%s: flags are %#lx, on plain memory %#lx", form->name,
                  table->rflags, plain->rflags);
    }
}

static void form_check(const struct stage *stage, const struct form *form)
{
    uint64_t before = value_before(stage, form->before);
    stage->plain[ENTRY] = before;
    EXPECT_RESULT(entry_set(stage->table, ENTRY, before), 0);

    struct registers plain = run_on(stage, form, stage->plain);
    struct registers table = run_on(stage, form, stage->table);

    const volatile uint64_t *result = stage->table;
    for (size_t i = ENTRY - 2; i <= ENTRY + 2; i++) {
        if (result[i] != adjusted(stage->plain[i])) {
            test_fail(__FILE__, __LINE__, "%s: entry %d holds %#lx, plain memory %#lx", form->name,
                      (int)i - ENTRY, result[i], stage->plain[i]);
        }
        stage->plain[i] = 0;
        EXPECT_RESULT(entry_set(stage->table, i, 0), 0);
    }
    expect_same_registers(form, &plain, &table,
                          pointer_value(stage->table) - pointer_value(stage->plain));
}

TEST(every_form_of_store_to_a_live_l1_acts_as_on_plain_memory)
{
    struct stage stage = stage_create();
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        form_check(&stage, &forms[i]);
    }
}

TEST(emulated_store_counts_the_mapping)
{
    struct stage stage = stage_create();
    uint64_t *page = page_alloc();
    EXPECT_RESULT(page_read_only(page), 0);
    volatile uint64_t *entry = &stage.table[3];

    *entry = pte_make(mfn_of(page), PTE_READ_WRITE);
    EXPECT_RESULT(pin(1, page), -XEN_EINVAL);
    *entry = pte_make(mfn_of(page), PTE_READ_ONLY);
    EXPECT_RESULT(pin(1, page), 0);
    *entry = 0;
    EXPECT_EQUAL(*entry, 0);
}

TEST(emulated_store_takes_effect_in_the_address_space)
{
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    uint64_t *page = page_alloc();
    page[0] = 0x99;
    volatile uint64_t *entry = &scratch_l1[0];
    *entry = pte_make(mfn_of(page), PTE_READ_ONLY);
    EXPECT_EQUAL(*(volatile uint64_t *)SCRATCH_VA, 0x99);
}

TEST(refused_store_faults_and_changes_nothing)
{
    struct stage stage = stage_create();
    uint64_t refused[] = {
        pte_make(mfn_of(pool_l2), PTE_READ_WRITE),
        pte_make(mfn_of(stage.table), PTE_READ_WRITE),
        pte_make(mfn_make(UINT64_C(0xffffffffff)), PTE_READ_ONLY),
        pte_make(mfn_make(0xfee00), PTE_READ_ONLY),
    };
    uint64_t va = pointer_value(&stage.table[5]);
    EXPECT_RESULT(entry_set(stage.table, 5, stage.mapped), 0);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        EXPECT_PAGE_FAULT(trap_try_write(va, refused[i]), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE,
                          va);
        EXPECT_EQUAL(((volatile uint64_t *)stage.table)[5], stage.mapped);
    }
}

TEST(without_the_assist_a_store_faults)
{
    if ((start_info->flags & SIF_INITDOMAIN) != 0) {
        test_skip("the first domain's stores may be emulated without the assist too");
    }
    struct stage stage = stage_create();
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), 0);
    uint64_t va = pointer_value(&stage.table[5]);
    EXPECT_PAGE_FAULT(trap_try_write(va, 0), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE, va);
}

TEST(stores_to_upper_tables_fault)
{
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    for (unsigned int level = 2; level <= 4; level++) {
        uint64_t va = pointer_value(table_new(level));
        EXPECT_PAGE_FAULT(trap_try_write(va, 0), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE, va);
    }
}

TEST(stores_to_read_only_plain_and_descriptor_pages_fault)
{
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    uint64_t *page = page_alloc();
    uint64_t va = pointer_value(page);
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_PAGE_FAULT(trap_try_write(va, 0), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE, va);
    uint64_t frame = mfn_of(page).value;
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);
    EXPECT_PAGE_FAULT(trap_try_write(va, 0), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE, va);
}

SNIPPET(store_unaligned, "movq %rax, 4(%rdi)");
SNIPPET(store_unaligned_2, "movw %ax, 1(%rdi)");
SNIPPET(store_16, "movups %xmm0, (%rdi)");
SNIPPET(compare_exchange_16, "lock cmpxchg16b (%rdi)");

TEST(stores_that_are_not_whole_and_aligned_fault)
{
    struct stage stage = stage_create();
    EXPECT_RESULT(hypercall_fpu_taskswitch(0), 0);
    void (*const snippets[])(void) = {store_unaligned, store_unaligned_2, store_16};
    uint64_t va = pointer_value(&stage.table[ENTRY]);
    for (size_t i = 0; i < ARRAY_SIZE(snippets); i++) {
        struct registers registers = {.rdi = va, .rflags = RFLAGS_FIXED};
        struct trap trap = snippet_try(snippets[i], &registers);
        EXPECT_TRAP(trap, TRAP_PAGE_FAULT, PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
        EXPECT_EQUAL(stage.table[ENTRY], 0);
        EXPECT_EQUAL(stage.table[ENTRY + 1], 0);
    }
}

TEST(compare_exchange_of_16_bytes_faults)
{
    struct stage stage = stage_create();
    uint64_t va = pointer_value(&stage.table[ENTRY]);
    struct registers registers = {.rdi = va, .rbx = 2, .rcx = 2, .rflags = RFLAGS_FIXED};
    EXPECT_PAGE_FAULT(snippet_try(compare_exchange_16, &registers),
                      PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE, va);
    EXPECT_EQUAL(stage.table[ENTRY], 0);
}

SNIPPET(store_4, "movl %eax, (%rdi)");
SNIPPET(user_store, "movq %rax, (%rdi)\n syscall");

TEST(user_mode_cannot_store_to_a_table)
{
    struct user_space space = user_space_create();
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    size_t index = table_index(USER_DATA_VA, 1);
    EXPECT_RESULT(entry_set(space.l1, index, pte_make(mfn_of(space.l1), PTE_PRESENT | PTE_USER)),
                  0);
    struct registers registers = {.rdi = USER_DATA_VA};
    EXPECT_PAGE_FAULT(user_run(user_store, &registers),
                      PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE | PAGE_FAULT_USER, USER_DATA_VA);
}

SNIPPET(store_single_stepped, "pushfq\n orl $0x100, (%rsp)\n popfq\n movq %rax, (%rdi)\n nop");

TEST(single_step_over_an_emulated_store_stops_behind_it)
{
    struct stage stage = stage_create();
    struct registers registers = {
        .rdi = pointer_value(&stage.table[ENTRY]),
        .rax = 0x1230,
        .rflags = RFLAGS_FIXED,
    };
    struct trap trap = snippet_try(store_single_stepped, &registers);
    EXPECT_TRAP(trap, TRAP_DEBUG, 0);
    EXPECT_EQUAL(stage.table[ENTRY], 0x1230);
    EXPECT_EQUAL(*(const uint8_t *)trap.frame.rip, 0x90); /* the NOP */
}

/* The first word of an I/O APIC says which of its registers the other one shows. */
TEST(store_to_a_device_that_may_only_be_read_is_passed_over)
{
    test_needs_first_domain();
    if (va_set(SCRATCH_VA, pte_make(mfn_make(0xfec00), PTE_READ_WRITE)) != 0) {
        test_skip("no I/O APIC that can be mapped");
    }
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), 0);
    volatile uint32_t *selector = (volatile uint32_t *)SCRATCH_VA;
    uint32_t before = *selector;
    struct registers registers = {.rdi = SCRATCH_VA, .rax = before ^ 1, .rflags = RFLAGS_FIXED};
    EXPECT_NO_TRAP(snippet_try(store_4, &registers));
    EXPECT_EQUAL(*selector, before);
    registers.rdi = SCRATCH_VA + 2;
    EXPECT_PAGE_FAULT(snippet_try(store_4, &registers), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE,
                      SCRATCH_VA + 2);
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
}
