/* SPDX-License-Identifier: BSD-2-Clause */
/* What the core knows of a domain and of a vCPU. The hypervisor embeds these in its own records. */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include "core/machine.h"

#define VCPU_LIMIT 64U /* vCPUs of one domain */

#define GDT_PAGES       14U /* guest part of the 16-page GDT window; selectors below 0xE000 */
#define LDT_PAGES       16U
#define GDT_ENTRIES_MAX (GDT_PAGES * 512U)
#define LDT_ENTRIES_MAX 8192U

/*
 * A validation or release of a page-table tree that is not finished. The frames on the stack are
 * HALF; of each, the entries [0, progress) count. Level falls by one from each to the next, but
 * that a release may meet one table of the same level first; so each of L4, L3 and L2 has two
 * places. An L1 is one unit of work.
 *
 * The walk itself holds one reference and one type count on each of the first `claimed` frames;
 * those above are still held by the entry of their parent that is being released.
 */
enum pt_walk_mode {
    PT_WALK_NONE,
    PT_WALK_VALIDATE, /* counting entries upwards; ends with the root published */
    PT_WALK_RELEASE,  /* dropping entries downwards; ends with every frame's use ended */
};
struct pt_walk {
    enum pt_walk_mode mode;
    unsigned int depth;
    unsigned int claimed;
    struct domain *domain; /* whose tables they are */
    mfn_t stack[6];
};

/*
 * References to other domains' frames that entries no longer hold: dropped under their owners'
 * locks once the table owner's CPUs are flushed and its lock is let go. A batch stops for that when
 * there are FOREIGN_DROP_BATCH; there is always room for one more unit of work's, an L1 table's.
 */
struct foreign_drop {
    mfn_t mfn;
    bool writable; /* a writable type count goes with the reference */
};
#define FOREIGN_DROP_BATCH 32U
#define FOREIGN_DROP_LIMIT (512U + FOREIGN_DROP_BATCH)

struct grant_table;

struct vcpu {
    struct domain *domain;
    unsigned int id;
    uint64_t cpus;     /* CPUs that may hold translations of this vCPU */
    mfn_t kernel_base; /* L4 in kernel mode: one reference and type count. INVALID: none yet */
    mfn_t user_base;   /* L4 in guest-user mode, likewise */
    mfn_t info_frame;  /* registered vcpu_info: one reference, one writable count */

    mfn_t gdt_frames[GDT_PAGES]; /* one reference and type count each; INVALID: none */
    unsigned int gdt_entries;
    mfn_t ldt_frames[LDT_PAGES]; /* mapped so far, likewise */
    uint64_t ldt_base;
    unsigned int ldt_entries; /* 0: no LDT */

    struct pt_walk walk;
    enum status bases_refusal; /* of vcpu_take_bases(), while a release delays the answer */
    unsigned int foreign_drop_count;
    struct foreign_drop foreign_drops[FOREIGN_DROP_LIMIT];
};

struct domain {
    uint16_t id;
    bool is_control;       /* may act on every domain */
    bool has_io;           /* I/O memory and ports: the first domain */
    bool is_dying;         /* gains nothing any more: no frame, pin, base or grant */
    bool is_torn_down;     /* nothing of its own holds a frame: what is left, others hold */
    uint64_t teardown_mfn; /* its frames below this one have been given back (core/teardown.c) */
    uint64_t assists;      /* bit n: VMASST_TYPE n is on */
    uint64_t page_count;   /* frames it owns */
    uint64_t page_limit;   /* it gains none beyond; a control domain may set it below page_count */
    mfn_t console_frame;   /* its console ring: one reference, one writable count; INVALID: none */
    uint64_t shared_count; /* hypervisor frames it may map: shared_info, grant frames */
    struct grant_table *grants; /* NULL: it has none yet, or no more */
    unsigned int vcpu_count;
    struct vcpu *vcpus[VCPU_LIMIT];
    struct ticket_lock mmu_lock;
};

/* DOMID_IO and DOMID_XEN: owners that are not domains. */
extern struct domain domain_io;
extern struct domain domain_xen;

void domain_init(struct domain *domain, uint16_t id);
void vcpu_init(struct vcpu *vcpu, struct domain *domain, unsigned int id);

/* A dying domain has lost a frame, or its own last hold: if nothing is left of it, the environment
 * is told (port_domain_empty()). Its MMU lock is held. */
void domain_note_empty(struct domain *domain);

/* Is there nothing left of a destroyed domain but its record? */
static inline bool domain_is_empty(const struct domain *domain)
{
    return domain->is_torn_down && domain->page_count == 0 && domain->shared_count == 0;
}

/* A real domain by its number, or NULL. */
static inline struct domain *domain_find(uint16_t id)
{
    return id < DOMAIN_LIMIT ? machine.domains[index_nospec(id, DOMAIN_LIMIT)] : NULL;
}

/* May `caller` act on `subject`? (The ABI's TARGET right.) */
static inline bool domain_may_target(const struct domain *caller, const struct domain *subject)
{
    return caller == subject || caller->is_control;
}

static inline bool domain_has_assist(const struct domain *domain, unsigned int type)
{
    return ((domain->assists >> type) & 1) != 0;
}

/* The CPUs that may hold translations of the domain. */
uint64_t domain_cpus(const struct domain *domain);

NODISCARD static inline struct mmu_locked domain_mmu_lock(struct domain *domain)
{
    ticket_lock_take(&domain->mmu_lock);
    return (struct mmu_locked){.domain = domain};
}

/* Both domains' locks, in the order of their ids. They may be the same domain. */
NODISCARD struct mmu_locked domain_mmu_lock_two(struct domain *domain, struct domain *second);

static ALWAYS_INLINE void domain_mmu_unlock(struct mmu_locked locked)
{
    if (UNLIKELY(locked.second != NULL)) {
        ticket_lock_release(&locked.second->mmu_lock);
    }
    ticket_lock_release(&locked.domain->mmu_lock);
}

#endif
