/* SPDX-License-Identifier: BSD-2-Clause */
/* `pinnace create`. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/control/create.h"

#include "tools/control/commands.h"
#include "tools/control/console.h"
#include "tools/control/domain.h"
#include "tools/control/life.h"
#include "tools/control/monitor.h"
#include "tools/file.h"
#include "tools/report.h"

static const char help[] =
    "Usage: pinnace create [OPTION]... FILE [KEY=VALUE]...\n"
    "Make a domain as a file in the format of xl's says, and let it run.\n"
    "\n"
    "  -p, --paused      do not let it run yet (pinnace unpause)\n"
    "  -c, --console     connect to its console; Ctrl-] leaves\n"
    "  -e, --no-monitor  leave nobody behind that acts when it ends: it stays until destroyed\n"
    "  --no-store        make a domain that knows of no store, where xenstored is not running:\n"
    "                    it has no name, nobody reads its console, and nobody acts at its end\n"
    "\n"
    "Keys: name kernel memory, which must be there; ramdisk, root extra or cmdline, maxmem, vcpus\n"
    "maxvcpus cpu_weight, uuid, type=\"pv\", and on_poweroff on_reboot on_crash, which are\n"
    "\"destroy\", \"restart\" or \"preserve\". Settings behind the file replace the file's.\n";

struct create_options {
    bool paused;
    bool console;
    bool no_monitor;
    bool no_store;
    bool help;
    const char *file;
    char **settings;
    size_t setting_count;
};

static const struct option long_options[] = {
    {"paused", no_argument, NULL, 'p'},     {"console", no_argument, NULL, 'c'},
    {"no-monitor", no_argument, NULL, 'e'}, {"no-store", no_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
};

static bool parse_options(struct create_options *options, int argc, char **argv)
{
    *options = (struct create_options){0};
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, "+pce", long_options, NULL)) != -1) {
        options->paused = options->paused || option == 'p';
        options->console = options->console || option == 'c';
        options->no_monitor = options->no_monitor || option == 'e';
        options->no_store = options->no_store || option == 's';
        options->help = options->help || option == 'h';
        if (option == '?') {
            report("create: unknown option %s (see pinnace create --help)", argv[optind - 1]);
            return false;
        }
    }
    if (options->help) {
        return true;
    }
    if (optind == argc) {
        report("create: which file? (see pinnace create --help)");
        return false;
    }
    if (options->no_store && options->console) {
        report("create: a domain without a store has no console to connect to");
        return false;
    }
    options->file = argv[optind];
    options->settings = &argv[optind + 1];
    options->setting_count = (size_t)(argc - optind - 1);
    return true;
}

static bool read_config(const struct create_options *options, struct config *config)
{
    struct file_contents file;
    struct reason reason;
    if (!file_read("configuration", options->file, &file)) {
        return false;
    }
    bool right = config_read(config, options->file, (const char *)file.bytes, file.size,
                             options->settings, options->setting_count, &reason);
    free(file.bytes);
    if (!right) {
        report("%s", reason.text);
    }
    return right;
}

static bool start(struct control *control, struct xs_handle *store, uint32_t domain)
{
    int result = domain_unpause(control, domain);
    if (result < 0) {
        report("domain %u cannot run: %s", domain, strerror(-result));
        if (life_destroy(control, store, domain) < 0) {
            report("and it cannot be destroyed");
        }
    }
    return result == 0;
}

static bool create(struct control *control, struct xs_handle *store,
                   const struct create_options *options, const struct config *config)
{
    uint32_t domain;
    if (!create_domain(control, store, options->file, config, &domain)) {
        return false;
    }
    if (!options->paused && !start(control, store, domain)) {
        return false;
    }
    if (store != NULL && !options->no_monitor) {
        monitor_start(domain, options->file, config); /* it misses nothing: it looks first */
    }
    return !options->console || console_connect(store, domain);
}

static enum outcome perform(const struct create_options *options)
{
    struct config config;
    struct control control;
    if (!read_config(options, &config) || !control_open(&control)) {
        return OUTCOME_FAILED;
    }
    struct xs_handle *store = options->no_store ? NULL : store_open();
    bool done = false;
    if (store == NULL && !options->no_store) {
        report("xenstored is not running: a domain would wait for it for ever (--no-store makes "
               "one that does not)");
    } else {
        done = create(&control, store, options, &config);
    }
    xs_close(store);
    control_close(&control);
    return done ? OUTCOME_SUCCESS : OUTCOME_FAILED;
}

enum outcome command_create(int argc, char **argv)
{
    struct create_options options;
    if (!parse_options(&options, argc, argv)) {
        return OUTCOME_BAD_USAGE;
    }
    if (options.help) {
        fputs(help, stdout);
        return OUTCOME_SUCCESS;
    }
    return perform(&options);
}
