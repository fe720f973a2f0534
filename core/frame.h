/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame table: who owns each machine frame, how often it is referenced, and as what it is used.
 *
 * The security of every guest rests on one rule: a frame's type changes only while its type count
 * is zero, and its new use begins only after every CPU that could hold a translation from the old
 * use has flushed. The order is always claim (new type, not validated), flush, validate, publish.
 * Only core/frame.c and core/pt_validate.c change these fields.
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include "core/status.h"
#include "lib/check.h"
#include "lib/frame_number.h"

struct domain;

/* What a frame is used as. The uses exclude each other. */
enum frame_type {
    FRAME_NONE,
    FRAME_L1,
    FRAME_L2,
    FRAME_L3,
    FRAME_L4,
    FRAME_DESCRIPTORS, /* GDT or LDT contents */
    FRAME_WRITABLE,    /* mapped writable, or about to be written for the guest */
};

/* What kind of frame it is. Set at boot and when a frame is handed out or freed. */
enum frame_class {
    FRAME_FREE,             /* RAM nobody owns */
    FRAME_GUEST,            /* plain RAM of a domain */
    FRAME_SHARED,           /* hypervisor memory a guest may map writable: shared_info, grants */
    FRAME_SHARED_READ_ONLY, /* hypervisor memory a guest may only read: the M2P */
    FRAME_IO,               /* not RAM, or the low 1 MiB: no references are counted */
    FRAME_HYPERVISOR,       /* never a guest's */
};

#define FRAME_CLASS_MASK 0x07U
#define FRAME_ALLOCATED                                                                            \
    0x08U                     /* part of the owner's reservation: worth one reference; of a SHARED \
                               * frame, the hypervisor's hold: also one writable type count */
#define FRAME_PINNED    0x10U /* the guest's own hold: worth one reference and one type count */
#define FRAME_VALIDATED 0x20U /* the contents are checked for the type; type count > 0 */
#define FRAME_HALF      0x40U /* a vCPU's walk is in the middle of it: entries [0, progress) count */

/* No count goes beyond it; the last reference is kept in reserve. A test build makes it small. */
#ifndef FRAME_COUNT_MAX
#define FRAME_COUNT_MAX UINT32_MAX
#endif

/* Fields: the owner's MMU lock; of a free frame: the allocator's lock. */
struct frame {
    uint16_t owner;      /* domain id. While FREE: whose data it may still hold */
    uint8_t flags;       /* class and FRAME_* flags */
    uint8_t type;        /* enum frame_type: the last use, also while type_count is 0 */
    uint32_t ref_count;  /* uses of any kind; while not 0, the frame cannot be freed */
    uint32_t type_count; /* uses as `type`; while not 0, the type cannot change */
    uint16_t progress;   /* of a HALF frame: number of entries that count */
    int16_t same_level;  /* entries that name a table of their own level (pte_decide.h): above 0,
                          * it has so many; below 0, so many name it */
    uint32_t writable_stamp; /* flush clock when its last writable use ended, or any in another part
                              * than `type` */
    uint32_t table_stamp;    /* flush clock when its last use as a table ended */
};
_Static_assert(sizeof(struct frame) == 24, "24 bytes a frame");

/* Proof that a domain's MMU lock is held; only domain_mmu_lock() and _lock_two() make one.
 * `second` is NULL, or another domain whose frames may be referenced as well. */
struct mmu_locked {
    struct domain *domain;
    struct domain *second;
};

static inline enum frame_class frame_class(const struct frame *frame)
{
    return (enum frame_class)(frame->flags & FRAME_CLASS_MASK);
}

static inline enum frame_type frame_type(const struct frame *frame)
{
    return (enum frame_type)frame->type;
}

/* I/O space: not RAM, or (NULL) above all RAM. */
static inline bool frame_is_io(const struct frame *frame)
{
    return frame == NULL || frame_class(frame) == FRAME_IO;
}

static inline bool frame_is_pinned(const struct frame *frame)
{
    return (frame->flags & FRAME_PINNED) != 0;
}

static inline bool frame_is_validated(const struct frame *frame)
{
    return (frame->flags & FRAME_VALIDATED) != 0;
}

static inline bool frame_is_half(const struct frame *frame)
{
    return (frame->flags & FRAME_HALF) != 0;
}

static inline bool frame_type_is_table(enum frame_type type)
{
    return type >= FRAME_L1 && type <= FRAME_L4;
}

/* The level of a frame whose type is a table's. */
static inline unsigned int frame_level(const struct frame *frame)
{
    ASSERT(frame_type_is_table(frame_type(frame)));
    return (unsigned int)frame->type - FRAME_L1 + 1;
}

/* Is it a live, checked page table of this level (1 to 4)? */
static inline bool frame_is_table(const struct frame *frame, unsigned int level)
{
    return frame->type == FRAME_L1 + level - 1 && frame_is_validated(frame);
}

/* The type's name: "L1", "writable", ... */
const char *frame_type_text(enum frame_type type);
const char *frame_class_text(enum frame_class class);

/* One more general reference. The caller has checked class and owner under the lock, so the count
 * is not 0. Refuses only an overflow. */
NODISCARD static inline enum status frame_get(struct frame *frame)
{
    ASSERT(frame->ref_count > 0);
    if (UNLIKELY(frame->ref_count >= FRAME_COUNT_MAX - 1)) {
        return STATUS_COUNT_OVERFLOW;
    }
    frame->ref_count++;
    return STATUS_OK;
}

/* One reference less; at zero the frame is freed: it leaves its owner, and is not handed out again
 * before every CPU has flushed what it may remember of it. */
void frame_put_last(struct frame *frame);
static inline void frame_put(struct frame *frame)
{
    CHECK(frame->ref_count > 0);
    if (UNLIKELY(--frame->ref_count == 0)) {
        frame_put_last(frame);
    }
}

/*
 * Begin a new use of a frame whose type count is 0: step "claim" and step "flush" of the rule. On
 * return the type is `type`, the count 1, nothing is validated, and no CPU can reach the frame in
 * its old part any more.
 */
void frame_claim(struct frame *frame, enum frame_type type);

/* Step "publish": the contents have been checked. */
void frame_publish(struct frame *frame);

/* End the last use of a table or descriptor frame (type count 1), or a claim that came to nothing.
 * Whatever its contents held must have been dropped. */
void frame_release(struct frame *frame);

/* A frame enters or leaves the hands of a vCPU's walk (core/pt_validate.c). */
void frame_set_half(struct frame *frame, unsigned int progress);

/* One more use of a validated table or descriptor frame. */
NODISCARD static inline enum status frame_share_type(struct frame *frame)
{
    ASSERT(frame->type_count > 0 && frame_is_validated(frame));
    if (UNLIKELY(frame->type_count == FRAME_COUNT_MAX)) {
        return STATUS_COUNT_OVERFLOW;
    }
    frame->type_count++;
    return STATUS_OK;
}

/* One use less of a table or descriptor frame that stays in use. */
static inline void frame_unshare_type(struct frame *frame)
{
    CHECK(frame->type_count > 1);
    frame->type_count--;
}

/* Is it in use as writable? */
static inline bool frame_is_writable(const struct frame *frame)
{
    return frame->type_count > 0 && frame->type == FRAME_WRITABLE;
}

/* Use the frame as writable once more; STATUS_LEAF_WRONG_TYPE while it is a table or descriptors.
 * Takes no general reference. */
NODISCARD enum status frame_get_writable_first(struct frame *frame);
NODISCARD static inline enum status frame_get_writable(struct frame *frame)
{
    if (LIKELY(frame_is_writable(frame) && frame->type_count < FRAME_COUNT_MAX)) {
        frame->type_count++;
        return STATUS_OK;
    }
    return frame_get_writable_first(frame);
}

void frame_put_writable_last(struct frame *frame);
static inline void frame_put_writable(struct frame *frame)
{
    CHECK(frame_is_writable(frame));
    if (LIKELY(frame->type_count > 1)) {
        frame->type_count--;
    } else {
        frame_put_writable_last(frame);
    }
}

/* Pin and unpin: only the mark; the caller moves the reference and the type count it stands for. */
void frame_set_pinned(struct frame *frame, bool pinned);

/* End the frame's part in its owner's reservation and drop the reference that stood for it.
 * STATUS_FRAME_IN_USE: it had no part (any more), or is hypervisor memory. */
NODISCARD enum status frame_give_back(struct frame *frame);

/*
 * Take an unused frame away from its owner without freeing it: it must be allocated, plain RAM, and
 * neither mapped nor typed. On success it is FREE but in no free list: the caller's alone, to be
 * given to frame_assign() or frame_free_stolen().
 */
NODISCARD enum status frame_steal(struct frame *frame);
void frame_free_stolen(struct frame *frame);

/* Make sure that nothing reaches a FREE frame in an old part any more and that a former owner's
 * data is wiped if it was not `next_owner`: true if there was some. frame_assign() and
 * frame_make_shared() do this themselves. */
bool frame_prepare(struct frame *frame, uint16_t next_owner);

/* The hypervisor has written to a FREE frame: it is wiped before anybody gets it. */
void frame_mark_dirty(struct frame *frame);

/* The number of a former owner will be another's: if the frame is FREE and may hold its data, it is
 * dirty for everybody from now on. */
void frame_forget_owner(struct frame *frame, uint16_t owner);

/* Make a FREE frame that frame_prepare() got ready for the domain, and that nobody could reach
 * since, part of its reservation: class GUEST, ALLOCATED, one reference. The one place where a
 * domain gains a frame. */
void frame_give(struct frame *frame, struct domain *domain);
/* Both, for a frame that the caller got from frame_alloc() or frame_steal(): the data of a former
 * owner is gone, and so is every stale translation. */
void frame_assign(struct frame *frame, struct domain *domain);

/* The same for a frame that frame_steal() took from a domain which hands it over, contents and all.
 */
void frame_hand_over(struct frame *frame, struct domain *domain);

/* Make a FREE frame hypervisor memory that `domain` may map (shared_info, grant frames), zeroed:
 * never freed or retyped while the domain lives. Counted in the domain's shared_count. */
void frame_make_shared(struct frame *frame, struct domain *domain);
/* The hypervisor's own hold on a shared frame ends, with its domain: the frame is freed when nobody
 * maps it any more. */
void frame_end_shared(struct frame *frame);

/* 2^order contiguous frames of memory for the hypervisor itself, zeroed; MFN_INVALID: there are
 * none. No lock is needed; guests never get at them. */
NODISCARD mfn_t frame_take_hypervisor(unsigned int order);
/* Give them back: wiped before anybody gets them. */
void frame_free_hypervisor(mfn_t first, unsigned int order);

#endif
