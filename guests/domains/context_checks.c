/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/domains/contexts.h"

#include "guests/lib/test.h"
#include "lib/string.h"

int64_t get_context(const struct child *child, uint32_t vcpu, struct vcpu_guest_context *context)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.vcpucontext.vcpu = vcpu;
    set_xen_guest_handle_raw(op.u.vcpucontext.ctxt, context);
    return domctl(XEN_DOMCTL_getvcpucontext, child->id, &op);
}

void expect_context_refused(const struct child *child, const struct vcpu_guest_context *context)
{
    EXPECT_RESULT(child_set_context(child, context), -XEN_EINVAL);
    static struct vcpu_guest_context now;
    EXPECT_RESULT(get_context(child, 0, &now), -XEN_ENODATA);
}

struct child child_without_context(void)
{
    struct child child;
    test_needs_first_domain();
    destroy_all();
    child_build(&child, STEP_PIN);
    return child;
}

/* After all the refusals it must still be possible to start it, and to take it apart. */
void expect_startable(struct child *child)
{
    EXPECT_RESULT(child_set_context(child, child_context(child)), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_unpausedomain, child->id), 0);
    EXPECT_RESULT(child_call(child, CHILD_STORE, child_address(PAGE_PLAIN), 1, 0, 0), 0);
    EXPECT_RESULT(foreign_map(child->slot, child->id, child->frames[0], 0), 0);
    EXPECT_RESULT(destroy(child->id), 0);
}

/* An L3 table, a frame that we have mapped writable, one of ours, I/O, and none. */
void expect_bad_bases_refused(struct child *child, unsigned int control_register)
{
    const uint64_t bases[] = {
        child->frames[PAGE_L3].value << PAGE_SHIFT,
        child->frames[PAGE_MAILBOX].value << PAGE_SHIFT,
        mfn_of(boot_l4()).value << PAGE_SHIFT,
        UINT64_C(0xfee00000),
        UINT64_C(0x000ffffffffff000),
    };
    for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
        struct vcpu_guest_context *context = child_context(child);
        context->ctrlreg[control_register] = bases[i];
        expect_context_refused(child, context);
    }
    expect_startable(child);
}
