/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ELF notes of every kernel, and its first instructions.
 */
#include "guests/lib/notes.h"

#include <xen/features.h>

#define VIRT_BASE 0xffffffff80000000

    xen_note XEN_ELFNOTE_GUEST_OS,      .asciz "pinnace-test"
    xen_note XEN_ELFNOTE_GUEST_VERSION, .asciz "1"
    xen_note XEN_ELFNOTE_XEN_VERSION,   .asciz "xen-3.0"
    xen_note XEN_ELFNOTE_LOADER,        .asciz "generic"
    xen_note XEN_ELFNOTE_VIRT_BASE,     .quad VIRT_BASE
    xen_note XEN_ELFNOTE_PADDR_OFFSET,  .quad 0
    xen_note XEN_ELFNOTE_ENTRY,         .quad _start
    xen_note XEN_ELFNOTE_FEATURES,      .asciz "!writable_page_tables|pae_pgdir_above_4gb"
    xen_note XEN_ELFNOTE_SUPPORTED_FEATURES, \
        .long (1 << XENFEAT_writable_page_tables) | (1 << XENFEAT_dom0)
    xen_note XEN_ELFNOTE_MOD_START_PFN, .quad 1

/*
 * _start - the domain's first instruction
 *
 * On entry     rsi = start_info, rsp = end of the boot stack page, events masked, no trap table.
 *              .bss is clear: the builder did that.
 * Builds       boot_state (struct boot_state in start.h): the registers as they were, for a test of
 *              what the builder owes; then a stack of our own.
 * Leaves       to guest_main(), which does not come back.
 */
    .text
    .globl _start
_start:
    movq %rax, boot_state + 8 * 0
    movq %rbx, boot_state + 8 * 1
    movq %rcx, boot_state + 8 * 2
    movq %rdx, boot_state + 8 * 3
    movq %rsi, boot_state + 8 * 4
    movq %rdi, boot_state + 8 * 5
    movq %rbp, boot_state + 8 * 6
    movq %rsp, boot_state + 8 * 7
    movq %r8,  boot_state + 8 * 8
    movq %r9,  boot_state + 8 * 9
    movq %r10, boot_state + 8 * 10
    movq %r11, boot_state + 8 * 11
    movq %r12, boot_state + 8 * 12
    movq %r13, boot_state + 8 * 13
    movq %r14, boot_state + 8 * 14
    movq %r15, boot_state + 8 * 15
    movq $kernel_stack_end, %rsp
    pushfq
    popq boot_state + 8 * 16
    movw %cs, boot_state + 8 * 17
    movw %ss, boot_state + 8 * 18
    movw %ds, boot_state + 8 * 19
    movw %es, boot_state + 8 * 20
    movw %fs, boot_state + 8 * 21
    movw %gs, boot_state + 8 * 22
    pushq $2
    popfq
    xorl %ebp, %ebp
    call guest_main
    ud2

    .bss
    .balign 4096
    .globl kernel_stack_end
    .skip 32768
kernel_stack_end:
