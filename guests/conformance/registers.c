/* SPDX-License-Identifier: BSD-2-Clause */
/* Segment bases, debug registers, the lazy FPU, and what a hypercall does to registers. */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

SNIPPET(read_fs, "movq %fs:0, %rax");
SNIPPET(read_gs, "movq %gs:0, %rax");
SNIPPET(fpu_instruction, "fnop");
SNIPPET(sse_instruction, "xorps %xmm0, %xmm0");
SNIPPET(store_to_rdi, "movq %rax, (%rdi)\n nop");
SNIPPET(raw_syscall, "syscall");

TEST(segment_base_calls_set_the_bases_of_the_kernel)
{
    uint64_t *page = page_alloc();
    page[0] = 0x1212;
    struct registers registers = {.rflags = RFLAGS_FIXED};
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_FS, pointer_value(page)), 0);
    snippet_run(read_fs, &registers);
    EXPECT_EQUAL(registers.rax, 0x1212);
    registers.rax = 0;
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_KERNEL, pointer_value(page)), 0);
    snippet_run(read_gs, &registers);
    EXPECT_EQUAL(registers.rax, 0x1212);
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_FS, 0), 0);
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_KERNEL, 0), 0);
}

TEST(user_gs_selector_call_leaves_the_kernel_base_alone)
{
    uint64_t *page = page_alloc();
    page[0] = 0x3434;
    struct registers registers = {.rflags = RFLAGS_FIXED};
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_KERNEL, pointer_value(page)), 0);
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
    snippet_run(read_gs, &registers);
    EXPECT_EQUAL(registers.rax, 0x3434);
    EXPECT_RESULT(hypercall_set_segment_base(SEGBASE_GS_KERNEL, 0), 0);
}

TEST(segment_bases_that_are_not_canonical_or_not_known_are_refused)
{
    for (uint64_t which = SEGBASE_FS; which <= SEGBASE_GS_KERNEL; which++) {
        EXPECT_RESULT(hypercall_set_segment_base(which, UINT64_C(1) << 47), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_set_segment_base(which, UINT64_C(1) << 63), -XEN_EINVAL);
    }
    EXPECT_RESULT(hypercall_set_segment_base(4, 0), -XEN_EINVAL);
}

TEST(debug_register_calls_store_and_return)
{
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_RESULT(hypercall_set_debugreg(i, SCRATCH_VA + i * 8), 0);
        EXPECT_RESULT(hypercall_get_debugreg(i), (int64_t)(SCRATCH_VA + i * 8));
    }
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_RESULT(hypercall_set_debugreg(i, 0), 0);
    }
}

TEST(debug_registers_cannot_point_into_the_hypervisor)
{
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_RESULT(hypercall_set_debugreg(i, HYPERVISOR_VIRT_START), -XEN_EPERM);
        EXPECT_RESULT(hypercall_set_debugreg(i, HYPERVISOR_VIRT_END - 1), -XEN_EPERM);
        EXPECT_RESULT(hypercall_set_debugreg(i, UINT64_C(1) << 47), -XEN_EPERM);
        EXPECT_RESULT(hypercall_set_debugreg(i, UINT64_C(1) << 63), -XEN_EPERM);
        EXPECT_RESULT(hypercall_get_debugreg(i), 0);
    }
}

TEST(debug_control_with_reserved_bits_is_refused)
{
    EXPECT_RESULT(hypercall_set_debugreg(7, UINT64_C(1) << 32), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_set_debugreg(6, UINT64_C(1) << 32), -XEN_EINVAL);
    EXPECT(hypercall_set_debugreg(8, 0) < 0);
    EXPECT(hypercall_get_debugreg(8) < 0);
}

TEST(data_breakpoint_raises_debug)
{
    uint64_t *page = page_alloc();
    EXPECT_RESULT(hypercall_set_debugreg(0, pointer_value(page)), 0);
    EXPECT_RESULT(hypercall_set_debugreg(7, 0x400 | 0x2 | 0xd0000), 0); /* 4 bytes, on writes */
    struct registers registers = {.rdi = pointer_value(page), .rflags = RFLAGS_FIXED};
    struct trap trap = snippet_try(store_to_rdi, &registers);
    EXPECT_RESULT(hypercall_set_debugreg(7, 0x400), 0);
    EXPECT_TRAP(trap, TRAP_DEBUG, 0);
    EXPECT_EQUAL(*(const uint8_t *)trap.frame.rip, 0x90);
    EXPECT_EQUAL((uint64_t)hypercall_get_debugreg(6) & 0xf, 1);
    EXPECT_RESULT(hypercall_set_debugreg(6, 0xffff0ff0), 0);
    EXPECT_RESULT(hypercall_set_debugreg(0, 0), 0);
}

TEST(task_switched_flag_makes_fpu_use_raise_no_device)
{
    struct registers registers = {.rflags = RFLAGS_FIXED};
    EXPECT_RESULT(hypercall_fpu_taskswitch(1), 0);
    EXPECT_TRAP(snippet_try(fpu_instruction, &registers), TRAP_NO_DEVICE, 0);
    EXPECT_RESULT(hypercall_fpu_taskswitch(1), 0);
    EXPECT_TRAP(snippet_try(sse_instruction, &registers), TRAP_NO_DEVICE, 0);
    EXPECT_RESULT(hypercall_fpu_taskswitch(0), 0);
    EXPECT_NO_TRAP(snippet_try(fpu_instruction, &registers));
    EXPECT_NO_TRAP(snippet_try(sse_instruction, &registers));
}

TEST(hypercall_changes_no_register_but_rax_rcx_and_r11)
{
    struct registers before = registers_marked();
    before.rdi = XENVER_version;
    before.rsi = 0;
    before.rax = __HYPERVISOR_xen_version;
    struct registers after = before;
    snippet_run(raw_syscall, &after);
    EXPECT_EQUAL(after.rax, hypercall_xen_version(XENVER_version, NULL));
    const uint64_t *wanted = &before.r15, *found = &after.r15;
    for (size_t i = 0; i < 13; i++) {
        bool r11 = i == 4;
        if (!r11) {
            EXPECT_EQUAL(found[i], wanted[i]);
        }
    }
    EXPECT_EQUAL(after.rflags & (RFLAGS_CF | RFLAGS_ZF | RFLAGS_DF), RFLAGS_CF | RFLAGS_ZF);
}

TEST(flags_that_confuse_handlers_survive_a_hypercall)
{
    static const uint64_t flags[] = {RFLAGS_DF, RFLAGS_AC, RFLAGS_ID};
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        struct registers registers = {
            .rdi = XENVER_version,
            .rax = __HYPERVISOR_xen_version,
            .rflags = RFLAGS_FIXED | flags[i],
        };
        snippet_run(raw_syscall, &registers);
        EXPECT_EQUAL(registers.rflags & flags[i], flags[i]);
    }
}

TEST(only_the_argument_registers_of_a_call_may_change)
{
    mmu_update_t update = {0};
    struct registers registers = {
        .rdi = pointer_value(&update),
        .rsi = 0,
        .rdx = 0,
        .r10 = DOMID_SELF,
        .r8 = 0x8888,
        .r9 = 0x9999,
        .rbx = 0xbbbb,
        .r12 = 0xcccc,
        .rax = __HYPERVISOR_mmu_update,
        .rflags = RFLAGS_FIXED,
    };
    snippet_run(raw_syscall, &registers);
    EXPECT_EQUAL(registers.rax, 0);
    EXPECT_EQUAL(registers.r8, 0x8888);
    EXPECT_EQUAL(registers.r9, 0x9999);
    EXPECT_EQUAL(registers.rbx, 0xbbbb);
    EXPECT_EQUAL(registers.r12, 0xcccc);
}
