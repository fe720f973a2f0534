/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a Linux kernel was built without. Its notes may claim what its configuration left out:
 * Debian's cloud kernel lists the feature dom0, but lacks CONFIG_XEN_DOM0.
 */
#ifndef TOOLS_KERNEL_CONFIG_H
#define TOOLS_KERNEL_CONFIG_H

#include <limits.h>

#include "tools/kernel_unpack.h"

struct config_lack {
    const char *line; /* the configuration's own line: "# CONFIG_XEN_DOM0 is not set" */
    const char *consequence;
    unsigned line_number;
    char place[PATH_MAX]; /* the file it is in, or words for the kernel's built-in copy */
};

/*
 * Look for a configuration of the kernel from `path`: the file config-RELEASE beside it, as
 * packages have it, or the copy that may be in the kernel itself. True: there is one, and it
 * leaves out something that the first domain (`is_first`), or any other, needs.
 */
bool kernel_config_find_lack(const char *path, const struct unpacked_kernel *kernel, bool is_first,
                             struct config_lack *lack);

/* The same for a configuration's text; for tests. `place` is not set. */
bool kernel_config_scan(const uint8_t *text, size_t size, bool is_first, struct config_lack *lack);

#endif
