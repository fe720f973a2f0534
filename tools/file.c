/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/report.h"

#define READ_STEP (UINT64_C(1) << 20)
#define READ_MAX  (UINT64_C(2) << 30) /* no file that we read whole is larger; a pipe may be */

static bool grow(struct file_contents *contents, size_t *room)
{
    size_t wanted = *room == 0 ? READ_STEP : *room * 2;
    uint8_t *bytes = realloc(contents->bytes, wanted);
    if (bytes == NULL) {
        return false;
    }
    contents->bytes = bytes;
    *room = wanted;
    return true;
}

/* Read to the end of the file. errno says why not. */
static bool read_to_end(int fd, struct file_contents *contents)
{
    size_t room = 0;
    for (;;) {
        if (contents->size == room && !grow(contents, &room)) {
            return false;
        }
        ssize_t got = read(fd, contents->bytes + contents->size, room - contents->size);
        if (got == 0) {
            return true;
        }
        if (got > 0) {
            contents->size += (size_t)got;
        } else if (errno != EINTR) {
            return false;
        }
        if (contents->size > READ_MAX) {
            errno = EFBIG;
            return false;
        }
    }
}

/* A device may never come to an end. */
static bool is_finite(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode));
}

bool file_read(const char *what, const char *path, struct file_contents *contents)
{
    *contents = (struct file_contents){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        report("%s %s: %s", what, path, strerror(errno));
        return false;
    }
    bool complete = false;
    if (!is_finite(fd)) {
        report("%s %s: neither a file nor a pipe", what, path);
    } else if (!read_to_end(fd, contents)) {
        report("%s %s: cannot be read: %s", what, path, strerror(errno));
        free(contents->bytes);
        *contents = (struct file_contents){0};
    } else {
        complete = true;
    }
    close(fd);
    return complete;
}

bool file_write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

bool file_write(const char *path, const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        report("%s: %s", path, strerror(errno));
        return false;
    }
    bool complete = file_write_all(fd, bytes, size);
    if (close(fd) != 0) {
        complete = false;
    }
    if (!complete) {
        report("%s: cannot be written: %s", path, strerror(errno));
        unlink(path);
    }
    return complete;
}

int file_open(const char *what, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        report("%s %s: %s", what, path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        report("%s %s: not a regular file", what, path);
    } else {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

int file_create(const char *what, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        report("%s %s: %s", what, path, strerror(errno));
    }
    return fd;
}

int file_in_memory(const char *name, const uint8_t *bytes, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || !file_write_all(fd, bytes, size)) {
        report("no memory for a file of %zu bytes: %s", size, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}
