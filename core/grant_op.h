/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations of grant_table_op, one element each. No lock is held. They answer through the
 * element, and a status that goes into it; STATUS_FAULT ends the call instead:
 * call->about has the bytes. A refusal is about call->about, where `noun` may be left to the call.
 */
#ifndef CORE_GRANT_OP_H
#define CORE_GRANT_OP_H

#include "core/grant_table.h"
#include "core/port.h"

/* A mapping that is gone from the tables, and whose uses end once its mapper's CPUs are flushed. */
struct grant_ended {
    uint32_t ref;
    uint32_t handle;
    uint16_t granter;
    uint8_t uses;
    bool is_last; /* the handle has no use left */
};
#define GRANT_ENDED_LIMIT 32U

/* One execution of the call. */
struct grant_call {
    struct vcpu *vcpu;
    struct refusal about; /* the element at hand, for the log: reference, handle or frame */
    unsigned int ended_count;
    struct grant_ended ended[GRANT_ENDED_LIMIT];
};

union grant_element {
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_unmap_and_replace replace;
    struct gnttab_setup_table setup;
    struct gnttab_query_size query;
    struct gnttab_get_status_frames status_frames;
    struct gnttab_swap_grant_ref swap;
    struct gnttab_transfer transfer;
    struct gnttab_copy copy;
};

enum status grant_map(struct grant_call *call, union grant_element *element);

/* These two need room in call->ended, and grant_finish_unmaps() before the call ends. */
enum status grant_unmap(struct grant_call *call, union grant_element *element);
enum status grant_unmap_and_replace(struct grant_call *call, union grant_element *element);
void grant_finish_unmaps(struct grant_call *call);

/* What ends with uses of an entry: their pins, then what those of `held` hold on the frame. The
 * lock of the granter is held. */
void grant_end_uses(struct domain *granter, uint32_t ref, unsigned int uses, unsigned int held);

enum status grant_setup_table(struct grant_call *call, union grant_element *element);
enum status grant_query_size(struct grant_call *call, union grant_element *element);
enum status grant_get_status_frames(struct grant_call *call, union grant_element *element);
enum status grant_swap(struct grant_call *call, union grant_element *element);

enum status grant_transfer(struct grant_call *call, union grant_element *element);
enum status grant_copy(struct grant_call *call, union grant_element *element);

/* These are no arrays: the argument is at `address`, and `about` says what a refusal is
 * about. */
enum status grant_set_version(uint64_t address, struct refusal *about);
enum status grant_get_version(struct vcpu *vcpu, uint64_t address, struct refusal *about);

/*
 * The slot that a mapping's host address names: the L1 entry that maps it in the current tables,
 * or, as a machine address, an entry of an L1 of the caller. STATUS_GRANT_BAD_SLOT: there is none.
 */
NODISCARD enum status grant_find_slot(const struct mmu_context *context, uint64_t address,
                                      bool is_pte_address, pte_t **slot);

#endif
