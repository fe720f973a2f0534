/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conformance kernel shows that a hypervisor keeps the PV ABI of Xen 4.17 for one domain with
 * one vCPU, as far as a kernel can see from inside: each test is one sentence about a call, with
 * its refusals, error numbers and what must not have changed after them. It boots on Xen as it
 * boots on Pinnace; where documents and Xen disagreed, Xen won.
 *
 * In this file: what belongs to no other: versions and features, assists, unknown calls, and what
 * the domain builder promised of memory and registers at the first instruction.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "guests/lib/trap.h"
#include "lib/string.h"

#include <xen/features.h>

TEST(registers_at_the_first_instruction)
{
    EXPECT_EQUAL(boot_state.rsi, pointer_value(start_info));
    EXPECT_EQUAL(boot_state.rsp % PAGE_SIZE, 0);
    EXPECT_EQUAL(boot_state.cs & 0xffff, FLAT_KERNEL_CS);
    EXPECT_EQUAL(boot_state.ss & 0xffff, FLAT_KERNEL_SS);
    EXPECT_EQUAL(boot_state.ds | boot_state.es | boot_state.fs | boot_state.gs, 0);
    EXPECT_EQUAL(boot_state.rax | boot_state.rbx | boot_state.rcx | boot_state.rdx, 0);
    EXPECT_EQUAL(boot_state.rdi | boot_state.rbp | boot_state.r8 | boot_state.r9, 0);
    EXPECT_EQUAL(boot_state.r10 | boot_state.r11 | boot_state.r12 | boot_state.r13, 0);
    EXPECT_EQUAL(boot_state.r14 | boot_state.r15, 0);
    EXPECT_EQUAL(boot_state.rflags & (RFLAGS_DF | RFLAGS_TF | RFLAGS_IF), RFLAGS_IF);
}

TEST(start_info_is_complete)
{
    EXPECT(strncmp(start_info->magic, "xen-3.0-x86_64", 14) == 0);
    EXPECT(start_info->nr_pages > 0);
    EXPECT_EQUAL(start_info->shared_info % PAGE_SIZE, 0);
    EXPECT(start_info->shared_info != 0);
    EXPECT_EQUAL(start_info->pt_base % PAGE_SIZE, 0);
    EXPECT(start_info->nr_pt_frames >= 4);
    EXPECT(start_info->mfn_list != 0);
    EXPECT_EQUAL(pointer_value(start_info) % PAGE_SIZE, 0);
}

TEST(layout_is_image_p2m_start_info_tables_stack)
{
    uint64_t image_end = pointer_value(_image_end);
    uint64_t info = pointer_value(start_info);
    uint64_t tables_end = start_info->pt_base + start_info->nr_pt_frames * PAGE_SIZE;
    EXPECT(info >= image_end);
    EXPECT(start_info->pt_base > info);
    EXPECT_EQUAL(boot_state.rsp, tables_end + PAGE_SIZE);
    bool list_in_mapping = start_info->mfn_list >= VIRT_BASE;
    EXPECT(!list_in_mapping || (start_info->mfn_list >= image_end && start_info->mfn_list < info));
}

TEST(boot_mapping_is_contiguous_and_leaves_room_behind_the_stack)
{
    uint64_t end = (boot_state.rsp + 0x80000 + 0x3fffff) & ~UINT64_C(0x3fffff);
    for (uint64_t va = VIRT_BASE; va < end; va += PAGE_SIZE) {
        if (va == pointer_value((const void *)(uint64_t)shared_info())) {
            continue;
        }
        EXPECT_EQUAL(pte_mfn(pte_of(va)).value,
                     p2m_get(pfn_make((va - VIRT_BASE) >> PAGE_SHIFT)).value);
    }
    EXPECT_EQUAL(pte_of(end), 0);
}

TEST(boot_tables_are_mapped_read_only_and_the_rest_writable)
{
    uint64_t tables_end = start_info->pt_base + start_info->nr_pt_frames * PAGE_SIZE;
    for (uint64_t va = start_info->pt_base; va < tables_end; va += PAGE_SIZE) {
        EXPECT_EQUAL(pte_of(va) & (PTE_PRESENT | PTE_WRITABLE), PTE_PRESENT);
    }
    EXPECT_EQUAL(pte_of(pointer_value(start_info)) & PTE_WRITABLE, PTE_WRITABLE);
    EXPECT_EQUAL(pte_of(boot_state.rsp - PAGE_SIZE) & PTE_WRITABLE, PTE_WRITABLE);
    EXPECT_EQUAL(pte_of(boot_state.rsp) & PTE_WRITABLE, PTE_WRITABLE);
}

TEST(boot_leaves_are_kernel_leaves)
{
    uint64_t pte = pte_of(pointer_value(_image_start));
    EXPECT_EQUAL(pte & (PTE_USER | PTE_GUEST_KERNEL | PTE_GLOBAL), PTE_USER | PTE_GUEST_KERNEL);
}

TEST(unknown_hypercalls_are_refused)
{
    static const uint64_t numbers[] = {11, 27 + 100, 63, 64, 1000, 0xffffffff, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        EXPECT_RESULT(hypercall(numbers[i], 0, 0, 0, 0, 0), -XEN_ENOSYS);
    }
}

TEST(version_is_4_and_names_the_guest_type)
{
    EXPECT_EQUAL(hypercall_xen_version(XENVER_version, NULL) >> 16, 4);
    static xen_capabilities_info_t capabilities;
    EXPECT_RESULT(hypercall_xen_version(XENVER_capabilities, capabilities), 0);
    EXPECT(strncmp(capabilities, "xen-3.0-x86_64 ", 15) == 0);
    EXPECT_RESULT(hypercall_xen_version(XENVER_pagesize, NULL), 4096);
    struct xen_platform_parameters platform = {0};
    EXPECT_RESULT(hypercall_xen_version(XENVER_platform_parameters, &platform), 0);
    EXPECT_EQUAL(platform.virt_start, HYPERVISOR_VIRT_START);
    static xen_extraversion_t extra;
    EXPECT_RESULT(hypercall_xen_version(XENVER_extraversion, extra), 0);
    EXPECT(extra[0] != '\0');
}

TEST(unknown_version_questions_and_bad_pointers_are_refused)
{
    EXPECT_RESULT(hypercall_xen_version(99, NULL), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall_xen_version(XENVER_extraversion, (void *)FREE_VA), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_xen_version(XENVER_capabilities, (void *)HYPERVISOR_VIRT_START),
                  -XEN_EFAULT);
    EXPECT_RESULT(hypercall_xen_version(XENVER_get_features, (void *)FREE_VA), -XEN_EFAULT);
}

TEST(features_are_those_of_a_pv_guest)
{
    struct xen_feature_info info = {.submap_idx = 0};
    EXPECT_RESULT(hypercall_xen_version(XENVER_get_features, &info), 0);
    uint32_t needed = 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_gnttab_map_avail_bits;
    uint32_t never = 1u << XENFEAT_writable_page_tables | 1u << XENFEAT_auto_translated_physmap |
                     1u << XENFEAT_supervisor_mode_kernel;
    EXPECT_EQUAL(info.submap & (needed | never), needed);
    bool first = (start_info->flags & SIF_INITDOMAIN) != 0;
    EXPECT_EQUAL((info.submap >> XENFEAT_dom0) & 1, first);
    info.submap_idx = 1;
    EXPECT_RESULT(hypercall_xen_version(XENVER_get_features, &info), -XEN_EINVAL);
}

TEST(assists_can_be_switched_and_unknown_ones_are_refused)
{
    static const uint64_t types[] = {
        VMASST_TYPE_4gb_segments,        VMASST_TYPE_4gb_segments_notify,
        VMASST_TYPE_writable_pagetables, VMASST_TYPE_pae_extended_cr3,
        VMASST_TYPE_architectural_iopl,  VMASST_TYPE_runstate_update_flag,
        VMASST_TYPE_m2p_strict,
    };
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, types[i]), 0);
        EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_disable, types[i]), 0);
    }
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, 6), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, 31), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, 33), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, 64), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_vm_assist(2, VMASST_TYPE_4gb_segments), -XEN_ENOSYS);
}

TEST(extended_cr3_feature_follows_its_assist)
{
    struct xen_feature_info info = {.submap_idx = 0};
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3), 0);
    EXPECT_RESULT(hypercall_xen_version(XENVER_get_features, &info), 0);
    EXPECT_EQUAL((info.submap >> XENFEAT_pae_pgdir_above_4gb) & 1, 1);
}

TEST(callbacks_are_checked_when_they_are_registered)
{
    struct callback_register callback = {.type = CALLBACKTYPE_event, .address = UINT64_C(1) << 63};
    EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_register, &callback), -XEN_EINVAL);
    callback = (struct callback_register){.type = 99, .address = 0x1000};
    EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_register, &callback), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall_callback_op(99, &callback), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_register, (const void *)FREE_VA), -XEN_EFAULT);
    struct callback_unregister remove = {.type = CALLBACKTYPE_event};
    EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_unregister, &remove), -XEN_EINVAL);
    remove.type = CALLBACKTYPE_nmi;
    EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_unregister, &remove), 0);
}

TEST(console_refuses_text_it_cannot_read)
{
    EXPECT_RESULT(hypercall_console_io(CONSOLEIO_write, 1, (const char *)FREE_VA), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_console_io(CONSOLEIO_write, 1, (const char *)HYPERVISOR_VIRT_START),
                  -XEN_EFAULT);
    EXPECT_RESULT(hypercall_console_io(99, 0, NULL), -XEN_ENOSYS);
}
