/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runs in a child, at CHILD_VA. It is one page, copied there.
 *
 * On entry     rbx = the mailbox. No stack, no trap table, events masked.
 * Does         for ever: if there is a new request, do it and answer; else let others run.
 */
#include "guests/domains/child.h"

#include <xen/xen.h>

#define REQUEST 0
#define DONE    8
#define CALL    16
#define ARG(n)  (24 + 8 * (n))
#define RESULT  64

    .section .rodata
    .balign 4096
    .globl child_code, child_code_end
child_code:
    movq REQUEST(%rbx), %rbp
    cmpq DONE(%rbx), %rbp
    je idle
    movq CALL(%rbx), %rax
    movq ARG(0)(%rbx), %rdi
    movq ARG(1)(%rbx), %rsi
    movq ARG(2)(%rbx), %rdx
    movq ARG(3)(%rbx), %r10
    movq ARG(4)(%rbx), %r8
    cmpq $CHILD_LOAD, %rax
    je load
    cmpq $CHILD_STORE, %rax
    je store
    cmpq $CHILD_CRASH, %rax
    je crash
    cmpq $CHILD_SPIN, %rax
    je spin
    syscall
answer:
    movq %rax, RESULT(%rbx)
    movq %rbp, DONE(%rbx)
    jmp child_code
load:
    movq (%rdi), %rax
    jmp answer
store:
    movq %rsi, (%rdi)
    xorl %eax, %eax
    jmp answer
crash:
    ud2
spin:
    movq %rbp, DONE(%rbx)
0:  incq RESULT(%rbx)
    jmp 0b
idle:
    movl $__HYPERVISOR_sched_op, %eax
    xorl %edi, %edi /* SCHEDOP_yield */
    syscall
    jmp child_code
child_code_end:
