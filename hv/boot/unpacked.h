/* SPDX-License-Identifier: BSD-2-Clause */
/* The result of an unpacking guest that has ended (lib/unpack_report.h), taken over. */
#ifndef HV_BOOT_UNPACKED_H
#define HV_BOOT_UNPACKED_H

#include "core/domain.h"
#include "lib/compiler.h"

struct unpacked_file {
    void *bytes; /* in the hypervisor's memory, from frame `first` on; NULL: there is none */
    mfn_t first;
    uint64_t size;
};

/* Why a kernel is not unpacked: the rest of a sentence that begins with its name. */
struct unpack_problem {
    char text[256];
};

void unpack_refuse(struct unpack_problem *problem, const char *format, ...) PRINTF_FORMAT(2, 3);

/* Copy the file that the report in frame `report` describes out of the memory of `domain`, which
 * does not run any more. False: there is a problem, in the guest's words if it gave the reason. */
NODISCARD bool unpacked_take(struct unpacked_file *file, const struct domain *domain, mfn_t report,
                             struct unpack_problem *problem);

void unpacked_free(struct unpacked_file *file);

#endif
