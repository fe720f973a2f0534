/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that libbz2 links for its interface to files, which nobody here calls, and for its
 * complaints of mistakes of its own: all of them end the guest.
 */
    .text
    .irp name, exit, fopen64, fdopen, fclose, fread, fwrite, fflush, ferror, fgetc, fputc, ungetc, \
               __fprintf_chk, __ctype_b_loc
    .globl \name
\name:
    .endr
    jmp libc_absent

    .section .rodata
    .balign 8
    .irp name, stdin, stdout, stderr
    .globl \name
\name:
    .endr
    .quad 0
