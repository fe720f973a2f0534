/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine: QEMU's command line and its process. */
#ifndef TOOLS_QEMU_H
#define TOOLS_QEMU_H

#include <signal.h>
#include <sys/types.h>

#include "lib/boot_limits.h"
#include "tools/outcome.h"

/* What the machine is made of. The files are open: QEMU inherits them, so that no character in a
 * file's name matters to it, and an unpacked kernel needs no name. */
struct qemu_module {
    int fd;
    const char
        *text; /* the hypervisor gets it after a file name of QEMU_MODULE_NAME_SIZE at most */
};

#define QEMU_MODULES_MAX      BOOT_MODULE_LIMIT
#define QEMU_MODULE_NAME_SIZE 32U
#define QEMU_SERIALS_MAX      3U /* after the first one */

struct qemu_config {
    int hypervisor_fd;
    const char *hypervisor_options; /* as the hypervisor gets them */
    size_t module_count;
    struct qemu_module modules[QEMU_MODULES_MAX];
    unsigned int serial_count;
    const char *serials[QEMU_SERIALS_MAX]; /* further serial ports, as QEMU's -serial has them */
    const char *cpu;                       /* NULL: QEMU's default */
    uint64_t memory_kib;
};

#define QEMU_ARGUMENTS_MAX 48

/* Each word from malloc(), NULL at the end. */
struct qemu_arguments {
    char *words[QEMU_ARGUMENTS_MAX + 1];
    size_t count;
};

/* The whole command line. false: out of memory. Free it in both cases. */
NODISCARD bool qemu_arguments_make(struct qemu_arguments *arguments,
                                   const struct qemu_config *config, int console_fd, int qmp_fd);
void qemu_arguments_free(struct qemu_arguments *arguments);

/* QEMU takes a comma in its -initrd for the next module; two stand for one. From malloc(). */
char *qemu_double_commas(const char *text);

struct qemu {
    pid_t pid;
    int console_fd; /* the serial port, both ways; non-blocking */
    int qmp_fd;     /* non-blocking */
    int errors_fd;  /* what QEMU writes to its standard error; non-blocking */
};

/*
 * Start QEMU with the machine still stopped: QMP's `cont` lets it go. QEMU dies with us, however
 * we end. The child gets `signal_mask`. A failure is reported; then nothing is left behind.
 */
NODISCARD enum outcome qemu_start(const struct qemu_config *config, const sigset_t *signal_mask,
                                  struct qemu *qemu);

#endif
