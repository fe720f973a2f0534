/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The texts of --domain and of boot modules. What is accepted means the same after it was written
 * for a boot module and read there; and whatever texts modules have, the plan made of them is one.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/boot/plan.h"
#include "lib/domain_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static char *text_of(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static void require_same(const char *a, const char *b)
{
    require((a == NULL) == (b == NULL));
    require(a == NULL || strcmp(a, b) == 0);
}

static void check_formatted(const struct domain_spec *spec)
{
    struct domain_problem problem;
    struct domain_spec again;
    size_t length = domain_spec_format(spec, NULL, 0);
    char *text = malloc(length + 1);
    require(text != NULL);
    require(domain_spec_format(spec, text, length + 1) == length);
    char *rest = text;
    char *word = domain_word_cut(&rest, &problem);
    require(word == text && *rest == '\0');
    require(domain_spec_parse(&again, word, DOMAIN_SPEC_IN_MODULE, &problem));
    require_same(again.name, spec->name);
    require_same(again.extra, spec->extra);
    require(again.memory_kib == spec->memory_kib && again.vcpus == spec->vcpus &&
            again.console == spec->console);
    free(text);
}

static void check_spec(const uint8_t *data, size_t size, enum domain_spec_place place)
{
    struct domain_spec spec;
    struct domain_problem problem;
    char *text = text_of(data, size);
    if (domain_spec_parse(&spec, text, place, &problem)) {
        require(domain_name_is_valid(spec.name));
        check_formatted(&spec);
    } else {
        require(problem.text[0] != '\0' &&
                strnlen(problem.text, sizeof(problem.text)) < sizeof(problem.text));
    }
    free(text);
}

static void check_words(const uint8_t *data, size_t size)
{
    struct domain_problem problem;
    char *text = text_of(data, size);
    char *rest = text;
    char *word = domain_word_cut(&rest, &problem);
    while (word != NULL) {
        require(word >= text && rest > word && rest <= text + size);
        word = domain_word_cut(&rest, &problem);
    }
    free(text);
}

static void take_complaint(const char *text)
{
    require(strncmp(text, "boot module ", 12) == 0);
}

static void check_plan(const struct boot_plan *plan)
{
    require(plan->count <= BOOT_DOMAIN_LIMIT);
    require(plan->has_first == (plan->first.kernel != NULL));
    for (unsigned int i = 0; i < plan->count; i++) {
        const struct planned_domain *domain = &plan->domains[i];
        require(domain->id == i + 1 && domain->kernel != NULL &&
                domain_name_is_valid(domain->spec.name));
        for (unsigned int j = 0; j < i; j++) {
            require(strcmp(plan->domains[j].spec.name, domain->spec.name) != 0);
        }
    }
}

/* A module's text for each line of the input. */
static void check_modules(const uint8_t *data, size_t size)
{
    static struct boot_information information;
    static struct boot_plan plan;
    memset(&information, 0, sizeof(information));
    if (size >= sizeof(information.module_texts)) {
        return;
    }
    char *text = information.module_texts;
    memcpy(text, data, size);
    while (text != NULL && information.module_count < BOOT_MODULE_LIMIT) {
        information.modules[information.module_count++].text = text;
        text = strchr(text, '\n');
        if (text != NULL) {
            *text++ = '\0';
        }
    }
    information.texts_have_names = size % 2 != 0;
    boot_plan_make(&plan, &information, take_complaint);
    check_plan(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_modules(data, size);
    check_spec(data, size, DOMAIN_SPEC_ON_HOST);
    check_spec(data, size, DOMAIN_SPEC_IN_MODULE);
    check_words(data, size);
    return 0;
}
