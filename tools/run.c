/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/run.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/file.h"
#include "tools/kernel_check.h"
#include "tools/kernel_file.h"
#include "tools/multiboot.h"
#include "tools/qemu.h"
#include "tools/report.h"
#include "tools/run_options.h"
#include "tools/session.h"
#include "tools/terminal.h"

/* ---- the inputs ---- */

/* The path of `name` beside this program. */
static bool path_beside_program(const char *name, char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size);
    if (length < 0 || (size_t)length >= size) {
        report("cannot find this program's own folder: %s", strerror(errno));
        return false;
    }
    path[length] = '\0';
    char *file_name = strrchr(path, '/') + 1;
    if ((size_t)(file_name - path) + strlen(name) >= size) {
        report("this program's path is too long");
        return false;
    }
    strcpy(file_name, name);
    return true;
}

/* The path the user gave, or the default: in `own`, as long as the file is there. */
static const char *choose_path(const char *given, const char *default_name, const char *option,
                               char own[PATH_MAX])
{
    if (given != NULL) {
        return given;
    }
    if (!path_beside_program(default_name, own, PATH_MAX)) {
        return NULL;
    }
    if (access(own, F_OK) != 0) {
        report("%s is not there: ./run makes it; or give %s FILE", own, option);
        return NULL;
    }
    return own;
}

/* QEMU tries other kinds of boot with a file that is not Multiboot, and its errors then mislead. */
static enum outcome open_hypervisor(const char *given, int *fd)
{
    char own[PATH_MAX];
    const char *path = choose_path(given, "pinnace-hv", "--hypervisor", own);
    *fd = path != NULL ? file_open("hypervisor", path) : -1;
    if (*fd < 0) {
        return OUTCOME_INPUT_REFUSED;
    }
    uint8_t start[MULTIBOOT_SEARCH_SIZE];
    ssize_t size = pread(*fd, start, sizeof(start), 0);
    if (size < 0 || !multiboot_has_header(start, (size_t)size)) {
        report("hypervisor %s: not a Multiboot kernel, as a hypervisor is", path);
        return OUTCOME_INPUT_REFUSED;
    }
    return OUTCOME_SUCCESS;
}

static enum outcome open_initrd(const struct run_options *options, int *fd)
{
    if (options->no_initrd) {
        return OUTCOME_SUCCESS;
    }
    char own[PATH_MAX];
    const char *path = choose_path(options->initrd, "initramfs.gz", "--initrd", own);
    *fd = path != NULL ? file_open("initrd", path) : -1;
    return *fd >= 0 ? OUTCOME_SUCCESS : OUTCOME_INPUT_REFUSED;
}

/* Whether the hypervisor could start it, with all that is given beside it. */
static enum outcome check_kernel(const char *path, const struct unpacked_kernel *kernel,
                                 const struct qemu_config *config)
{
    struct stat initrd = {0};
    if (config->initrd_fd >= 0 && fstat(config->initrd_fd, &initrd) != 0) {
        report("initrd: %s", strerror(errno));
        return OUTCOME_FAILED;
    }
    const struct check_request request = {
        .kernel_path = path,
        .kernel = kernel,
        .initrd_size = (uint64_t)initrd.st_size,
        .kernel_options = config->kernel_options,
        .hypervisor_options = config->hypervisor_options,
        .memory_kib = config->memory_kib,
    };
    struct reason reason;
    if (!kernel_check(&request, &reason)) {
        report("kernel %s: %s", path, reason.text);
        return OUTCOME_INPUT_REFUSED;
    }
    return OUTCOME_SUCCESS;
}

static enum outcome open_kernel(const char *given, struct qemu_config *config)
{
    char own[PATH_MAX];
    const char *path = choose_path(given, "kernel/vmlinuz", "--kernel", own);
    if (path == NULL) {
        return OUTCOME_INPUT_REFUSED;
    }
    struct kernel_file file;
    enum outcome outcome = kernel_file_read(path, &file);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    outcome = check_kernel(path, &file.kernel, config);
    if (outcome == OUTCOME_SUCCESS) {
        config->kernel_fd = file_in_memory("pinnace kernel", file.kernel.elf, file.kernel.elf_size);
        outcome = config->kernel_fd >= 0 ? OUTCOME_SUCCESS : OUTCOME_FAILED;
    }
    kernel_file_free(&file);
    return outcome;
}

static char *join_options(const char *first, const char *more)
{
    char *joined = NULL;
    if (asprintf(&joined, "%s%s%s", first, more[0] != '\0' ? " " : "", more) < 0) {
        return NULL;
    }
    return joined;
}

static enum outcome make_config(const struct run_options *options, struct qemu_config *config)
{
    *config = (struct qemu_config){
        .kernel_fd = -1,
        .initrd_fd = -1,
        .cpu = options->cpu,
        .memory_kib = options->memory_kib,
        .hypervisor_options = join_options(RUN_HYPERVISOR_OPTIONS, options->hypervisor_append),
        .kernel_options = join_options(RUN_KERNEL_OPTIONS, options->append),
    };
    if (config->hypervisor_options == NULL || config->kernel_options == NULL) {
        report("out of memory");
        return OUTCOME_FAILED;
    }
    enum outcome outcome = open_hypervisor(options->hypervisor, &config->hypervisor_fd);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    outcome = open_initrd(options, &config->initrd_fd);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    return open_kernel(options->kernel, config);
}

/* ---- the run ---- */

/* From here on these signals wait for session_run(), which ends QEMU first. */
static int collect_signals(sigset_t *former_mask)
{
    static const int signals[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t collected;
    sigemptyset(&collected);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        sigaddset(&collected, signals[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* a parent that ignores it would have us never see QEMU end */
    sigprocmask(SIG_BLOCK, &collected, former_mask);
    int fd = signalfd(-1, &collected, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        report("no signalfd: %s", strerror(errno));
    }
    return fd;
}

/* End as the signal would have ended us, so that a shell sees it. */
static void die_of_signal(int number, const sigset_t *former_mask)
{
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_SETMASK, former_mask, NULL);
}

static void report_qemu_failure(const struct session_result *result)
{
    char errors[sizeof(result->qemu_errors)];
    strcpy(errors, result->qemu_errors);
    errors[strcspn(errors, "\n")] = '\0';
    if (errors[0] != '\0') {
        report("QEMU failed: %s", errors);
    } else if (WIFSIGNALED(result->qemu_status)) {
        report("QEMU failed: it was killed by signal %d (%s)", WTERMSIG(result->qemu_status),
               strsignal(WTERMSIG(result->qemu_status)));
    } else {
        report("QEMU failed: it ended with status %d, and the machine had not",
               WEXITSTATUS(result->qemu_status));
    }
}

/* Whether Linux was told to keep to itself what we judge by. */
static bool asks_for_quiet(const char *kernel_options)
{
    return strstr(kernel_options, "quiet") != NULL || strstr(kernel_options, "loglevel") != NULL;
}

/* The reason for a black screen, as far as it can be told from here. */
static void report_silence(enum outcome outcome, const struct session_result *result,
                           const struct run_options *options)
{
    if (outcome != OUTCOME_TIME_LIMIT && outcome != OUTCOME_USER_QUIT &&
        outcome != OUTCOME_SIGNAL) {
        return;
    }
    if (!result->guest_spoke) {
        report("until then the guest wrote nothing to its console");
    } else if (result->console_missing && !asks_for_quiet(options->append)) {
        report("until then the guest's kernel never opened its console, hvc0: what its programs "
               "write is not seen (it needs CONFIG_HVC_XEN, and CONFIG_XEN_DOM0 to be the first "
               "domain)");
    }
}

static void report_outcome(enum outcome outcome, const struct session_result *result,
                           const struct run_options *options)
{
    if (outcome != OUTCOME_SUCCESS && result->line_open && isatty(STDERR_FILENO)) {
        fputc('\n', stderr); /* do not go on in the guest's line */
    }
    if (outcome == OUTCOME_QEMU_FAILED) {
        report_qemu_failure(result);
    } else if (outcome == OUTCOME_TIME_LIMIT) {
        report("the time limit of %u seconds was reached", options->timeout_seconds);
    } else if (outcome == OUTCOME_SIGNAL) {
        report("ended by signal %d (%s)", result->evidence.signal,
               strsignal(result->evidence.signal));
    } else if (outcome == OUTCOME_NOT_SEEN) {
        report("the guest powered off, but \"%s\" is not in its output", options->expect);
    } else if (outcome != OUTCOME_SUCCESS) {
        report("%s", outcome_describe(outcome, &result->evidence));
    }
    report_silence(outcome, result, options);
}

static enum outcome run_machine(const struct qemu_config *config, const struct run_options *options,
                                int64_t started)
{
    sigset_t former_mask;
    struct session_config session = {
        .log_fd = -1,
        .expected = options->expect,
        .signal_fd = collect_signals(&former_mask),
        .time_limit = options->timeout_seconds > 0
                          ? started + (int64_t)options->timeout_seconds * 1000
                          : INT64_MAX,
    };
    if (session.signal_fd < 0) {
        return OUTCOME_FAILED;
    }
    if (options->log != NULL) {
        session.log_fd = file_create("log", options->log);
        if (session.log_fd < 0) {
            return OUTCOME_FAILED;
        }
    }
    struct qemu qemu;
    enum outcome outcome = qemu_start(config, &former_mask, &qemu);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    session.on_terminal = terminal_make_raw();
    struct session_result result;
    session_run(&session, &qemu, &result);
    terminal_restore();
    outcome = outcome_judge(&result.evidence);
    report_outcome(outcome, &result, options);
    if (outcome == OUTCOME_SIGNAL) {
        die_of_signal(result.evidence.signal, &former_mask);
    }
    return outcome;
}

enum outcome command_run(int argc, char **argv)
{
    int64_t started = session_now();
    struct run_options options;
    enum outcome outcome = run_options_parse(&options, argc, argv);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    if (options.help) {
        run_options_print_help(stdout);
        return OUTCOME_SUCCESS;
    }
    struct qemu_config config;
    outcome = make_config(&options, &config);
    return outcome == OUTCOME_SUCCESS ? run_machine(&config, &options, started) : outcome;
}
