/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/create.h"

#include "tools/control/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/control/domain.h"
#include "tools/control/life.h"
#include "tools/report.h"

/* xenstored fires this watch whenever a domain has shut down or is gone. */
#define WATCH "@releaseDomain"

struct monitored {
    struct control control;
    struct xs_handle *events; /* for the watch alone: libxenstore reads it in a thread of its own */
    struct xs_handle *store;
    uint32_t domain;
    const char *source;
    const struct config *config;
};

/* Wait for the domain's end and return its code; -1: it is gone, and no matter of ours any more. */
static int wait_for_end(struct monitored *monitored)
{
    for (;;) {
        struct xen_domctl_getdomaininfo info;
        if (domain_get_info(&monitored->control, monitored->domain, &info) != 0 ||
            (info.flags & XEN_DOMINF_dying) != 0) {
            return -1;
        }
        if ((info.flags & XEN_DOMINF_shutdown) != 0) {
            return (int)((info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask);
        }
        unsigned int count;
        char **event = xs_read_watch(monitored->events, &count);
        if (event == NULL) {
            report("domain %u is not watched any more: %s", monitored->domain, strerror(errno));
            return -1;
        }
        free(event);
    }
}

static bool restart(struct monitored *monitored)
{
    if (!create_domain(&monitored->control, monitored->store, monitored->source, monitored->config,
                       &monitored->domain)) {
        return false;
    }
    int result = domain_unpause(&monitored->control, monitored->domain);
    if (result != 0) {
        report("domain %u was made again, and stays paused: %s", monitored->domain,
               strerror(-result));
    }
    return result == 0;
}

/* The watch fires once when it is made, so that nothing that happened before is missed. */
static void watch_over(struct monitored *monitored)
{
    int code;
    while ((code = wait_for_end(monitored)) >= 0) {
        enum config_action action = config_choose_action(monitored->config, (unsigned int)code);
        report("domain %u has ended with code %d", monitored->domain, code);
        if (action == CONFIG_PRESERVE ||
            life_destroy(&monitored->control, monitored->store, monitored->domain) != 0 ||
            action == CONFIG_DESTROY || !restart(monitored)) {
            return;
        }
    }
}

/* Nothing of ours stays open on the user's terminal. */
static bool leave_terminal(const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "/var/log/xen/pinnace-%s.log", name);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (setsid() < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(log >= 0 ? log : null, STDERR_FILENO) < 0) {
        return false;
    }
    return true;
}

void monitor_start(uint32_t domain, const char *source, const struct config *config)
{
    if (config->on_poweroff == CONFIG_PRESERVE && config->on_reboot == CONFIG_PRESERVE &&
        config->on_crash == CONFIG_PRESERVE) {
        return;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        report("nobody will act when domain %u ends: %s", domain, strerror(errno));
    }
    if (child != 0) {
        return;
    }
    /* Handles of these libraries are not to be used on both sides of a fork: make our own. */
    close_range(STDERR_FILENO + 1, ~0U, 0);
    struct monitored monitored = {.domain = domain, .source = source, .config = config};
    if (leave_terminal(config->name) && control_open(&monitored.control)) {
        monitored.events = store_open();
        monitored.store = store_open();
        if (monitored.events != NULL && monitored.store != NULL &&
            xs_watch(monitored.events, WATCH, "end")) {
            watch_over(&monitored);
        }
    }
    _exit(0);
}
