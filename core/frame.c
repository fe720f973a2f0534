/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/frame.h"

#include "core/domain.h"
#include "core/port.h"
#include "core/tlb.h"
#include "lib/string.h"

const char *frame_type_text(enum frame_type type)
{
    static const char *const names[] = {
        [FRAME_NONE] = "no type",
        [FRAME_L1] = "L1",
        [FRAME_L2] = "L2",
        [FRAME_L3] = "L3",
        [FRAME_L4] = "L4",
        [FRAME_DESCRIPTORS] = "descriptors",
        [FRAME_WRITABLE] = "writable",
    };
    return names[type];
}

const char *frame_class_text(enum frame_class class)
{
    static const char *const names[] = {
        [FRAME_FREE] = "free",     [FRAME_GUEST] = "guest",
        [FRAME_SHARED] = "shared", [FRAME_SHARED_READ_ONLY] = "shared read-only",
        [FRAME_IO] = "I/O",        [FRAME_HYPERVISOR] = "hypervisor",
    };
    return names[class];
}

static void set_class(struct frame *frame, enum frame_class class)
{
    frame->flags = (uint8_t) class;
}

/* The later of both stamps: whatever the frame was used for, its last use is behind. */
static uint32_t last_use(const struct frame *frame)
{
    return frame->writable_stamp > frame->table_stamp ? frame->writable_stamp : frame->table_stamp;
}

void frame_claim(struct frame *frame, enum frame_type type)
{
    CHECK(frame->type_count == 0);
    bool changes = frame->type != type;
    frame->type = (uint8_t)type;
    frame->type_count = 1;
    frame->progress = 0;
    frame->flags &= (uint8_t) ~(FRAME_VALIDATED | FRAME_HALF);
    if (changes) {
        frame->writable_stamp = last_use(frame);
        tlb_flush_stale(frame->writable_stamp);
    }
}

void frame_publish(struct frame *frame)
{
    ASSERT(frame->type_count == 1);
    frame->flags = (uint8_t)((frame->flags & ~FRAME_HALF) | FRAME_VALIDATED);
}

void frame_release(struct frame *frame)
{
    CHECK(frame->type_count == 1);
    frame->flags &= (uint8_t) ~(FRAME_VALIDATED | FRAME_HALF);
    frame->progress = 0;
    frame->table_stamp = tlb_clock_now();
    frame->type_count = 0;
}

void frame_set_half(struct frame *frame, unsigned int progress)
{
    ASSERT(frame->type_count == 1 && progress <= PTE_COUNT);
    frame->flags = (uint8_t)((frame->flags & ~FRAME_VALIDATED) | FRAME_HALF);
    frame->progress = (uint16_t)progress;
}

void frame_set_pinned(struct frame *frame, bool pinned)
{
    ASSERT(frame_is_pinned(frame) != pinned);
    frame->flags ^= FRAME_PINNED;
}

enum status frame_get_writable_first(struct frame *frame)
{
    if (frame_class(frame) == FRAME_SHARED_READ_ONLY) {
        return STATUS_LEAF_WRONG_TYPE;
    }
    if (frame->type_count == 0) {
        frame_claim(frame, FRAME_WRITABLE);
        return STATUS_OK;
    }
    return frame->type == FRAME_WRITABLE ? STATUS_COUNT_OVERFLOW : STATUS_LEAF_WRONG_TYPE;
}

void frame_put_writable_last(struct frame *frame)
{
    frame->writable_stamp = tlb_clock_now();
    frame->type_count = 0;
}

/*
 * Clear what the frame was to its owner. Its data stays, so the owner's number stays too; but a
 * dying domain's number will be another's one day, so what it leaves is dirty for everybody.
 */
static void leave_owner(struct frame *frame)
{
    CHECK(frame->ref_count == 0 && frame->type_count == 0);
    struct domain *owner = domain_find(frame->owner);
    CHECK(owner != NULL);
    uint64_t *count =
        frame_class(frame) == FRAME_SHARED ? &owner->shared_count : &owner->page_count;
    CHECK(*count > 0);
    (*count)--;
    set_class(frame, FRAME_FREE);
    frame->type = FRAME_NONE;
    frame->writable_stamp = tlb_clock_now();
    if (owner->is_dying) {
        frame->owner = DOMID_XEN;
        domain_note_empty(owner);
    }
}

/* Back to the allocator. What was said of the frame goes only now: one that is stolen and given
 * back keeps its M2P entry. */
static void make_free(struct frame *frame)
{
    m2p_set(frame_mfn(frame), M2P_INVALID);
    frame_alloc_undo(frame_mfn(frame), 0);
}

void frame_put_last(struct frame *frame)
{
    CHECK((frame_class(frame) == FRAME_GUEST || frame_class(frame) == FRAME_SHARED) &&
          (frame->flags & FRAME_ALLOCATED) == 0);
    leave_owner(frame);
    make_free(frame);
}

enum status frame_give_back(struct frame *frame)
{
    if (frame_class(frame) != FRAME_GUEST || (frame->flags & FRAME_ALLOCATED) == 0) {
        return STATUS_FRAME_IN_USE;
    }
    frame->flags &= (uint8_t)~FRAME_ALLOCATED;
    frame_put(frame);
    return STATUS_OK;
}

enum status frame_steal(struct frame *frame)
{
    if (frame_class(frame) != FRAME_GUEST || (frame->flags & FRAME_ALLOCATED) == 0 ||
        frame->ref_count != 1 || frame->type_count != 0) {
        return STATUS_FRAME_IN_USE;
    }
    frame->ref_count = 0;
    leave_owner(frame);
    return STATUS_OK;
}

void frame_free_stolen(struct frame *frame)
{
    ASSERT(frame_class(frame) == FRAME_FREE);
    make_free(frame);
}

bool frame_prepare(struct frame *frame, uint16_t next_owner)
{
    CHECK(frame_class(frame) == FRAME_FREE && frame->ref_count == 0);
    tlb_flush_stale(last_use(frame));
    bool is_dirty = frame->owner != next_owner && frame->owner != DOMID_INVALID;
    if (is_dirty) {
        memset(port_map_frame(frame_mfn(frame)), 0, PAGE_SIZE);
        frame->owner = DOMID_INVALID;
    }
    return is_dirty;
}

void frame_mark_dirty(struct frame *frame)
{
    ASSERT(frame_class(frame) == FRAME_FREE);
    frame->owner = DOMID_XEN;
}

void frame_forget_owner(struct frame *frame, uint16_t owner)
{
    if (frame_class(frame) == FRAME_FREE && frame->owner == owner) {
        ticket_lock_take(&machine.alloc_lock);
        if (frame_class(frame) == FRAME_FREE && frame->owner == owner) {
            frame_mark_dirty(frame);
        }
        ticket_lock_release(&machine.alloc_lock);
    }
}

void frame_give(struct frame *frame, struct domain *domain)
{
    ASSERT(frame_class(frame) == FRAME_FREE && frame->ref_count == 0);
    frame->type = FRAME_NONE;
    frame->ref_count = 1;
    domain->page_count++;
    /* The owner last: from here on the domain may name the frame. */
    frame->owner = domain->id;
    frame->flags = FRAME_GUEST | FRAME_ALLOCATED;
}

void frame_assign(struct frame *frame, struct domain *domain)
{
    frame_prepare(frame, domain->id);
    frame_give(frame, domain);
}

void frame_hand_over(struct frame *frame, struct domain *domain)
{
    frame->owner = domain->id; /* the data is the new owner's to see */
    frame_assign(frame, domain);
}

void frame_make_shared(struct frame *frame, struct domain *domain)
{
    frame_prepare(frame, domain->id);
    memset(port_map_frame(frame_mfn(frame)), 0, PAGE_SIZE);
    frame->type = FRAME_WRITABLE;
    frame->ref_count = 1;
    frame->type_count = 1;
    frame->owner = domain->id;
    domain->shared_count++;
    frame->flags = FRAME_SHARED | FRAME_ALLOCATED;
}

void frame_end_shared(struct frame *frame)
{
    CHECK(frame_class(frame) == FRAME_SHARED && (frame->flags & FRAME_ALLOCATED) != 0);
    frame->flags &= (uint8_t)~FRAME_ALLOCATED;
    frame_put_writable(frame);
    frame_put(frame);
}

mfn_t frame_take_hypervisor(unsigned int order)
{
    mfn_t first = frame_alloc(order, 64);
    if (mfn_equal(first, MFN_INVALID)) {
        return MFN_INVALID;
    }
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        struct frame *frame = frame_find(mfn_add(first, i));
        frame_prepare(frame, DOMID_INVALID);
        memset(port_map_frame(mfn_add(first, i)), 0, PAGE_SIZE);
        frame->owner = DOMID_XEN;
        set_class(frame, FRAME_HYPERVISOR);
    }
    return first;
}

void frame_free_hypervisor(mfn_t first, unsigned int order)
{
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        struct frame *frame = frame_find(mfn_add(first, i));
        CHECK(frame_class(frame) == FRAME_HYPERVISOR && frame->owner == DOMID_XEN);
        set_class(frame, FRAME_FREE);
        frame_mark_dirty(frame);
    }
    frame_alloc_undo(first, order);
}
