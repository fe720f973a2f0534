/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the user types, on its way to the guest. As with QEMU's own -nographic, Ctrl-a begins a
 * command to us: Ctrl-a x ends the run; Ctrl-a a, or Ctrl-a twice, sends one Ctrl-a.
 */
#ifndef TOOLS_ESCAPE_H
#define TOOLS_ESCAPE_H

#include "lib/compiler.h"

/* Start with all zeros. */
struct escape {
    bool after_prefix;
    bool quit; /* the user asked to end the run */
};

/* Pass on what is for the guest; return how many bytes. `out` needs room for size + 1. */
size_t escape_filter(struct escape *escape, const uint8_t *typed, size_t size, uint8_t *out);

#endif
