/* SPDX-License-Identifier: BSD-2-Clause */
/* mmuext_op(operations, count, done, domain): pins, base pointers, flushes, LDT, page clearing
 * (xen/xen.h, struct mmuext_op). One small function for each operation. */
#include "core/bases.h"
#include "core/batch.h"
#include "core/descriptors.h"
#include "core/guest_flush.h"
#include "core/mmu_call.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "lib/string.h"

typedef enum status (*mmuext_fn)(struct mmu_context *context, const struct mmuext_op *op);

/* ---- pins ---------------------------------------------------------------------------------- */

static enum status pin(struct mmu_context *context, mfn_t mfn, unsigned int level)
{
    struct frame *frame = context_find_frame(context, mfn);
    if (frame == NULL) {
        return STATUS_TABLE_NOT_OWNED;
    }
    enum status status = pt_take(context, frame, level);
    if (status != STATUS_OK) {
        return status;
    }
    if (frame_is_pinned(frame)) {
        pt_drop(context, frame); /* the pin holds another: nothing is released */
        return STATUS_ALREADY_PINNED;
    }
    if (context->pt_owner->is_dying) {
        pt_drop(context, frame);
        return STATUS_OK;
    }
    frame_set_pinned(frame, true);
    return STATUS_OK;
}

static enum status pin_table(struct mmu_context *context, const struct mmuext_op *op)
{
    return pin(context, mfn_make(op->arg1.mfn), op->cmd - MMUEXT_PIN_L1_TABLE + 1);
}

static enum status unpin_table(struct mmu_context *context, const struct mmuext_op *op)
{
    struct frame *frame = context_find_frame(context, mfn_make(op->arg1.mfn));
    if (frame == NULL) {
        return STATUS_TABLE_NOT_OWNED;
    }
    if (!frame_is_pinned(frame)) {
        return STATUS_NOT_PINNED;
    }
    enum status status = pt_make_room(context, NULL);
    if (status != STATUS_OK) {
        return status;
    }
    frame_set_pinned(frame, false);
    pt_drop(context, frame);
    return STATUS_OK;
}

/* ---- bases --------------------------------------------------------------------------------- */

static enum status new_baseptr(struct mmu_context *context, const struct mmuext_op *op)
{
    return bases_set_kernel(context, mfn_make(op->arg1.mfn));
}

static enum status new_user_baseptr(struct mmu_context *context, const struct mmuext_op *op)
{
    if (op->arg1.mfn == MFN_INVALID.value) {
        return STATUS_TABLE_NOT_OWNED; /* our mark for "none" is no way to say so */
    }
    return bases_set_user(context, op->arg1.mfn != 0 ? mfn_make(op->arg1.mfn) : MFN_INVALID);
}

/* ---- flushes ------------------------------------------------------------------------------- */

static uint64_t this_cpu(void)
{
    return UINT64_C(1) << port_cpu();
}

static enum status tlb_flush_local(struct mmu_context *context, const struct mmuext_op *op)
{
    (void)context;
    (void)op;
    port_flush_tlb(this_cpu());
    return STATUS_OK;
}

static enum status invlpg_local(struct mmu_context *context, const struct mmuext_op *op)
{
    (void)context;
    guest_flush_address(this_cpu(), op->arg1.linear_addr);
    return STATUS_OK;
}

/* The ABI pointer to a vCPU bitmap, as an address. */
static uint64_t bitmap_address(const struct mmuext_op *op)
{
    uint64_t address;
    memcpy(&address, &op->arg2.vcpumask, sizeof(address));
    return address;
}

static enum status tlb_flush_multi(struct mmu_context *context, const struct mmuext_op *op)
{
    uint64_t cpus;
    if (!guest_flush_read_cpus(context->pt_owner, bitmap_address(op), &cpus)) {
        return STATUS_NO_BITMAP;
    }
    if (cpus != 0) {
        port_flush_tlb(cpus);
    }
    return STATUS_OK;
}

static enum status invlpg_multi(struct mmu_context *context, const struct mmuext_op *op)
{
    uint64_t cpus;
    if (!guest_flush_read_cpus(context->pt_owner, bitmap_address(op), &cpus)) {
        return STATUS_NO_BITMAP;
    }
    guest_flush_address(cpus, op->arg1.linear_addr);
    return STATUS_OK;
}

static enum status tlb_flush_all(struct mmu_context *context, const struct mmuext_op *op)
{
    (void)op;
    port_flush_tlb(domain_cpus(context->pt_owner));
    return STATUS_OK;
}

static enum status invlpg_all(struct mmu_context *context, const struct mmuext_op *op)
{
    guest_flush_address(domain_cpus(context->pt_owner), op->arg1.linear_addr);
    return STATUS_OK;
}

static enum status flush_cache(struct mmu_context *context, const struct mmuext_op *op)
{
    (void)op;
    if (!context->vcpu->domain->has_io) {
        return STATUS_NO_CACHE_RIGHT;
    }
    port_flush_caches(this_cpu());
    return STATUS_OK;
}

static enum status flush_cache_global(struct mmu_context *context, const struct mmuext_op *op)
{
    (void)op;
    if (!context->vcpu->domain->has_io) {
        return STATUS_NO_GLOBAL_CACHE_RIGHT;
    }
    port_flush_caches(machine.cpus_online);
    return STATUS_OK;
}

/* ---- the rest ------------------------------------------------------------------------------ */

static enum status set_ldt(struct mmu_context *context, const struct mmuext_op *op)
{
    return vcpu_set_ldt(context, op->arg1.linear_addr, op->arg2.nr_ents);
}

/* A frame of the page owner that may be written now: its writable type is held until put. */
static enum status get_destination(struct mmu_context *context, mfn_t mfn, struct frame **frame)
{
    *frame = context_find_frame(context, mfn);
    if (*frame == NULL) {
        return STATUS_FRAME_NOT_OWNED;
    }
    return frame_get_writable(*frame) == STATUS_OK ? STATUS_OK : STATUS_TABLE_WRONG_TYPE;
}

static enum status clear_page(struct mmu_context *context, const struct mmuext_op *op)
{
    struct frame *frame;
    enum status status = get_destination(context, mfn_make(op->arg1.mfn), &frame);
    if (status == STATUS_OK) {
        memset(port_map_frame(frame_mfn(frame)), 0, PAGE_SIZE);
        frame_put_writable(frame);
    }
    return status;
}

static enum status copy_page(struct mmu_context *context, const struct mmuext_op *op)
{
    mfn_t from = mfn_make(op->arg2.src_mfn);
    const struct frame *source = context_find_frame(context, from);
    if (source == NULL) {
        context_explain(context, STATUS_FRAME_NOT_OWNED,
                        &(struct refusal){.what = "copy page from",
                                          .number = from.value,
                                          .frame = frame_find(from)});
        return STATUS_FRAME_NOT_OWNED;
    }
    struct frame *frame;
    enum status status = get_destination(context, mfn_make(op->arg1.mfn), &frame);
    if (status != STATUS_OK) {
        return status;
    }
    if (frame != source) {
        memcpy(port_map_frame(frame_mfn(frame)), port_map_frame(frame_mfn(source)), PAGE_SIZE);
    }
    frame_put_writable(frame);
    return STATUS_OK;
}

static enum status mark_super(struct mmu_context *context, const struct mmuext_op *op)
{
    (void)context;
    (void)op;
    return STATUS_NO_SUPERPAGES;
}

/* `own_only`: only on the caller's own behalf. `is_frameless`: no argument is a frame. */
static const struct operation {
    mmuext_fn perform;
    bool own_only;
    bool is_frameless;
    const char *name;
} operations[] = {
    [MMUEXT_PIN_L1_TABLE] = {pin_table, false, false, "pin as L1"},
    [MMUEXT_PIN_L2_TABLE] = {pin_table, false, false, "pin as L2"},
    [MMUEXT_PIN_L3_TABLE] = {pin_table, false, false, "pin as L3"},
    [MMUEXT_PIN_L4_TABLE] = {pin_table, false, false, "pin as L4"},
    [MMUEXT_UNPIN_TABLE] = {unpin_table, false, false, "unpin"},
    [MMUEXT_NEW_BASEPTR] = {new_baseptr, true, false, "new base"},
    [MMUEXT_TLB_FLUSH_LOCAL] = {tlb_flush_local, true, true, "TLB flush"},
    [MMUEXT_INVLPG_LOCAL] = {invlpg_local, true, true, "INVLPG"},
    [MMUEXT_TLB_FLUSH_MULTI] = {tlb_flush_multi, true, true, "TLB flush of some"},
    [MMUEXT_INVLPG_MULTI] = {invlpg_multi, true, true, "INVLPG of some"},
    [MMUEXT_TLB_FLUSH_ALL] = {tlb_flush_all, true, true, "TLB flush of all"},
    [MMUEXT_INVLPG_ALL] = {invlpg_all, true, true, "INVLPG of all"},
    [MMUEXT_FLUSH_CACHE] = {flush_cache, true, true, "cache flush"},
    [MMUEXT_SET_LDT] = {set_ldt, true, true, "set LDT"},
    [MMUEXT_NEW_USER_BASEPTR] = {new_user_baseptr, true, false, "new user base"},
    [MMUEXT_CLEAR_PAGE] = {clear_page, false, false, "clear page"},
    [MMUEXT_COPY_PAGE] = {copy_page, false, false, "copy page"},
    [MMUEXT_FLUSH_CACHE_GLOBAL] = {flush_cache_global, true, true, "cache flush of all"},
    [MMUEXT_MARK_SUPER] = {mark_super, false, false, "mark superpage"},
    [MMUEXT_UNMARK_SUPER] = {mark_super, false, false, "unmark superpage"},
};

static void explain(struct mmu_context *context, enum status status,
                    const struct operation *operation, const struct mmuext_op *op)
{
    struct refusal refusal = {.what = operation->name};
    if (status == STATUS_NO_BITMAP) {
        refusal.address = bitmap_address(op);
        refusal.size = sizeof(uint64_t);
    } else if (status == STATUS_OWN_ONLY || operation->is_frameless) {
        refusal.noun = "domain";
        refusal.number = context->pg_owner->id;
    } else {
        refusal.noun = "frame";
        refusal.number = op->arg1.mfn;
        refusal.frame = frame_find(mfn_make(op->arg1.mfn));
    }
    context_explain(context, status, &refusal);
}

static enum status perform(struct mmu_context *context, uint64_t address)
{
    struct mmuext_op op;
    if (UNLIKELY(!port_copy_from_guest(&op, address, sizeof(op)))) {
        context_explain(
            context, STATUS_FAULT,
            &(struct refusal){.what = "mmuext_op", .address = address, .size = sizeof(op)});
        return STATUS_FAULT;
    }
    if (op.cmd >= ARRAY_SIZE(operations) || operations[op.cmd].perform == NULL) {
        context_explain(
            context, STATUS_UNKNOWN_COMMAND,
            &(struct refusal){.what = "mmuext_op", .noun = "command", .number = op.cmd});
        return STATUS_UNKNOWN_COMMAND;
    }
    size_t command = index_nospec(op.cmd, ARRAY_SIZE(operations));
    enum status status = STATUS_OWN_ONLY;
    if (!operations[command].own_only || context->pg_owner == context->vcpu->domain) {
        status = operations[command].perform(context, &op);
    }
    if (UNLIKELY(status > STATUS_AGAIN)) {
        explain(context, status, &operations[command], &op);
    }
    return status;
}

struct call_result call_mmuext_op(struct vcpu *vcpu, uint64_t arg[])
{
    struct domain *owner = context_find_page_owner(vcpu, (uint16_t)arg[3]);
    if (UNLIKELY(!pt_begin_call(vcpu, owner != NULL ? owner : vcpu->domain))) {
        return call_again();
    }
    struct batch batch;
    switch (batch_start(&batch, arg, sizeof(struct mmuext_op))) {
    case BATCH_FINISHED:
        return call_done((int64_t)arg[3]);
    case BATCH_FAULT:
        return call_refuse_memory(vcpu, "mmuext_op", arg[0], batch.left * sizeof(struct mmuext_op));
    case BATCH_RUN:
        break;
    }
    if (UNLIKELY(owner == NULL)) {
        return call_refuse_number(vcpu, STATUS_NO_DOMAIN, "mmuext_op", "domain", arg[3]);
    }
    if (UNLIKELY(!domain_may_target(vcpu->domain, owner))) {
        return call_refuse_number(vcpu, STATUS_NOT_PERMITTED, "mmuext_op", "domain", arg[3]);
    }
    struct mmu_context context;
    context_open(&context, vcpu, owner, owner);
    return batch_run(&batch, &context, perform, sizeof(struct mmuext_op), arg);
}

enum status vcpu_pin_built(struct vcpu *vcpu, mfn_t l4)
{
    struct mmu_context context;
    context_open_self(&context, vcpu);
    enum status status = pin(&context, l4, 4);
    while (status == STATUS_PREEMPTED) {
        bool unwanted = context_breathe(&context);
        (void)unwanted; /* there is no call to go on with it later */
        status = pin(&context, l4, 4);
    }
    while (!pt_finish_release(&context)) {
    }
    context_close(&context);
    return status;
}
