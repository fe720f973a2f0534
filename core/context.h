/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who asks: one for each MMU call. Privilege is resolved when the context is opened and never again
 * deeper down. The context owns the locks and the flush that is still owed.
 */
#ifndef CORE_CONTEXT_H
#define CORE_CONTEXT_H

#include "core/pte_decide.h"

struct mmu_context {
    struct vcpu *vcpu;         /* the caller */
    struct pte_owners owners;  /* as pte_decide() wants them */
    struct domain *pt_owner;   /* whose tables change */
    struct domain *pg_owner;   /* whose frames may be named: a domain, or &domain_io, &domain_xen */
    struct mmu_locked locked;  /* both owners' locks, between open and close */
    bool flush_all;            /* an upper-level entry changed: flush pt_owner's CPUs at the end */
};

/* What a call answers. `again`: the arguments have been rewritten so that the same call, executed
 * once more, goes on; `value` means nothing then. */
struct call_result {
    int64_t value;
    bool again;
};

static inline struct call_result call_done(int64_t value)
{
    return (struct call_result){.value = value};
}

static inline struct call_result call_again(void)
{
    return (struct call_result){.again = true};
}

static inline struct call_result call_status(enum status status)
{
    return call_done(status_to_errno(status));
}

/* The caller's own tables and frames; takes its lock. */
void context_open_self(struct mmu_context *context, struct vcpu *vcpu);
/* Tables of `pt_owner`, frames of `pg_owner` (both found by context_find_*); takes the locks. */
void context_open(struct mmu_context *context, struct vcpu *vcpu, struct domain *pt_owner,
                  struct domain *pg_owner);

/* The domain that a foreign-domain argument names: DOMID_SELF, a number, DOMID_IO or DOMID_XEN.
 * NULL: unknown, or the caller's own number, which the ABI refuses. Needs no lock. */
struct domain *context_find_page_owner(struct vcpu *vcpu, uint16_t id);

/* Let go of the locks, then drop what was deferred and perform the flush that is owed. */
void context_close(struct mmu_context *context);

/*
 * Work stopped in the middle (STATUS_PREEMPTED): let go of the locks for a moment and drop what was
 * deferred. True: go on at once; false: the port wants the CPU, so return to the guest.
 */
NODISCARD bool context_breathe(struct mmu_context *context);

/* Between two elements of a batch: must the caller stop here? */
bool context_should_stop(struct mmu_context *context);

/* The record of a frame that the pg_owner owns, plain RAM: or NULL. */
struct frame *context_find_frame(const struct mmu_context *context, mfn_t mfn);

#endif
