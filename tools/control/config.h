/* SPDX-License-Identifier: BSD-2-Clause */
/* What a domain is to be: the keys of xl's configuration files that we have, and their rules. */
#ifndef TOOLS_CONTROL_CONFIG_H
#define TOOLS_CONTROL_CONFIG_H

#include "lib/compiler.h"
#include "tools/reason.h"

/* What becomes of a domain that has ended. */
enum config_action { CONFIG_DESTROY, CONFIG_RESTART, CONFIG_PRESERVE };

#define CONFIG_PATH_MAX 4095
#define CONFIG_LINE_MAX 1023 /* as long as start_info has room for */
#define CONFIG_NAME_MAX 255

struct config {
    char name[CONFIG_NAME_MAX + 1];
    char kernel[CONFIG_PATH_MAX + 1];
    char ramdisk[CONFIG_PATH_MAX + 1]; /* empty: there is none */
    char command_line[CONFIG_LINE_MAX + 1];
    uint64_t memory_mib;
    uint64_t memory_limit_mib;
    unsigned int vcpus;
    unsigned int vcpu_limit;
    uint16_t weight; /* 0: the scheduler's own */
    enum config_action on_poweroff;
    enum config_action on_reboot;
    enum config_action on_crash;
    uint8_t uuid[16];
    bool has_uuid;
};

/*
 * Read a configuration: a file's text, and then the settings of the command line, each of which
 * replaces the file's setting of that key. `source` is the file's name, for messages. False, and
 * `reason` begins with the source: it breaks a rule.
 */
NODISCARD bool config_read(struct config *config, const char *source, const char *text, size_t size,
                           char *const overrides[], size_t override_count, struct reason *reason);

/* What is to be done with a domain that ended with this code (SHUTDOWN_*). */
NODISCARD enum config_action config_choose_action(const struct config *config, unsigned int code);

#endif
