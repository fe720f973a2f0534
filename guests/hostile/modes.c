/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families K, L and M: descriptors, emulated instructions, and the ways in and out. Values that the
 * guest chose meet ring-0 instructions that fault on them; each must end in a trap of the guest's
 * own, and the hypervisor must still be there for the next.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"
#include "lib/string.h"

static const uint64_t non_canonical[] = {
    UINT64_C(0x0000800000000000), UINT64_C(0x0001000000000000), UINT64_C(0x4141414141414141),
    UINT64_C(0x8000000000000000), UINT64_C(0xffff7fffffffffff),
};

SNIPPET(call_syscall, "syscall");
SNIPPET(call_ud2, "ud2");
SNIPPET(load_fs, "movl %eax, %fs\n syscall"); /* for user mode */
SNIPPET(kernel_load_fs, "movl %eax, %fs");
SNIPPET(load_ds, "movl %eax, %ds\n syscall");
SNIPPET(load_ss, "movl %eax, %ss\n syscall");
SNIPPET(far_jump, "pushq %rax\n pushq %rdi\n lretq");
SNIPPET(far_call_gate, "subq $16, %rsp\n movq $0, (%rsp)\n movw %ax, 8(%rsp)\n .byte 0x48\n"
                       "lcall *(%rsp)\n addq $16, %rsp");
SNIPPET(iret_frame_on_stack, "movq %rdx, %rsp\n movl $23, %eax\n syscall\n ud2");
SNIPPET(multicall_frame_on_stack, "movq %rdx, %rsp\n movl $13, %eax\n syscall\n ud2");
SNIPPET(trap_flag_into_syscall, "pushfq\n orl $0x100, (%rsp)\n popfq\n syscall\n nop\n syscall");
SNIPPET(odd_flags_into_syscall, "pushq %rdi\n popfq\n syscall");
SNIPPET(breakpoint_on_stack_segment, "movw (%rdi), %ss\n syscall");
SNIPPET(breakpoint_on_stack_segment_int3, "movw (%rdi), %ss\n int3");
SNIPPET(breakpoint_on_stack_segment_int80, "movw (%rdi), %ss\n int $0x80");

static int64_t ldt_load(uint64_t base, uint32_t entries)
{
    struct mmuext_op operation = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = base, .arg2.nr_ents = entries};
    return hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

#define DATA_SEGMENT UINT64_C(0x00cff3000000ffff)
#define CODE_SEGMENT UINT64_C(0x00affb000000ffff)

TEST(xsa_298_without_an_ldt_no_selector_of_it_can_be_loaded)
{
    struct user_space space = user_space_create();
    /* An LDT at address 0 is what a missing one must not become. */
    EXPECT_RESULT(ldt_load(0, 0), 0);
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        space.data[i] = DATA_SEGMENT;
    }
    static const uint64_t selectors[] = {0x7, 0xf, 0xfff, 0xfff7, 0xffff};
    for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
        struct registers registers = {.rax = selectors[i], .rdi = user_address(call_syscall)};
        uint64_t error = selectors[i] & 0xfffc;
        EXPECT_TRAP(user_run(load_fs, &registers), TRAP_PROTECTION, error);
        EXPECT_TRAP(user_run(load_ds, &registers), TRAP_PROTECTION, error);
        EXPECT_TRAP(user_run(far_jump, &registers), TRAP_PROTECTION, error);
    }
    EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(space.data)), -XEN_EINVAL);
}

TEST(xsa_298_ldt_ends_at_its_limit)
{
    uint64_t *ldt = page_alloc_many(2);
    for (size_t i = 0; i < 1024; i++) {
        ldt[i] = DATA_SEGMENT;
    }
    EXPECT_RESULT(page_read_only(ldt), 0);
    EXPECT_RESULT(page_read_only(ldt + 512), 0);
    EXPECT_RESULT(ldt_load(pointer_value(ldt), 512), 0);
    struct registers registers = {.rax = (511 << 3) | 7, .rflags = RFLAGS_FIXED};
    EXPECT_EQUAL(snippet_try(kernel_load_fs, &registers).raised, false);
    registers = (struct registers){.rax = (512 << 3) | 7, .rflags = RFLAGS_FIXED};
    EXPECT_TRAP(snippet_try(kernel_load_fs, &registers), TRAP_PROTECTION, (512 << 3) | 4);
    EXPECT_RESULT(page_writable(ldt + 512), 0); /* it never became a descriptor page */
    registers = (struct registers){.rax = 0, .rflags = RFLAGS_FIXED};
    snippet_try(kernel_load_fs, &registers);
}

/* An LDT whose second page lies in the non-canonical gap. */
TEST(k4_ldt_that_runs_into_the_gap_ends_there)
{
    uint64_t *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc(), *ldt = page_alloc();
    ldt[1] = DATA_SEGMENT;
    EXPECT_RESULT(page_read_only(ldt), 0);
    l1[511] = pte_make(mfn_of(ldt), PTE_READ_ONLY);
    l2[511] = pte_make(mfn_of(l1), PTE_TABLE);
    l3[511] = pte_make(mfn_of(l2), PTE_TABLE);
    EXPECT_RESULT(page_read_only(l1), 0);
    EXPECT_RESULT(page_read_only(l2), 0);
    EXPECT_RESULT(table_link(boot_l4(), 255, l3), 0);
    EXPECT_RESULT(ldt_load(UINT64_C(0x00007ffffffff000), 8192), 0);
    struct registers registers = {.rax = (1 << 3) | 7, .rflags = RFLAGS_FIXED};
    EXPECT_EQUAL(snippet_try(kernel_load_fs, &registers).raised, false);
    registers = (struct registers){.rax = (512 << 3) | 7, .rflags = RFLAGS_FIXED};
    EXPECT_TRAP(snippet_try(kernel_load_fs, &registers), TRAP_PROTECTION, (512 << 3) | 4);
    registers = (struct registers){.rax = 0, .rflags = RFLAGS_FIXED};
    snippet_try(kernel_load_fs, &registers);
}

/*
 * Every access byte with every combination of the long and default-size bits: what is accepted must
 * be harmless. A data or code segment that is present has DPL 3 afterwards; system segments are not
 * accepted but for type 0 and call gates.
 */
TEST(k7_accepted_descriptors_are_harmless)
{
    uint64_t *gdt = page_alloc();
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);
    const volatile uint64_t *stored = &gdt[7];
    for (uint64_t access = 0; access < 256; access++) {
        for (uint64_t flags = 0; flags < 16; flags++) {
            uint64_t descriptor = UINT64_C(0x000f00000000ffff) | access << 40 | flags << 52;
            if (hypercall_update_descriptor(entry_address(gdt, 7), descriptor) != 0) {
                continue;
            }
            bool present = (access & 0x80) != 0, system = (access & 0x10) == 0;
            uint64_t type = access & 0xf;
            EXPECT(!present || !system || type == 0 || type == 0xc);
            EXPECT(!present || system || (*stored >> 45 & 3) == 3);
            EXPECT(!present || !system || type != 0xc || (*stored >> 45 & 3) == 0);
            struct registers registers = {.rax = 0x3b, .rflags = RFLAGS_FIXED};
            snippet_try(kernel_load_fs, &registers);
            registers = (struct registers){.rax = 0, .rflags = RFLAGS_FIXED};
            snippet_try(kernel_load_fs, &registers);
        }
    }
}

TEST(k7_call_gate_does_not_change_the_ring)
{
    uint64_t *gdt = page_alloc();
    uint64_t target = (uint64_t)call_ud2;
    gdt[6] = CODE_SEGMENT;
    gdt[8] = (target & 0xffff) | UINT64_C(0x33) << 16 | UINT64_C(0xec00) << 32 |
             (target >> 16 & 0xffff) << 48;
    gdt[9] = target >> 32;
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t frame = mfn_of(gdt).value;
    if (hypercall_set_gdt(&frame, 512) != 0) {
        return; /* call gates may be refused altogether */
    }
    struct registers registers = {.rax = 0x43, .rflags = RFLAGS_FIXED};
    struct trap trap = snippet_try(far_call_gate, &registers);
    EXPECT(trap.raised);
    EXPECT(trap.vector == TRAP_PROTECTION || trap.vector == TRAP_INVALID_OPCODE);
    EXPECT_EQUAL(trap.frame.cs & 0xffff, 0xe030);
}

/* Stores to a live L1 with an address that only a truncating decoder takes for the table's. */
SNIPPET(bts_far, "lock btsq %rcx, (%rdi)");
SNIPPET(rep_stos_over_the_end, "rep stosq");

TEST(xsa_195_bit_offset_is_not_truncated)
{
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    uint64_t *table = table_new(1);
    static const int64_t distances[] = {INT64_C(1) << 28, INT64_C(1) << 29, -(INT64_C(1) << 28),
                                        INT64_C(1) << 32};
    for (size_t i = 0; i < ARRAY_SIZE(distances); i++) {
        uint64_t target = pointer_value(&table[8]);
        struct registers registers = {
            .rdi = target - (uint64_t)distances[i],
            .rcx = (uint64_t)distances[i] * 8 + 6,
            .rflags = RFLAGS_FIXED,
        };
        EXPECT_NO_TRAP(snippet_try(bts_far, &registers)); /* the sum is the entry: set its bit 6 */
        EXPECT_EQUAL(((volatile uint64_t *)table)[8], PTE_DIRTY);
        EXPECT_RESULT(entry_set(table, 8, 0), 0);
        registers.rdi = target;
        registers.rcx = (UINT64_C(1) << 45) + 6; /* 2^42 bytes away: nothing is mapped there */
        EXPECT(snippet_try(bts_far, &registers).raised);
        EXPECT_EQUAL(((volatile uint64_t *)table)[8], 0);
    }
}

TEST(l2_string_store_stops_at_the_end_of_the_table)
{
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    uint64_t *table = table_new(1);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(table), PTE_READ_ONLY)), 0);
    struct registers registers = {
        .rdi = SCRATCH_VA + PAGE_SIZE - 16, .rcx = 4, .rax = 0x10, .rflags = RFLAGS_FIXED};
    struct trap trap = snippet_try(rep_stos_over_the_end, &registers);
    EXPECT_PAGE_FAULT(trap, PAGE_FAULT_WRITE, SCRATCH_VA + PAGE_SIZE);
    EXPECT_EQUAL(trap.frame.rcx, 2);
    EXPECT_EQUAL(table[510], 0x10);
    EXPECT_EQUAL(table[511], 0x10);
}

static struct trap iret_with(uint64_t rip, uint64_t rsp, uint64_t flags)
{
    struct iret_context context = {
        .flags = flags,
        .rip = rip,
        .cs = FLAT_USER_CS,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = rsp,
        .ss = FLAT_USER_SS,
    };
    struct registers registers = {.rdx = pointer_value(&context), .rflags = RFLAGS_FIXED};
    return snippet_try(iret_frame_on_stack, &registers);
}

TEST(xsa_7_return_to_an_address_that_is_not_canonical_faults_in_the_guest)
{
    user_space_create();
    uint64_t rsp = USER_STACK_VA + PAGE_SIZE;
    for (size_t i = 0; i < ARRAY_SIZE(non_canonical); i++) {
        EXPECT_TRAP(iret_with(non_canonical[i], rsp, 0), TRAP_PROTECTION, 0);
        struct trap trap = iret_with(non_canonical[i], rsp, VGCF_in_syscall);
        EXPECT_EQUAL(trap.vector, TRAP_PROTECTION);
    }
}

TEST(xsa_7_return_into_the_hole_or_the_last_page_faults_in_the_guest)
{
    user_space_create();
    static const uint64_t addresses[] = {HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_END - 1,
                                         UINT64_C(0xffff82d080000000), UINT64_C(0x00007fffffffffff),
                                         UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        for (uint64_t flags = 0; flags <= VGCF_in_syscall; flags += VGCF_in_syscall) {
            struct trap trap = iret_with(addresses[i], USER_STACK_VA + PAGE_SIZE, flags);
            EXPECT_EQUAL(trap.vector, TRAP_PAGE_FAULT);
            EXPECT_EQUAL(trap.error & ~PAGE_FAULT_PRESENT, PAGE_FAULT_USER | PAGE_FAULT_FETCH);
            EXPECT_EQUAL(trap.cr2, addresses[i]);
        }
    }
}

TEST(m1_stack_pointers_of_any_value_do_no_harm)
{
    user_space_create();
    for (size_t i = 0; i < ARRAY_SIZE(non_canonical); i++) {
        for (uint64_t flags = 0; flags <= VGCF_in_syscall; flags += VGCF_in_syscall) {
            struct trap trap = iret_with(user_address(call_ud2), non_canonical[i], flags);
            EXPECT_EQUAL(trap.vector, TRAP_INVALID_OPCODE);
            EXPECT_EQUAL(trap.frame.rsp, non_canonical[i]);
        }
    }
}

TEST(m1_iret_selectors_of_any_value_end_in_the_guest)
{
    user_space_create();
    static const uint64_t selectors[] = {0,      3,      8,      0x10,   0x33,
                                         0xfff3, 0xffff, 0xe008, 0xe00b, 0xe013,
                                         0xe01b, 0xe023, 0xe03b, 0xe043, 0xe04b};
    for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
        struct iret_frame frame = {
            .rip = user_address(call_ud2),
            .cs = selectors[i] | 3,
            .rflags = RFLAGS_IF | RFLAGS_FIXED,
            .rsp = USER_STACK_VA + PAGE_SIZE,
            .ss = FLAT_USER_SS,
        };
        EXPECT(iret_try(&frame, NULL).raised);
        frame.cs = FLAT_USER_CS;
        frame.ss = selectors[i] | 3;
        EXPECT(iret_try(&frame, NULL).raised);
        uint16_t cs;
        __asm__("movw %%cs, %0" : "=r"(cs));
        EXPECT_EQUAL(cs & 3, 3);
    }
}

TEST(m13_random_flags_never_reach_the_processor_unchecked)
{
    user_space_create();
    uint64_t random = 0x9e3779b97f4a7c15;
    for (unsigned int round = 0; round < 200; round++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        struct iret_frame frame = {
            .rip = user_address(call_ud2),
            .cs = FLAT_USER_CS,
            .rflags = random & ~RFLAGS_TF,
            .rsp = USER_STACK_VA + PAGE_SIZE,
            .ss = FLAT_USER_SS,
        };
        struct trap trap = iret_try(&frame, NULL);
        EXPECT_EQUAL(trap.vector, TRAP_INVALID_OPCODE);
        EXPECT_EQUAL(trap.frame.rflags & (UINT64_C(0xffffffffffc20028) | RFLAGS_IOPL), 0);
        EXPECT_EQUAL(trap.frame.rflags & (RFLAGS_IF | RFLAGS_FIXED),
                     (frame.rflags & RFLAGS_IF) | RFLAGS_FIXED);
    }
}

TEST(xsa_213_nothing_runs_behind_an_iret_in_a_multicall)
{
    struct user_space space = user_space_create();
    uint64_t *table = page_alloc(), *page = page_alloc();
    EXPECT_RESULT(page_read_only(table), 0);
    struct iret_context context = {
        .rip = user_address(call_syscall),
        .cs = FLAT_USER_CS,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = USER_STACK_VA + PAGE_SIZE,
        .ss = FLAT_USER_SS,
    };
    mmu_update_t update = {
        .ptr = entry_address(space.l1, table_index(USER_DATA_VA, 1) + 1),
        .val = pte_make(mfn_of(page), PTE_READ_WRITE | PTE_USER),
    };
    struct mmuext_op pin_it = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn_of(table).value};
    struct mmuext_op base = {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = mfn_of(space.l4).value};
    multicall_entry_t calls[] = {
        {.op = __HYPERVISOR_iret},
        {.op = __HYPERVISOR_update_va_mapping,
         .args = {SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_WRITE), UVMF_INVLPG}},
        {.op = __HYPERVISOR_mmu_update, .args = {pointer_value(&update), 1, 0, DOMID_SELF}},
        {.op = __HYPERVISOR_mmuext_op, .args = {pointer_value(&pin_it), 1, 0, DOMID_SELF}},
        {.op = __HYPERVISOR_mmuext_op, .args = {pointer_value(&base), 1, 0, DOMID_SELF}},
    };
    struct registers registers = {
        .rdi = pointer_value(calls),
        .rsi = ARRAY_SIZE(calls),
        .rdx = pointer_value(&context),
        .rflags = RFLAGS_FIXED,
    };
    EXPECT_TRAP(snippet_try(multicall_frame_on_stack, &registers), TRAP_SYSCALL, 0);
    EXPECT_EQUAL(pte_of(SCRATCH_VA), 0);
    EXPECT_EQUAL(space.l1[table_index(USER_DATA_VA, 1) + 1], 0);
    EXPECT_RESULT(page_writable(table), 0);
}

TEST(m2_syscall_of_user_mode_with_odd_flags_is_one_event)
{
    user_space_create();
    static const uint64_t flags[] = {RFLAGS_DF, RFLAGS_AC, RFLAGS_ID, RFLAGS_NT,
                                     RFLAGS_NT | RFLAGS_DF | RFLAGS_AC};
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        struct registers registers = {.rdi = flags[i] | RFLAGS_FIXED | RFLAGS_IF};
        EXPECT_TRAP(user_run(odd_flags_into_syscall, &registers), TRAP_SYSCALL, 0);
    }
}

TEST(m2_trap_flag_over_a_syscall_of_user_mode_is_survived)
{
    user_space_create();
    struct trap trap = user_run(trap_flag_into_syscall, NULL);
    EXPECT(trap.vector == TRAP_DEBUG || trap.vector == TRAP_SYSCALL);
}

TEST(xsa_260_breakpoint_delayed_by_a_stack_segment_load_fires_in_the_guest)
{
    struct user_space space = user_space_create();
    void (*const snippets[])(void) = {breakpoint_on_stack_segment, breakpoint_on_stack_segment_int3,
                                      breakpoint_on_stack_segment_int80};
    space.data[0] = FLAT_USER_SS;
    for (size_t i = 0; i < ARRAY_SIZE(snippets); i++) {
        EXPECT_RESULT(hypercall_set_debugreg(0, USER_DATA_VA), 0);
        EXPECT_RESULT(hypercall_set_debugreg(7, 0x400 | 0x2 | 0x30000), 0); /* on any access */
        struct registers registers = {.rdi = USER_DATA_VA};
        struct trap trap = user_run(snippets[i], &registers);
        EXPECT_RESULT(hypercall_set_debugreg(7, 0x400), 0);
        EXPECT_RESULT(hypercall_set_debugreg(6, 0xffff0ff0), 0);
        EXPECT(trap.vector == TRAP_DEBUG || trap.vector == TRAP_SYSCALL ||
               trap.vector == TRAP_BREAKPOINT || trap.vector == TRAP_SOFTWARE);
    }
    EXPECT_RESULT(hypercall_set_debugreg(0, 0), 0);
}

TEST(xsa_444_breakpoints_do_not_cover_the_hypervisor)
{
    static const uint64_t addresses[] = {HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_START + 8,
                                         UINT64_C(0xffff82d080000000), HYPERVISOR_VIRT_END - 8,
                                         HYPERVISOR_VIRT_END - 1};
    for (uint64_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(addresses); j++) {
            EXPECT_RESULT(hypercall_set_debugreg(i, addresses[j]), -XEN_EPERM);
        }
    }
}

TEST(xsa_12_reserved_bits_of_debug_registers_are_not_loaded)
{
    for (unsigned int bit = 32; bit < 64; bit++) {
        EXPECT(hypercall_set_debugreg(6, UINT64_C(1) << bit) < 0);
        EXPECT(hypercall_set_debugreg(7, UINT64_C(1) << bit) < 0);
    }
    EXPECT_RESULT(hypercall_set_debugreg(7, 0x400), 0);
}

TEST(xsa_193_segment_bases_that_are_not_canonical_are_refused)
{
    for (size_t i = 0; i < ARRAY_SIZE(non_canonical); i++) {
        for (uint64_t which = SEGBASE_FS; which <= SEGBASE_GS_KERNEL; which++) {
            EXPECT_RESULT(hypercall_set_segment_base(which, non_canonical[i]), -XEN_EINVAL);
        }
    }
}

TEST(m6_any_selector_can_be_asked_for_as_user_gs)
{
    for (uint64_t selector = 0; selector < 0x10000; selector += 0x101) {
        hypercall_set_segment_base(SEGBASE_GS_USER_SEL, selector);
    }
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
}

TEST(m1_callbacks_that_are_not_canonical_are_refused)
{
    static const uint16_t types[] = {CALLBACKTYPE_event, CALLBACKTYPE_failsafe,
                                     CALLBACKTYPE_syscall, CALLBACKTYPE_sysenter,
                                     CALLBACKTYPE_syscall32};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(non_canonical); j++) {
            struct callback_register callback = {.type = types[i], .address = non_canonical[j]};
            EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_register, &callback), -XEN_EINVAL);
        }
    }
}

TEST(xsa_20_timers_at_the_ends_of_time_do_not_storm)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
    event_port_unmask_bit(bind.port);
    event_enable();
    static const uint64_t deadlines[] = {0, 1, UINT64_C(1) << 63, UINT64_MAX, INT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++) {
        struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = deadlines[i]};
        uint64_t before = event_upcalls();
        hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
        for (unsigned int spin = 0; spin < 2000; spin++) {
            hypercall_xen_version(XENVER_version, NULL);
        }
        EXPECT(event_upcalls() <= before + 1);
        hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
    }
    static const uint64_t periods[] = {0, 1, 1000, 999999};
    for (size_t i = 0; i < ARRAY_SIZE(periods); i++) {
        struct vcpu_set_periodic_timer timer = {.period_ns = periods[i]};
        EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer), -XEN_EINVAL);
    }
}

/* A pending event that is never taken must not keep a long call from making progress. */
TEST(d10_long_calls_finish_while_an_event_is_pending_for_ever)
{
    static mmu_update_t updates[2000];
    struct evtchn_bind_ipi bind = {.vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), 0);
    uint64_t *table = table_new(1);
    for (size_t i = 0; i < ARRAY_SIZE(updates); i++) {
        updates[i] = (mmu_update_t){.ptr = entry_address(table, i % 512), .val = i * 16};
    }
    event_port_unmask_bit(bind.port);
    struct evtchn_send send = {.port = bind.port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
    uint32_t done = 0;
    EXPECT_RESULT(hypercall_mmu_update(updates, ARRAY_SIZE(updates), &done, DOMID_SELF), 0);
    EXPECT_EQUAL(done, ARRAY_SIZE(updates));
    event_enable();
    EXPECT_EQUAL(event_upcalls(), 1);
}
