/* SPDX-License-Identifier: BSD-2-Clause */
/* copy: bytes from one page to another, each either granted to the caller or its own. The locks of
 * both owners are held meanwhile, so pins and references are taken and dropped in one go. */
#include "core/grant_op.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "lib/string.h"

/* One of the two pages. */
struct side {
    const struct gnttab_copy_ptr *pointer;
    struct domain *owner;
    bool is_grant;
    bool is_destination;
    struct frame *frame; /* held while not NULL */
};

/* A page that is not granted is the caller's own, which calls itself DOMID_SELF. */
static enum status find_owner(struct grant_call *call, struct side *side)
{
    uint16_t id = side->pointer->domid;
    side->owner = id == DOMID_SELF ? call->vcpu->domain : domain_find(id);
    if (side->owner == NULL || side->owner->grants == NULL || side->owner->is_dying) {
        refusal_number(&call->about, "domain", id);
        return STATUS_NO_DOMAIN;
    }
    if (!side->is_grant && id != DOMID_SELF) {
        refusal_number(&call->about, "domain", id);
        return STATUS_NOT_PERMITTED;
    }
    return STATUS_OK;
}

static unsigned int use_of(const struct side *side)
{
    return side->is_destination ? GRANT_HOST_WRITE : GRANT_HOST_READ;
}

static void unpin(const struct side *side)
{
    if (side->is_grant) {
        grant_unpin(side->owner->grants, side->pointer->u.ref, use_of(side));
    }
}

static enum status hold(struct grant_call *call, struct side *side)
{
    call->about.number = side->is_grant ? side->pointer->u.ref : side->pointer->u.gmfn;
    mfn_t mfn = mfn_make(side->pointer->u.gmfn);
    if (side->is_grant) {
        struct grant_active *active;
        enum status status = grant_pin(side->owner->grants, side->pointer->u.ref,
                                       call->vcpu->domain->id, use_of(side), &active);
        if (status != STATUS_OK) {
            return status;
        }
        mfn = active->mfn;
    }
    struct frame *frame = frame_find(mfn);
    call->about.frame = frame;
    enum status status = STATUS_GRANT_BAD_PAGE;
    if (frame != NULL && frame_class(frame) == FRAME_GUEST && frame->owner == side->owner->id) {
        status = pt_take_leaf(grant_hold(use_of(side)), frame);
    }
    if (status != STATUS_OK) {
        unpin(side);
        return status;
    }
    side->frame = frame;
    return STATUS_OK;
}

static void let_go(const struct side *side)
{
    unpin(side);
    pt_put_leaf(grant_hold(use_of(side)), side->frame);
}

static enum status copy_held(const struct side *source, const struct side *destination,
                             uint16_t size)
{
    uint64_t from = source->pointer->offset;
    uint64_t to = destination->pointer->offset;
    if (from + size > PAGE_SIZE || to + size > PAGE_SIZE) {
        return STATUS_GRANT_COPY_BEYOND;
    }
    const uint8_t *source_page = port_map_frame(frame_mfn(source->frame));
    uint8_t *destination_page = port_map_frame(frame_mfn(destination->frame));
    memmove(destination_page + to, source_page + from, size);
    return STATUS_OK;
}

static enum status copy(struct grant_call *call, struct side *source, struct side *destination,
                        uint16_t size)
{
    enum status status = hold(call, source);
    if (status != STATUS_OK) {
        return status;
    }
    status = hold(call, destination);
    if (status == STATUS_OK) {
        status = copy_held(source, destination, size);
        let_go(destination);
    }
    let_go(source);
    return status;
}

enum status grant_copy(struct grant_call *call, union grant_element *element)
{
    const struct gnttab_copy *op = &element->copy;
    struct side source = {
        .pointer = &op->source,
        .is_grant = (op->flags & GNTCOPY_source_gref) != 0,
    };
    struct side destination = {
        .pointer = &op->dest,
        .is_grant = (op->flags & GNTCOPY_dest_gref) != 0,
        .is_destination = true,
    };
    enum status status = find_owner(call, &source);
    if (status == STATUS_OK) {
        status = find_owner(call, &destination);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct mmu_locked locked = domain_mmu_lock_two(source.owner, destination.owner);
    status = copy(call, &source, &destination, op->len);
    domain_mmu_unlock(locked);
    return status;
}
