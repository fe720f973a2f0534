/* SPDX-License-Identifier: BSD-2-Clause */
/* Emulated stores to read-only mapped L1 tables (core/pt_store.c): the instructions that Linux uses
 * and a few more, what is refused, and what is not ours. */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include "core/pt_store.h"

static struct domain *domain;
static struct vcpu *vcpu;
static struct fake_guest guest;
static struct cpu_user_regs regs;

#define CODE FAKE_ARGUMENTS
/* Where entry i of the L1 is seen. */
#define ENTRY(i) (FAKE_VA(FAKE_TABLES_AT + 3) + (i) * sizeof(pte_t))

static int setup(void **state)
{
    (void)state;
    fake_start(128);
    domain = fake_domain(1, 1);
    vcpu = domain->vcpus[0];
    fake_guest_build(&guest, domain);
    domain->assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
    memset(&regs, 0, sizeof(regs));
    regs.rflags = 0x202;
    return 0;
}

/* Run the instruction, whose memory operand is (%rdi), as if it had faulted there. */
static bool store(const char *code, size_t length, uint64_t address)
{
    memset(fake.buffers[0].bytes, 0x90, 64);
    memcpy(fake.buffers[0].bytes, code, length);
    regs.rip = CODE;
    regs.rdi = address;
    fake.vcpu = vcpu;
    bool done = pt_emulate_store(vcpu, &regs, address);
    fake.vcpu = NULL;
    assert_int_equal(domain->mmu_lock.next, domain->mmu_lock.serving);
    assert_audit_clean();
    return done;
}
#define STORE(code, address) store(code, sizeof(code) - 1, address)

static pte_t entry(unsigned int index)
{
    return fake_entries(guest.l1)[index];
}

/* ---- instructions -------------------------------------------------------------------------- */

static void mov_stores_an_entry_that_is_counted(void **state)
{
    (void)state;
    regs.rax = pte_make(guest.pages[1], PTE_PRESENT | PTE_WRITABLE).raw;
    assert_true(STORE("\x48\x89\x07", ENTRY(100))); /* mov %rax,(%rdi) */
    assert_int_equal(entry(100).raw, pte_make(guest.pages[1], FAKE_RW).raw);
    assert_int_equal(fake_frame(guest.pages[1])->type_count, 2);
    assert_int_equal(regs.rip, CODE + 3);
}

static void mov_of_an_immediate_clears_an_entry(void **state)
{
    (void)state;
    assert_true(STORE("\x48\xc7\x07\0\0\0\0", ENTRY(0))); /* movq $0,(%rdi) */
    assert_int_equal(entry(0).raw, 0);
    assert_int_equal(fake_frame(guest.pages[0])->ref_count, 1);
    assert_int_equal(regs.rip, CODE + 7);
}

static void xchg_answers_the_old_entry(void **state)
{
    (void)state;
    fake_entries(guest.l1)[2].raw |= PTE_ACCESSED | PTE_DIRTY;
    uint64_t old = entry(2).raw;
    regs.rax = 0;
    assert_true(STORE("\x48\x87\x07", ENTRY(2))); /* xchg %rax,(%rdi) */
    assert_int_equal(regs.rax, old);
    assert_int_equal(entry(2).raw, 0);
}

static void a_byte_and_takes_the_writable_bit_and_keeps_accessed_and_dirty(void **state)
{
    (void)state;
    fake_entries(guest.l1)[3].raw |= PTE_ACCESSED | PTE_DIRTY;
    assert_true(STORE("\xf0\x80\x27\xfd", ENTRY(3))); /* lock andb $0xfd,(%rdi) */
    assert_int_equal(entry(3).raw,
                     pte_make(guest.pages[3], FAKE_RO | PTE_ACCESSED | PTE_DIRTY).raw);
    assert_int_equal(fake_frame(guest.pages[3])->type_count, 0);
    assert_int_equal(fake_frame(guest.pages[3])->ref_count, 2);
    assert_true(STORE("\x3e\x80\x0f\x02", ENTRY(3))); /* ds orb $2,(%rdi): unlocked, patched */
    assert_int_equal(fake_frame(guest.pages[3])->type_count, 1);
}

static void bit_instructions_change_flags_of_the_entry(void **state)
{
    (void)state;
    fake_entries(guest.l1)[4].raw |= PTE_ACCESSED;
    assert_true(STORE("\xf0\x48\x0f\xba\x37\x05", ENTRY(4))); /* lock btrq $5,(%rdi) */
    assert_int_equal(entry(4).raw, pte_make(guest.pages[4], FAKE_RW).raw);
    assert_int_equal(regs.rflags & 1, 1);
    /* A bit offset in a register reaches the next entry: bts %rax,(%rdi) */
    regs.rax = 64 + 6;
    assert_true(STORE("\x48\x0f\xab\x07", ENTRY(4)));
    assert_int_equal(entry(5).raw, pte_make(guest.pages[5], FAKE_RW | PTE_DIRTY).raw);
}

static void cmpxchg_stores_only_on_a_match(void **state)
{
    (void)state;
    regs.rax = entry(6).raw ^ 1;
    regs.rdx = 0;
    uint64_t old = entry(6).raw;
    assert_true(STORE("\xf0\x48\x0f\xb1\x17", ENTRY(6))); /* lock cmpxchg %rdx,(%rdi) */
    assert_int_equal(entry(6).raw, old);
    assert_int_equal(regs.rax, old);
    assert_true(STORE("\xf0\x48\x0f\xb1\x17", ENTRY(6)));
    assert_int_equal(entry(6).raw, 0);
    assert_int_equal(fake_frame(guest.pages[6])->ref_count, 1);
}

static void partial_stores_replace_part_of_the_entry(void **state)
{
    (void)state;
    regs.rax = UINT64_C(0x80100000);              /* no-execute, and the kernel mark as it was */
    assert_true(STORE("\x89\x07", ENTRY(7) + 4)); /* mov %eax,(%rdi): the upper half */
    assert_int_equal(entry(7).raw >> 32, 0x80100000);
    assert_int_equal(entry(7).raw & 0xffffffff, pte_make(guest.pages[7], FAKE_RW).raw & 0xffffffff);
    regs.rax = 0;
    assert_true(STORE("\x66\x89\x07", ENTRY(8))); /* mov %ax,(%rdi) */
    assert_false(pte_is_present(entry(8)));
    assert_int_equal(fake_frame(guest.pages[8])->ref_count, 1);
}

static void string_instructions_do_one_entry_at_a_time(void **state)
{
    (void)state;
    regs.rax = 0;
    regs.rcx = 2;
    assert_true(STORE("\xf3\x48\xab", ENTRY(9))); /* rep stosq */
    assert_int_equal(entry(9).raw, 0);
    assert_int_not_equal(entry(10).raw, 0);
    assert_int_equal(regs.rcx, 1);
    assert_int_equal(regs.rip, CODE);
    assert_int_equal(regs.rdi, ENTRY(10));
    /* movsq from another page */
    regs.rsi = FAKE_VA(11);
    fake_entries(guest.pages[11])[0] = pte_make(guest.pages[12], FAKE_RO);
    assert_true(STORE("\x48\xa5", ENTRY(101)));
    assert_int_equal(entry(101).raw, pte_make(guest.pages[12], FAKE_RO).raw);
    regs.rsi = FAKE_VA(300);
    assert_false(STORE("\x48\xa5", ENTRY(102)));
}

static void code_may_end_where_nothing_is_mapped(void **state)
{
    (void)state;
    uint8_t *code = (uint8_t *)fake_entries(guest.pages[15]);
    memcpy(code + PAGE_SIZE - 3, "\x48\x89\x07", 3);
    regs.rip = FAKE_VA(16) - 3;
    regs.rax = 0;
    regs.rdi = ENTRY(0);
    fake.vcpu = vcpu;
    assert_true(pt_emulate_store(vcpu, &regs, ENTRY(0)));
    assert_int_equal(entry(0).raw, 0);
    regs.rip = FAKE_VA(16) - 1; /* cut off */
    assert_false(pt_emulate_store(vcpu, &regs, ENTRY(1)));
    regs.rip = HYPERVISOR_VIRT_START;
    assert_false(pt_emulate_store(vcpu, &regs, ENTRY(1)));
    assert_audit_clean();
}

static void segment_bases_count(void **state)
{
    (void)state;
    fake.gs_base = ENTRY(0);
    regs.rax = 0;
    regs.rip = CODE;
    memcpy(fake.buffers[0].bytes, "\x65\x48\x89\x07", 4); /* mov %rax,%gs:(%rdi) */
    regs.rdi = 8;
    fake.vcpu = vcpu;
    assert_true(pt_emulate_store(vcpu, &regs, ENTRY(1)));
    assert_int_equal(entry(1).raw, 0);
    assert_int_not_equal(entry(0).raw, 0);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void assert_refused(const char *code, size_t length, uint64_t address)
{
    struct fake_snapshot *before = fake_snapshot();
    struct cpu_user_regs registers = regs;
    registers.rip = CODE;
    registers.rdi = address;
    assert_false(store(code, length, address));
    assert_memory_equal(&regs, &registers, sizeof(regs));
    assert_unchanged(before);
}
#define REFUSED(code, address) assert_refused(code, sizeof(code) - 1, address)

static void refused_entries_are_the_guests_fault(void **state)
{
    (void)state;
    struct domain *stranger = fake_domain(2, 1);
    const uint64_t values[] = {pte_make(guest.l1, FAKE_RW).raw,
                               pte_make(guest.l4, FAKE_RW).raw,
                               pte_make(fake_give(stranger), FAKE_RO).raw,
                               pte_make(mfn_make(FAKE_HYPERVISOR), FAKE_RO).raw,
                               pte_make(mfn_make(0), FAKE_RO).raw,
                               pte_make(guest.pages[0], FAKE_RO | PTE_PCD).raw};
    for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
        regs.rax = values[i];
        REFUSED("\x48\x89\x07", ENTRY(100));
        REFUSED("\x48\x87\x07", ENTRY(0));
    }
    assert_int_equal(fake.refusal.count, 12);
    assert_string_equal(fake.refusal.about.what, "store to an L1 entry");
}

static void stores_that_are_not_aligned_are_not_ours(void **state)
{
    (void)state;
    regs.rax = 0;
    for (unsigned int offset = 1; offset < 8; offset++) {
        REFUSED("\x48\x89\x07", ENTRY(3) + offset);
    }
    REFUSED("\x66\x89\x07", ENTRY(3) + 1);
    REFUSED("\x89\x07", ENTRY(3) + 2);
}

static void a_store_to_another_page_than_the_one_that_faulted_is_not_ours(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    memcpy(fake.buffers[0].bytes, "\x48\x89\x07", 3);
    regs.rip = CODE;
    regs.rdi = ENTRY(3) + PAGE_SIZE;
    fake.vcpu = vcpu;
    assert_false(pt_emulate_store(vcpu, &regs, ENTRY(3)));
    assert_unchanged(before);
}

static void only_l1_tables_are_emulated(void **state)
{
    (void)state;
    regs.rax = 0;
    for (unsigned int i = 0; i < 3; i++) {
        REFUSED("\x48\x89\x07", FAKE_VA(FAKE_TABLES_AT + i)); /* L4, L3, L2 */
    }
    REFUSED("\x48\x89\x07", FAKE_VA(0));   /* writable */
    REFUSED("\x48\x89\x07", FAKE_VA(300)); /* not mapped */
    REFUSED("\x48\x89\x07", UINT64_C(1) << 39);
    REFUSED("\x48\x89\x07", HYPERVISOR_VIRT_START);
    REFUSED("\x48\x89\x07", UINT64_C(0x0000800000000000));
    /* Read-only data is no table. */
    assert_int_equal(do_va(vcpu, FAKE_VA(200), pte_make(fake_give(domain), FAKE_RO), 0), 0);
    REFUSED("\x48\x89\x07", FAKE_VA(200));
}

static void another_domains_table_is_not_emulated(void **state)
{
    (void)state;
    struct domain *other = fake_domain(2, 1);
    struct fake_guest second;
    fake_guest_build(&second, other);
    domain->is_control = true;
    uint64_t arg[6] = {FAKE_VA(200), pte_make(second.l1, FAKE_RO).raw, 0, 2};
    assert_int_equal(fake_call(call_update_va_mapping_otherdomain, vcpu, arg), 0);
    regs.rax = 0;
    REFUSED("\x48\x89\x07", FAKE_VA(200));
}

static void without_the_assist_nothing_is_emulated(void **state)
{
    (void)state;
    domain->assists = 0;
    regs.rax = 0;
    REFUSED("\x48\x89\x07", ENTRY(3));
    domain->has_io = true;
    REFUSED("\x48\x89\x07", ENTRY(3));
}

/* One that the domain may look at and not change. */
static void map_device_at(unsigned int index)
{
    machine_add_io_range(mfn_make(500), mfn_make(500), IO_READ_ONLY);
    domain->has_io = true;
    domain->is_control = true;
    uint64_t arg[6] = {FAKE_VA(index), pte_make(mfn_make(500), FAKE_RW).raw, 0, DOMID_IO};
    assert_int_equal(fake_call(call_update_va_mapping_otherdomain, vcpu, arg), 0);
    assert_false(pte_is_writable(entry(index)));
}

/* That needs no assist. */
static void a_store_to_a_device_that_may_only_be_read_is_passed_over(void **state)
{
    (void)state;
    domain->assists = 0;
    map_device_at(200);
    uint64_t before;
    assert_true(fake_guest_read(0, vcpu, FAKE_VA(200), &before));
    regs.rax = ~before;
    assert_true(STORE("\x48\x89\x07", FAKE_VA(200)));
    assert_int_equal(regs.rip, CODE + 3);
    assert_true(STORE("\x48\x87\x07", FAKE_VA(200) + 8)); /* xchg %rax,(%rdi) */
    assert_int_equal(regs.rax, before);
    uint64_t after;
    assert_true(fake_guest_read(0, vcpu, FAKE_VA(200), &after));
    assert_int_equal(after, before);
    /* Not where the fault was; not aligned. */
    REFUSED("\x48\x89\x47\x08", FAKE_VA(200)); /* mov %rax,8(%rdi) */
    REFUSED("\x48\x89\x07", FAKE_VA(200) + 4);
    fake.fail_copy_at = fake.copies + 2; /* behind the instruction, what it reads */
    REFUSED("\x48\x87\x07", FAKE_VA(200));
}

/* A hole in the frame table, as many machines have below 4 GiB. */
static void a_device_below_the_end_of_ram_is_one(void **state)
{
    (void)state;
    mfn_t device = mfn_make(FAKE_IO_FIRST + 1);
    machine_add_io_range(device, device, IO_READ_ONLY);
    domain->has_io = true;
    domain->is_control = true;
    uint64_t arg[6] = {FAKE_VA(200), pte_make(device, FAKE_RW).raw, 0, DOMID_IO};
    assert_int_equal(fake_call(call_update_va_mapping_otherdomain, vcpu, arg), 0);
    assert_true(STORE("\x48\x89\x07", FAKE_VA(200)));
    assert_int_equal(regs.rip, CODE + 3);
}

static void a_store_to_a_device_whose_operands_cannot_be_read_faults(void **state)
{
    (void)state;
    map_device_at(200);
    regs.rsi = FAKE_VA(300);
    REFUSED("\x48\xa5", FAKE_VA(200));     /* movsq */
    fake.fail_copy_at = fake.copies + 2;   /* the first one fetches the instruction */
    REFUSED("\x48\x87\x07", FAKE_VA(200)); /* xchg %rax,(%rdi) */
    assert_true(STORE("\x48\x87\x07", FAKE_VA(200)));
}

/* The other I/O memory is the domain's to write or not to. */
static void other_read_only_mappings_of_devices_fault(void **state)
{
    (void)state;
    domain->has_io = true;
    domain->is_control = true;
    uint64_t arg[6] = {FAKE_VA(200), pte_make(mfn_make(501), FAKE_RO).raw, 0, DOMID_IO};
    assert_int_equal(fake_call(call_update_va_mapping_otherdomain, vcpu, arg), 0);
    REFUSED("\x48\x89\x07", FAKE_VA(200));
}

static void other_instructions_are_not_ours(void **state)
{
    (void)state;
    REFUSED("\x48\x8b\x07", ENTRY(3));     /* mov (%rdi),%rax */
    REFUSED("\x0f\x29\x07", ENTRY(2));     /* movaps %xmm0,(%rdi) */
    REFUSED("\x0f\x0b", ENTRY(3));         /* ud2 */
    REFUSED("\x48\x0f\xc7\x0f", ENTRY(2)); /* cmpxchg16b (%rdi) */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mov_stores_an_entry_that_is_counted),
        TEST(mov_of_an_immediate_clears_an_entry),
        TEST(xchg_answers_the_old_entry),
        TEST(a_byte_and_takes_the_writable_bit_and_keeps_accessed_and_dirty),
        TEST(bit_instructions_change_flags_of_the_entry),
        TEST(cmpxchg_stores_only_on_a_match),
        TEST(partial_stores_replace_part_of_the_entry),
        TEST(string_instructions_do_one_entry_at_a_time),
        TEST(code_may_end_where_nothing_is_mapped),
        TEST(segment_bases_count),
        TEST(refused_entries_are_the_guests_fault),
        TEST(stores_that_are_not_aligned_are_not_ours),
        TEST(a_store_to_another_page_than_the_one_that_faulted_is_not_ours),
        TEST(only_l1_tables_are_emulated),
        TEST(another_domains_table_is_not_emulated),
        TEST(without_the_assist_nothing_is_emulated),
        TEST(a_store_to_a_device_that_may_only_be_read_is_passed_over),
        TEST(a_device_below_the_end_of_ram_is_one),
        TEST(a_store_to_a_device_whose_operands_cannot_be_read_faults),
        TEST(other_read_only_mappings_of_devices_fault),
        TEST(other_instructions_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
