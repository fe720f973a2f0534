/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/list_line.h"

#include <stdio.h>

static bool has_crashed(uint32_t flags)
{
    return (flags & XEN_DOMINF_shutdown) != 0 &&
           ((flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask) == SHUTDOWN_crash;
}

void list_format(char line[LIST_LINE_SIZE], const char *name,
                 const struct xen_domctl_getdomaininfo *info)
{
    uint32_t flags = info->flags;
    snprintf(line, LIST_LINE_SIZE, "%-40.255s %5u %5lu %5u     %c%c%c%c%c%c  %8.1f\n",
             name != NULL ? name : "(null)", info->domain,
             (unsigned long)(info->tot_pages >> (20 - PAGE_SHIFT)), info->nr_online_vcpus,
             (flags & XEN_DOMINF_running) != 0 ? 'r' : '-',
             (flags & XEN_DOMINF_blocked) != 0 ? 'b' : '-',
             (flags & XEN_DOMINF_paused) != 0 ? 'p' : '-',
             (flags & XEN_DOMINF_shutdown) != 0 ? 's' : '-', has_crashed(flags) ? 'c' : '-',
             (flags & XEN_DOMINF_dying) != 0 ? 'd' : '-', (double)info->cpu_time / 1e9);
}
