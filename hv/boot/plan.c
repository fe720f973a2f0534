/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/plan.h"

#include <stdarg.h>

#include "lib/format.h"
#include "lib/string.h"

#define DOMAIN_WORD  "domain"
#define RAMDISK_WORD "ramdisk"
#define UNPACK_WORD  "unpack"
#define TIMEOUT_KEY  "timeout="

/* A plan in the making. */
struct planner {
    struct boot_plan *plan;
    struct boot_information *information;
    unsigned int module; /* the one that is looked at */
    plan_complain_fn complain;
};

static void complain(const struct planner *planner, const char *format, ...) PRINTF_FORMAT(2, 3);

static void complain(const struct planner *planner, const char *format, ...)
{
    char text[DOMAIN_PROBLEM_SIZE + 128];
    size_t length = format_text(text, sizeof(text), "boot module %u: ", planner->module);
    va_list arguments;
    va_start(arguments, format);
    format_text_v(text + length, sizeof(text) - length, format, arguments);
    va_end(arguments);
    planner->complain(text);
}

char *boot_module_arguments(const struct boot_information *information, unsigned int module)
{
    char *text = information->modules[module].text;
    if (!information->texts_have_names) {
        return text;
    }
    char *space = strchr(text, ' ');
    return space != NULL ? space + 1 : text + strlen(text);
}

/* What follows the word that the text begins with; NULL: it begins with another. */
static char *skip_word(char *text, const char *word)
{
    size_t length = strlen(word);
    while (*text == ' ') {
        text++;
    }
    if (strncmp(text, word, length) != 0 || (text[length] != ' ' && text[length] != '\0')) {
        return NULL;
    }
    return text + length;
}

static struct planned_domain *find_domain(struct boot_plan *plan, const char *name)
{
    for (unsigned int i = 0; i < plan->count; i++) {
        if (strcmp(plan->domains[i].spec.name, name) == 0) {
            return &plan->domains[i];
        }
    }
    return NULL;
}

/* ---- kernels -------------------------------------------------------------------------------- */

static void add_domain(const struct planner *planner, const struct domain_spec *spec)
{
    struct boot_plan *plan = planner->plan;
    if (find_domain(plan, spec->name) != NULL || strcmp(spec->name, FIRST_DOMAIN_NAME) == 0) {
        complain(planner, "there is a domain with the name \"%s\" already", spec->name);
        return;
    }
    if (plan->count == BOOT_DOMAIN_LIMIT) {
        complain(planner, "domain \"%s\" is one too many: %u can be started from modules",
                 spec->name, BOOT_DOMAIN_LIMIT);
        return;
    }
    plan->domains[plan->count] = (struct planned_domain){
        .id = (uint16_t)(plan->count + 1),
        .spec = *spec,
        .kernel = &planner->information->modules[planner->module],
    };
    plan->count++;
}

/* One domain's keys. The word "domain" behind them, or nothing, shows that they were all: else a
 * value with a space in it was not quoted, and is not what was meant. */
static char *plan_domain(const struct planner *planner, char *text)
{
    struct domain_problem problem;
    char *word = domain_word_cut(&text, &problem);
    if (word == NULL) {
        complain(planner, "%s",
                 problem.text[0] != '\0' ? problem.text
                                         : "\"" DOMAIN_WORD "\" needs KEY=VALUE,... behind it");
        return NULL;
    }
    while (*text == ' ') {
        text++;
    }
    char *next = skip_word(text, DOMAIN_WORD);
    if (*text != '\0' && next == NULL) {
        complain(planner,
                 "\"%.64s\" follows a domain's keys (a value with spaces needs quotation marks)",
                 text);
        return NULL;
    }
    struct domain_spec spec;
    if (domain_spec_parse(&spec, word, DOMAIN_SPEC_IN_MODULE, &problem)) {
        add_domain(planner, &spec);
    } else if (spec.name != NULL) {
        complain(planner, "domain \"%s\": %s", spec.name, problem.text);
    } else {
        complain(planner, "%s", problem.text);
    }
    return next;
}

/* ---- ramdisks ------------------------------------------------------------------------------- */

static void give_ramdisk(const struct planner *planner, const char *name)
{
    struct planned_domain *domain = find_domain(planner->plan, name);
    if (domain == NULL) {
        complain(planner, "it is the ramdisk of \"%.64s\", but there is no such domain", name);
    } else if (domain->ramdisk != NULL) {
        complain(planner, "domain \"%s\" has a ramdisk already", name);
    } else {
        domain->ramdisk = &planner->information->modules[planner->module];
    }
}

static void plan_ramdisk(const struct planner *planner, char *text)
{
    struct domain_problem problem;
    char *name = domain_word_cut(&text, &problem);
    if (name == NULL) {
        complain(planner, "%s",
                 problem.text[0] != '\0' ? problem.text
                                         : "\"" RAMDISK_WORD "\" needs a domain's name behind it");
    }
    while (name != NULL) {
        give_ramdisk(planner, name);
        name = domain_word_cut(&text, &problem);
    }
}

/* ---- the unpacker --------------------------------------------------------------------------- */

/* A number of seconds up to a space or the end; 0: it is none that is allowed. */
static unsigned int read_seconds(const char **text)
{
    unsigned int seconds = 0;
    for (; **text >= '0' && **text <= '9' && seconds <= UNPACK_SECONDS_MAX; (*text)++) {
        seconds = seconds * 10 + (unsigned int)(**text - '0');
    }
    bool ends = **text == ' ' || **text == '\0';
    return ends && seconds <= UNPACK_SECONDS_MAX ? seconds : 0;
}

static void plan_unpacker(const struct planner *planner, const char *text)
{
    struct boot_plan *plan = planner->plan;
    if (plan->unpacker != NULL) {
        complain(planner, "there is a module that unpacks kernels already");
        return;
    }
    plan->unpacker = &planner->information->modules[planner->module];
    plan->unpacker_seconds = UNPACK_SECONDS_USUAL;
    while (*text == ' ') {
        text++;
    }
    if (strncmp(text, TIMEOUT_KEY, strlen(TIMEOUT_KEY)) == 0) {
        const char *number = text + strlen(TIMEOUT_KEY);
        text = number;
        unsigned int seconds = read_seconds(&text);
        if (seconds != 0) {
            plan->unpacker_seconds = seconds;
        } else {
            complain(planner, TIMEOUT_KEY "%.32s: must be a number of seconds from 1 to %u", number,
                     UNPACK_SECONDS_MAX);
        }
    }
    plan->unpacker_arguments = text;
}

/* ---- the first domain ----------------------------------------------------------------------- */

static void plan_first(const struct planner *planner, const char *arguments)
{
    struct planned_domain *first = &planner->plan->first;
    const struct boot_module *module = &planner->information->modules[planner->module];
    if (!planner->plan->has_first) {
        planner->plan->has_first = true;
        first->spec.name = FIRST_DOMAIN_NAME;
        first->spec.extra = arguments;
        first->spec.vcpus = 1;
        first->kernel = module;
    } else if (first->ramdisk == NULL) {
        first->ramdisk = module;
    } else {
        complain(planner, "it is not used: the first domain has its kernel and its ramdisk, and "
                          "its text begins neither with \"" DOMAIN_WORD
                          "\" nor with \"" RAMDISK_WORD "\" nor with \"" UNPACK_WORD "\"");
    }
}

/* ---- all modules ---------------------------------------------------------------------------- */

/* Kernels come first, for a ramdisk may be listed before the kernel of its domain. */
enum pass {
    PASS_KERNELS,
    PASS_RAMDISKS,
};

static void plan_module(const struct planner *planner, enum pass pass)
{
    char *arguments = boot_module_arguments(planner->information, planner->module);
    char *ramdisk = skip_word(arguments, RAMDISK_WORD);
    if (pass == PASS_RAMDISKS) {
        if (ramdisk != NULL) {
            plan_ramdisk(planner, ramdisk);
        }
        return;
    }
    char *domain = skip_word(arguments, DOMAIN_WORD);
    char *unpacker = skip_word(arguments, UNPACK_WORD);
    if (unpacker != NULL) {
        plan_unpacker(planner, unpacker);
    } else if (domain == NULL && ramdisk == NULL) {
        plan_first(planner, arguments);
    }
    while (domain != NULL) {
        domain = plan_domain(planner, domain);
    }
}

void boot_plan_make(struct boot_plan *plan, struct boot_information *information,
                    plan_complain_fn complain_to)
{
    *plan = (struct boot_plan){0};
    struct planner planner = {
        .plan = plan,
        .information = information,
        .complain = complain_to,
    };
    for (enum pass pass = PASS_KERNELS; pass <= PASS_RAMDISKS; pass++) {
        for (planner.module = 0; planner.module < information->module_count; planner.module++) {
            plan_module(&planner, pass);
        }
    }
}
