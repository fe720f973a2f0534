/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User mode: an address space of its own, in which snippets (trap.h) and some data pages are mapped
 * for user access and nothing of the kernel is.
 */
#ifndef GUESTS_LIB_USER_H
#define GUESTS_LIB_USER_H

#include "guests/lib/memory.h"
#include "guests/lib/trap.h"

#define USER_CODE_VA  UINT64_C(0x400000) /* the snippets */
#define USER_STACK_VA UINT64_C(0x4ff000) /* one writable page */
#define USER_DATA_VA  UINT64_C(0x500000) /* one writable page */

struct user_space {
    uint64_t *l4, *l3, *l2, *l1; /* the L1 maps 0x400000 to 0x5fffff */
    uint64_t *stack;
    uint64_t *data; /* what is mapped at USER_DATA_VA */
};

/* The stack on which the hypervisor enters the kernel from user mode. */
void user_init(void);

/* Build the address space, pin its L4 and make it the user base. Fails the test if refused. */
struct user_space user_space_create(void);

/* Where user mode finds a snippet. */
uint64_t user_address(void (*snippet)(void));

/*
 * Run a snippet in user mode (its last instruction should trap: SYSCALL ends it regularly) and come
 * back with the trap that it entered the kernel with; trap.frame has its registers.
 */
struct trap user_run(void (*snippet)(void), const struct registers *registers);

/* iret to any frame, from a trap_try(); for tests of iret itself. */
struct iret_frame {
    uint64_t rip, cs, rflags, rsp, ss;
};
struct trap iret_try(const struct iret_frame *frame, const struct registers *registers);

#endif
