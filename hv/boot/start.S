/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader to C.
 */
#include "hv/layout.h"

#define MULTIBOOT_MAGIC  0x1badb002
/* Modules on page boundaries, memory information, and the address fields below: a loader then
 * takes the file as it stands, whatever its ELF class. */
#define MULTIBOOT_FLAGS  0x00010003

#define PHYSICAL(symbol) ((symbol) - IMAGE_BASE)

#define CR0_BOOT   0x80010033 /* PG WP NE ET MP PE */
#define CR4_BOOT   0x000000a0 /* PGE PAE */
#define MSR_EFER   0xc0000080
#define EFER_BOOT  0x00000901 /* NXE LME SCE */
#define CPUID_NX_LM ((1 << 20) | (1 << 29))

#define LARGE_PAGE 0x83 /* present, writable, 2 MiB */
#define TABLE      0x03

        .section .multiboot, "ax"
        .align  4
multiboot_header:
        .long   MULTIBOOT_MAGIC
        .long   MULTIBOOT_FLAGS
        .long   -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
        .long   PHYSICAL(multiboot_header)
        .long   PHYSICAL(image_start)
        .long   PHYSICAL(image_data_end)
        .long   PHYSICAL(image_end)
        .long   PHYSICAL(boot_entry)

/*
 * boot_entry - the boot loader hands over the machine
 *
 * Who comes here   A multiboot 1 loader, once, on the boot processor.
 * On entry         32-bit protected mode, paging off, interrupts off, flat segments; eax = magic,
 *                  ebx = physical address of the multiboot information. No stack.
 * Builds           Page tables for the first 4 GiB in 2 MiB pages, at three places: at 0 (this code),
 *                  at IMAGE_BASE and at DIRECT_MAP_BASE. Everything is writable and executable
 *                  there; paging_init() replaces them at once.
 * Leaves           to boot_main(magic, information) in 64-bit mode on the boot stack.
 */
        .text
        .code32
        .globl  boot_entry
boot_entry:
        cld
        cli
        mov     %eax, %ebp
        mov     %ebx, %esi

        /* The loader need not have cleared the .bss. */
        mov     $PHYSICAL(__bss_start_page), %edi
        mov     $PHYSICAL(image_end), %ecx
        sub     %edi, %ecx
        shr     $2, %ecx
        xor     %eax, %eax
        rep stosl
        mov     $PHYSICAL(boot_stack_end), %esp

        /* A processor without long mode or no-execute pages ends here, with a word on COM1. */
        mov     $0x80000000, %eax
        push    %ebx
        cpuid
        cmp     $0x80000001, %eax
        jb      no_long_mode
        mov     $0x80000001, %eax
        cpuid
        pop     %ebx
        and     $CPUID_NX_LM, %edx
        cmp     $CPUID_NX_LM, %edx
        jne     no_long_mode

        /* Four L2 tables of 2 MiB pages, an L3 over them, and an L4 with the L3 three times. */
        mov     $PHYSICAL(boot_l2), %edi
        mov     $LARGE_PAGE, %eax
        mov     $(4 * 512), %ecx
1:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        dec     %ecx
        jnz     1b
        mov     $PHYSICAL(boot_l3), %edi
        mov     $(PHYSICAL(boot_l2) + TABLE), %eax
        mov     $4, %ecx
2:      mov     %eax, (%edi)
        add     $0x1000, %eax
        add     $8, %edi
        dec     %ecx
        jnz     2b
        mov     $(PHYSICAL(boot_l3) + TABLE), %eax
        mov     %eax, PHYSICAL(boot_l4)
        mov     %eax, PHYSICAL(boot_l4) + 8 * 260
        mov     %eax, PHYSICAL(boot_l4) + 8 * 262

        mov     $CR4_BOOT, %eax
        mov     %eax, %cr4
        mov     $PHYSICAL(boot_l4), %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        mov     $EFER_BOOT, %eax
        xor     %edx, %edx
        wrmsr
        mov     $CR0_BOOT, %eax
        mov     %eax, %cr0
        lgdt    PHYSICAL(boot_gdt_pointer)
        ljmp    $8, $PHYSICAL(boot_entry64)

no_long_mode:
        mov     $PHYSICAL(no_long_mode_text), %esi
3:      lodsb
        test    %al, %al
        jz      5f
        mov     %al, %bl
        mov     $0x3fd, %dx
4:      in      %dx, %al
        test    $0x20, %al
        jz      4b
        mov     $0x3f8, %dx
        mov     %bl, %al
        out     %al, %dx
        jmp     3b
5:      cli
        hlt
        jmp     5b

        .code64
boot_entry64:
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %eax, %ss
        lea     boot_stack_end(%rip), %rsp
        movabs  $boot_high, %rax
        jmp     *%rax
boot_high:
        lea     boot_stack_end(%rip), %rsp
        mov     %ebp, %edi
        mov     %esi, %esi
        call    boot_main
        ud2

        .section .rodata
no_long_mode_text:
        .asciz  "\r\n(PIN) The processor has no long mode or no no-execute pages: Pinnace cannot run on it.\r\n(PIN) machine: panic\r\n"
        .align  8
boot_gdt:
        .quad   0
        .quad   0x00af9b000000ffff /* 64-bit code */
boot_gdt_pointer:
        .word   . - boot_gdt - 1
        .long   PHYSICAL(boot_gdt)
        .long   0

        .section .bss
        .align  4096
        .globl  __bss_start_page
__bss_start_page:
boot_l4:
        .skip   4096
boot_l3:
        .skip   4096
boot_l2:
        .skip   4 * 4096
        .skip   8192
boot_stack_end:
        .section .note.GNU-stack, "", @progbits
