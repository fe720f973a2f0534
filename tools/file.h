/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole files in and out. These functions report what went wrong themselves and return false;
 * `what` is what the file is to us, such as "kernel". */
#ifndef TOOLS_FILE_H
#define TOOLS_FILE_H

#include "lib/compiler.h"

struct file_contents {
    uint8_t *bytes; /* from malloc() */
    size_t size;
};

/* Read all of a file, which may also be a pipe. The caller frees contents->bytes. */
NODISCARD bool file_read(const char *what, const char *path, struct file_contents *contents);

/* Make or replace a file. After a failure there is no file at `path`. */
NODISCARD bool file_write(const char *path, const uint8_t *bytes, size_t size);

/* Open a regular file for reading; -1 after a report. */
NODISCARD int file_open(const char *what, const char *path);

/* Make a file or empty it, for writing; -1 after a report. */
NODISCARD int file_create(const char *what, const char *path);

/* A file in memory only, which is gone with the last process that has it open; -1 after a report.
 */
NODISCARD int file_in_memory(const char *name, const uint8_t *bytes, size_t size);

/* write() until all is written. errno says why not. */
NODISCARD bool file_write_all(int fd, const uint8_t *bytes, size_t size);

#endif
