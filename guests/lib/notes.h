/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assembly macros for the ELF notes by which a kernel describes itself to the domain builder. Those
 * that every kernel has are in start.S; a kernel that wants more has a notes.S of its own.
 */
#ifndef GUESTS_LIB_NOTES_H
#define GUESTS_LIB_NOTES_H

#include <xen/elfnote.h>

/* clang-format off */
.macro xen_note type:req, value:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 2f - 1f, 4f - 3f, \type
1:  .asciz "Xen"
2:  .balign 4
3:  \value
4:  .balign 4
    .popsection
.endm
/* clang-format on */

#endif
