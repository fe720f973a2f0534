/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry points for traps and callbacks, and the primitives that need to save or load registers.
 */
#include <xen/xen.h>

/* clang-format off */

/*
 * trap_stub - the hypervisor bounced a trap or called back
 *
 * On entry     the stack is, from low to high: rcx r11 [error code] rip cs rflags rsp ss. All
 *              other registers are the interrupted code's.
 * Builds       struct trap_frame.
 * Leaves       to trap_dispatch(); if that returns, through the iret hypercall to where the frame
 *              says.
 */
.macro trap_stub name:req, vector:req, has_error:req
\name:
    popq %rcx
    popq %r11
    .if !\has_error
    pushq $0
    .endif
    pushq $\vector
    jmp trap_common
.endm

    .text
    .set vector, 0
    .rept 32
    .altmacro
    .macro numbered_stub number
        /* #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX push an error code. */
        trap_stub trap_stub_\number, \number, ((0x60227d00 >> \number) & 1)
    .endm
    numbered_stub %vector
    .purgem numbered_stub
    .noaltmacro
    .set vector, vector + 1
    .endr

    .globl trap_stub_software, trap_stub_event, trap_stub_failsafe, trap_stub_syscall
    trap_stub trap_stub_software, 0x80, 0
    trap_stub trap_stub_event, 256, 0
    trap_stub trap_stub_syscall, 258, 0

/* The failsafe callback's frame has four more words: rcx r11 ds es fs gs rip cs rflags rsp ss. */
trap_stub_failsafe:
    popq %rcx
    popq %r11
    addq $16, %rsp
    movq $0, 8(%rsp)
    movq $257, (%rsp)

trap_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    movq %rsp, %rbx
    andq $-16, %rsp
    call trap_dispatch
    movq %rbx, %rsp
    call load_registers
    addq $(17 * 8), %rsp

/* The stack holds rip cs rflags rsp ss: complete it to an iret_context. */
iret_to_frame:
    pushq $0
    pushq %rcx
    pushq %r11
    pushq %rax
    movl $__HYPERVISOR_iret, %eax
    syscall
    ud2

/* Load all registers but rsp from the struct that begins above our return address. */
load_registers:
    movq 8 * 1(%rsp), %r15
    movq 8 * 2(%rsp), %r14
    movq 8 * 3(%rsp), %r13
    movq 8 * 4(%rsp), %r12
    movq 8 * 5(%rsp), %r11
    movq 8 * 6(%rsp), %r10
    movq 8 * 7(%rsp), %r9
    movq 8 * 8(%rsp), %r8
    movq 8 * 9(%rsp), %rdi
    movq 8 * 10(%rsp), %rsi
    movq 8 * 11(%rsp), %rbp
    movq 8 * 12(%rsp), %rbx
    movq 8 * 13(%rsp), %rdx
    movq 8 * 14(%rsp), %rcx
    movq 8 * 15(%rsp), %rax
    ret

/* bool catch_call(struct catch_point *point, void (*action)(void *), void *argument) */
    .globl catch_call
catch_call:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rsp, (%rdi)
    movq %rdx, %rdi
    call *%rsi
    xorl %eax, %eax
catch_return:
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

/* void catch_resume(struct catch_point *point): catch_call() returns once more, with true. */
    .globl catch_resume
catch_resume:
    movq (%rdi), %rsp
    pushq $2
    popfq
    movl $1, %eax
    jmp catch_return

/*
 * void snippet_call(void (*snippet)(void), struct registers *registers)
 *
 * The snippet is called with every register but rsp loaded, so both pointers wait on the stack.
 */
    .globl snippet_call
snippet_call:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rsi
    pushq %rdi
    movq %rsi, %rax
    pushq 8 * 15(%rax)
    popfq
    movq 8 * 0(%rax), %r15
    movq 8 * 1(%rax), %r14
    movq 8 * 2(%rax), %r13
    movq 8 * 3(%rax), %r12
    movq 8 * 4(%rax), %r11
    movq 8 * 5(%rax), %r10
    movq 8 * 6(%rax), %r9
    movq 8 * 7(%rax), %r8
    movq 8 * 8(%rax), %rdi
    movq 8 * 9(%rax), %rsi
    movq 8 * 10(%rax), %rbp
    movq 8 * 11(%rax), %rbx
    movq 8 * 12(%rax), %rdx
    movq 8 * 13(%rax), %rcx
    movq 8 * 14(%rax), %rax
    call *(%rsp)
    pushq %rax
    pushfq
    movq 8 * 3(%rsp), %rax
    popq 8 * 15(%rax)
    popq 8 * 14(%rax)
    movq %r15, 8 * 0(%rax)
    movq %r14, 8 * 1(%rax)
    movq %r13, 8 * 2(%rax)
    movq %r12, 8 * 3(%rax)
    movq %r11, 8 * 4(%rax)
    movq %r10, 8 * 5(%rax)
    movq %r9, 8 * 6(%rax)
    movq %r8, 8 * 7(%rax)
    movq %rdi, 8 * 8(%rax)
    movq %rsi, 8 * 9(%rax)
    movq %rbp, 8 * 10(%rax)
    movq %rbx, 8 * 11(%rax)
    movq %rdx, 8 * 12(%rax)
    movq %rcx, 8 * 13(%rax)
    pushq $2
    popfq
    addq $16, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

/*
 * void user_enter(const struct registers *registers, const uint64_t *rip_to_ss)
 *
 * Leave through the iret hypercall with `registers` loaded and the five words rip cs rflags rsp ss
 * as they are given. Comes back only through trap_dispatch().
 */
    .globl user_enter
user_enter:
    pushq 32(%rsi)
    pushq 24(%rsi)
    pushq 16(%rsi)
    pushq 8(%rsi)
    pushq (%rsi)
    subq $(15 * 8), %rsp
    .set word, 0
    .rept 15
    movq word(%rdi), %rax
    movq %rax, word(%rsp)
    .set word, word + 8
    .endr
    call load_registers
    addq $(15 * 8), %rsp
    jmp iret_to_frame

    .section .rodata
    .balign 8
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 32
    .altmacro
    .macro numbered_address number
        .quad trap_stub_\number
    .endm
    numbered_address %vector
    .purgem numbered_address
    .noaltmacro
    .set vector, vector + 1
    .endr
