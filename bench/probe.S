/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Multiboot kernel that writes its time-stamp counter to COM1, as 16 digits, and resets the
 * machine: what firmware and boot loader took before the image's first instruction.
 */
#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 3 /* modules on page boundaries, and a memory map: as both hypervisors ask */

#define COM1_DATA        0x3f8
#define COM1_LINE_STATUS 0x3fd
#define CAN_SEND         0x20
#define ALL_SENT         0x40
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_RESET   0xfe

/* clang-format off */
    .code32
    .text
    .long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

/* No stack: esi and edi hold the counter, ebp the address to come back to. */
    .globl _start
_start:
    rdtsc
    mov %eax, %esi
    mov %edx, %edi
    mov $1f, %ebp
    jmp write_edi
1:  mov %esi, %edi
    mov $1f, %ebp
    jmp write_edi
1:  mov $COM1_DATA, %dx
    mov $'\n', %al
    out %al, %dx
    mov $COM1_LINE_STATUS, %dx
2:  in %dx, %al
    test $ALL_SENT, %al
    jz 2b
    mov $KEYBOARD_RESET, %al
    out %al, $KEYBOARD_COMMAND
3:  hlt
    jmp 3b

/* The 8 digits of edi. */
write_edi:
    mov $8, %ecx
1:  mov $COM1_LINE_STATUS, %dx
2:  in %dx, %al
    test $CAN_SEND, %al
    jz 2b
    rol $4, %edi
    mov %edi, %eax
    and $15, %eax
    mov digits(%eax), %al
    mov $COM1_DATA, %dx
    out %al, %dx
    loop 1b
    jmp *%ebp

digits:
    .ascii "0123456789abcdef"

    .section .note.GNU-stack, "", @progbits
