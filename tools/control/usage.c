/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/usage.h"

#include <stdio.h>
#include <string.h>

#include "tools/report.h"

bool usage_check(int argc, char **argv, int count, const char *help, enum outcome *outcome)
{
    *outcome = OUTCOME_BAD_USAGE;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            *outcome = OUTCOME_SUCCESS;
            return false;
        }
        if (argv[i][0] == '-') {
            report("%s: unknown option %s (see pinnace %s --help)", argv[0], argv[i], argv[0]);
            return false;
        }
    }
    if (argc - 1 != count) {
        report("%s takes %d argument%s, not %d (see pinnace %s --help)", argv[0], count,
               count == 1 ? "" : "s", argc - 1, argv[0]);
        return false;
    }
    return true;
}
