/* SPDX-License-Identifier: BSD-2-Clause */
/* The first instructions of another vCPU, and its callbacks. GS = struct other. */
#include "guests/vcpus/other.h"

#include <xen/xen.h>

/* clang-format off */
    .text
    .globl other_entry
other_entry:
    call other_main
    ud2

/* On the stack: rcx r11 rip cs rflags rsp ss. Count it, and take what is pending. */
    .globl other_event
other_event:
    popq %rcx
    popq %r11
    pushq %rax
    incq %gs:OTHER_UPCALLS
    movq %gs:OTHER_INFO, %rax
    movb $0, (%rax)
    movq $0, 8(%rax)
    popq %rax
go_back:
    pushq $0
    pushq %rcx
    pushq %r11
    pushq %rax
    movl $__HYPERVISOR_iret, %eax
    syscall
    ud2

/* On the stack: rcx r11 ds es fs gs rip cs rflags rsp ss. A selector in GS takes the base with it:
 * what refused to load is null, so the base has to be found again. rdi is job_select()'s. */
    .globl other_failsafe
other_failsafe:
    popq %rcx
    popq %r11
    popq OTHER_SELECTORS(%rdi)
    popq OTHER_SELECTORS+8(%rdi)
    popq OTHER_SELECTORS+16(%rdi)
    popq OTHER_SELECTORS+24(%rdi)
    incq OTHER_FAILSAFES(%rdi)
    jmp go_back
