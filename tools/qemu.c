/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/report.h"

#define QEMU_PROGRAM "qemu-system-x86_64"
#define QEMU_PACKAGE "qemu-system-x86"

/* ---- the command line ---- */

/* QEMU's flags that are the same for every run. */
static const char *const fixed_arguments[] = {
    QEMU_PROGRAM,
    "-no-user-config",
    /* A PC, with a VGA card that nobody looks at, and nothing that QEMU would add by itself. */
    "-machine",
    "pc",
    "-nodefaults",
    "-vga",
    "std",
    "-display",
    "none",
    "-accel",
    "tcg,thread=single",
    /* A reset ends QEMU, so that it is seen; and nothing runs before we are listening. */
    "-no-reboot",
    "-S",
};

static void add_word(struct qemu_arguments *arguments, char *word)
{
    if (arguments->count < QEMU_ARGUMENTS_MAX) {
        arguments->words[arguments->count] = word;
    } else {
        free(word);
    }
    arguments->count++; /* too many, or a NULL among them: is_complete() sees it */
}

static void add_option(struct qemu_arguments *arguments, const char *option, const char *format,
                       ...) PRINTF_FORMAT(3, 4);

static void add_option(struct qemu_arguments *arguments, const char *option, const char *format,
                       ...)
{
    va_list values;
    char *text = NULL;
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0) {
        text = NULL;
    }
    va_end(values);
    add_word(arguments, strdup(option));
    add_word(arguments, text);
}

char *qemu_double_commas(const char *text)
{
    char *doubled = malloc(strlen(text) * 2 + 1);
    if (doubled == NULL) {
        return NULL;
    }
    char *end = doubled;
    for (const char *next = text; *next != '\0'; next++) {
        *end++ = *next;
        if (*next == ',') {
            *end++ = ',';
        }
    }
    *end = '\0';
    return doubled;
}

/* " TEXT" for QEMU's list of modules, or nothing for an empty text. NULL: out of memory. */
static char *module_text(const char *text)
{
    char *doubled = qemu_double_commas(text);
    char *spaced = NULL;
    if (doubled != NULL && asprintf(&spaced, "%s%s", text[0] != '\0' ? " " : "", doubled) < 0) {
        spaced = NULL;
    }
    free(doubled);
    return spaced;
}

/* Multiboot modules: each a file and the text for it, separated by commas. */
static bool add_modules(struct qemu_arguments *arguments, const struct qemu_config *config)
{
    char *list = strdup("");
    for (size_t i = 0; list != NULL && i < config->module_count; i++) {
        char *text = module_text(config->modules[i].text);
        char *longer = NULL;
        if (text != NULL && asprintf(&longer, "%s%s/dev/fd/%d%s", list, i > 0 ? "," : "",
                                     config->modules[i].fd, text) < 0) {
            longer = NULL;
        }
        free(text);
        free(list);
        list = longer;
    }
    if (list != NULL) {
        add_option(arguments, "-initrd", "%s", list);
    }
    bool complete = list != NULL;
    free(list);
    return complete;
}

static bool is_complete(const struct qemu_arguments *arguments)
{
    if (arguments->count > QEMU_ARGUMENTS_MAX) {
        return false;
    }
    for (size_t i = 0; i < arguments->count; i++) {
        if (arguments->words[i] == NULL) {
            return false;
        }
    }
    return true;
}

bool qemu_arguments_make(struct qemu_arguments *arguments, const struct qemu_config *config,
                         int console_fd, int qmp_fd)
{
    *arguments = (struct qemu_arguments){0};
    for (size_t i = 0; i < ARRAY_SIZE(fixed_arguments); i++) {
        add_word(arguments, strdup(fixed_arguments[i]));
    }
    if (config->cpu != NULL) {
        add_option(arguments, "-cpu", "%s", config->cpu);
    }
    add_option(arguments, "-m", "%" PRIu64 "K", config->memory_kib);
    add_option(arguments, "-chardev", "socket,id=console,fd=%d", console_fd);
    add_option(arguments, "-serial", "chardev:console");
    for (unsigned int i = 0; i < config->serial_count; i++) {
        add_option(arguments, "-serial", "%s", config->serials[i]);
    }
    add_option(arguments, "-chardev", "socket,id=qmp,fd=%d", qmp_fd);
    add_option(arguments, "-mon", "chardev=qmp,mode=control");
    add_option(arguments, "-kernel", "/dev/fd/%d", config->hypervisor_fd);
    add_option(arguments, "-append", "%s", config->hypervisor_options);
    return add_modules(arguments, config) && is_complete(arguments);
}

void qemu_arguments_free(struct qemu_arguments *arguments)
{
    for (size_t i = 0; i < QEMU_ARGUMENTS_MAX; i++) {
        free(arguments->words[i]);
    }
}

/* ---- the process ---- */

/* Both ends of each connection: ours, and the one that QEMU inherits. -1 where there is none. */
struct connections {
    int console[2];
    int qmp[2];
    int errors[2];
    int exec_error[2]; /* errno of a failed exec; closed by a successful one */
};

#define NO_CONNECTIONS                                                                             \
    {                                                                                              \
        {-1, -1}, {-1, -1}, {-1, -1},                                                              \
        {                                                                                          \
            -1, -1                                                                                 \
        }                                                                                          \
    }

static bool connections_open(struct connections *connections)
{
    int type = SOCK_STREAM | SOCK_CLOEXEC;
    return socketpair(AF_UNIX, type, 0, connections->console) == 0 &&
           socketpair(AF_UNIX, type, 0, connections->qmp) == 0 &&
           pipe2(connections->errors, O_CLOEXEC) == 0 &&
           pipe2(connections->exec_error, O_CLOEXEC) == 0 &&
           fcntl(connections->console[0], F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(connections->qmp[0], F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(connections->errors[0], F_SETFL, O_NONBLOCK) == 0;
}

static void close_end(int ends[2], int which)
{
    if (ends[which] >= 0) {
        close(ends[which]);
        ends[which] = -1;
    }
}

static void connections_close(struct connections *connections, int which)
{
    close_end(connections->console, which);
    close_end(connections->qmp, which);
    close_end(connections->errors, which);
    close_end(connections->exec_error, which);
}

static void keep_open_over_exec(int fd)
{
    if (fd >= 0) {
        fcntl(fd, F_SETFD, 0);
    }
}

/* In the child: become QEMU, or say why not. */
static NORETURN void become_qemu(const struct qemu_config *config, char **words, pid_t parent,
                                 const sigset_t *signal_mask, struct connections *connections)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1); /* it died before the line above */
    }
    setpgid(0, 0); /* a Ctrl-C at our terminal is for us to handle */
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, signal_mask, NULL);
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    dup2(connections->errors[1], STDERR_FILENO);
    keep_open_over_exec(config->hypervisor_fd);
    for (size_t i = 0; i < config->module_count; i++) {
        keep_open_over_exec(config->modules[i].fd);
    }
    keep_open_over_exec(connections->console[1]);
    keep_open_over_exec(connections->qmp[1]);
    execvp(QEMU_PROGRAM, words);
    int error = errno;
    (void)!write(connections->exec_error[1], &error, sizeof(error));
    _exit(1);
}

static void report_exec_failure(int error)
{
    if (error == ENOENT) {
        report("%s is not installed: it is in the Debian package %s", QEMU_PROGRAM, QEMU_PACKAGE);
    } else {
        report("%s cannot be started: %s", QEMU_PROGRAM, strerror(error));
    }
}

/* Wait until the child is QEMU. On failure it is already gone. */
static bool await_exec(pid_t pid, const struct connections *connections)
{
    int error;
    ssize_t got;
    do {
        got = read(connections->exec_error[0], &error, sizeof(error));
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        return true;
    }
    waitpid(pid, NULL, 0);
    report_exec_failure(got == (ssize_t)sizeof(error) ? error : EIO);
    return false;
}

static bool spawn(const struct qemu_config *config, const sigset_t *signal_mask,
                  struct connections *connections, pid_t *pid)
{
    struct qemu_arguments arguments;
    bool complete =
        qemu_arguments_make(&arguments, config, connections->console[1], connections->qmp[1]);
    pid_t parent = getpid();
    *pid = complete ? fork() : -1;
    if (*pid == 0) {
        become_qemu(config, arguments.words, parent, signal_mask, connections);
    }
    qemu_arguments_free(&arguments);
    connections_close(connections, 1);
    if (*pid < 0) {
        report("no process for QEMU: %s", complete ? strerror(errno) : "out of memory");
        return false;
    }
    return await_exec(*pid, connections);
}

enum outcome qemu_start(const struct qemu_config *config, const sigset_t *signal_mask,
                        struct qemu *qemu)
{
    struct connections connections = NO_CONNECTIONS;
    if (!connections_open(&connections)) {
        report("no connections to QEMU: %s", strerror(errno));
    } else if (spawn(config, signal_mask, &connections, &qemu->pid)) {
        close_end(connections.exec_error, 0);
        qemu->console_fd = connections.console[0];
        qemu->qmp_fd = connections.qmp[0];
        qemu->errors_fd = connections.errors[0];
        return OUTCOME_SUCCESS;
    }
    connections_close(&connections, 0);
    connections_close(&connections, 1);
    return OUTCOME_QEMU_FAILED;
}
