/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/context.h"

#include "core/port.h"

static void set_owners(struct mmu_context *context)
{
    context->owners = (struct pte_owners){
        .table = context->pt_owner,
        .page = context->pg_owner,
        .io = context->pg_owner == &domain_io ? context->vcpu->domain : context->pg_owner,
    };
}

void context_open_self(struct mmu_context *context, struct vcpu *vcpu)
{
    context->vcpu = vcpu;
    context->pt_owner = vcpu->domain;
    context->pg_owner = vcpu->domain;
    context->flush_all = false;
    set_owners(context);
    context->locked = domain_mmu_lock(vcpu->domain);
}

void context_open(struct mmu_context *context, struct vcpu *vcpu, struct domain *pt_owner,
                  struct domain *pg_owner)
{
    context->vcpu = vcpu;
    context->pt_owner = pt_owner;
    context->pg_owner = pg_owner;
    context->flush_all = false;
    set_owners(context);
    context->locked = domain_mmu_lock_two(pt_owner, pg_owner);
}

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

/* The owners of deferred frames, one lock at a time: no lock of ours is held here. */
static void drop_foreign(struct vcpu *vcpu)
{
    while (vcpu->foreign_drop_count > 0) {
        struct foreign_drop drop = vcpu->foreign_drops[--vcpu->foreign_drop_count];
        struct frame *frame = frame_find(drop.mfn);
        /* The reference we hold keeps the owner in place. */
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

static void flush_owed(struct mmu_context *context)
{
    if (context->flush_all) {
        context->flush_all = false;
        port_flush_tlb(domain_cpus(context->pt_owner));
    }
}

void context_close(struct mmu_context *context)
{
    flush_owed(context);
    domain_mmu_unlock(context->locked);
    drop_foreign(context->vcpu);
}

bool context_breathe(struct mmu_context *context)
{
    domain_mmu_unlock(context->locked);
    drop_foreign(context->vcpu);
    bool go_on = !port_should_yield();
    context->locked = domain_mmu_lock_two(context->pt_owner, context->pg_owner);
    return go_on;
}

bool context_should_stop(struct mmu_context *context)
{
    if (UNLIKELY(context->vcpu->foreign_drop_count > 0 ||
                 ticket_lock_is_contended(&context->pt_owner->mmu_lock))) {
        return !context_breathe(context);
    }
    return port_should_yield();
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
