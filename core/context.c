/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/context.h"

#include "core/port.h"
#include "core/pt_validate.h"

struct domain *context_find_page_owner(struct vcpu *vcpu, uint16_t id)
{
    switch (id) {
    case DOMID_SELF:
        return vcpu->domain;
    case DOMID_IO:
        return &domain_io;
    case DOMID_XEN:
        return &domain_xen;
    default:
        return id == vcpu->domain->id ? NULL : domain_find(id);
    }
}

/* Owners of deferred frames, one lock at a time. The reference we hold keeps the owner there. */
void context_drop_foreign(struct vcpu *vcpu)
{
    while (vcpu->foreign_drop_count > 0) {
        struct foreign_drop drop = vcpu->foreign_drops[--vcpu->foreign_drop_count];
        struct frame *frame = frame_find(drop.mfn);
        struct domain *owner = frame->owner == DOMID_XEN ? &domain_xen : domain_find(frame->owner);
        CHECK(owner != NULL);
        struct mmu_locked locked = domain_mmu_lock(owner);
        if (drop.writable) {
            frame_put_writable(frame);
        }
        frame_put(frame);
        domain_mmu_unlock(locked);
    }
}

void context_flush(struct mmu_context *context)
{
    context->flush_all = false;
    port_flush_tlb(domain_cpus(context->pt_owner));
}

/* Let go of the locks for a moment. */
static void let_go(struct mmu_context *context)
{
    if (context->vcpu->foreign_drop_count > 0) {
        context_flush(context);
    }
    domain_mmu_unlock(context->locked);
    context_drop_foreign(context->vcpu);
}

static void take_again(struct mmu_context *context)
{
    context->locked = domain_mmu_lock_two(context->pt_owner, context->pg_owner);
}

bool context_breathe(struct mmu_context *context)
{
    let_go(context);
    bool go_on = !port_should_yield();
    take_again(context);
    return go_on;
}

bool context_settle_owner(struct mmu_context *context)
{
    const struct domain *owner = context->pt_owner;
    if (owner == context->vcpu->domain) {
        return false;
    }
    let_go(context);
    bool found = false;
    bool settled = true;
    for (unsigned int i = 0; i < VCPU_LIMIT && settled; i++) {
        struct vcpu *vcpu = owner->vcpus[i];
        if (vcpu != NULL && vcpu->walk.mode != PT_WALK_NONE) {
            found = true;
            settled = pt_settle(vcpu);
        }
    }
    take_again(context);
    return found && settled;
}

bool context_should_stop(struct mmu_context *context)
{
    if (UNLIKELY(context->vcpu->foreign_drop_count >= FOREIGN_DROP_BATCH ||
                 ticket_lock_is_contended(&context->pt_owner->mmu_lock))) {
        return !context_breathe(context);
    }
    return port_should_yield();
}

void context_explain(struct mmu_context *context, enum status status, const struct refusal *refusal)
{
    if (!context->explained) {
        context->explained = true;
        port_explain_refusal(context->vcpu, status, refusal);
    }
}

enum status context_refuse_number(struct mmu_context *context, enum status status, const char *what,
                                  const char *noun, uint64_t number)
{
    context_explain(context, status,
                    &(struct refusal){.what = what, .noun = noun, .number = number});
    return status;
}

struct call_result call_refuse(const struct vcpu *vcpu, enum status status,
                               const struct refusal *about)
{
    port_explain_refusal(vcpu, status, about);
    return call_status(status);
}

struct call_result call_refuse_number(const struct vcpu *vcpu, enum status status, const char *what,
                                      const char *noun, uint64_t number)
{
    return call_refuse(vcpu, status,
                       &(struct refusal){.what = what, .noun = noun, .number = number});
}

struct call_result call_refuse_memory(const struct vcpu *vcpu, const char *what, uint64_t address,
                                      uint64_t size)
{
    return call_refuse(vcpu, STATUS_FAULT,
                       &(struct refusal){.what = what, .address = address, .size = size});
}

struct call_result call_refuse_unknown(struct vcpu *vcpu, unsigned int call, uint64_t command)
{
    port_explain_unknown(vcpu, call, command);
    return call_status(STATUS_UNKNOWN_COMMAND);
}

struct frame *context_find_frame(const struct mmu_context *context, mfn_t mfn)
{
    struct frame *frame = frame_find(mfn);
    if (frame == NULL || frame_class(frame) != FRAME_GUEST ||
        frame->owner != context->pg_owner->id) {
        return NULL;
    }
    return frame;
}
