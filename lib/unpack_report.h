/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the unpacking guest (guests/unpack) leaves for the hypervisor in its xenstore page
 * (start_info.store_mfn) before it powers off. Nobody else is at the other end of that page.
 */
#ifndef LIB_UNPACK_REPORT_H
#define LIB_UNPACK_REPORT_H

#include "lib/compiler.h"

#define UNPACK_MAGIC      UINT64_C(0x6b6361706e75)       /* "unpack" */
#define UNPACK_SIZE_MAX   (UINT64_C(512) << 20)          /* more than this is no kernel */
#define UNPACK_LIST_FRAME (PAGE_SIZE / sizeof(uint64_t)) /* frames that one frame can list */
#define UNPACK_LISTS      (UNPACK_SIZE_MAX / PAGE_SIZE / UNPACK_LIST_FRAME)

struct unpack_report {
    uint64_t magic;
    uint64_t size;                /* of the ELF file; 0: there is none, `reason` says why */
    uint64_t lists[UNPACK_LISTS]; /* MFNs of frames with the MFNs of the frames that it is in */
    char reason[768];             /* the rest of a sentence that begins with the file's name */
};
_Static_assert(sizeof(struct unpack_report) <= PAGE_SIZE, "the report must fit the page");

#endif
