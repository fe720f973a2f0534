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
    cmpq $CHILD_SPOIL, %rax
    je spoil
    cmpq $CHILD_VECTORS, %rax
    je vectors
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
spoil:
    fxsave64 SPOIL_THEIRS(%rdi)
    fxrstor64 SPOIL_OURS(%rdi)
    xorl %eax, %eax
    movw %ds, %ax
    movq %rax, SPOIL_SELECTORS(%rdi)
    movw %es, %ax
    movq %rax, SPOIL_SELECTORS + 8(%rdi)
    movw %fs, %ax
    movq %rax, SPOIL_SELECTORS + 16(%rdi)
    movw %gs, %ax
    movq %rax, SPOIL_SELECTORS + 24(%rdi)
    xorl %esi, %esi
1:  movl $0xc0000100, %ecx
    addl %esi, %ecx
    rdmsr
    movl %eax, SPOIL_MSRS(%rdi, %rsi, 8)
    movl %edx, SPOIL_MSRS + 4(%rdi, %rsi, 8)
    incq %rsi
    cmpq SPOIL_MSR_COUNT(%rdi), %rsi
    jb 1b
    movl SPOIL_SELECTOR(%rdi), %eax /* first, as that changes the bases */
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
2:  decq %rsi
    movl $0xc0000100, %ecx
    addl %esi, %ecx
    movl SPOIL_VALUE(%rdi), %eax
    xorl %edx, %edx
    wrmsr
    testq %rsi, %rsi
    jnz 2b
    xorl %eax, %eax
    jmp answer
vectors:
    movq %cr4, %rax
    btsq $18, %rax /* OSXSAVE */
    movq %rax, %cr4
    xorl %ecx, %ecx
    xgetbv
    movl %eax, VECTORS_FOUND(%rdi)
    movl %edx, VECTORS_FOUND + 4(%rdi)
    movl VECTORS_XCR0(%rdi), %eax
    movl VECTORS_XCR0 + 4(%rdi), %edx
    xsetbv
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    vmovdqu %ymm\n, VECTORS_THEIRS + 32 * \n(%rdi)
    vmovdqu VECTORS_OURS + 32 * \n(%rdi), %ymm\n
    .endr
    xorl %eax, %eax
    jmp answer
idle:
    movl $__HYPERVISOR_sched_op, %eax
    xorl %edi, %edi /* SCHEDOP_yield */
    syscall
    jmp child_code
child_code_end:
