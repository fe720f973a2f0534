/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways in and the way out. Each entry builds a struct cpu_user_regs on the stack and calls one C
 * function with it; entries from ring 3 always build it at the very top of the CPU's main stack.
 *
 *   higher  struct cpu_info                  per-CPU data
 *           gs fs ds es                      not saved: they stay the guest's while we run
 *           ss rsp rflags cs rip             pushed by the CPU, or by the SYSCALL entry
 *           error code, vector               32 bits each
 *           rdi rsi rdx rcx rax r8 .. r11
 *   lower   rbx rbp r12 .. r15
 *
 * GS is never used in here: GS_BASE is the running guest mode's base, KERNEL_GS_BASE the other's.
 */
#include "offsets.h"
#include "hv/layout.h"

        .text
        .code64

/* 3 bytes of no-operation that the boot code turns into STAC or CLAC where SMAP is used: STAC around
 * accesses to guest memory, CLAC after them and on entry (the guest may have left AC set). */
.macro SMAP_SITE is_stac
99:     .byte   0x0f, 0x1f, 0x00
        .pushsection .smap_sites, "a"
        .long   99b - .
        .long   \is_stac
        .popsection
.endm
#define CLEAR_AC SMAP_SITE 0
#define SET_AC   SMAP_SITE 1

.macro PUSH_REGISTERS
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    %rax
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
.endm

.macro POP_REGISTERS
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rax
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
.endm

/*
 * entry_vectors - an exception, an interrupt, or INT n
 *
 * Who comes here   IDT entry n points at the n-th stub of 16 bytes.
 * On entry         Interrupts off (interrupt gates). From ring 3 the CPU has switched to the main
 *                  stack (or the vector's own, for NMI, #DF, #MC, #DB) and pushed ss rsp rflags cs
 *                  rip; from ring 0 the same without a switch. Vectors 8, 10-14, 17, 21, 29 and 30
 *                  have pushed an error code; the others get a 0.
 * Builds           struct cpu_user_regs down to r15.
 * Interrupted by   NMI and #MC, anywhere: they have their own stacks and find the CPU's data by
 *                  masking the stack pointer.
 * Leaves           to trap_handle(regs); comes back to entry_leave when it returns.
 */
        .globl  entry_vectors
        .align  16
entry_vectors:
        .set    vector, 0
        .rept   256
        .align  16
        .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
        movl    $vector, 4(%rsp)
        .else
        pushq   $0
        movl    $vector, 4(%rsp)
        .endif
        jmp     entry_common
        .set    vector, vector + 1
        .endr

entry_common:
        CLEAR_AC
        cld
        PUSH_REGISTERS
        xor     %ebp, %ebp
        mov     %rsp, %rdi
        call    trap_handle

/*
 * entry_leave - back to where the frame at the stack pointer says
 *
 * On entry         rsp = struct cpu_user_regs, interrupts off. A frame of ring 3 is the one at the
 *                  top of the main stack: a handler on a stack of its own has moved there.
 */
entry_leave:
        testb   $3, REGS_CS(%rsp)
        jnz     leave_to_guest
#ifdef PINNACE_MEASURE
        testb   $2, REGS_RFLAGS + 1(%rsp)       /* IF */
        jz      1f
        call    stretch_irq_on
1:
#endif
        POP_REGISTERS
        add     $8, %rsp
        iretq

/*
 * leave_to_guest - the only way into ring 3
 *
 * On entry         rsp = the guest's frame, interrupts perhaps on. Work that interrupts have left
 *                  for here is done first; then an event that waits for the vCPU and is not masked
 *                  becomes an upcall.
 * Relies on        CR3, GS bases, FPU and debug registers being those of the vCPU and its mode.
 */
        .globl  leave_to_guest
leave_to_guest:
        cli
        cmpq    $0, STACK_TOP_WORK(%rsp)
        jne     2f
        mov     STACK_TOP_VCPU(%rsp), %rbx
        mov     VCPU_INFO(%rbx), %rdi
        cmpb    $0, INFO_UPCALL_MASK(%rdi)
        jne     1f
        cmpb    $0, INFO_UPCALL_PENDING(%rdi)
        je      1f
        mov     %rsp, %rdi
        call    vcpu_deliver_event
1:
#ifdef PINNACE_MEASURE
        call    stretch_leave
#endif
        POP_REGISTERS
        add     $8, %rsp
        .globl  guest_iretq
guest_iretq:
        iretq
2:      call    cpu_work_perform
        jmp     leave_to_guest

/*
 * entry_syscall_stubs - a guest executed SYSCALL
 *
 * Who comes here   Guest kernel (a hypercall) or guest user (a call to pass on to its kernel). Both
 *                  run in ring 3; syscall_handle() tells them apart. STAR points each CPU at the
 *                  stub of its own number: 32 bytes each.
 * On entry         rcx = guest rip, r11 = guest rflags, cs and ss ours: the CPU has done that. IF, DF,
 *                  TF, NT and AC are clear, from FMASK. All else is the guest's: rsp too, so nothing
 *                  may be pushed yet. cr3 is a guest L4, which has our slots.
 * Builds           struct cpu_user_regs at the top of this CPU's main stack; the selectors are those
 *                  of 64-bit ring 3, whatever the guest's were.
 * Relies on        No breakpoint on our addresses (set_debugreg refuses them); a #DB delayed by MOV
 *                  SS has a stack of its own.
 * Interrupted by   NMI and #MC, anywhere.
 * Leaves           to syscall_handle(regs), interrupts off, then to leave_to_guest.
 */
        .globl  entry_syscall_stubs
        .align  32
entry_syscall_stubs:
        .set    cpu, 0
        .rept   64
        .align  32
        mov     %rsp, cpu_area_base + (cpu + 1) * CPU_AREA_SIZE - STACK_TOP_SIZE + STACK_TOP_SYSCALL_RSP(%rip)
        lea     cpu_area_base + (cpu + 1) * CPU_AREA_SIZE - STACK_TOP_SIZE + STACK_TOP_REGS_ES(%rip), %rsp
        jmp     entry_syscall
        .set    cpu, cpu + 1
        .endr

entry_syscall:
        pushq   $SELECTOR_USER_DATA
        pushq   (STACK_TOP_SYSCALL_RSP - STACK_TOP_REGS_ES + 8)(%rsp)
        push    %r11
        pushq   $SELECTOR_USER_CODE64
        push    %rcx
        pushq   $0
        movl    $0x100, 4(%rsp)
        PUSH_REGISTERS
        xor     %ebp, %ebp
        mov     %rsp, %rdi
        call    syscall_handle
        jmp     leave_to_guest

/* SYSCALL from 32-bit user code (CSTAR): as above, but the frame keeps the 32-bit selector. */
        .globl  entry_syscall32_stubs
        .align  32
entry_syscall32_stubs:
        .set    cpu, 0
        .rept   64
        .align  32
        mov     %rsp, cpu_area_base + (cpu + 1) * CPU_AREA_SIZE - STACK_TOP_SIZE + STACK_TOP_SYSCALL_RSP(%rip)
        lea     cpu_area_base + (cpu + 1) * CPU_AREA_SIZE - STACK_TOP_SIZE + STACK_TOP_REGS_ES(%rip), %rsp
        jmp     entry_syscall32
        .set    cpu, cpu + 1
        .endr

entry_syscall32:
        pushq   $SELECTOR_USER_DATA
        pushq   (STACK_TOP_SYSCALL_RSP - STACK_TOP_REGS_ES + 8)(%rsp)
        push    %r11
        pushq   $SELECTOR_USER_CODE32
        push    %rcx
        pushq   $0
        movl    $0x101, 4(%rsp)
        PUSH_REGISTERS
        xor     %ebp, %ebp
        mov     %rsp, %rdi
        call    syscall_handle
        jmp     leave_to_guest

/*
 * stack_restart(frame, function) - continue on the main stack with nothing on it but the guest's
 * frame, by calling function(frame), then leave to the guest. For handlers on stacks of their own,
 * for starting the first vCPU, and for giving up a call half-way.
 */
        .globl  stack_restart
stack_restart:
        mov     %rdi, %rsp
        xor     %ebp, %ebp
        call    *%rsi
        jmp     leave_to_guest

/*
 * guest_copy_bytes(to, from, size): size_t not copied. One of the two is guest memory; a fault in
 * either ends the copy. Eight bytes at a time, then the rest.
 */
        .globl  guest_copy_bytes
guest_copy_bytes:
        mov     %rdx, %rcx
        and     $7, %edx
        shr     $3, %rcx
        SET_AC
10:     rep movsq
        mov     %edx, %ecx
11:     rep movsb
        CLEAR_AC
        mov     %rcx, %rax
        ret
12:     lea     (%rdx,%rcx,8), %rcx     /* a fault among the words: rcx words and the rest are left */
13:     CLEAR_AC
        mov     %rcx, %rax
        ret
        .pushsection .extable, "a"
        .long   10b - ., 12b - .
        .long   11b - ., 13b - .
        .popsection

        .section .note.GNU-stack, "", @progbits
