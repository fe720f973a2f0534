/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry points that do no more than they must and go back at once.
 *
 * On entry     the stack is, from low to high: rcx r11 [error code] rip cs rflags rsp ss.
 * Leaves       through the iret hypercall, with all registers as they were.
 */
#include <xen/xen.h>

/* clang-format off */
    .text

/* The instruction that faulted is stepped over: all of ours have 3 bytes. */
    .globl bench_stub_page_fault
bench_stub_page_fault:
    popq %rcx
    popq %r11
    addq $8, %rsp
    addq $3, (%rsp)
    jmp go_back

/* The event is taken: the first word of ports, the selector, and that there was an upcall. */
    .globl bench_stub_event
bench_stub_event:
    movq bench_pending_word, %rcx
    movq $0, (%rcx)
    movq bench_vcpu_info, %rcx
    movb $0, (%rcx)
    movq $0, 8(%rcx)

    .globl bench_stub_syscall
bench_stub_syscall:
    popq %rcx
    popq %r11

go_back:
    pushq $0
    pushq %rcx
    pushq %r11
    pushq %rax
    movl $__HYPERVISOR_iret, %eax
    syscall
    ud2
