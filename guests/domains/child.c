/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/domains/child.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define PATIENCE      100000U /* turns of ours before we call a child hanging */
#define SLOT_BUILDING 500U    /* where frames are mapped while they are filled */
#define QUOTA_KIB     (CHILD_FRAMES * 4U)

extern const char child_code[], child_code_end[];

/* ---- contents ------------------------------------------------------------------------------ */

/* Entries of the child's tables: each page where child.h says, the tables read-only. */
static void fill_tables(const struct child *child, unsigned int page, uint64_t *table)
{
    switch (page) {
    case PAGE_L1:
        for (unsigned int i = 0; i < CHILD_FRAMES; i++) {
            bool is_table = i >= PAGE_L1 && i <= PAGE_L4;
            table[i] = pte_make(child->frames[i], is_table ? PTE_READ_ONLY : PTE_READ_WRITE);
        }
        break;
    case PAGE_L2:
        table[table_index(CHILD_VA, 2)] = pte_make(child->frames[PAGE_L1], PTE_TABLE);
        break;
    case PAGE_L3:
        table[table_index(CHILD_VA, 3)] = pte_make(child->frames[PAGE_L2], PTE_TABLE);
        break;
    default:
        table[table_index(CHILD_VA, 4)] = pte_make(child->frames[PAGE_L3], PTE_TABLE);
        break;
    }
}

static void fill_page(const struct child *child, unsigned int page)
{
    EXPECT_RESULT(foreign_map(SLOT_BUILDING, child->id, child->frames[page], PTE_READ_WRITE), 0);
    void *mapped = slot_address(SLOT_BUILDING);
    memset(mapped, 0, PAGE_SIZE);
    if (page == PAGE_CODE) {
        memcpy(mapped, child_code, (size_t)(child_code_end - child_code));
    } else if (page >= PAGE_L1 && page <= PAGE_L4) {
        fill_tables(child, page, mapped);
    }
    EXPECT_RESULT(foreign_map(SLOT_BUILDING, child->id, child->frames[page], 0), 0);
}

struct vcpu_guest_context *child_context(const struct child *child)
{
    static struct vcpu_guest_context context;
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.rip = CHILD_VA;
    context.user_regs.rbx = CHILD_VA + CHILD_MAILBOX;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.user_regs.rflags = RFLAGS_IF | RFLAGS_FIXED;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.ctrlreg[3] = child->frames[PAGE_L4].value << PAGE_SHIFT;
    return &context;
}

int64_t child_set_context(const struct child *child, const struct vcpu_guest_context *context)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    set_xen_guest_handle_raw(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)(uint64_t)context);
    return domctl(XEN_DOMCTL_setvcpucontext, child->id, &op);
}

/* ---- building ------------------------------------------------------------------------------ */

static void build_step(struct child *child, struct xen_domctl *create, enum build_step step)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    switch (step) {
    case STEP_CREATE:
        EXPECT_RESULT(domctl(XEN_DOMCTL_createdomain, child->id, create), 0);
        child->id = create->domain;
        break;
    case STEP_VCPUS:
        op.u.max_vcpus.max = create->u.createdomain.max_vcpus;
        EXPECT_RESULT(domctl(XEN_DOMCTL_max_vcpus, child->id, &op), 0);
        break;
    case STEP_QUOTA:
        op.u.max_mem.max_memkb = QUOTA_KIB;
        EXPECT_RESULT(domctl(XEN_DOMCTL_max_mem, child->id, &op), 0);
        break;
    case STEP_MEMORY:
        EXPECT_EQUAL(populate(child->id, 0, child->frames, CHILD_FRAMES), CHILD_FRAMES);
        break;
    case STEP_CONTENTS:
        for (unsigned int page = 0; page < CHILD_FRAMES; page++) {
            fill_page(child, page);
        }
        break;
    case STEP_MAILBOX:
        EXPECT_RESULT(
            foreign_map(child->slot, child->id, child->frames[PAGE_MAILBOX], PTE_READ_WRITE), 0);
        child->mailbox = slot_address(child->slot);
        break;
    case STEP_PIN:
        EXPECT_RESULT(mmuext_for(child->id, MMUEXT_PIN_L4_TABLE, child->frames[PAGE_L4]), 0);
        break;
    case STEP_CONTEXT:
        EXPECT_RESULT(child_set_context(child, child_context(child)), 0);
        break;
    case STEP_START:
        EXPECT_RESULT(domctl_plain(XEN_DOMCTL_unpausedomain, child->id), 0);
        break;
    case STEP_COUNT:
        break;
    }
}

void child_build_from(struct child *child, struct xen_domctl *create, size_t slot,
                      enum build_step last)
{
    child->id = create->domain;
    child->slot = slot;
    for (enum build_step step = STEP_CREATE; step <= last; step++) {
        build_step(child, create, step);
    }
}

void child_build(struct child *child, enum build_step last)
{
    struct xen_domctl create = create_record();
    child_build_from(child, &create, 0, last);
}

struct child child_start(void)
{
    struct child child;
    test_needs_first_domain();
    destroy_all();
    child_build(&child, STEP_START);
    return child;
}

/* ---- talking to it ------------------------------------------------------------------------- */

void child_ask(const struct child *child, uint64_t call, uint64_t a, uint64_t b, uint64_t c,
               uint64_t d)
{
    volatile struct mailbox *mailbox = child->mailbox;
    mailbox->call = call;
    mailbox->argument[0] = a;
    mailbox->argument[1] = b;
    mailbox->argument[2] = c;
    mailbox->argument[3] = d;
    mailbox->argument[4] = 0;
    __asm__ volatile("" ::: "memory");
    mailbox->request++;
}

void child_wait(const struct child *child)
{
    const volatile struct mailbox *mailbox = child->mailbox;
    for (unsigned int turn = 0; turn < PATIENCE && mailbox->done != mailbox->request; turn++) {
        let_others_run();
    }
    if (mailbox->done != mailbox->request) {
        test_fail(__FILE__, __LINE__, "d%u does not answer call %lu", child->id, mailbox->call);
    }
}

int64_t child_call(const struct child *child, uint64_t call, uint64_t a, uint64_t b, uint64_t c,
                   uint64_t d)
{
    child_ask(child, call, a, b, c, d);
    child_wait(child);
    return child->mailbox->result;
}

void *child_record_place(const struct child *child)
{
    return (char *)slot_address(child->slot) + CHILD_RECORDS;
}

uint64_t child_record(const struct child *child, const void *record, size_t size)
{
    memcpy(child_record_place(child), record, size);
    return CHILD_VA + CHILD_MAILBOX + CHILD_RECORDS;
}

int child_shutdown_code(const struct child *child)
{
    struct xen_domctl_getdomaininfo info;
    for (unsigned int turn = 0; turn < PATIENCE; turn++) {
        EXPECT_RESULT(domain_info(child->id, &info), 0);
        if ((info.flags & XEN_DOMINF_shutdown) != 0) {
            return (int)(info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
        }
        let_others_run();
    }
    return -1;
}
