/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `pinnace run`. */
#ifndef TOOLS_RUN_OPTIONS_H
#define TOOLS_RUN_OPTIONS_H

#include "lib/boot_limits.h"
#include "lib/domain_spec.h"
#include "tools/outcome.h"

/* What every run gets; --append and --hv-append come after these. */
#define RUN_KERNEL_OPTIONS     "console=hvc0 earlyprintk=xen"
#define RUN_HYPERVISOR_OPTIONS "console=com1 com1=115200,8n1"

struct run_options {
    const char *hypervisor; /* NULL: the one beside the program; likewise kernel and initrd */
    const char *kernel;
    const char *initrd; /* or "none" */
    const char *append;
    bool has_first; /* boot the first domain, with the three above */
    unsigned domain_count;
    struct domain_spec domains[BOOT_DOMAIN_LIMIT]; /* the others; they point into argv */
    const char *hypervisor_append;
    const char *expect; /* NULL: nothing */
    const char *log;    /* NULL: none */
    const char *cpu;    /* NULL: QEMU's default */
    uint64_t memory_kib;
    unsigned timeout_seconds; /* 0: none */
    bool help;
};

/* Understand the arguments; argv[0] is "run". What is wrong with them is reported. Those of
 * --domain are cut to pieces. */
NODISCARD enum outcome run_options_parse(struct run_options *options, int argc, char **argv);

void run_options_print_help(FILE *stream);

/* "512", "512M", "1G", "65536K" to KiB. */
NODISCARD bool memory_size_parse(const char *text, uint64_t *kib);

#endif
