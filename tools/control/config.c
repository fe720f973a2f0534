/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/abi.h"

#include <xen/sched.h>

#include "tools/control/settings.h"
#include "tools/control/uuid.h"

#define MEMORY_MAX_MIB (UINT64_C(1) << 24) /* 16 TiB */
#define VCPUS_MAX      8192U
#define WEIGHT_MAX     65535U /* as xl's */

#define KEY_COUNT 16U

/* The values as given, before what depends on two keys is decided. */
struct draft {
    struct config config;
    char given[KEY_COUNT][SETTING_VALUE_MAX + 1]; /* each key's last value, to which += adds */
    char root[CONFIG_LINE_MAX + 1];
    char extra[CONFIG_LINE_MAX + 1];
    char cmdline[CONFIG_LINE_MAX + 1];
};

/* ---- one value; these say in `rule` what is wrong with it ---- */

static bool take_text(char *to, size_t size, const char *value, struct reason *rule)
{
    if (strlen(value) >= size) {
        reason_set(rule, "has more than %zu characters", size - 1);
        return false;
    }
    strcpy(to, value);
    return true;
}

static bool take_number(uint64_t *to, const char *value, uint64_t least, uint64_t most,
                        struct reason *rule)
{
    char *end;
    unsigned long number = strtoul(value, &end, 0);
    bool is_number = value[0] >= '0' && value[0] <= '9' && *end == '\0';
    if (!is_number || number < least || number > most) {
        reason_set(rule, "must be a number from %lu to %lu, not \"%s\"", (unsigned long)least,
                   (unsigned long)most, value);
        return false;
    }
    *to = number;
    return true;
}

static bool take_action(enum config_action *to, const char *value, struct reason *rule)
{
    static const char *const names[] = {
        [CONFIG_DESTROY] = "destroy",
        [CONFIG_RESTART] = "restart",
        [CONFIG_PRESERVE] = "preserve",
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            *to = (enum config_action)i;
            return true;
        }
    }
    reason_set(rule, "must be \"destroy\", \"restart\" or \"preserve\", not \"%s\"", value);
    return false;
}

/* ---- the keys ---- */

/* A name must not look like a domain's number, nor break a line of `pinnace list`. */
static bool set_name(struct draft *draft, const char *value, struct reason *rule)
{
    bool is_number = true;
    bool is_printable = value[0] != '\0';
    for (const char *c = value; *c != '\0'; c++) {
        is_number = is_number && *c >= '0' && *c <= '9';
        is_printable = is_printable && *c > ' ' && *c != '/' && *c != 0x7f;
    }
    if (!is_printable || is_number) {
        reason_set(rule, "must be a word without \"/\", and not a number: \"%s\" is not", value);
        return false;
    }
    return take_text(draft->config.name, sizeof(draft->config.name), value, rule);
}

static bool set_kernel(struct draft *draft, const char *value, struct reason *rule)
{
    return take_text(draft->config.kernel, sizeof(draft->config.kernel), value, rule);
}

static bool set_ramdisk(struct draft *draft, const char *value, struct reason *rule)
{
    return take_text(draft->config.ramdisk, sizeof(draft->config.ramdisk), value, rule);
}

static bool set_root(struct draft *draft, const char *value, struct reason *rule)
{
    return take_text(draft->root, sizeof(draft->root), value, rule);
}

static bool set_extra(struct draft *draft, const char *value, struct reason *rule)
{
    return take_text(draft->extra, sizeof(draft->extra), value, rule);
}

static bool set_cmdline(struct draft *draft, const char *value, struct reason *rule)
{
    return take_text(draft->cmdline, sizeof(draft->cmdline), value, rule);
}

static bool set_memory(struct draft *draft, const char *value, struct reason *rule)
{
    return take_number(&draft->config.memory_mib, value, 1, MEMORY_MAX_MIB, rule);
}

static bool set_maxmem(struct draft *draft, const char *value, struct reason *rule)
{
    return take_number(&draft->config.memory_limit_mib, value, 1, MEMORY_MAX_MIB, rule);
}

static bool set_vcpus(struct draft *draft, const char *value, struct reason *rule)
{
    uint64_t number = 0;
    bool right = take_number(&number, value, 1, VCPUS_MAX, rule);
    draft->config.vcpus = (unsigned int)number;
    return right;
}

static bool set_maxvcpus(struct draft *draft, const char *value, struct reason *rule)
{
    uint64_t number = 0;
    bool right = take_number(&number, value, 1, VCPUS_MAX, rule);
    draft->config.vcpu_limit = (unsigned int)number;
    return right;
}

static bool set_weight(struct draft *draft, const char *value, struct reason *rule)
{
    uint64_t number = 0;
    bool right = take_number(&number, value, 1, WEIGHT_MAX, rule);
    draft->config.weight = (uint16_t)number;
    return right;
}

static bool set_on_poweroff(struct draft *draft, const char *value, struct reason *rule)
{
    return take_action(&draft->config.on_poweroff, value, rule);
}

static bool set_on_reboot(struct draft *draft, const char *value, struct reason *rule)
{
    return take_action(&draft->config.on_reboot, value, rule);
}

static bool set_on_crash(struct draft *draft, const char *value, struct reason *rule)
{
    return take_action(&draft->config.on_crash, value, rule);
}

static bool set_uuid(struct draft *draft, const char *value, struct reason *rule)
{
    draft->config.has_uuid = uuid_parse(value, draft->config.uuid);
    if (!draft->config.has_uuid) {
        reason_set(rule,
                   "must be 32 hexadecimal digits, with a hyphen after 8, 12, 16 and 20 of "
                   "them, not \"%s\"",
                   value);
    }
    return draft->config.has_uuid;
}

static bool set_type(struct draft *draft, const char *value, struct reason *rule)
{
    (void)draft;
    if (strcmp(value, "pv") != 0) {
        reason_set(rule, "must be \"pv\", the only kind there is, not \"%s\"", value);
        return false;
    }
    return true;
}

static const struct key {
    const char *name;
    bool (*set)(struct draft *draft, const char *value, struct reason *rule);
} keys[KEY_COUNT] = {
    {"name", set_name},           {"kernel", set_kernel},     {"ramdisk", set_ramdisk},
    {"root", set_root},           {"extra", set_extra},       {"cmdline", set_cmdline},
    {"memory", set_memory},       {"maxmem", set_maxmem},     {"vcpus", set_vcpus},
    {"maxvcpus", set_maxvcpus},   {"cpu_weight", set_weight}, {"on_poweroff", set_on_poweroff},
    {"on_reboot", set_on_reboot}, {"on_crash", set_on_crash}, {"uuid", set_uuid},
    {"type", set_type},
};

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

/* ---- the whole ---- */

static bool is_number_key(const struct key *key)
{
    return key->set == set_memory || key->set == set_maxmem || key->set == set_vcpus ||
           key->set == set_maxvcpus || key->set == set_weight;
}

/* The key's value with this setting, by xl's rules: += adds to a text, and to none is =. */
static bool collect(struct draft *draft, const struct key *key, const struct setting *setting,
                    struct reason *rule)
{
    char *given = draft->given[key - keys];
    if (setting->adds && is_number_key(key)) {
        reason_set(rule, "is a number, and += is for texts");
        return false;
    }
    size_t start = setting->adds ? strlen(given) : 0;
    if (start + strlen(setting->value) > SETTING_VALUE_MAX) {
        reason_set(rule, "has more than %d characters", SETTING_VALUE_MAX);
        return false;
    }
    strcpy(given + start, setting->value);
    return true;
}

static bool apply(struct draft *draft, const struct setting *setting, struct reason *reason)
{
    const struct key *key = find_key(setting->key);
    struct reason rule;
    if (key == NULL) {
        reason_set(reason, "line %u: unknown key \"%s\"", setting->line, setting->key);
        return false;
    }
    if (setting->is_list) {
        reason_set(reason, "line %u: %s takes one value, not a list", setting->line, setting->key);
        return false;
    }
    if (!collect(draft, key, setting, &rule) || !key->set(draft, draft->given[key - keys], &rule)) {
        reason_set(reason, "line %u: %s %s", setting->line, setting->key, rule.text);
        return false;
    }
    return true;
}

static bool read_settings(struct draft *draft, const char *source, const char *text, size_t size,
                          struct reason *reason)
{
    struct settings settings = {.next = text, .end = text + size, .line = 1};
    struct setting setting;
    struct reason wrong;
    enum settings_step step = settings_read(&settings, &setting, &wrong);
    while (step == SETTINGS_NEXT && apply(draft, &setting, &wrong)) {
        step = settings_read(&settings, &setting, &wrong);
    }
    if (step != SETTINGS_END) {
        reason_set(reason, "%s: %s", source, wrong.text);
    }
    return step == SETTINGS_END;
}

/* xl's order: root, then extra; or cmdline for both. */
static bool make_command_line(struct draft *draft, struct reason *rule)
{
    struct config *config = &draft->config;
    if (draft->cmdline[0] != '\0' && (draft->root[0] != '\0' || draft->extra[0] != '\0')) {
        reason_set(rule, "cmdline replaces root and extra: give one or the other");
        return false;
    }
    int length;
    if (draft->root[0] != '\0') {
        length = snprintf(config->command_line, sizeof(config->command_line), "root=%s%s%s",
                          draft->root, draft->extra[0] != '\0' ? " " : "", draft->extra);
    } else {
        length = snprintf(config->command_line, sizeof(config->command_line), "%s%s",
                          draft->cmdline, draft->extra);
    }
    if (length >= (int)sizeof(config->command_line)) {
        reason_set(rule, "the kernel's command line has more than %d characters", CONFIG_LINE_MAX);
        return false;
    }
    return true;
}

/* What one key says of another, and what must be there. */
static bool complete(struct draft *draft, struct reason *rule)
{
    struct config *config = &draft->config;
    const char *missing = config->name[0] == '\0'     ? "name"
                          : config->kernel[0] == '\0' ? "kernel"
                          : config->memory_mib == 0   ? "memory"
                                                      : NULL;
    if (missing != NULL) {
        reason_set(rule, "the key %s is missing", missing);
        return false;
    }
    if (config->memory_limit_mib == 0) {
        config->memory_limit_mib = config->memory_mib;
    }
    if (config->vcpu_limit == 0) {
        config->vcpu_limit = config->vcpus;
    }
    if (config->memory_limit_mib < config->memory_mib) {
        reason_set(rule, "maxmem is less than memory");
        return false;
    }
    if (config->vcpu_limit < config->vcpus) {
        reason_set(rule, "maxvcpus is less than vcpus");
        return false;
    }
    return make_command_line(draft, rule);
}

bool config_read(struct config *config, const char *source, const char *text, size_t size,
                 char *const overrides[], size_t override_count, struct reason *reason)
{
    struct draft draft = {.config = {.vcpus = 1, .on_reboot = CONFIG_RESTART}};
    bool right = read_settings(&draft, source, text, size, reason);
    for (size_t i = 0; right && i < override_count; i++) {
        right = read_settings(&draft, overrides[i], overrides[i], strlen(overrides[i]), reason);
    }
    struct reason rule;
    if (right && !complete(&draft, &rule)) {
        reason_set(reason, "%s: %s", source, rule.text);
        right = false;
    }
    *config = draft.config;
    return right;
}

enum config_action config_choose_action(const struct config *config, unsigned int code)
{
    switch (code) {
    case SHUTDOWN_reboot:
        return config->on_reboot;
    case SHUTDOWN_crash:
    case SHUTDOWN_watchdog:
        return config->on_crash;
    case SHUTDOWN_suspend:
        return CONFIG_PRESERVE;
    default:
        return config->on_poweroff;
    }
}
