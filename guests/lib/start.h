/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel was given by the domain builder. */
#ifndef GUESTS_LIB_START_H
#define GUESTS_LIB_START_H

#include "lib/compiler.h"

#include <xen/xen.h>

#define VIRT_BASE UINT64_C(0xffffffff80000000)

/* The registers at the first instruction; start.S fills it and knows its order. */
struct boot_state {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rflags, cs, ss, ds, es, fs, gs;
};

extern struct boot_state boot_state;
extern start_info_t *start_info;
extern char _image_start[], _image_end[];

/* Whether the kernel's command line contains `word`; the text that follows it, or NULL. */
const char *argument_find(const char *word);

#endif
