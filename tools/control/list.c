/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/control/commands.h"
#include "tools/control/machine.h"
#include "tools/control/store.h"
#include "tools/control/usage.h"
#include "tools/report.h"

static const char header[] =
    "Name                                        ID   Mem VCPUs\tState\tTime(s)\n";

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

static enum outcome list(struct control *control)
{
    struct xen_domctl_getdomaininfo *infos;
    int count = machine_list_domains(control, &infos);
    if (count < 0) {
        report("the hypervisor does not list its domains: %s", strerror(-count));
        return OUTCOME_FAILED;
    }
    struct xs_handle *store = store_open();
    fputs(header, stdout);
    for (int i = 0; i < count; i++) {
        char line[LIST_LINE_SIZE];
        char *name = store != NULL ? store_read(store, infos[i].domain, "name") : NULL;
        list_format(line, name, &infos[i]);
        fputs(line, stdout);
        free(name);
    }
    xs_close(store);
    free(infos);
    return OUTCOME_SUCCESS;
}

enum outcome command_list(int argc, char **argv)
{
    static const char help[] =
        "Usage: pinnace list\n"
        "All domains: number, MiB, online vCPUs, and time they ran. State: r running, b blocked,\n"
        "p paused, s shut down, c crashed, d dying.\n";
    enum outcome outcome;
    struct control control;
    if (!usage_check(argc, argv, 0, help, &outcome)) {
        return outcome;
    }
    if (!control_open(&control)) {
        return OUTCOME_FAILED;
    }
    outcome = list(&control);
    control_close(&control);
    return outcome;
}
