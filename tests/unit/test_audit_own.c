/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's half of the audit (hv/debug/audit_own.h) finds what is planted in its page
 * tables, in a processor's registers and in a vCPU's state. */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include "hv/cpu/control.h"
#include "hv/cpu/debug.h"
#include "hv/cpu/features.h"
#include "hv/cpu/tables.h"
#include "hv/debug/audit_own.h"
#include "hv/mem/own_mappings.h"
#include "hv/mem/paging.h"
#include "hv/refuse.h"
#include "hv/sched/vcpu.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED)
#define DATA_FLAGS  (TABLE_FLAGS | PTE_DIRTY | PTE_NO_EXECUTE)
#define CODE_FLAGS  (PTE_PRESENT | PTE_ACCESSED)
#define SLOT        5U /* the vCPU's among all */

/* ---- what the audit asks of the rest of the hypervisor --------------------------------------- */

struct cpu_features cpu_features;
static mfn_t root;
static uint64_t sealed;
static mfn_t zero_page;
static mfn_t reserved_page;

mfn_t paging_root(void)
{
    return root;
}

uint64_t paging_idle_base(void)
{
    return root.value << PAGE_SHIFT;
}

uint64_t paging_sealed_digest(void)
{
    return sealed;
}

mfn_t window_zero_page(void)
{
    return zero_page;
}

mfn_t window_reserved_page(unsigned int cpu)
{
    return cpu == 0 ? reserved_page : MFN_INVALID;
}

/* Nobody's call is under way. */
int refuse(int error, const char *format, ...)
{
    (void)format;
    return error;
}

/* ---- a hypervisor and a vCPU that are in order ----------------------------------------------- */

static struct hv_domain domain;
static struct hv_vcpu vcpu;
static struct audit_processor processor;

static mfn_t new_frame(void)
{
    mfn_t mfn = frame_take_hypervisor(0);
    assert_false(mfn_equal(mfn, MFN_INVALID));
    return mfn;
}

/* The entry for `address` in the hypervisor's tables, which are made on the way. */
static pte_t *entry_at(uint64_t address, unsigned int level)
{
    mfn_t table = root;
    for (unsigned int at = 4; at > level; at--) {
        pte_t *entry = &fake_entries(table)[pte_index(at, address)];
        if (!pte_is_present(*entry)) {
            *entry = pte_make(new_frame(), TABLE_FLAGS | PTE_USER);
        }
        table = pte_mfn(*entry);
    }
    return &fake_entries(table)[pte_index(level, address)];
}

static pte_t *window_entry(unsigned int index, unsigned int page)
{
    return entry_at(window_address(index) + page * PAGE_SIZE, 1);
}

static void build_window(unsigned int index)
{
    for (unsigned int page = 0; page < WINDOW_GDT_PAGES; page++) {
        *window_entry(index, page) = pte_make(zero_page, WINDOW_ZERO_FLAGS);
    }
}

static void build_tables(void)
{
    root = new_frame();
    zero_page = new_frame();
    reserved_page = new_frame();
    *entry_at(MACH2PHYS_VIRT_START, 1) = pte_make(new_frame(), CODE_FLAGS | PTE_USER);
    *entry_at(IMAGE_BASE, 1) = pte_make(new_frame(), CODE_FLAGS);
    *entry_at(IMAGE_BASE + PAGE_SIZE, 1) = pte_make(new_frame(), DATA_FLAGS);
    *entry_at(DIRECT_MAP_BASE, 2) = pte_make(mfn_make(0), DATA_FLAGS | PTE_PAGE_SIZE);
    build_window(0);
    build_window(1 + SLOT);
    for (unsigned int i = 0; i < ARRAY_SIZE(machine.hypervisor_slots); i++) {
        machine.hypervisor_slots[i] = fake_entries(root)[L4_HYPERVISOR_FIRST + i];
    }
    sealed = own_digest(root);
}

static void build_vcpu(void)
{
    memset(&domain, 0, sizeof(domain));
    memset(&vcpu, 0, sizeof(vcpu));
    domain_init(&domain.core, 1);
    domain.shared = port_map_frame(new_frame());
    machine.domains[1] = &domain.core;
    vcpu_init(&vcpu.core, &domain.core, 0);
    vcpu.slot = SLOT;
    vcpu.info = &domain.shared->vcpu_info[0];
    vcpu.in_kernel = true;
    vcpu.is_initialised = true;
    vcpu.core.kernel_base = mfn_make(77);
    vcpu.kernel_ss = FLAT_KERNEL_SS;
    vcpu.regs = (struct cpu_user_regs){
        .cs = FLAT_KERNEL_CS, .ss = FLAT_KERNEL_SS, .rflags = 0x202, .rip = 0x1000};
    vcpu.xcr0 = XCR0_X87;
    debug_init_vcpu(&vcpu);
}

static int setup(void **state)
{
    (void)state;
    fake_start(128);
    cpu_features = (struct cpu_features){.xsave = true, .xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX};
    build_tables();
    build_vcpu();
    processor = (struct audit_processor){
        .cr0 = CR0_ALWAYS | CR0_TS,
        .cr3 = UINT64_C(77) << PAGE_SHIFT,
        .dr7 = DR7_INITIAL,
        .gdt_base = window_address(1 + SLOT),
        .gdt_limit = WINDOW_GDT_LIMIT,
    };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_stop();
    return 0;
}

/* ---- what was reported ----------------------------------------------------------------------- */

static unsigned int finding_count;
static const char *last_rule;

static void remember(const struct hv_vcpu *whose, const char *rule, uint64_t expected,
                     uint64_t found)
{
    (void)expected;
    (void)found;
    assert_true(whose == NULL || whose == &vcpu);
    finding_count++;
    last_rule = rule;
}

static unsigned int audit(void)
{
    finding_count = 0;
    audit_own_tables(remember);
    audit_own_processor(&processor, &vcpu, remember);
    audit_own_vcpu(&vcpu, &vcpu.regs, remember);
    return finding_count;
}

/* Exactly one difference is found, by this rule. */
static void assert_finds(const char *rule)
{
    unsigned int count = audit();
    if (count != 1 || strstr(last_rule, rule) == NULL) {
        fail_msg("%u differences, the last: %s; not: %s", count, count > 0 ? last_rule : "", rule);
    }
}

/* `*place` with another value is found by this rule; it is put back. */
#define ASSERT_FINDS(place, value, rule)                                                           \
    do {                                                                                           \
        __auto_type before_ = (place);                                                             \
        (place) = (__typeof__(place))(value);                                                      \
        assert_finds(rule);                                                                        \
        (place) = before_;                                                                         \
        assert_int_equal(audit(), 0);                                                              \
    } while (0)

/* ---- the tests ------------------------------------------------------------------------------- */

static void nothing_is_found_where_all_is_in_order(void **state)
{
    (void)state;
    assert_int_equal(audit(), 0);
    entry_at(IMAGE_BASE, 1)->raw &= ~PTE_ACCESSED; /* and what processors set */
    entry_at(IMAGE_BASE + PAGE_SIZE, 1)->raw &= ~PTE_DIRTY;
    fake_entries(root)[L4_M2P_SLOT].raw &= ~PTE_ACCESSED;
    assert_int_equal(audit(), 0);
}

static void writable_code_is_found(void **state)
{
    (void)state;
    uint64_t *code = &entry_at(IMAGE_BASE, 1)->raw;
    *code |= PTE_WRITABLE;
    assert_int_equal(own_count_wrong(root), 1);
    assert_int_equal(audit(), 2); /* that it is, and that it was not */
    *code &= ~PTE_WRITABLE;
    uint64_t *data = &entry_at(DIRECT_MAP_BASE, 2)->raw;
    *data &= ~PTE_NO_EXECUTE;
    assert_int_equal(own_count_wrong(root), 1);
    *data |= PTE_NO_EXECUTE;
    /* One that the table above forbids is none. */
    fake_entries(root)[pte_index(4, IMAGE_BASE)].raw &= ~PTE_WRITABLE;
    *code |= PTE_WRITABLE;
    assert_int_equal(own_count_wrong(root), 0);
}

static void memory_that_guests_could_reach_is_found(void **state)
{
    (void)state;
    uint64_t *data = &entry_at(IMAGE_BASE + PAGE_SIZE, 1)->raw;
    *data |= PTE_USER;
    assert_int_equal(own_count_wrong(root), 1);
    fake_entries(root)[pte_index(4, IMAGE_BASE)].raw &= ~PTE_USER;
    assert_int_equal(own_count_wrong(root), 0);
    *data &= ~PTE_USER;
    uint64_t *m2p = &entry_at(MACH2PHYS_VIRT_START, 1)->raw;
    *m2p |= PTE_WRITABLE | PTE_NO_EXECUTE;
    assert_int_equal(own_count_wrong(root), 1);
}

static void each_change_of_a_mapping_is_found(void **state)
{
    (void)state;
    uint64_t *data = &entry_at(IMAGE_BASE + PAGE_SIZE, 1)->raw;
    ASSERT_FINDS(*data, *data ^ (UINT64_C(1) << PAGE_SHIFT), "own mappings have changed");
    ASSERT_FINDS(*data, *data ^ PTE_WRITABLE, "own mappings have changed");
    ASSERT_FINDS(*data, 0, "own mappings have changed");
    uint64_t *absent = &entry_at(IMAGE_BASE + 2 * PAGE_SIZE, 1)->raw;
    ASSERT_FINDS(*absent, *data, "own mappings have changed");
    uint64_t *shown = &machine.hypervisor_slots[3].raw;
    ASSERT_FINDS(*shown, *shown ^ PTE_WRITABLE, "L4 entry for guests");
}

static void a_window_that_is_not_the_record_is_found(void **state)
{
    (void)state;
    mfn_t frame = new_frame();
    pte_t shown = pte_make(frame, WINDOW_FLAGS);
    uint64_t *gdt = &window_entry(1 + SLOT, 3)->raw;
    uint64_t *ldt = &window_entry(1 + SLOT, WINDOW_GDT_PAGES + 2)->raw;
    ASSERT_FINDS(*gdt, shown.raw, "window is another");
    ASSERT_FINDS(*gdt, 0, "window is missing");
    ASSERT_FINDS(*ldt, shown.raw, "window is another");
    ASSERT_FINDS(vcpu.core.gdt_frames[3], frame, "window is another");
    ASSERT_FINDS(vcpu.core.ldt_frames[2], frame, "window is missing");
    vcpu.core.gdt_frames[3] = frame;
    vcpu.core.ldt_frames[2] = frame;
    *gdt = shown.raw;
    *ldt = shown.raw;
    assert_int_equal(audit(), 0);
    ASSERT_FINDS(*gdt, shown.raw ^ PTE_PCD, "window is another");
    ASSERT_FINDS(*ldt, shown.raw ^ PTE_WRITABLE, "window is another");
}

static void pages_of_windows_that_are_the_hypervisors_are_checked(void **state)
{
    (void)state;
    uint64_t *reserved = &window_entry(1 + SLOT, WINDOW_RESERVED_PAGE)->raw;
    *reserved = pte_make(reserved_page, WINDOW_FLAGS).raw; /* the vCPU has been loaded */
    assert_int_equal(audit(), 0);
    ASSERT_FINDS(*reserved, pte_make(new_frame(), WINDOW_FLAGS).raw, "window is another");
    uint64_t *last = &window_entry(1 + SLOT, WINDOW_GDT_PAGES - 1)->raw;
    ASSERT_FINDS(*last, pte_make(reserved_page, WINDOW_FLAGS).raw, "window is another");
    uint64_t *zero = &window_entry(1 + SLOT, 0)->raw;
    ASSERT_FINDS(*zero, *zero | PTE_WRITABLE, "window is another");
    uint64_t *nobodys = &window_entry(0, 0)->raw;
    ASSERT_FINDS(*nobodys, pte_make(new_frame(), WINDOW_FLAGS).raw, "window is another");
    uint64_t *beyond = &window_entry(100000, 0)->raw;
    ASSERT_FINDS(*beyond, pte_make(zero_page, WINDOW_ZERO_FLAGS).raw, "beyond the descriptor");
}

static void registers_of_the_processor_are_the_vcpus(void **state)
{
    (void)state;
    ASSERT_FINDS(processor.cr3, UINT64_C(78) << PAGE_SHIFT, "CR3 is not its base");
    ASSERT_FINDS(processor.cr0, processor.cr0 & ~CR0_WP, "CR0");
    ASSERT_FINDS(processor.cr0, processor.cr0 & ~CR0_PG, "CR0");
    ASSERT_FINDS(processor.cr4, CR4_TSD, "CR4");
    ASSERT_FINDS(processor.cr4, CR4_PGE, "CR4");
    ASSERT_FINDS(processor.dr7, DR7_INITIAL | 1, "DR7");
    ASSERT_FINDS(processor.gdt_base, window_address(0), "GDTR");
    ASSERT_FINDS(processor.gdt_limit, 0x7fff, "GDTR");
    ASSERT_FINDS(processor.ldt, SELECTOR_LDT, "LDTR");
    vcpu.core.ldt_entries = 3;
    assert_finds("LDTR");
}

static void user_mode_has_the_other_base(void **state)
{
    (void)state;
    vcpu.in_kernel = false;
    assert_int_equal(audit(), 2); /* there is none, nor is CR3 it */
    vcpu.core.user_base = mfn_make(78);
    assert_finds("CR3 is not its base");
    processor.cr3 = UINT64_C(78) << PAGE_SHIFT;
    assert_int_equal(audit(), 0);
}

static void a_processor_without_a_vcpu_is_idle(void **state)
{
    (void)state;
    finding_count = 0;
    processor.cr4 = CR4_TSD; /* left by the last vCPU */
    processor.cr3 = root.value << PAGE_SHIFT;
    processor.gdt_base = window_address(0);
    audit_own_processor(&processor, NULL, remember);
    assert_int_equal(finding_count, 0);
    processor.cr3 = UINT64_C(77) << PAGE_SHIFT;
    audit_own_processor(&processor, NULL, remember);
    assert_int_equal(finding_count, 1);
    processor.gdt_base = window_address(1 + SLOT);
    audit_own_processor(&processor, NULL, remember);
    assert_int_equal(finding_count, 3);
}

static void registers_that_no_guest_may_have_are_found(void **state)
{
    (void)state;
    ASSERT_FINDS(vcpu.regs.cs, SELECTOR_HYPERVISOR_CODE, "ring 3");
    ASSERT_FINDS(vcpu.regs.ss, 0, "ring 3");
    ASSERT_FINDS(vcpu.regs.rflags, 0x2, "flags");
    ASSERT_FINDS(vcpu.regs.rflags, 0x3202, "flags");
    ASSERT_FINDS(vcpu.regs.rflags, 0x20202, "flags");
    ASSERT_FINDS(vcpu.kernel_ss, 0, "SS");
}

static void addresses_that_no_processor_takes_are_found(void **state)
{
    (void)state;
    const uint64_t bad = UINT64_C(1) << 47;
    ASSERT_FINDS(vcpu.event_callback.address, bad, "callback");
    ASSERT_FINDS(vcpu.failsafe_callback.address, bad, "callback");
    ASSERT_FINDS(vcpu.syscall_callback.address, bad, "callback");
    ASSERT_FINDS(vcpu.syscall32_callback.address, bad, "callback");
    ASSERT_FINDS(vcpu.sysenter_callback.address, bad, "callback");
    ASSERT_FINDS(vcpu.nmi_callback.address, bad, "callback");
    vcpu.traps[255].cs = 3;
    ASSERT_FINDS(vcpu.traps[255].address, bad, "trap handler");
    ASSERT_FINDS(vcpu.traps[0].address, 0x1000, "no ring"); /* its CS is 0 */
    ASSERT_FINDS(vcpu.traps[7].dpl, 4, "no ring");
    ASSERT_FINDS(vcpu.fs_base, bad, "base");
    ASSERT_FINDS(vcpu.gs_base_kernel, bad, "base");
    ASSERT_FINDS(vcpu.gs_base_user, bad, "base");
}

static void choices_that_no_guest_has_are_found(void **state)
{
    (void)state;
    ASSERT_FINDS(vcpu.debug[2], IMAGE_BASE, "debug registers");
    ASSERT_FINDS(vcpu.debug[6], DR6_INITIAL | 1U << 12, "debug registers");
    ASSERT_FINDS(vcpu.cr4, CR4_SMAP, "CR4");
    ASSERT_FINDS(vcpu.xcr0, XCR0_X87 | XCR0_AVX, "XCR0");
    ASSERT_FINDS(vcpu.xcr0, XCR0_SSE, "XCR0");
    ASSERT_FINDS(vcpu.xcr0, XCR0_X87 | UINT64_C(1) << 9, "XCR0");
}

static void breakpoint_controls_that_no_guest_has_are_found(void **state)
{
    (void)state;
    const uint64_t values[] = {0, DR7_INITIAL | UINT64_C(1) << 13, DR7_INITIAL | UINT64_C(1) << 32,
                               DR7_INITIAL | UINT64_C(1) << 11};
    for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
        vcpu.debug[7] = values[i];
        processor.dr7 = debug_hardware_control(&vcpu);
        assert_finds("debug registers");
    }
}

static void a_vcpu_info_elsewhere_is_found(void **state)
{
    (void)state;
    struct shared_info *other = port_map_frame(new_frame());
    ASSERT_FINDS(vcpu.info, &other->vcpu_info[0], "vcpu_info");
    ASSERT_FINDS(vcpu.core.info_frame, new_frame(), "vcpu_info");
    mfn_t registered = new_frame();
    uint8_t *page = port_map_frame(registered);
    vcpu.core.info_frame = registered;
    vcpu.info = (struct vcpu_info *)(void *)(page + PAGE_SIZE - sizeof(struct vcpu_info));
    assert_int_equal(audit(), 0);
    vcpu.info++;
    assert_finds("vcpu_info");
    domain.core.is_dying = true; /* then nothing is written there any more */
    assert_int_equal(audit(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_found_where_all_is_in_order),
        TEST(writable_code_is_found),
        TEST(memory_that_guests_could_reach_is_found),
        TEST(each_change_of_a_mapping_is_found),
        TEST(a_window_that_is_not_the_record_is_found),
        TEST(pages_of_windows_that_are_the_hypervisors_are_checked),
        TEST(registers_of_the_processor_are_the_vcpus),
        TEST(user_mode_has_the_other_base),
        TEST(a_processor_without_a_vcpu_is_idle),
        TEST(registers_that_no_guest_may_have_are_found),
        TEST(addresses_that_no_processor_takes_are_found),
        TEST(choices_that_no_guest_has_are_found),
        TEST(breakpoint_controls_that_no_guest_has_are_found),
        TEST(a_vcpu_info_elsewhere_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
