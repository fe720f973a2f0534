/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl: frames of a domain: its hypercall page, and what each is used as. */
#include "hv/control/control.h"

#include "builder/hypercall_page.h"
#include "core/port.h"
#include "hv/guest_memory.h"
#include "hv/refuse.h"

#define QUERY_LIMIT 1024U
#define PIECE       64U /* frames looked at under one hold of the lock */

/* ---- the hypercall page -------------------------------------------------------------------- */

static enum status fill_hypercall_page(const struct mmu_context *mmu, mfn_t mfn)
{
    struct frame *frame = context_find_frame(mmu, mfn);
    if (frame == NULL) {
        return STATUS_TABLE_NOT_OWNED;
    }
    if (frame_get_writable(frame) != STATUS_OK) {
        return STATUS_NOT_PERMITTED;
    }
    hypercall_page_fill(port_map_frame(mfn));
    frame_put_writable(frame);
    return STATUS_OK;
}

/* -EINVAL: not a frame of the domain's; -EPERM: a table, or descriptors. */
struct call_result domctl_hypercall_init(struct domctl *call)
{
    struct mmu_context mmu;
    context_open(&mmu, &call->caller->core, &call->domain->core, &call->domain->core);
    mfn_t mfn = mfn_make(call->op.u.hypercall_init.gmfn);
    enum status status = fill_hypercall_page(&mmu, mfn);
    context_close(&mmu);
    return status == STATUS_OK ? call_done(0)
                               : call_done(refuse(status_to_errno(status),
                                                  "frame 0x%lx: it must be plain RAM of the "
                                                  "domain's, and no table",
                                                  mfn.value));
}

/* ---- what frames are used as --------------------------------------------------------------- */

static const uint32_t table_types[] = {
    [FRAME_L1] = XEN_DOMCTL_PFINFO_L1TAB,
    [FRAME_L2] = XEN_DOMCTL_PFINFO_L2TAB,
    [FRAME_L3] = XEN_DOMCTL_PFINFO_L3TAB,
    [FRAME_L4] = XEN_DOMCTL_PFINFO_L4TAB,
};

static uint64_t use_of(const struct mmu_context *mmu, mfn_t mfn)
{
    const struct frame *frame = context_find_frame(mmu, mfn);
    if (frame == NULL) {
        return XEN_DOMCTL_PFINFO_XTAB; /* no plain RAM of the domain's */
    }
    if (frame->type_count == 0 || !frame_type_is_table(frame_type(frame))) {
        return XEN_DOMCTL_PFINFO_NOTAB;
    }
    return table_types[frame->type] | (frame_is_pinned(frame) ? XEN_DOMCTL_PFINFO_LPINTAB : 0);
}

/* Turn the MFNs at `address` into what they are used as. */
static int answer_piece(const struct domctl *call, uint64_t address, uint64_t count)
{
    uint64_t frames[PIECE];
    if (!guest_copy_in(frames, address, count * sizeof(frames[0]))) {
        return refuse_unreadable(address, count * sizeof(frames[0]));
    }
    struct mmu_context mmu;
    context_open(&mmu, &call->caller->core, &call->domain->core, &call->domain->core);
    for (uint64_t i = 0; i < count; i++) {
        frames[i] = use_of(&mmu, mfn_make(frames[i]));
    }
    context_close(&mmu);
    return guest_copy_out(address, frames, count * sizeof(frames[0]))
               ? 0
               : refuse_unwritable(address, count * sizeof(frames[0]));
}

/* Where it stops to go on later, what is left stands in the caller's record: the ABI says so. */
struct call_result domctl_getpageframeinfo3(struct domctl *call)
{
    struct xen_domctl_getpageframeinfo3 *query = &call->op.u.getpageframeinfo3;
    if (query->num > QUERY_LIMIT) {
        return call_done(refuse(-XEN_E2BIG, "%lu frames: at most %u", query->num, QUERY_LIMIT));
    }
    while (query->num > 0) {
        uint64_t count = min_u64(query->num, PIECE);
        int result = answer_piece(call, HANDLE_ADDRESS(query->array), count);
        if (result != 0) {
            return call_done(result);
        }
        query->array.p += count;
        query->num -= count;
        if (query->num > 0 && port_should_yield()) {
            return guest_copy_out(call->address, &call->op, sizeof(call->op))
                       ? call_again()
                       : call_done(refuse_unwritable(call->address, sizeof(call->op)));
        }
    }
    return call_done(0);
}
