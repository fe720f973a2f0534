/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runs in the children here, instead of child.S: programs that go on by themselves until they
 * are killed. Each is one function that calls no other, so that its code can be copied to CHILD_VA;
 * it begins with the mailbox as its argument and with PAGE_STACK for its stack.
 */
#ifndef GUESTS_CYCLES_PROGRAMS_H
#define GUESTS_CYCLES_PROGRAMS_H

#include "guests/domains/child.h"

/* Uses of the child's plain pages. */
enum program_page {
    PAGE_STACK = PAGE_PLAIN,
    PAGE_TABLE,   /* becomes a page table and plain again */
    PAGE_WINDOW,  /* maps shared_info, or frames of others */
    PAGE_BATCH,   /* records for calls */
    PAGE_CHANGED, /* its mapping is changed, and its frame given back and taken */
};

/* In the mailbox, from the side that builds. */
enum program_argument {
    ARGUMENT_SEED,
    ARGUMENT_PORT,   /* an event channel to the first domain */
    ARGUMENT_GRANT,  /* a reference of the first domain's */
    ARGUMENT_FRAMES, /* address of the MFNs of all its frames */
    ARGUMENT_SHARED, /* MFN of its shared_info */
};

/* Random calls of many kinds, the long ones too; it may also end itself. */
void program_victim(volatile struct mailbox *mailbox);

/* Answer each event from the first domain with one, and change mappings all the time. `done` counts
 * the events it got. */
void program_survivor(volatile struct mailbox *mailbox);

/* Of one vCPU of many: sleep to a moment of system time, and then for ever. */
void program_sleeper(uint64_t end);

/* A domain with such a program, built up to its last step but the start. */
void program_load(struct child *child, size_t slot, void (*program)(volatile struct mailbox *));
void program_start(struct child *child, const uint64_t arguments[5]);

#endif
