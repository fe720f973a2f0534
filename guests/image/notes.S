/* SPDX-License-Identifier: BSD-2-Clause */
/* What this kernel asks of the builder beyond the notes that all have: see image.c. */
#include "guests/lib/notes.h"

    xen_note XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
    xen_note XEN_ELFNOTE_INIT_P2M,       .quad 0x8000000000

    .section .hypercall_page, "aw", @progbits
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip 4096, 0
