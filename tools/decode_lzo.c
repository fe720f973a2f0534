/* SPDX-License-Identifier: BSD-2-Clause */
/* LZO's library may not be linked with this program (GPL), so its program does the work. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/decoders.h"
#include "tools/file.h"

#define PROGRAM           "lzop"
#define STATUS_NO_PROGRAM 127 /* as of a shell */

/* In the child: from one descriptor to the other; what it complains of goes to a third. */
static NORETURN void become_lzop(int packed, int unpacked, int complaints)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    dup2(packed, STDIN_FILENO);
    dup2(unpacked, STDOUT_FILENO);
    dup2(complaints, STDERR_FILENO);
    execlp(PROGRAM, PROGRAM, "-d", "-c", NULL);
    _exit(STATUS_NO_PROGRAM);
}

/* Read all that lzop writes, unless it is too much. */
static enum decompress_status collect(struct decompression *job, int unpacked)
{
    for (;;) {
        enum decompress_status status = decoder_make_room(job, 1);
        if (status != DECOMPRESS_OK) {
            return status;
        }
        ssize_t got = read(unpacked, job->output + job->size, job->room - job->size);
        if (got == 0) {
            return DECOMPRESS_OK;
        }
        if (got > 0) {
            decoder_advance(job, 0, (size_t)got);
        } else if (errno != EINTR) {
            return decoder_damaged(job, "%s cannot be read: %s", PROGRAM, strerror(errno));
        }
    }
}

/* The first line of what lzop had to say, without the names it puts before it. */
static void read_complaint(int complaints, char *text, size_t size)
{
    ssize_t length = pread(complaints, text, size - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    const char *last = strrchr(text, ':');
    if (last != NULL) {
        last += strspn(last, ": ");
        memmove(text, last, strlen(last) + 1);
    }
}

static enum decompress_status explain(struct decompression *job, int exit_status, int complaints)
{
    if (WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == 0) {
        return DECOMPRESS_OK;
    }
    if (WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == STATUS_NO_PROGRAM) {
        return DECOMPRESS_NO_PROGRAM;
    }
    if (WIFSIGNALED(exit_status)) {
        return decoder_damaged(job, "%s died of signal %d", PROGRAM, WTERMSIG(exit_status));
    }
    char complaint[sizeof(job->reason) - 16];
    read_complaint(complaints, complaint, sizeof(complaint));
    return decoder_damaged(job, "%s says \"%s\"", PROGRAM, complaint);
}

static enum decompress_status run(struct decompression *job, int packed, int complaints)
{
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
        return DECOMPRESS_NO_MEMORY;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become_lzop(packed, pipe_ends[1], complaints);
    }
    close(pipe_ends[1]);
    enum decompress_status status = pid > 0 ? collect(job, pipe_ends[0]) : DECOMPRESS_NO_MEMORY;
    close(pipe_ends[0]); /* it ends lzop, too, if it still writes */
    int exit_status;
    bool ended = pid > 0 && waitpid(pid, &exit_status, 0) == pid;
    if (status != DECOMPRESS_OK) {
        return status;
    }
    return ended ? explain(job, exit_status, complaints)
                 : decoder_damaged(job, "%s ended in an unknown way", PROGRAM);
}

enum decompress_status decode_lzo(struct decompression *job)
{
    int packed = file_in_memory("lzo data", job->input, job->input_size);
    int complaints = file_in_memory("lzop's complaints", job->input, 0);
    enum decompress_status status = DECOMPRESS_NO_MEMORY;
    if (packed >= 0 && complaints >= 0 && lseek(packed, 0, SEEK_SET) == 0) {
        status = run(job, packed, complaints);
    }
    if (packed >= 0) {
        close(packed);
    }
    if (complaints >= 0) {
        close(complaints);
    }
    decoder_advance(job, job->input_size, 0); /* how much of it was lzop's, nobody knows */
    return status;
}
