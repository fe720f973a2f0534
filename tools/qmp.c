/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/qmp.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/report.h"

static void send_text(struct qmp *qmp, const char *text)
{
    if (qmp->fd >= 0) {
        /* A few bytes into an empty socket: they fit, or QEMU has gone. */
        (void)send(qmp->fd, text, strlen(text), MSG_NOSIGNAL);
    }
}

void qmp_begin(struct qmp *qmp, int fd)
{
    *qmp = (struct qmp){.fd = fd};
    send_text(qmp, "{\"execute\": \"qmp_capabilities\"}\n{\"execute\": \"query-chardev\"}\n"
                   "{\"execute\": \"cont\"}\n");
}

void qmp_quit(struct qmp *qmp)
{
    send_text(qmp, "{\"execute\": \"quit\"}\n");
}

static void take_shutdown(struct qmp *qmp, const char *reason)
{
    if (strcmp(reason, "guest-shutdown") == 0) {
        qmp->machine_end = MACHINE_POWERED_OFF;
    } else if (strcmp(reason, "guest-reset") == 0) {
        qmp->machine_end = MACHINE_RESET;
    }
    /* All other reasons come from outside the machine: our own quit, or a signal to QEMU. */
}

/* One of QEMU's connections to the outside. Of a terminal that it has made the name is news; that
 * of the machine's serial port N is "serial" and N. */
static void take_connection(json_t *connection)
{
    const char *label = NULL;
    const char *place = NULL;
    unsigned port;
    if (json_unpack(connection, "{s:s, s:s}", "label", &label, "filename", &place) == 0 &&
        strncmp(place, "pty:", 4) == 0 && sscanf(label, "serial%u", &port) == 1) {
        report("serial port com%u is %s", port + 1, place + 4);
    }
}

static void take_answer(json_t *answer)
{
    size_t index;
    json_t *connection;
    json_array_foreach(answer, index, connection)
    {
        take_connection(connection);
    }
}

void qmp_take_line(struct qmp *qmp, const char *line, size_t length)
{
    json_t *message = json_loadb(line, length, 0, NULL);
    const char *event = NULL;
    const char *reason = NULL;
    const char *error = NULL;
    json_t *answer = NULL;
    if (json_unpack(message, "{s:s, s:{s:s}}", "event", &event, "data", "reason", &reason) == 0 &&
        strcmp(event, "SHUTDOWN") == 0) {
        take_shutdown(qmp, reason);
    } else if (json_unpack(message, "{s:{s:s}}", "error", "desc", &error) == 0) {
        report("QEMU refused a command: %s", error);
        qmp->refused = true;
    } else if (json_unpack(message, "{s:o}", "return", &answer) == 0) {
        take_answer(answer);
    }
    json_decref(message);
}

static void take_byte(struct qmp *qmp, char byte)
{
    if (byte != '\n') {
        if (qmp->length < sizeof(qmp->line)) {
            qmp->line[qmp->length] = byte;
        }
        qmp->length++;
        return;
    }
    if (qmp->length <= sizeof(qmp->line)) { /* no message that matters to us is longer */
        qmp_take_line(qmp, qmp->line, qmp->length);
    }
    qmp->length = 0;
}

void qmp_receive(struct qmp *qmp)
{
    char bytes[1024];
    ssize_t got = read(qmp->fd, bytes, sizeof(bytes));
    for (ssize_t i = 0; i < got; i++) {
        take_byte(qmp, bytes[i]);
    }
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close(qmp->fd);
        qmp->fd = -1;
    }
}
