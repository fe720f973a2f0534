/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader to C.
 */
#include "offsets.h"
#include "hv/layout.h"

#include <xen/elfnote.h>

#define MULTIBOOT_MAGIC  0x1badb002
/* Modules on page boundaries, memory information, and the address fields below: a loader then
 * takes the file as it stands, whatever its ELF class. */
#define MULTIBOOT_FLAGS  0x00010003

#define MULTIBOOT2_MAGIC         0xe85250d6
#define MULTIBOOT2_I386          0 /* entered in 32-bit protected mode */
#define MULTIBOOT2_TAG_END       0
#define MULTIBOOT2_TAG_REQUEST   1
#define MULTIBOOT2_TAG_ENTRY     3
#define MULTIBOOT2_TAG_ALIGN     6 /* modules on page boundaries */
#define MULTIBOOT2_TAG_OPTIONAL  1 /* flag: a loader that does not know the tag may go on */
#define MULTIBOOT2_MEMORY_MAP    6 /* what can be requested */
#define MULTIBOOT2_ACPI_OLD      14
#define MULTIBOOT2_ACPI_NEW      15

#define PHYSICAL(symbol) ((symbol) - IMAGE_BASE)

#define CR0_BOOT   0x80010033 /* PG WP NE ET MP PE */
#define CR4_BOOT   0x000000a0 /* PGE PAE */
#define MSR_EFER   0xc0000080
#define EFER_BOOT  0x00000901 /* NXE LME SCE */
#define CPUID_NX   (1 << 20) /* leaf 0x80000001, edx */
#define CPUID_LM   (1 << 29)

#define COM1        0x3f8
#define COM1_STATUS 0x3fd
#define COM1_ROOM   0x20

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

/* Multiboot 2 loaders take the ELF file by its program headers. */
.macro TAG type, flags
        .align  8
7001:   .word   \type
        .word   \flags
        .long   7002f - 7001b
.endm
        .align  8
multiboot2_header:
        .long   MULTIBOOT2_MAGIC
        .long   MULTIBOOT2_I386
        .long   multiboot2_end - multiboot2_header
        .long   -(MULTIBOOT2_MAGIC + MULTIBOOT2_I386 + (multiboot2_end - multiboot2_header))
        TAG     MULTIBOOT2_TAG_REQUEST, 0
        .long   MULTIBOOT2_MEMORY_MAP
7002:
        TAG     MULTIBOOT2_TAG_REQUEST, MULTIBOOT2_TAG_OPTIONAL
        .long   MULTIBOOT2_ACPI_OLD
        .long   MULTIBOOT2_ACPI_NEW
7002:
        TAG     MULTIBOOT2_TAG_ENTRY, 0
        .long   PHYSICAL(boot_entry)
7002:
        TAG     MULTIBOOT2_TAG_ALIGN, 0
7002:
        TAG     MULTIBOOT2_TAG_END, 0
7002:
multiboot2_end:

/* PVH loaders take the ELF file too, and enter it where this note says. */
        .section .note.Xen, "a", @note
        .align  4
        .long   2f - 1f
        .long   4f - 3f
        .long   XEN_ELFNOTE_PHYS32_ENTRY
1:      .asciz  "Xen"
2:      .align  4
3:      .long   PHYSICAL(boot_entry_pvh)
4:      .align  4

/*
 * boot_entry_pvh - a PVH loader hands over the machine
 *
 * On entry         As at boot_entry, but eax says nothing; ebx = physical address of the start_info.
 * Leaves           to boot_entry, with a magic in eax as if a multiboot loader had come.
 */
        .text
        .code32
boot_entry_pvh:
        mov     $BOOT_PVH_MAGIC, %eax

/*
 * boot_entry - the boot loader hands over the machine
 *
 * Who comes here   A multiboot loader of either version, once, on the boot processor; boot_entry_pvh.
 * On entry         32-bit protected mode, paging off, interrupts off, flat segments; eax = magic,
 *                  ebx = physical address of the loader's information. No stack.
 * Builds           Page tables for the first 4 GiB in 2 MiB pages, at three places: at 0 (this code),
 *                  at IMAGE_BASE and at DIRECT_MAP_BASE. Everything is writable and executable
 *                  there, until paging_init() replaces them.
 * Leaves           to boot_main(magic, information) in 64-bit mode on the boot stack.
 */
        .globl  boot_entry
boot_entry:
        cld
        cli
        mov     %eax, %ebp

        /* The loader need not have cleared the .bss. */
        mov     $PHYSICAL(image_bss), %edi
        mov     $PHYSICAL(image_end), %ecx
        sub     %edi, %ecx
        shr     $2, %ecx
        xor     %eax, %eax
        rep stosl
        mov     $PHYSICAL(boot_stack_end), %esp

        /* A processor without long mode or no-execute pages ends here, with a word on COM1. */
        mov     $PHYSICAL(no_long_mode_text), %esi
        mov     $0x80000000, %eax
        push    %ebx
        cpuid
        cmp     $0x80000001, %eax
        jb      processor_lacks
        mov     $0x80000001, %eax
        cpuid
        pop     %ebx
        test    $CPUID_LM, %edx
        jz      processor_lacks
        mov     $PHYSICAL(no_nx_text), %esi
        test    $CPUID_NX, %edx
        jz      processor_lacks
        mov     %ebx, %esi

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

/*
 * processor_lacks - the end, before there is a console: the options are not read yet, so it is COM1
 *
 * On entry         esi = physical address of the text that says what is missing.
 */
processor_lacks:
        mov     %esi, %ebp
        mov     $PHYSICAL(lacks_text), %esi
        call    print
        mov     %ebp, %esi
        call    print
        mov     $PHYSICAL(panic_text), %esi
        call    print
3:      cli
        hlt
        jmp     3b

/* Print the text at esi. A port that is not there reads as all ones, which is "room". */
print:
        lodsb
        test    %al, %al
        jz      5f
        mov     %al, %bl
        mov     $COM1_STATUS, %dx
4:      in      %dx, %al
        test    $COM1_ROOM, %al
        jz      4b
        mov     $COM1, %dx
        mov     %bl, %al
        out     %al, %dx
        jmp     print
5:      ret

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
lacks_text:
        .asciz  "\r\n(PIN) the processor lacks "
no_long_mode_text:
        .asciz  "64-bit mode (CPUID leaf 0x80000001, edx bit 29)"
no_nx_text:
        .asciz  "no-execute pages (CPUID leaf 0x80000001, edx bit 20)"
panic_text:
        .asciz  ": Pinnace cannot run on it\r\n(PIN) machine: panic\r\n"
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
boot_l4:
        .skip   4096
boot_l3:
        .skip   4096
boot_l2:
        .skip   4 * 4096
        .skip   8192
boot_stack_end:
        .section .note.GNU-stack, "", @progbits
