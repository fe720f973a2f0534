/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps. A test provokes one inside trap_try() or snippet_try(), which come back with what was
 * raised; a trap outside of them ends the test as failed (test.c), or the kernel if no test runs.
 */
#ifndef GUESTS_LIB_TRAP_H
#define GUESTS_LIB_TRAP_H

#include "lib/compiler.h"

/* Vectors the processor knows, and numbers of our own for the callbacks. */
enum trap_vector {
    TRAP_DIVIDE_ERROR = 0,
    TRAP_DEBUG = 1,
    TRAP_BREAKPOINT = 3,
    TRAP_OVERFLOW = 4,
    TRAP_INVALID_OPCODE = 6,
    TRAP_NO_DEVICE = 7,
    TRAP_NO_SEGMENT = 11,
    TRAP_STACK_SEGMENT = 12,
    TRAP_PROTECTION = 13,
    TRAP_PAGE_FAULT = 14,
    TRAP_ALIGNMENT = 17,
    TRAP_SOFTWARE = 0x80, /* int $0x80, which user mode may use */
    TRAP_EVENT = 256,     /* the event callback */
    TRAP_FAILSAFE = 257,  /* the failsafe callback */
    TRAP_SYSCALL = 258,   /* SYSCALL in user mode */
};

/* Bits of a page fault's error code. */
#define PAGE_FAULT_PRESENT UINT64_C(0x01)
#define PAGE_FAULT_WRITE   UINT64_C(0x02)
#define PAGE_FAULT_USER    UINT64_C(0x04)
#define PAGE_FAULT_FETCH   UINT64_C(0x10)

#define RFLAGS_CF    UINT64_C(0x0001)
#define RFLAGS_ZF    UINT64_C(0x0040)
#define RFLAGS_TF    UINT64_C(0x0100)
#define RFLAGS_IF    UINT64_C(0x0200)
#define RFLAGS_DF    UINT64_C(0x0400)
#define RFLAGS_IOPL  UINT64_C(0x3000)
#define RFLAGS_NT    UINT64_C(0x4000)
#define RFLAGS_AC    UINT64_C(0x40000)
#define RFLAGS_ID    UINT64_C(0x200000)
#define RFLAGS_FIXED UINT64_C(0x0002)

/* trap_stubs.S knows this order. */
struct registers {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t rflags; /* in and out of a snippet; in a trap frame not used */
};

/* General registers that all differ, and flags that are not all zero. */
struct registers registers_marked(void);

/* What the stubs build from the frame the hypervisor pushed: it begins with rcx and r11, which they
 * pop; the rest they leave where it is. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector;
    uint64_t error; /* 0 if the vector has none */
    uint64_t rip;
    uint64_t cs; /* RPL 0: from the kernel; bits 39:32: the upcall mask before */
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

/* What an attempt met. All but `raised` is meaningless if it ran to its end. */
struct trap {
    bool raised;
    uint64_t vector;
    uint64_t error;
    uint64_t cr2;          /* of a page fault: vcpu_info's, where guests look for it */
    uint64_t frame_bottom; /* rsp when the handler began, at the pushed rcx */
    struct trap_frame frame;
};

/* Register handlers for all vectors and the three callbacks. */
void trap_init(void);
/* Go back to the trap table of trap_init(), whatever a test made of it. */
void trap_table_restore(void);

/* Run action(argument) and report the trap it raised, which ended it. Calls nest. */
struct trap trap_try(void (*action)(void *), void *argument);

/* End all attempts but the outermost, and that one with `raised` true: how a test is ended. */
NORETURN void trap_unwind_all(void);

/* One access as the kernel. `value` may be NULL. */
struct trap trap_try_read(uint64_t va, uint64_t *value);
struct trap trap_try_write(uint64_t va, uint64_t value);
struct trap trap_try_execute(uint64_t va);

/*
 * A snippet is a few instructions that end by falling through to its RET: SNIPPET(name, "text").
 * It is called with all of `registers` loaded (but for rsp) and stores them back at its end.
 */
#define SNIPPET(name, code)                                                                        \
    void name(void);                                                                               \
    __asm__(".pushsection .snippets, \"ax\", @progbits\n"                                          \
            ".balign 16\n" #name ":\n" code "\n\tret\n"                                            \
            ".popsection\n")

/* Did the trap's frame have all general registers as they are here? */
bool trap_has_registers(const struct trap *trap, const struct registers *registers);

struct trap snippet_try(void (*snippet)(void), struct registers *registers);
/* For snippets that must not trap: a trap fails the test. */
void snippet_run(void (*snippet)(void), struct registers *registers);

/*
 * If set, called first for each trap with the frame; answers true when it has dealt with the trap
 * and the interrupted code shall go on. Cleared after each test.
 */
typedef bool (*trap_hook_fn)(struct trap_frame *frame);
extern trap_hook_fn trap_hook;

/* The name of a vector, for messages. */
const char *trap_name(uint64_t vector);

#endif
