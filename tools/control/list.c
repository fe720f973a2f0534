/* SPDX-License-Identifier: BSD-2-Clause */
/* `pinnace list`. */
#include "tools/control/list_line.h"

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
