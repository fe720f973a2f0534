/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child: a domain of a few frames that does what it is told. Its code (child.S) reads requests
 * from a page that we map too, makes the call, and writes the answer beside it.
 *
 *   CHILD_VA + 0x0000  code
 *   CHILD_VA + 0x1000  mailbox: requests and answers, and room for records
 *   CHILD_VA + 0x2000  its L1, L2, L3 and L4 tables, read-only
 *   CHILD_VA + 0x6000  plain pages
 */
#ifndef GUESTS_DOMAINS_CHILD_H
#define GUESTS_DOMAINS_CHILD_H

#define CHILD_VA      0x400000
#define CHILD_MAILBOX 0x1000

/* Requests that are no hypercalls. */
#define CHILD_LOAD    0x10000 /* answer the word at address a */
#define CHILD_STORE   0x10001 /* store b there */
#define CHILD_CRASH   0x10002 /* an exception, for which it has no handler */
#define CHILD_SPIN    0x10003 /* never give up the CPU again */
#define CHILD_SPOIL   0x10004 /* struct spoil at address a: tell what is there, put other things */
#define CHILD_VECTORS 0x10005 /* the same with struct vectors; the processor has AVX */

/* In struct spoil. */
#define SPOIL_THEIRS    0
#define SPOIL_OURS      512
#define SPOIL_SELECTORS 1024
#define SPOIL_MSRS      1056
#define SPOIL_SELECTOR  1088
#define SPOIL_VALUE     1096
#define SPOIL_MSR_COUNT 1104

/* In struct vectors. */
#define VECTORS_THEIRS 0
#define VECTORS_OURS   512
#define VECTORS_XCR0   1024
#define VECTORS_FOUND  1032

#ifndef __ASSEMBLY__

#include "guests/domains/control.h"

#define CHILD_FRAMES  12U
#define CHILD_RECORDS 0x800U /* offset of the room for records in the mailbox */

enum child_page {
    PAGE_CODE,
    PAGE_MAILBOX,
    PAGE_L1,
    PAGE_L2,
    PAGE_L3,
    PAGE_L4,
    PAGE_PLAIN, /* and all behind it */
};

/* child.S knows this order. */
struct mailbox {
    uint64_t request; /* number of the last request */
    uint64_t done;    /* number of the last one that was answered */
    uint64_t call;
    uint64_t argument[5];
    int64_t result;
};

struct child {
    domid_t id;
    size_t slot; /* where its mailbox is mapped */
    mfn_t frames[CHILD_FRAMES];
    volatile struct mailbox *mailbox;
};

/* What CHILD_SPOIL finds and changes: all that the processor keeps for a vCPU and ring 3 can reach.
 */
struct spoil {
    uint8_t theirs[512];   /* FXSAVE image that it finds */
    uint8_t ours[512];     /* and the one that it loads then */
    uint64_t selectors[4]; /* ds, es, fs, gs that it finds */
    uint64_t msrs[4];      /* FS base, GS base, the other GS base, TSC_AUX */
    uint64_t selector;     /* what goes into those selectors */
    uint64_t value;        /* and into those MSRs */
    uint64_t msr_count;    /* the first 3, or all */
};
_Static_assert(sizeof(struct spoil) == SPOIL_MSR_COUNT + 8, "child.S knows where its fields are");

/* The 16 vector registers of 32 bytes that CHILD_VECTORS finds, and those that it loads. */
struct vectors {
    uint8_t theirs[512];
    uint8_t ours[512];
    uint64_t xcr0;  /* it sets */
    uint64_t found; /* XCR0 before */
};
_Static_assert(offsetof(struct vectors, found) == VECTORS_FOUND, "child.S knows these too");

/* The steps of building one, in their order, each an expectation. */
enum build_step {
    STEP_CREATE,
    STEP_VCPUS,
    STEP_QUOTA,
    STEP_MEMORY,
    STEP_CONTENTS,
    STEP_MAILBOX,
    STEP_PIN,
    STEP_CONTEXT,
    STEP_START,
    STEP_COUNT,
};

/* Build one up to, and with, a step. */
void child_build(struct child *child, enum build_step last);
/* The same by a record of ours, in mailbox slot `slot`. */
void child_build_from(struct child *child, struct xen_domctl *create, size_t slot,
                      enum build_step last);
/* One that runs, made at the beginning of a test: whatever others left is destroyed first. */
struct child child_start(void);

/* The state in which it starts; static, valid until the next call. */
struct vcpu_guest_context *child_context(const struct child *child);
int64_t child_set_context(const struct child *child, const struct vcpu_guest_context *context);

/* What the child is answered to this call of its own. */
int64_t child_call(const struct child *child, uint64_t call, uint64_t a, uint64_t b, uint64_t c,
                   uint64_t d);
/* Ask, and do not wait: for what ends it. */
void child_ask(const struct child *child, uint64_t call, uint64_t a, uint64_t b, uint64_t c,
               uint64_t d);
/* Until it has answered, but not for ever. */
void child_wait(const struct child *child);
/* The call with the address of a copy of the record as its argument `a` or `b`. */
uint64_t child_record(const struct child *child, const void *record, size_t size);
void *child_record_place(const struct child *child);

/* Where the child has a page. */
static inline uint64_t child_address(unsigned int page)
{
    return CHILD_VA + page * PAGE_SIZE;
}

/* Wait until it has shut down; the code, or -1 if it does not. */
int child_shutdown_code(const struct child *child);

#endif
#endif
