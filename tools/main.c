/* SPDX-License-Identifier: BSD-2-Clause */
/* pinnace: what runs the hypervisor in QEMU, and what makes domains in its first one. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/control/commands.h"
#include "tools/extract.h"
#include "tools/report.h"
#include "tools/run.h"

static const char usage[] = "Usage: pinnace COMMAND [ARGUMENT]... (each command has --help)\n"
                            "On a Linux host:\n"
                            "  run         boot a Linux kernel on Pinnace in QEMU\n"
                            "  extract     unpack the ELF kernel in a Linux boot image\n"
                            "In the first domain, as root:\n"
                            "  create      make a domain from a configuration file\n"
                            "  list        show all domains\n"
                            "  console     connect to a domain's console\n"
                            "  pause       stop a domain's vCPUs\n"
                            "  unpause     let them run again\n"
                            "  shutdown    ask a domain to power off\n"
                            "  destroy     end a domain at once\n"
                            "  info        show the machine and the hypervisor\n"
                            "  dmesg       show the hypervisor's messages\n"
                            "  debug-keys  have the hypervisor do what its debug keys do\n"
                            "  audit       have the hypervisor recount all references\n"
                            "  frames      count a domain's frames by type\n"
                            "  walk        show how a domain's page tables map an address\n";

struct command {
    const char *name;
    enum outcome (*perform)(int argc, char **argv);
};

static const struct command commands[] = {
    {"run", command_run},         {"extract", command_extract},
    {"create", command_create},   {"list", command_list},
    {"console", command_console}, {"pause", command_pause},
    {"unpause", command_unpause}, {"shutdown", command_shutdown},
    {"destroy", command_destroy}, {"info", command_info},
    {"dmesg", command_dmesg},     {"debug-keys", command_debug_keys},
    {"audit", command_audit},     {"frames", command_frames},
    {"walk", command_walk},
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
