/* SPDX-License-Identifier: BSD-2-Clause */
/* The first state of a vCPU: what it may be, that it is what the vCPU starts with, and that a
 * refused one leaves nothing behind. */
#include "guests/domains/contexts.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define NOT_CANONICAL UINT64_C(0x0000900000000000)

TEST(m_context_with_an_address_that_is_not_canonical_is_refused)
{
    struct child child = child_without_context();
    static const size_t offsets[] = {
        offsetof(struct vcpu_guest_context, user_regs.rip),
        offsetof(struct vcpu_guest_context, user_regs.rsp),
        offsetof(struct vcpu_guest_context, kernel_sp),
        offsetof(struct vcpu_guest_context, event_callback_eip),
        offsetof(struct vcpu_guest_context, failsafe_callback_eip),
        offsetof(struct vcpu_guest_context, syscall_callback_eip),
        offsetof(struct vcpu_guest_context, fs_base),
        offsetof(struct vcpu_guest_context, gs_base_kernel),
        offsetof(struct vcpu_guest_context, gs_base_user),
        offsetof(struct vcpu_guest_context, trap_ctxt[14].address),
    };
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        struct vcpu_guest_context *context = child_context(&child);
        *(uint64_t *)(void *)((char *)context + offsets[i]) = NOT_CANONICAL;
        expect_context_refused(&child, context);
    }
    expect_startable(&child);
}

TEST(m_context_on_a_base_that_is_no_table_of_the_domains_is_refused)
{
    struct child child = child_without_context();
    struct vcpu_guest_context *context = child_context(&child);
    context->ctrlreg[3] = 0;
    expect_context_refused(&child, context);
    expect_bad_bases_refused(&child, 3);
}

TEST(k_context_with_descriptor_tables_that_cannot_be_is_refused)
{
    struct child child = child_without_context();
    struct vcpu_guest_context *context = child_context(&child);
    context->gdt_ents = 512 * 16 + 1;
    expect_context_refused(&child, context);
    context = child_context(&child);
    context->gdt_ents = 512;
    context->gdt_frames[0] = child.frames[PAGE_L1].value;
    expect_context_refused(&child, context);
    context->gdt_frames[0] = mfn_of(page_alloc()).value;
    expect_context_refused(&child, context);
    context = child_context(&child);
    context->ldt_ents = 8193;
    expect_context_refused(&child, context);
    context->ldt_ents = 1;
    context->ldt_base = 8;
    expect_context_refused(&child, context);
    expect_startable(&child);
}

TEST(context_outside_the_kernel_needs_a_user_base)
{
    struct child child = child_without_context();
    struct vcpu_guest_context *context = child_context(&child);
    context->flags &= ~(unsigned long)VGCF_in_kernel;
    expect_context_refused(&child, context);
    expect_startable(&child);
}

TEST(context_needs_a_vcpu_and_readable_memory)
{
    struct child child = child_without_context();
    struct xen_domctl op;
    static const uint32_t others[] = {1, 32, 64, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        memset(&op, 0, sizeof(op));
        op.u.vcpucontext.vcpu = others[i];
        set_xen_guest_handle_raw(op.u.vcpucontext.ctxt, child_context(&child));
        EXPECT_RESULT(domctl(XEN_DOMCTL_setvcpucontext, child.id, &op), -XEN_EINVAL);
        EXPECT_RESULT(get_context(&child, others[i], child_context(&child)), -XEN_EINVAL);
    }
    EXPECT_RESULT(child_set_context(&child, (const struct vcpu_guest_context *)FREE_VA),
                  -XEN_EFAULT);
    expect_startable(&child);
}

TEST(context_that_was_set_is_what_is_read_and_run)
{
    struct child child = child_without_context();
    struct vcpu_guest_context *context = child_context(&child);
    context->user_regs.r15 = 0x1234567;
    context->kernel_sp = CHILD_VA + 0x1ff0;
    context->event_callback_eip = CHILD_VA + 0x10;
    context->trap_ctxt[3] =
        (struct trap_info){.vector = 3, .cs = FLAT_KERNEL_CS, .address = CHILD_VA + 0x20};
    context->gs_base_user = 0x7000;
    EXPECT_RESULT(child_set_context(&child, context), 0);
    static struct vcpu_guest_context now;
    EXPECT_RESULT(get_context(&child, 0, &now), 0);
    EXPECT_EQUAL(now.user_regs.rip, CHILD_VA);
    EXPECT_EQUAL(now.user_regs.r15, 0x1234567);
    EXPECT_EQUAL(now.user_regs.cs & 0xffff, FLAT_KERNEL_CS);
    EXPECT_EQUAL(now.kernel_sp, CHILD_VA + 0x1ff0);
    EXPECT_EQUAL(now.event_callback_eip, CHILD_VA + 0x10);
    EXPECT_EQUAL(now.trap_ctxt[3].address, CHILD_VA + 0x20);
    EXPECT_EQUAL(now.gs_base_user, 0x7000);
    EXPECT_EQUAL(now.ctrlreg[3], child.frames[PAGE_L4].value << PAGE_SHIFT);
    EXPECT_EQUAL(now.ctrlreg[1], 0);
    EXPECT((now.flags & VGCF_in_kernel) != 0);
    EXPECT_EQUAL(child_set_context(&child, (const struct vcpu_guest_context *)FREE_VA),
                 (uint64_t)-XEN_EFAULT);
    EXPECT_RESULT(get_context(&child, 0, (struct vcpu_guest_context *)FREE_VA), -XEN_EFAULT);
}

TEST(base_of_a_vcpu_that_runs_cannot_be_changed_from_outside)
{
    struct child child = child_start();
    struct vcpu_guest_context *context = child_context(&child);
    context->ctrlreg[3] = child.frames[PAGE_L3].value << PAGE_SHIFT;
    EXPECT_RESULT(child_set_context(&child, context), -XEN_EOPNOTSUPP);
    EXPECT_RESULT(child_call(&child, CHILD_STORE, child_address(PAGE_PLAIN), 1, 0, 0), 0);
}

TEST(vcpu_information_follows_the_vcpu)
{
    struct child child = child_start();
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    EXPECT_RESULT(domctl(XEN_DOMCTL_getvcpuinfo, child.id, &op), 0);
    EXPECT_EQUAL(op.u.getvcpuinfo.online, 1);
    EXPECT_EQUAL(op.u.getvcpuinfo.blocked, 0);
    EXPECT_EQUAL(op.u.getvcpuinfo.running, 0);
    let_others_run();
    let_others_run();
    uint64_t before = op.u.getvcpuinfo.cpu_time;
    EXPECT_RESULT(domctl(XEN_DOMCTL_getvcpuinfo, child.id, &op), 0);
    EXPECT(op.u.getvcpuinfo.cpu_time > before);
    child_ask(&child, __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0, 0);
    for (unsigned int turn = 0; turn < 1000 && !op.u.getvcpuinfo.blocked; turn++) {
        let_time_pass();
        EXPECT_RESULT(domctl(XEN_DOMCTL_getvcpuinfo, child.id, &op), 0);
    }
    EXPECT_EQUAL(op.u.getvcpuinfo.blocked, 1);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT((info.flags & XEN_DOMINF_blocked) != 0);
    EXPECT_RESULT(domctl(XEN_DOMCTL_getvcpuinfo, 0, &op), 0);
    EXPECT_EQUAL(op.u.getvcpuinfo.running, 1);
    op.u.getvcpuinfo.vcpu = 1;
    EXPECT_RESULT(domctl(XEN_DOMCTL_getvcpuinfo, child.id, &op), -XEN_EINVAL);
}

TEST(choice_vcpu_cannot_be_reset)
{
    struct child child = child_without_context();
    EXPECT_RESULT(child_set_context(&child, NULL), -XEN_EOPNOTSUPP);
    expect_startable(&child);
}
