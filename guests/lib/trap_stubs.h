/* SPDX-License-Identifier: BSD-2-Clause */
/* What trap.c and trap_stubs.S share. */
#ifndef GUESTS_LIB_TRAP_STUBS_H
#define GUESTS_LIB_TRAP_STUBS_H

#include "guests/lib/trap.h"

/* Where to go on when a trap ends an attempt: the stack pointer that catch_call() saved. */
struct catch_point {
    uint64_t rsp;
    struct catch_point *outer;
    struct trap trap;
};

/* Call action(argument); false if it returned, true if catch_resume() ended it. */
bool catch_call(struct catch_point *point, void (*action)(void *), void *argument);
NORETURN void catch_resume(struct catch_point *point);

void snippet_call(void (*snippet)(void), struct registers *registers);
NORETURN void user_enter(const struct registers *registers, const uint64_t *rip_to_ss);

/* Entry points: one for each vector of 0..31, and the others. */
extern const uint64_t trap_stubs[32];
void trap_stub_software(void);
void trap_stub_event(void);
void trap_stub_failsafe(void);
void trap_stub_syscall(void);

/* Called by the stubs; returns to resume the interrupted code. */
void trap_dispatch(struct trap_frame *frame);

#endif
