/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every kind of frame that an entry can name, and every way to install an entry, each on core and
 * on the reference model at once: they must answer the same, and leave the same behind.
 *
 * The tables of a domain that is being built are no special case of core's: they are written as
 * plain memory, and validated as a tree when the L4 is pinned or becomes a base. What differs is
 * who asks and how much of the tree is new, and that makes the ways from BUILT on.
 */
#ifndef TESTS_FAKE_WAYS_H
#define TESTS_FAKE_WAYS_H

#include "tests/fake/fake_machine.h"
#include "tests/model/mirror.h"

#define WAYS_FRAMES 96U
#define WAYS_SLOT   7U         /* where entries are installed */
#define WAYS_REF    9U         /* a grant that nobody uses yet */
#define NO_STORE    UINT64_MAX /* an answer: the guest gets its page fault */

enum kind {
    OWN_PLAIN,
    OWN_WRITABLE,
    OWN_UNCHECKED_L1,
    OWN_L1,
    OWN_L2,
    OWN_L3,
    OWN_L4,
    OWN_DESCRIPTORS,
    OWN_SPECIAL,
    FOREIGN,
    FOREIGN_L1,
    GRANTED, /* the other domain's, mapped by a grant, if there are grants */
    IO_FREE_USE,
    IO_LOW,
    IO_DENIED_KIND,
    IO_READ_KIND,
    BEYOND_PROCESSOR,
    INVALID_P2M,
    FREE_RAM,
    HYPERVISOR,
    M2P,
    KIND_COUNT,
};

enum way {
    /* An entry of a live table changes. */
    UPDATE,
    UPDATE_PRESERVE_AD,
    UPDATE_NO_TRANSLATE,
    UPDATE_BY_TOOLS, /* by a domain with rights over this one */
    VA_MAPPING,
    STORE,
    LIVE_WAY_COUNT,
    /* A table that nobody uses comes into use, alone. */
    PIN = LIVE_WAY_COUNT,
    PIN_BY_TOOLS,
    BASE,
    USER_BASE,
    /* ... and as a part of a whole tree, made by builder/. */
    BUILT,           /* pinned by the hypervisor, which builds the domain */
    BUILT_BY_TOOLS,  /* pinned by another domain, which builds it */
    FIRST_BASE,      /* not pinned: the base that a vCPU is to start on */
    FIRST_USER_BASE, /* ... and the one of its user mode */
    WAY_COUNT,
};

extern const char *const way_names[WAY_COUNT];

/* At levels where it can be. */
bool way_fits(enum way way, unsigned int level);

/* What core answers, and what it stored. */
struct verdict {
    int64_t answer;
    uint64_t stored; /* where the answer is 0 */
};

struct fake_ways {
    struct reference model;
    struct domain *domain; /* whose tables they are */
    struct domain *other;
    struct domain *tools; /* with rights over all, with I/O rights if `domain` has none */
    struct vcpu *vcpu;
    mfn_t targets[KIND_COUNT];
    mfn_t live[5];     /* the vCPU's tables, by level */
    mfn_t prepared[5]; /* tables of each level that nobody uses */
    mfn_t children[5]; /* prepared tables with one entry each, for upper entries to name */
};
extern struct fake_ways ways;

struct ways_options {
    bool controls; /* the domain is the first one, with I/O rights and rights over the other */
    bool linear;   /* entries may name tables of their own level */
    bool grants;   /* the domains have grant tables, which audits take their time for */
};

/* A machine with all of it. What a call leaves is compared with the model's state: the audit, which
 * would take most of the time, follows some calls only. End with fake_stop(). */
void ways_start(struct ways_options options);

/* Is it a frame of tables that only a way to install them uses? */
bool ways_uses(mfn_t mfn);

/* The entry goes into the slot of the live table, or of one that then comes into use. Both are
 * asked; the state is compared. */
struct verdict way_install(enum way way, unsigned int level, pte_t entry);
/* As it was before: the slot empty, the other tables unused, the old base back. */
void way_undo(enum way way, unsigned int level, bool installed);

/* MMU_NORMAL_PT_UPDATE of the slot of the live table, naming `name`'s frames. */
struct verdict ways_update_in_name_of(uint16_t name, unsigned int level, pte_t entry);

/* Fails the test where the answers differ. */
void ways_agree(int64_t core, int64_t reference, const char *what, pte_t entry);
struct reference_caller ways_caller(void);

/* Entry `ref` of the granter's table is this frame, for the domain. */
void ways_grant(struct domain *granter, uint32_t ref, mfn_t mfn);

#endif
