/* SPDX-License-Identifier: BSD-2-Clause */
/* What a domain is to be built from. */
#ifndef BUILDER_REQUEST_H
#define BUILDER_REQUEST_H

#include "lib/abi.h"
#include "lib/compiler.h"

/*
 * The first domain has start_flags SIF_PRIVILEGED | SIF_INITDOMAIN, no rings and perhaps a video
 * record; the others have rings with the ports of the daemons behind them. SIF_MOD_START_PFN is
 * the builder's to set. Kernel, initrd and command line are only read, and only during the call.
 */
struct build_request {
    const void *kernel; /* ELF file */
    size_t kernel_size;
    const void *initrd;
    size_t initrd_size;           /* 0: there is none */
    const char *command_line;     /* NULL: empty */
    uint64_t page_count;          /* the domain's memory: PFNs from 0 */
    uint32_t start_flags;         /* SIF_* */
    uint64_t shared_info_address; /* machine address */

    bool has_rings; /* map a xenstore and a console page */
    uint32_t store_port;
    uint32_t console_port;

    const void *video; /* struct dom0_vga_console_info, or NULL: none is passed on */
    size_t video_size;
};

#endif
