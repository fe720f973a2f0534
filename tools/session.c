/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/session.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/escape.h"
#include "tools/file.h"
#include "tools/guest_output.h"
#include "tools/qmp.h"

/* Milliseconds. */
#define ANNOUNCED_END_WAIT 10000 /* from the hypervisor's last words to the machine's end */
#define QUIT_WAIT          5000  /* from our asking QEMU to end to killing it */
#define FLUSH_WAIT         2000  /* from QEMU's end to ours, if nobody reads our output */

#define NEVER INT64_MAX

/* Bytes on their way from one descriptor to another: read when empty, written until empty. */
struct relay {
    uint8_t bytes[PIPE_BUF + 1]; /* a pipe that poll() calls writable takes PIPE_BUF at once */
    size_t start;
    size_t end;
};

struct session {
    const struct session_config *config;
    struct session_result *result;
    pid_t pid; /* 0 once QEMU has gone */
    int console_fd;
    int errors_fd;
    bool ending; /* QEMU was asked to end */
    bool stdin_open;
    bool console_spoke;  /* something came out: the UART is set up, and loses nothing any more */
    bool output_dropped; /* standard output is of no use any more */
    struct qmp qmp;
    struct final_line_scanner scanner;
    struct guest_output guest_output;
    struct escape escape;
    struct relay typed;
    struct relay shown;
    int64_t time_limit;
    int64_t announced_end_at;
    int64_t kill_at;
    int64_t give_up_at;
};

int64_t session_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool relay_is_empty(const struct relay *relay)
{
    return relay->start == relay->end;
}

static void relay_clear(struct relay *relay)
{
    relay->start = 0;
    relay->end = 0;
}

/* Ask QEMU to end; if it does not, it is killed. Asking twice changes nothing. */
static void end_machine(struct session *session)
{
    if (!session->ending) {
        session->ending = true;
        qmp_quit(&session->qmp);
        session->kill_at = session_now() + QUIT_WAIT;
    }
}

/* ---- one function for each descriptor ---- */

static bool would_block(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EINTR);
}

static void close_console(struct session *session)
{
    close(session->console_fd);
    session->console_fd = -1;
    relay_clear(&session->typed);
}

static void take_typed(struct session *session)
{
    uint8_t typed[PIPE_BUF];
    ssize_t got = read(STDIN_FILENO, typed, sizeof(typed));
    if (would_block(got)) {
        return;
    }
    if (got <= 0) { /* the end of the input is not the end of the run */
        session->stdin_open = false;
        return;
    }
    relay_clear(&session->typed);
    if (!session->config->on_terminal) {
        memcpy(session->typed.bytes, typed, (size_t)got);
        session->typed.end = (size_t)got;
        return;
    }
    session->typed.end = escape_filter(&session->escape, typed, (size_t)got, session->typed.bytes);
    if (session->escape.quit) {
        session->result->evidence.user_quit = true;
        end_machine(session);
    }
}

static void send_typed(struct session *session)
{
    struct relay *typed = &session->typed;
    ssize_t sent = send(session->console_fd, typed->bytes + typed->start, typed->end - typed->start,
                        MSG_NOSIGNAL);
    if (sent >= 0) {
        typed->start += (size_t)sent;
    } else if (!would_block(sent)) {
        relay_clear(typed); /* QEMU is going; its last output is still to be read */
        session->stdin_open = false;
    }
}

static void look_for_final_line(struct session *session)
{
    final_line_scan(&session->scanner, session->shown.bytes, session->shown.end);
    if (session->scanner.last == FINAL_LINE_NONE) {
        return;
    }
    if (final_line_halts(session->scanner.last)) {
        end_machine(session);
    } else if (session->announced_end_at == NEVER) {
        session->announced_end_at = session_now() + ANNOUNCED_END_WAIT;
    }
}

static void write_log(struct session *session)
{
    int fd = session->config->log_fd;
    if (fd >= 0 && !session->result->evidence.output_lost &&
        !file_write_all(fd, session->shown.bytes, session->shown.end)) {
        session->result->evidence.output_lost = true;
        end_machine(session);
    }
}

static void take_shown(struct session *session)
{
    ssize_t got = read(session->console_fd, session->shown.bytes, PIPE_BUF);
    if (would_block(got)) {
        return;
    }
    if (got <= 0) {
        close_console(session);
        return;
    }
    session->console_spoke = true;
    session->shown.start = 0;
    session->shown.end = (size_t)got;
    write_log(session);
    guest_output_scan(&session->guest_output, session->shown.bytes, session->shown.end);
    look_for_final_line(session);
    if (session->output_dropped) {
        relay_clear(&session->shown);
    }
}

static void write_shown(struct session *session)
{
    struct relay *shown = &session->shown;
    ssize_t written = write(STDOUT_FILENO, shown->bytes + shown->start, shown->end - shown->start);
    if (written >= 0) {
        shown->start += (size_t)written;
    } else if (!would_block(written)) {
        relay_clear(shown);
        session->output_dropped = true;
        session->result->evidence.output_lost = true;
        end_machine(session);
    }
}

/* Keep the last line only: that is where QEMU says why it gives up. */
static void take_qemu_errors(struct session *session)
{
    char bytes[512];
    ssize_t got = read(session->errors_fd, bytes, sizeof(bytes));
    if (got == 0 || (got < 0 && !would_block(got))) {
        close(session->errors_fd);
        session->errors_fd = -1;
    }
    char *line = session->result->qemu_errors;
    size_t length = strlen(line);
    for (ssize_t i = 0; i < got; i++) {
        if (length > 0 && line[length - 1] == '\n') {
            length = 0;
        }
        if (length < sizeof(session->result->qemu_errors) - 1) {
            line[length++] = bytes[i];
        }
    }
    line[length] = '\0';
}

static void take_signals(struct session *session)
{
    struct signalfd_siginfo info;
    if (read(session->config->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return;
    }
    if (info.ssi_signo != SIGCHLD) {
        session->result->evidence.signal = (int)info.ssi_signo;
        end_machine(session);
    } else if (session->pid > 0 &&
               waitpid(session->pid, &session->result->qemu_status, WNOHANG) == session->pid) {
        session->pid = 0;
    }
}

/* ---- the loop ---- */

enum poll_slot {
    POLL_STDIN,
    POLL_STDOUT,
    POLL_CONSOLE,
    POLL_QMP,
    POLL_ERRORS,
    POLL_SIGNALS,
    POLL_COUNT,
};

/* What to wait for. poll() skips negative descriptors; one that we would not act on must be left
 * out, because poll() reports a hang-up even when not asked. */
static void choose_descriptors(const struct session *session, struct pollfd *polls)
{
    bool wants_typed = session->stdin_open && relay_is_empty(&session->typed) &&
                       session->console_fd >= 0 && !session->escape.quit;
    bool wants_shown = relay_is_empty(&session->shown);
    bool has_typed = session->console_spoke && !relay_is_empty(&session->typed);
    short console_events = (short)((wants_shown ? POLLIN : 0) | (has_typed ? POLLOUT : 0));

    polls[POLL_STDIN] = (struct pollfd){wants_typed ? STDIN_FILENO : -1, POLLIN, 0};
    polls[POLL_STDOUT] = (struct pollfd){wants_shown ? -1 : STDOUT_FILENO, POLLOUT, 0};
    polls[POLL_CONSOLE] =
        (struct pollfd){console_events != 0 ? session->console_fd : -1, console_events, 0};
    polls[POLL_QMP] = (struct pollfd){session->qmp.fd, POLLIN, 0};
    polls[POLL_ERRORS] = (struct pollfd){session->errors_fd, POLLIN, 0};
    polls[POLL_SIGNALS] = (struct pollfd){session->config->signal_fd, POLLIN, 0};
}

static void act_on_descriptors(struct session *session, const struct pollfd *polls)
{
    if (polls[POLL_STDIN].revents != 0) {
        take_typed(session);
    }
    if (polls[POLL_STDOUT].revents != 0) {
        write_shown(session);
    }
    if ((polls[POLL_CONSOLE].revents & POLLOUT) != 0 ||
        (polls[POLL_CONSOLE].revents != 0 && polls[POLL_CONSOLE].events == POLLOUT)) {
        send_typed(session);
    }
    if (polls[POLL_CONSOLE].revents != 0 && (polls[POLL_CONSOLE].events & POLLIN) != 0) {
        take_shown(session);
    }
    if (polls[POLL_QMP].revents != 0) {
        qmp_receive(&session->qmp);
        if (session->qmp.refused) {
            end_machine(session);
        }
    }
    if (polls[POLL_ERRORS].revents != 0) {
        take_qemu_errors(session);
    }
    if (polls[POLL_SIGNALS].revents != 0) {
        take_signals(session);
    }
}

/* Whether the end is not to wait for a reader of our output who does not read. */
static bool is_urgent(const struct session *session)
{
    const struct evidence *evidence = &session->result->evidence;
    return evidence->signal != 0 || evidence->user_quit || evidence->time_limit_reached;
}

static void act_on_time(struct session *session)
{
    int64_t now = session_now();
    if (now >= session->time_limit) {
        session->time_limit = NEVER;
        session->result->evidence.time_limit_reached = true;
        end_machine(session);
    }
    if (now >= session->announced_end_at) {
        session->announced_end_at = NEVER;
        end_machine(session);
    }
    if (now >= session->kill_at) {
        session->kill_at = NEVER;
        if (session->pid > 0) {
            kill(session->pid, SIGKILL);
        }
    }
    if (session->pid == 0 && session->give_up_at == NEVER && is_urgent(session)) {
        session->give_up_at = now + FLUSH_WAIT;
    }
    if (now >= session->give_up_at) {
        session->output_dropped = true;
        relay_clear(&session->shown);
    }
}

static int wait_milliseconds(const struct session *session)
{
    int64_t next = session->time_limit;
    next = session->announced_end_at < next ? session->announced_end_at : next;
    next = session->kill_at < next ? session->kill_at : next;
    next = !session->output_dropped && session->give_up_at < next ? session->give_up_at : next;
    if (next == NEVER) {
        return -1;
    }
    int64_t left = next - session_now();
    return left < 0 ? 0 : (int)(left < INT_MAX ? left + 1 : INT_MAX);
}

/* QEMU has gone, and all it had said is read and handed on. */
static bool is_over(const struct session *session)
{
    return session->pid == 0 && session->console_fd < 0 && session->qmp.fd < 0 &&
           session->errors_fd < 0 && relay_is_empty(&session->shown);
}

void session_run(const struct session_config *config, const struct qemu *qemu,
                 struct session_result *result)
{
    *result = (struct session_result){0};
    struct session session = {
        .config = config,
        .result = result,
        .pid = qemu->pid,
        .console_fd = qemu->console_fd,
        .errors_fd = qemu->errors_fd,
        .stdin_open = true,
        .time_limit = config->time_limit,
        .announced_end_at = NEVER,
        .kill_at = NEVER,
        .give_up_at = NEVER,
    };
    guest_output_begin(&session.guest_output, config->expected);
    qmp_begin(&session.qmp, qemu->qmp_fd);
    while (!is_over(&session)) {
        struct pollfd polls[POLL_COUNT];
        choose_descriptors(&session, polls);
        if (poll(polls, POLL_COUNT, wait_milliseconds(&session)) > 0) {
            act_on_descriptors(&session, polls);
        }
        act_on_time(&session);
    }
    result->evidence.machine_end = session.qmp.machine_end;
    result->evidence.final_line = session.scanner.last;
    result->evidence.expected_text = config->expected != NULL;
    result->evidence.expected_seen = session.guest_output.expected.found;
    result->guest_spoke = session.guest_output.spoke;
    result->console_missing = guest_output_console_missing(&session.guest_output);
    result->line_open = session.scanner.length > 0;
}
