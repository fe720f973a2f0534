/* SPDX-License-Identifier: BSD-2-Clause */
/* pinnace: the host's side of the hypervisor. Each command is a file of its own. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/extract.h"
#include "tools/report.h"
#include "tools/run.h"

static const char usage[] =
    "Usage: pinnace COMMAND [ARGUMENT]...\n"
    "  run      boot a Linux kernel on Pinnace in QEMU (pinnace run --help)\n"
    "  extract  unpack the ELF kernel in a Linux boot image (pinnace extract --help)\n";

struct command {
    const char *name;
    enum outcome (*perform)(int argc, char **argv);
};

static const struct command commands[] = {
    {"run", command_run},
    {"extract", command_extract},
};

/* Whoever started us may have closed these; a file opened later must not end up in their place. */
static bool open_standard_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    return fd >= 0 && close(fd) == 0;
}

int main(int argc, char **argv)
{
    if (!open_standard_streams()) {
        return OUTCOME_FAILED;
    }
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return OUTCOME_SUCCESS;
    }
    for (size_t i = 0; argc >= 2 && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return (int)commands[i].perform(argc - 1, argv + 1);
        }
    }
    if (argc >= 2) {
        report("%s: unknown command (see pinnace --help)", argv[1]);
    } else {
        report("which command? (see pinnace --help)");
    }
    return OUTCOME_BAD_USAGE;
}
