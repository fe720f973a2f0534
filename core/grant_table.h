/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records behind grant tables. One use of a grant is known in four places, changed together:
 *
 *   the granter's entry   flags and domid are the guest's; `reading` and `writing` are ours to set
 *   its active entry      who uses which frame, and how often in each kind of use (pins)
 *   the mapper's handle   which entry, and the uses that are not ended yet
 *   the frame             a host use: the references of the L1 entry that maps it;
 *                         a device use: the same references, held by the handle
 *
 * While an entry is pinned, everything comes from the active entry and nothing from the guest's.
 *
 * Locks: a table and its active entries belong to the MMU lock of the domain that grants, handles
 * to that of the domain that maps.
 */
#ifndef CORE_GRANT_TABLE_H
#define CORE_GRANT_TABLE_H

#include "core/grant.h"

#include <xen/grant_table.h>

/* The kinds of use, as bits of a mask. */
#define GRANT_HOST_READ    0x1U
#define GRANT_HOST_WRITE   0x2U
#define GRANT_DEVICE_READ  0x4U
#define GRANT_DEVICE_WRITE 0x8U
#define GRANT_HOST         (GRANT_HOST_READ | GRANT_HOST_WRITE)
#define GRANT_DEVICE       (GRANT_DEVICE_READ | GRANT_DEVICE_WRITE)
#define GRANT_WRITE        (GRANT_HOST_WRITE | GRANT_DEVICE_WRITE)
#define GRANT_USE_KINDS    4U

#define GRANT_PIN_LIMIT 128U /* uses of one kind at a time */

struct grant_active {
    mfn_t mfn;                     /* while pinned: what is granted */
    uint16_t mapper;               /* while pinned: to whom */
    uint8_t pins[GRANT_USE_KINDS]; /* by bit number of the kind */
};

struct grant_handle {
    uint32_t ref; /* while free: the next free handle */
    uint16_t granter;
    uint8_t uses;        /* the kinds of use that are not ended; 0: none, or free */
    bool is_pte_address; /* its host mapping was named by the entry's machine address */
};

#define GRANT_ENTRIES_PER_FRAME  (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define GRANT_ACTIVE_PER_FRAME   (PAGE_SIZE / sizeof(struct grant_active))
#define GRANT_HANDLES_PER_FRAME  (PAGE_SIZE / sizeof(struct grant_handle))
#define GRANT_FRAMES_OF_ACTIVE   (GRANT_ENTRIES_PER_FRAME / GRANT_ACTIVE_PER_FRAME)
#define GRANT_HANDLE_DIRECTORIES (MAPTRACK_FRAMES_MAX * sizeof(mfn_t) / PAGE_SIZE)
#define GRANT_HANDLE_NONE        UINT32_MAX

/* It fills the first part of a frame of its own. */
struct grant_table {
    mfn_t record;
    unsigned int frame_limit;
    unsigned int frame_count;
    unsigned int handle_frame_limit;
    unsigned int handle_frame_count;
    uint32_t free_handle;    /* the first of the list, or GRANT_HANDLE_NONE */
    uint32_t release_cursor; /* grant_release_mappings(): handles below it are done */
    uint32_t use_count;      /* handles, of whatever domain, that name an entry of this table */
    bool is_ended;           /* the domain is dead; the frames stay until use_count is 0 */
    mfn_t handle_directories[GRANT_HANDLE_DIRECTORIES]; /* frames of MFNs of frames of handles */
    struct {
        mfn_t entries; /* class SHARED, the domain's */
        mfn_t active[GRANT_FRAMES_OF_ACTIVE];
    } frames[GRANT_FRAMES_MAX];
};
_Static_assert(sizeof(struct grant_table) <= PAGE_SIZE, "the record is one frame");

static inline uint32_t grant_entry_count(const struct grant_table *table)
{
    return table->frame_count * (uint32_t)GRANT_ENTRIES_PER_FRAME;
}

/* `ref` is below grant_entry_count(). */
grant_entry_v1_t *grant_entry(const struct grant_table *table, uint32_t ref);
/* Its flags and, above them, its domain id: to be changed together. */
static inline uint32_t *grant_entry_word(grant_entry_v1_t *entry)
{
    _Static_assert(offsetof(grant_entry_v1_t, domid) == 2, "flags and domain id are one word");
    return (uint32_t *)(void *)entry;
}
struct grant_active *grant_active(const struct grant_table *table, uint32_t ref);

static inline bool grant_is_pinned(const struct grant_active *active)
{
    return active->pins[0] + active->pins[1] + active->pins[2] + active->pins[3] != 0;
}

/* A handle names an entry of this table, or does so no longer. */
void grant_table_add_use(struct grant_table *table);
void grant_table_end_use(struct grant_table *table);

/* ---- handles (core/grant_handle.c) --------------------------------------------------------- */

/* Make sure that there is a free handle. STATUS_GRANT_NO_HANDLE: the limit is reached, or memory.
 */
NODISCARD enum status grant_handle_reserve(struct grant_table *table);
/* Take the one that was reserved; the caller fills in the record. */
struct grant_handle *grant_handle_take(struct grant_table *table, uint32_t *number);
void grant_handle_free(struct grant_table *table, uint32_t number);

static inline uint32_t grant_handle_count(const struct grant_table *table)
{
    return table->handle_frame_count * (uint32_t)GRANT_HANDLES_PER_FRAME;
}
/* `number` is below grant_handle_count(). */
struct grant_handle *grant_handle_at(const struct grant_table *table, uint32_t number);
/* A handle that is in use, or NULL. */
struct grant_handle *grant_handle_find(const struct grant_table *table, uint32_t number);

/* ---- pins (core/grant_pin.c) --------------------------------------------------------------- */

/*
 * Pin an entry for these kinds of use by domain `mapper`, and mark it as in use for its guest. What
 * the uses hold on the frame is the caller's to take. A refusal changes nothing.
 */
NODISCARD enum status grant_pin(struct grant_table *table, uint32_t ref, uint16_t mapper,
                                unsigned int uses, struct grant_active **pinned);
/* End these uses; marks that no pin stands for are cleared. */
void grant_unpin(struct grant_table *table, uint32_t ref, unsigned int uses);

/* What a use of one of these kinds holds on the frame. */
static inline enum pte_hold grant_hold(unsigned int use)
{
    return (use & GRANT_WRITE) != 0 ? PTE_HOLD_WRITABLE : PTE_HOLD_REFERENCE;
}

#endif
