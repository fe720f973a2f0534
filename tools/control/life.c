/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that change how a domain lives: pause, unpause, shutdown, destroy. */
#include "tools/control/life.h"

#include <errno.h>
#include <string.h>

#include "tools/control/commands.h"
#include "tools/control/domain.h"
#include "tools/control/find.h"
#include "tools/control/usage.h"
#include "tools/report.h"

int life_destroy(struct control *control, struct xs_handle *store, uint32_t domain)
{
    int result = domain_destroy(control, domain);
    if (result == 0 && store != NULL) {
        store_remove_domain(store, domain);
    }
    return result;
}

static int pause_domain(struct control *control, struct xs_handle *store, uint32_t domain)
{
    (void)store;
    return domain_pause(control, domain);
}

static int unpause_domain(struct control *control, struct xs_handle *store, uint32_t domain)
{
    (void)store;
    return domain_unpause(control, domain);
}

/* The domain's kernel is asked, and does it if it will. */
static int shut_down_domain(struct control *control, struct xs_handle *store, uint32_t domain)
{
    (void)control;
    if (store == NULL) {
        report("a domain is asked to shut down through the store, and xenstored is not running");
        return -EOPNOTSUPP;
    }
    return store_write(store, domain, "control/shutdown", "poweroff") ? 0 : -errno;
}

struct action {
    int (*act)(struct control *control, struct xs_handle *store, uint32_t domain);
    const char *invalid; /* what -EINVAL means */
};

static const char *error_text(const struct action *action, int error)
{
    switch (error) {
    case EINVAL:
        return action->invalid;
    case ESRCH:
        return "it is gone";
    default:
        return strerror(error);
    }
}

static enum outcome act_on(char **argv, const struct action *action)
{
    struct control control;
    if (!control_open(&control)) {
        return OUTCOME_FAILED;
    }
    struct xs_handle *store = store_open();
    uint32_t domain;
    enum outcome outcome = OUTCOME_FAILED;
    if (find_domain(&control, store, argv[1], &domain)) {
        int result = action->act(&control, store, domain);
        outcome = result < 0 ? OUTCOME_FAILED : OUTCOME_SUCCESS;
        if (result < 0) {
            report("%s %s: %s", argv[0], argv[1], error_text(action, -result));
        }
    }
    xs_close(store);
    control_close(&control);
    return outcome;
}

static enum outcome perform(int argc, char **argv, const char *help, const struct action *action)
{
    enum outcome outcome;
    return usage_check(argc, argv, 1, help, &outcome) ? act_on(argv, action) : outcome;
}

enum outcome command_pause(int argc, char **argv)
{
    static const struct action action = {pause_domain, "a domain cannot pause itself"};
    return perform(argc, argv,
                   "Usage: pinnace pause DOMAIN\n"
                   "Stop a domain's vCPUs until pinnace unpause.\n",
                   &action);
}

enum outcome command_unpause(int argc, char **argv)
{
    static const struct action action = {unpause_domain, "it is not paused"};
    return perform(argc, argv,
                   "Usage: pinnace unpause DOMAIN\n"
                   "Let a paused domain's vCPUs run.\n",
                   &action);
}

enum outcome command_shutdown(int argc, char **argv)
{
    static const struct action action = {shut_down_domain, "xenstored does not take the request"};
    return perform(argc, argv,
                   "Usage: pinnace shutdown DOMAIN\n"
                   "Ask a domain's kernel to power off. It needs time, and may refuse.\n",
                   &action);
}

enum outcome command_destroy(int argc, char **argv)
{
    static const struct action action = {life_destroy, "a domain cannot destroy itself"};
    return perform(argc, argv,
                   "Usage: pinnace destroy DOMAIN\n"
                   "End a domain at once and take back all that it had.\n",
                   &action);
}
