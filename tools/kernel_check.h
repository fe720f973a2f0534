/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a domain can be built from a kernel, an initrd and the memory there is: the
 * hypervisor's own checks, made here first, where the answer is easier to read.
 */
#ifndef TOOLS_KERNEL_CHECK_H
#define TOOLS_KERNEL_CHECK_H

#include "tools/kernel_unpack.h"

struct check_request {
    const char *kernel_path;
    const struct unpacked_kernel *kernel;
    uint64_t initrd_size; /* 0: there is none */
    const char *kernel_options;
    bool is_first;       /* of another one only the kernel, the initrd and domain_kib count */
    uint64_t domain_kib; /* its memory */
    const char *hypervisor_options;
    uint64_t memory_kib; /* the machine's */
    uint64_t others_kib; /* what other domains get of it */
    uint64_t files_size; /* all boot modules, as they are loaded */
};

/*
 * False: it cannot work, and `reason` says why. True: it may. What the hypervisor needs of the
 * memory for itself is not known here, so that it can still find that there is too little.
 */
NODISCARD bool kernel_check(const struct check_request *request, struct reason *reason);

#endif
