/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's control connection (QMP): one JSON object a line, each way. We let the machine start, end
 * it when we must, and learn from it how the machine ended.
 */
#ifndef TOOLS_QMP_H
#define TOOLS_QMP_H

#include "tools/outcome.h"

struct qmp {
    int fd; /* non-blocking; -1 once QEMU has closed its end */
    char line[4096];
    size_t length; /* of the line so far, also past the end of `line` */
    enum machine_end machine_end;
    bool refused; /* QEMU did not do as it was told; reported */
};

/* Take over `fd` and let the machine, which QEMU was told not to start yet, go. Terminals that QEMU
 * has made for serial ports are reported. */
void qmp_begin(struct qmp *qmp, int fd);

/* Take in what has come. */
void qmp_receive(struct qmp *qmp);

/* Ask QEMU to end. It may be too late for that, or QEMU may be stuck: the caller watches. */
void qmp_quit(struct qmp *qmp);

/* Understand one line; for qmp_receive(), and for tests. */
void qmp_take_line(struct qmp *qmp, const char *line, size_t length);

#endif
