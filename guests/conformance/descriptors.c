/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GDT and LDT. Descriptor frames are a type of their own: what the processor reads as a descriptor
 * the guest must not be able to write, and every descriptor in it was looked at. LSL is the probe:
 * it reads a descriptor's limit without loading it.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define GDT_ENTRIES_MAX 7168 /* 14 frames; the rest of the 64 KiB is the hypervisor's */

#define DATA_DPL3 UINT64_C(0x00cff3000000ffff)
#define DATA_DPL0 UINT64_C(0x00cf93000000ffff)
#define CODE_DPL3 UINT64_C(0x00affb000000ffff)
#define CODE_DPL0 UINT64_C(0x00af9b000000ffff)

/* A data segment with a byte-granular limit, by which it can be told from others. */
static uint64_t data_with_limit(uint64_t limit)
{
    return UINT64_C(0x0040f30000000000) | (limit & 0xffff) | ((limit >> 16 & 0xf) << 48);
}

static uint64_t system_of_type(uint64_t type)
{
    return UINT64_C(0x0000800000000000) | (type << 40) | 0x67;
}

/* The limit of a selector's descriptor, or UINT64_MAX if it has none. */
static uint64_t limit_of(uint64_t selector)
{
    uint64_t limit = UINT64_MAX;
    __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(selector) : "cc", "memory");
    return limit;
}

static uint64_t *gdt_page(void)
{
    uint64_t *gdt = page_alloc();
    gdt[5] = data_with_limit(0x1234);
    EXPECT_RESULT(page_read_only(gdt), 0);
    return gdt;
}

static int64_t gdt_load(const uint64_t *gdt, uint64_t entries)
{
    uint64_t frame = mfn_of(gdt).value;
    return hypercall_set_gdt(&frame, entries);
}

static int64_t ldt_load(uint64_t base, uint32_t entries)
{
    struct mmuext_op operation = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = base, .arg2.nr_ents = entries};
    return hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

TEST(descriptor_of_a_loaded_gdt_is_seen)
{
    EXPECT_EQUAL(limit_of(0x2b), UINT64_MAX);
    EXPECT_RESULT(gdt_load(gdt_page(), 512), 0);
    EXPECT_EQUAL(limit_of(0x2b), 0x1234);
    EXPECT_RESULT(hypercall_set_gdt(NULL, 0), 0);
    EXPECT_EQUAL(limit_of(0x2b), UINT64_MAX);
}

TEST(gdt_frame_cannot_be_mapped_writable_until_it_is_released)
{
    uint64_t *gdt = gdt_page();
    EXPECT_RESULT(gdt_load(gdt, 512), 0);
    EXPECT_RESULT(page_writable(gdt), -XEN_EBUSY);
    EXPECT_RESULT(hypercall_set_gdt(NULL, 0), 0);
    EXPECT_RESULT(page_writable(gdt), 0);
}

TEST(writable_page_or_table_cannot_be_a_gdt)
{
    uint64_t *old = gdt_page();
    EXPECT_RESULT(gdt_load(old, 512), 0);
    EXPECT_RESULT(gdt_load(page_alloc(), 512), -XEN_EINVAL);
    EXPECT_RESULT(gdt_load(table_new(1), 512), -XEN_EINVAL);
    static const uint64_t frames[] = {0, 0xa0, 0xfee00, UINT64_C(0xffffffffff), UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        EXPECT_RESULT(hypercall_set_gdt(&frames[i], 512), -XEN_EINVAL);
    }
    EXPECT_EQUAL(limit_of(0x2b), 0x1234);
}

TEST(gdt_with_a_refused_descriptor_leaves_the_old_one_in_force)
{
    EXPECT_RESULT(gdt_load(gdt_page(), 512), 0);
    static const uint64_t refused_types[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15};
    uint64_t *gdt = page_alloc();
    for (size_t i = 0; i < ARRAY_SIZE(refused_types); i++) {
        EXPECT_RESULT(page_writable(gdt), 0);
        gdt[511] = system_of_type(refused_types[i]);
        EXPECT_RESULT(page_read_only(gdt), 0);
        EXPECT_RESULT(gdt_load(gdt, 16), -XEN_EINVAL);
        EXPECT_EQUAL(limit_of(0x2b), 0x1234);
    }
    EXPECT_RESULT(page_writable(gdt), 0);
}

TEST(descriptors_that_are_not_present_may_be_anything)
{
    uint64_t *gdt = page_alloc();
    for (uint64_t type = 0; type < 16; type++) {
        gdt[type + 1] = system_of_type(type) & ~(UINT64_C(1) << 47);
    }
    gdt[20] = ~(UINT64_C(1) << 47);
    EXPECT_RESULT(page_read_only(gdt), 0);
    EXPECT_RESULT(gdt_load(gdt, 512), 0);
    EXPECT_EQUAL(((volatile uint64_t *)gdt)[20], ~(UINT64_C(1) << 47));
}

TEST(code_and_data_descriptors_are_raised_to_ring_3)
{
    uint64_t *gdt = page_alloc();
    gdt[1] = DATA_DPL0;
    gdt[2] = CODE_DPL0;
    gdt[3] = DATA_DPL3;
    EXPECT_RESULT(page_read_only(gdt), 0);
    EXPECT_RESULT(gdt_load(gdt, 512), 0);
    EXPECT_EQUAL(((volatile uint64_t *)gdt)[1], DATA_DPL3);
    EXPECT_EQUAL(((volatile uint64_t *)gdt)[2], CODE_DPL3);
    EXPECT_EQUAL(((volatile uint64_t *)gdt)[3], DATA_DPL3);
}

/* Xen keeps call gates and makes each use fault; to refuse them is stricter and as good. */
TEST(call_gate_is_refused_or_kept_with_its_privilege_hidden)
{
    uint64_t *gdt = page_alloc();
    gdt[4] = UINT64_C(0x0000ec0000330000); /* present, DPL 3, to selector 0x33 */
    gdt[6] = CODE_DPL3;
    EXPECT_RESULT(page_read_only(gdt), 0);
    int64_t result = gdt_load(gdt, 512);
    EXPECT(result == 0 || result == -XEN_EINVAL);
    uint64_t kept = result == 0 ? UINT64_C(0x00008c0000330000) : UINT64_C(0x0000ec0000330000);
    EXPECT_EQUAL(((volatile uint64_t *)gdt)[4], kept);
}

TEST(call_gate_to_the_hypervisor_is_refused)
{
    uint64_t *gdt = page_alloc();
    gdt[4] = UINT64_C(0x0000ec00e0080000); /* the hypervisor's own code segment */
    EXPECT_RESULT(page_read_only(gdt), 0);
    EXPECT_RESULT(gdt_load(gdt, 512), -XEN_EINVAL);
}

TEST(more_entries_than_the_guest_part_holds_are_refused)
{
    uint64_t frames[16];
    uint64_t *gdt = gdt_page();
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        frames[i] = mfn_of(gdt).value;
    }
    EXPECT_RESULT(hypercall_set_gdt(frames, GDT_ENTRIES_MAX + 1), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_set_gdt(frames, 8192), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_set_gdt(frames, 0xffffffff), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_set_gdt(frames, GDT_ENTRIES_MAX), 0);
    EXPECT_EQUAL(limit_of(0xd000 + 0x2b), 0x1234); /* the same frame, as page 13 */
    EXPECT_RESULT(hypercall_set_gdt(NULL, 0), 0);
    EXPECT_RESULT(page_writable(gdt), 0);
}

TEST(only_as_many_frames_are_taken_as_the_entries_need)
{
    uint64_t frames[2] = {mfn_of(gdt_page()).value, mfn_of(page_alloc()).value};
    EXPECT_RESULT(hypercall_set_gdt(frames, 1), 0);
    EXPECT_RESULT(hypercall_set_gdt(frames, 512), 0);
    EXPECT_RESULT(hypercall_set_gdt(frames, 513), -XEN_EINVAL);
}

TEST(unreadable_frame_list_is_refused)
{
    EXPECT_RESULT(hypercall_set_gdt((const uint64_t *)FREE_VA, 512), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_set_gdt((const uint64_t *)HYPERVISOR_VIRT_START, 512), -XEN_EFAULT);
}

TEST(selectors_of_the_hypervisor_are_there_with_any_gdt)
{
    for (unsigned int round = 0; round < 2; round++) {
        EXPECT_EQUAL(limit_of(FLAT_RING3_CS64), 0xffffffff);
        EXPECT_EQUAL(limit_of(FLAT_RING3_SS64), 0xffffffff);
        EXPECT_EQUAL(limit_of(FLAT_RING3_CS32), 0xffffffff);
        EXPECT_RESULT(gdt_load(gdt_page(), 512), 0);
    }
}

TEST(update_descriptor_changes_a_loaded_gdt)
{
    uint64_t *gdt = gdt_page();
    EXPECT_RESULT(gdt_load(gdt, 512), 0);
    EXPECT_RESULT(hypercall_update_descriptor(entry_address(gdt, 5), data_with_limit(0x777)), 0);
    EXPECT_EQUAL(limit_of(0x2b), 0x777);
    EXPECT_RESULT(hypercall_update_descriptor(entry_address(gdt, 5), 0), 0);
    EXPECT_EQUAL(limit_of(0x2b), UINT64_MAX);
}

TEST(update_descriptor_raises_privilege_as_set_gdt_does)
{
    uint64_t *gdt = gdt_page();
    EXPECT_RESULT(gdt_load(gdt, 512), 0);
    EXPECT_RESULT(hypercall_update_descriptor(entry_address(gdt, 7), DATA_DPL0), 0);
    EXPECT_EQUAL(((volatile uint64_t *)gdt)[7], DATA_DPL3);
}

TEST(update_descriptor_writes_to_a_plain_page)
{
    uint64_t *page = page_alloc();
    EXPECT_RESULT(hypercall_update_descriptor(entry_address(page, 7), DATA_DPL3), 0);
    EXPECT_EQUAL(((volatile uint64_t *)page)[7], DATA_DPL3);
}

TEST(update_descriptor_refuses_what_set_gdt_refuses)
{
    uint64_t *gdt = gdt_page();
    EXPECT_RESULT(gdt_load(gdt, 512), 0);
    static const uint64_t refused_types[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15};
    for (size_t i = 0; i < ARRAY_SIZE(refused_types); i++) {
        uint64_t descriptor = system_of_type(refused_types[i]);
        EXPECT_RESULT(hypercall_update_descriptor(entry_address(gdt, 5), descriptor), -XEN_EINVAL);
    }
    EXPECT_EQUAL(limit_of(0x2b), 0x1234);
}

TEST(update_descriptor_of_a_bad_place_is_refused)
{
    uint64_t *page = page_alloc();
    for (uint64_t offset = 1; offset < 8; offset++) {
        EXPECT_RESULT(hypercall_update_descriptor(entry_address(page, 0) + offset, DATA_DPL3),
                      -XEN_EINVAL);
    }
    EXPECT_RESULT(hypercall_update_descriptor(entry_address(table_new(1), 0), 0), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_update_descriptor(0xa0000, 0), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_update_descriptor(UINT64_C(1) << 51, 0), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_update_descriptor(~PAGE_MASK, 0), -XEN_EINVAL);
    EXPECT_EQUAL(page[0] | page[1], 0);
}

TEST(ldt_page_is_mapped_when_a_selector_first_needs_it)
{
    uint64_t *ldt = page_alloc_many(2);
    ldt[1] = data_with_limit(0x111);
    ldt[512 + 3] = data_with_limit(0x333);
    EXPECT_RESULT(page_read_only(ldt), 0);
    EXPECT_RESULT(page_read_only(ldt + 512), 0);
    EXPECT_RESULT(ldt_load(pointer_value(ldt), 1024), 0);

    EXPECT_EQUAL(limit_of((1 << 3) | 7), 0x111);
    EXPECT_RESULT(page_writable(ldt), -XEN_EBUSY);
    EXPECT_RESULT(page_writable(ldt + 512), 0); /* not used yet */
    EXPECT_RESULT(page_read_only(ldt + 512), 0);
    EXPECT_EQUAL(limit_of(((512 + 3) << 3) | 7), 0x333);
    EXPECT_RESULT(page_writable(ldt + 512), -XEN_EBUSY);
    EXPECT_RESULT(ldt_load(0, 0), 0);
    EXPECT_RESULT(page_writable(ldt), 0);
    EXPECT_EQUAL(limit_of((1 << 3) | 7), UINT64_MAX);
}

TEST(ldt_selector_can_be_loaded)
{
    uint64_t *ldt = page_alloc();
    ldt[2] = DATA_DPL3 | (UINT64_C(0x1000) << 16); /* base 0x1000 */
    EXPECT_RESULT(page_read_only(ldt), 0);
    EXPECT_RESULT(ldt_load(pointer_value(ldt), 512), 0);
    uint64_t value = 0;
    __asm__ volatile("movl $0x17, %%eax\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movq %%fs:-0x1000(%1), %0\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%fs"
                     : "=&r"(value)
                     : "r"(&ldt[2])
                     : "rax", "memory");
    EXPECT_EQUAL(value, ldt[2]);
}

TEST(base_switch_drops_mapped_ldt_pages)
{
    uint64_t *ldt = page_alloc();
    uint64_t *l4 = page_alloc();
    ldt[1] = data_with_limit(0x111);
    memcpy(l4, boot_l4(), PAGE_SIZE);
    EXPECT_RESULT(page_read_only(ldt), 0);
    EXPECT_RESULT(page_read_only(l4), 0);
    EXPECT_RESULT(ldt_load(pointer_value(ldt), 512), 0);
    EXPECT_EQUAL(limit_of((1 << 3) | 7), 0x111);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(l4)), 0);
    EXPECT_RESULT(page_writable(ldt), 0);
    EXPECT_RESULT(page_read_only(ldt), 0);
    EXPECT_EQUAL(limit_of((1 << 3) | 7), 0x111);
}

TEST(set_ldt_refuses_bad_bases_and_sizes)
{
    uint64_t va = pointer_value(page_alloc());
    EXPECT_RESULT(ldt_load(va, 8193), -XEN_EINVAL);
    EXPECT_RESULT(ldt_load(va, 0xffffffff), -XEN_EINVAL);
    EXPECT_RESULT(ldt_load(va + 8, 512), -XEN_EINVAL);
    EXPECT_RESULT(ldt_load(0x0000800000000000, 512), -XEN_EINVAL);
    EXPECT_RESULT(ldt_load(0x8000000000000000, 512), -XEN_EINVAL);
    EXPECT_RESULT(ldt_load(HYPERVISOR_VIRT_START, 512), -XEN_EINVAL);
    EXPECT_RESULT(ldt_load(HYPERVISOR_VIRT_END - PAGE_SIZE, 512), -XEN_EINVAL);
    EXPECT_RESULT(ldt_load(va, 8192), 0);
    EXPECT_RESULT(ldt_load(va + 8, 0), 0);
}

SNIPPET(load_fs, "movl %eax, %fs");

TEST(ldt_selector_whose_page_is_writable_or_missing_faults)
{
    uint64_t *ldt = page_alloc();
    ldt[1] = DATA_DPL3;
    EXPECT_RESULT(ldt_load(pointer_value(ldt), 512), 0);
    struct registers registers = {.rax = (1 << 3) | 7, .rflags = RFLAGS_FIXED};
    EXPECT_TRAP(snippet_try(load_fs, &registers), TRAP_PAGE_FAULT, 0);
    EXPECT_RESULT(ldt_load(FREE_VA, 512), 0);
    struct trap trap = snippet_try(load_fs, &registers);
    EXPECT_PAGE_FAULT(trap, 0, FREE_VA + 8);
}

TEST(ldt_selector_beyond_the_limit_is_a_protection_fault)
{
    uint64_t *ldt = page_alloc();
    ldt[16] = DATA_DPL3;
    EXPECT_RESULT(page_read_only(ldt), 0);
    EXPECT_RESULT(ldt_load(pointer_value(ldt), 16), 0);
    struct registers registers = {.rax = (16 << 3) | 7, .rflags = RFLAGS_FIXED};
    EXPECT_TRAP(snippet_try(load_fs, &registers), TRAP_PROTECTION, 16 << 3 | 4);
    EXPECT_RESULT(page_writable(ldt), 0);
}

TEST(selectors_that_name_nothing_are_protection_faults)
{
    EXPECT_RESULT(gdt_load(gdt_page(), 512), 0);
    struct registers registers = {.rax = 0x3b, .rflags = RFLAGS_FIXED};
    EXPECT_TRAP(snippet_try(load_fs, &registers), TRAP_PROTECTION, 0x38);
    registers.rax = 0xe008; /* the hypervisor's code segment: not for ring 3 */
    EXPECT_TRAP(snippet_try(load_fs, &registers), TRAP_PROTECTION, 0xe008);
}

TEST(selector_of_a_segment_that_is_not_present_faults_as_such)
{
    uint64_t *gdt = page_alloc();
    gdt[9] = DATA_DPL3 & ~(UINT64_C(1) << 47);
    EXPECT_RESULT(page_read_only(gdt), 0);
    EXPECT_RESULT(gdt_load(gdt, 512), 0);
    struct registers registers = {.rax = 0x4b, .rflags = RFLAGS_FIXED};
    EXPECT_TRAP(snippet_try(load_fs, &registers), TRAP_NO_SEGMENT, 0x48);
}
