/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who asks: one for each MMU call. Privilege is resolved when the context is opened and never again
 * deeper down. The context owns the locks and the flush that is still owed.
 */
#ifndef CORE_CONTEXT_H
#define CORE_CONTEXT_H

#include "core/port.h"
#include "core/pte_decide.h"

struct mmu_context {
    struct vcpu *vcpu;        /* the caller */
    struct pte_owners owners; /* as pte_decide() wants them */
    struct domain *pt_owner;  /* whose tables change */
    struct domain *pg_owner;  /* whose frames may be named: a domain, or &domain_io, &domain_xen */
    struct mmu_locked locked; /* both owners' locks, between open and close */
    enum status rights;       /* mmu_update: of the caller over both owners */
    bool explained;           /* why the element is refused has been said, deeper down */
    bool flush_all;           /* an upper-level entry changed, or a foreign frame is to be dropped:
                               * flush pt_owner's CPUs at the end, before the drops */
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

/* Tables of `pt_owner`, frames of `pg_owner` (both found by context_find_*); takes the locks. */
static inline void context_open(struct mmu_context *context, struct vcpu *vcpu,
                                struct domain *pt_owner, struct domain *pg_owner)
{
    context->vcpu = vcpu;
    context->owners = (struct pte_owners){
        .table = pt_owner,
        .page = pg_owner,
        .io = pg_owner == &domain_io ? vcpu->domain : pg_owner,
    };
    context->pt_owner = pt_owner;
    context->pg_owner = pg_owner;
    context->rights = STATUS_NOT_PERMITTED;
    context->explained = false;
    context->flush_all = false;
    context->locked = LIKELY(pt_owner == pg_owner) ? domain_mmu_lock(pt_owner)
                                                   : domain_mmu_lock_two(pt_owner, pg_owner);
}

/* The caller's own tables and frames; takes its lock. */
static inline void context_open_self(struct mmu_context *context, struct vcpu *vcpu)
{
    context_open(context, vcpu, vcpu->domain, vcpu->domain);
}

/* The domain that a foreign-domain argument names: DOMID_SELF, a number, DOMID_IO or DOMID_XEN.
 * NULL: unknown, or the caller's own number, which the ABI refuses. Needs no lock. */
struct domain *context_find_page_owner(struct vcpu *vcpu, uint16_t id);

/* Drop what was deferred, under its owners' locks; none of ours is held, and the flush is done. */
void context_drop_foreign(struct vcpu *vcpu);
/* The flush that is owed. */
void context_flush(struct mmu_context *context);

/* Perform the flush that is owed, let go of the locks, then drop what was deferred. */
static inline void context_close(struct mmu_context *context)
{
    if (UNLIKELY(context->flush_all)) {
        context_flush(context);
    }
    domain_mmu_unlock(context->locked);
    if (UNLIKELY(context->vcpu->foreign_drop_count > 0)) {
        context_drop_foreign(context->vcpu);
    }
}

/*
 * Work stopped in the middle (STATUS_PREEMPTED): let go of the locks for a moment and drop what was
 * deferred. True: go on at once; false: the port wants the CPU, so return to the guest.
 */
NODISCARD bool context_breathe(struct mmu_context *context);

/*
 * A vCPU is in the middle of a frame of pt_owner's (STATUS_AGAIN). The owner's own calls wait for
 * it; another domain's caller waits for no guest, and cancels what its vCPUs have begun (they begin
 * again, if they ever run). None of them is in a call meanwhile: one CPU runs guests. True: that is
 * done, try again; false: the caller is one of them, or the port wants the CPU, or they have begun
 * nothing, and it is another vCPU of a domain that may act on the owner: that one is waited for.
 */
NODISCARD bool context_settle_owner(struct mmu_context *context);

/* Between two elements of a batch: must the caller stop here? */
bool context_should_stop(struct mmu_context *context);

/* Say why the element at hand is refused, unless that has been said deeper down. */
void context_explain(struct mmu_context *context, enum status status,
                     const struct refusal *refusal);

/* The same for a number, of which `noun` says what it is; answers the status. */
enum status context_refuse_number(struct mmu_context *context, enum status status, const char *what,
                                  const char *noun, uint64_t number);

/* A call is refused before it has looked at an entry or a frame: say why, and answer. */
struct call_result call_refuse(const struct vcpu *vcpu, enum status status,
                               const struct refusal *about);
/* ... for a number, of which `noun` says what it is. */
struct call_result call_refuse_number(const struct vcpu *vcpu, enum status status, const char *what,
                                      const char *noun, uint64_t number);
/* ... for so many bytes of the guest's that cannot be read or written: STATUS_FAULT. */
struct call_result call_refuse_memory(const struct vcpu *vcpu, const char *what, uint64_t address,
                                      uint64_t size);
/* ... for a command that there is not: STATUS_UNKNOWN_COMMAND. */
struct call_result call_refuse_unknown(struct vcpu *vcpu, unsigned int call, uint64_t command);

/* What a refusal is about: so many bytes that cannot be read or written (STATUS_FAULT), or a
 * number. */
static inline enum status refusal_fault(struct refusal *about, uint64_t address, uint64_t size)
{
    about->address = address;
    about->size = size;
    return STATUS_FAULT;
}
static inline void refusal_number(struct refusal *about, const char *noun, uint64_t number)
{
    about->noun = noun;
    about->number = number;
}

/* The record of a frame that the pg_owner owns, plain RAM: or NULL. */
struct frame *context_find_frame(const struct mmu_context *context, mfn_t mfn);

#endif
