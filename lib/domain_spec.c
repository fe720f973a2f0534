/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/domain_spec.h"

#include <stdarg.h>

#include "lib/abi.h"
#include "lib/format.h"
#include "lib/memory_size.h"
#include "lib/string.h"

#define VCPUS_MAX XEN_LEGACY_MAX_VCPUS /* as many as shared_info has room for */

#define ON_HOST   (1U << DOMAIN_SPEC_ON_HOST)
#define IN_MODULE (1U << DOMAIN_SPEC_IN_MODULE)

static const struct {
    const char *name;
    unsigned int places;
} keys[DOMAIN_KEY_COUNT] = {
    [DOMAIN_KEY_NAME] = {"name", ON_HOST | IN_MODULE},
    [DOMAIN_KEY_MEMORY] = {"memory", ON_HOST | IN_MODULE},
    [DOMAIN_KEY_VCPUS] = {"vcpus", ON_HOST | IN_MODULE},
    [DOMAIN_KEY_EXTRA] = {"extra", ON_HOST | IN_MODULE},
    [DOMAIN_KEY_KERNEL] = {"kernel", ON_HOST},
    [DOMAIN_KEY_RAMDISK] = {"ramdisk", ON_HOST},
    [DOMAIN_KEY_SERIAL] = {"serial", ON_HOST},
    [DOMAIN_KEY_CONSOLE] = {"console", IN_MODULE},
};

/* A text in the making, of which only the beginning may have room. */
struct writer {
    char *buffer;
    size_t size;
    size_t length; /* of all of it */
};

static void append(struct writer *writer, const char *format, ...) PRINTF_FORMAT(2, 3);

static void append(struct writer *writer, const char *format, ...)
{
    size_t used = (size_t)min_u64(writer->length, writer->size);
    va_list arguments;
    va_start(arguments, format);
    writer->length += format_text_v(used < writer->size ? writer->buffer + used : NULL,
                                    writer->size - used, format, arguments);
    va_end(arguments);
}

static bool refuse(struct domain_problem *problem, const char *format, ...) PRINTF_FORMAT(2, 3);

static bool refuse(struct domain_problem *problem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_text_v(problem->text, sizeof(problem->text), format, arguments);
    va_end(arguments);
    return false;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

/* The mark that closes what the one at `text` opens; NULL: none does. */
static char *find_closing(char *text)
{
    char mark = *text++;
    while (*text != mark && *text != '\0') {
        text += *text == '\\' && text[1] != '\0' ? 2 : 1;
    }
    return *text == mark ? text : NULL;
}

/* Move what is in [from, end) to `to`, without the backslashes, and end it there. */
static void unescape(char *to, const char *from, const char *end)
{
    while (from < end) {
        if (*from == '\\' && from + 1 < end) {
            from++;
        }
        *to++ = *from++;
    }
    *to = '\0';
}

/* Take the marks off the text that the one at `text` opens. The result is what follows the second
 * mark; NULL: there is none, and nothing has changed. */
static char *unquote(char *text)
{
    char *closing = find_closing(text);
    if (closing == NULL) {
        return NULL;
    }
    unescape(text, text + 1, closing);
    return closing + 1;
}

/* The first comma from `text` on that no backslash makes an ordinary one, or the end. */
static char *find_comma(char *text)
{
    while (*text != ',' && *text != '\0') {
        text += *text == '\\' && text[1] != '\0' ? 2 : 1;
    }
    return text;
}

/* Cut KEY=VALUE off the front. The value is unquoted in its place; *text is NULL after the last. */
static bool cut_pair(char **text, char **key, char **value, struct domain_problem *problem)
{
    *key = *text;
    char *equals = *text;
    while (*equals != '=' && *equals != ',' && *equals != '\0') {
        equals++;
    }
    if (*equals != '=') {
        *equals = '\0';
        return refuse(problem, "\"%.64s\" is not KEY=VALUE", *key);
    }
    *equals = '\0';
    *value = equals + 1;
    if (is_quote(**value)) {
        char *end = unquote(*value);
        if (end == NULL) {
            return refuse(problem, "%.64s=%.64s: the closing quotation mark is missing", *key,
                          *value);
        }
        if (*end != ',' && *end != '\0') {
            return refuse(problem,
                          "%.64s: \"%.64s\" follows the closing quotation mark, not a comma", *key,
                          end);
        }
        *text = *end == ',' ? end + 1 : NULL;
    } else {
        char *end = find_comma(*value);
        *text = *end == ',' ? end + 1 : NULL;
        unescape(*value, *value, end);
    }
    return true;
}

/* ---- values --------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool domain_name_is_valid(const char *name)
{
    size_t length = strlen(name);
    if (length > DOMAIN_NAME_MAX || !is_letter(name[0])) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_letter(name[i]) && !is_digit(name[i]) && strchr("_-.", name[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool set_name(struct domain_spec *spec, const char *value, struct domain_problem *problem)
{
    if (!domain_name_is_valid(value)) {
        return refuse(problem,
                      "name=%.64s: must be a letter, then letters, digits, '_', '-' and '.', at "
                      "most %u in all",
                      value, DOMAIN_NAME_MAX);
    }
    spec->name = value;
    return true;
}

static bool set_memory(struct domain_spec *spec, const char *value, struct domain_problem *problem)
{
    if (!memory_size_read(value, &spec->memory_kib) || spec->memory_kib < DOMAIN_MEMORY_KIB_MIN ||
        spec->memory_kib > DOMAIN_MEMORY_KIB_MAX) {
        return refuse(problem,
                      "memory=%.64s: must be a number of MiB, or one with K, M or G, from 1M to "
                      "1024G",
                      value);
    }
    return true;
}

static bool set_vcpus(struct domain_spec *spec, const char *value, struct domain_problem *problem)
{
    unsigned int number = 0;
    const char *next = value;
    for (; is_digit(*next) && number <= VCPUS_MAX; next++) {
        number = number * 10 + (unsigned int)(*next - '0');
    }
    if (*next != '\0' || number < 1 || number > VCPUS_MAX) {
        return refuse(problem, "vcpus=%.64s: must be a number from 1 to %u", value, VCPUS_MAX);
    }
    spec->vcpus = number;
    return true;
}

static bool set_console(struct domain_spec *spec, const char *value, struct domain_problem *problem)
{
    if (strncmp(value, "com", 3) != 0 || value[3] < '1' ||
        value[3] > (char)('0' + DOMAIN_SERIAL_PORTS) || value[4] != '\0') {
        return refuse(problem, "console=%.64s: must be com1, com2, com3 or com4", value);
    }
    spec->console = (unsigned int)(value[3] - '0');
    return true;
}

static bool set_file(const char **field, enum domain_key key, const char *value,
                     struct domain_problem *problem)
{
    if (value[0] == '\0') {
        return refuse(problem, "%s= must not be empty", keys[key].name);
    }
    *field = value;
    return true;
}

static bool set_value(struct domain_spec *spec, enum domain_key key, const char *value,
                      struct domain_problem *problem)
{
    switch (key) {
    case DOMAIN_KEY_NAME:
        return set_name(spec, value, problem);
    case DOMAIN_KEY_MEMORY:
        return set_memory(spec, value, problem);
    case DOMAIN_KEY_VCPUS:
        return set_vcpus(spec, value, problem);
    case DOMAIN_KEY_EXTRA:
        spec->extra = value;
        return true;
    case DOMAIN_KEY_KERNEL:
        return set_file(&spec->kernel, key, value, problem);
    case DOMAIN_KEY_RAMDISK:
        return set_file(&spec->ramdisk, key, value, problem);
    case DOMAIN_KEY_SERIAL:
        return set_file(&spec->serial, key, value, problem);
    case DOMAIN_KEY_CONSOLE:
        return set_console(spec, value, problem);
    case DOMAIN_KEY_COUNT:
        break;
    }
    return false;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static bool refuse_key(const char *key, enum domain_spec_place place,
                       struct domain_problem *problem)
{
    struct writer writer = {.buffer = problem->text, .size = sizeof(problem->text)};
    append(&writer, "unknown key \"%.64s\"; the keys are", key);
    const char *separator = " ";
    for (unsigned int i = 0; i < DOMAIN_KEY_COUNT; i++) {
        if ((keys[i].places & (1U << place)) != 0) {
            append(&writer, "%s%s", separator, keys[i].name);
            separator = ", ";
        }
    }
    return false;
}

static enum domain_key find_key(const char *name, enum domain_spec_place place)
{
    unsigned int key = 0;
    while (key < DOMAIN_KEY_COUNT &&
           (strcmp(keys[key].name, name) != 0 || (keys[key].places & (1U << place)) == 0)) {
        key++;
    }
    return (enum domain_key)key;
}

bool domain_spec_parse(struct domain_spec *spec, char *text, enum domain_spec_place place,
                       struct domain_problem *problem)
{
    *spec = (struct domain_spec){.memory_kib = DOMAIN_MEMORY_KIB_USUAL, .vcpus = 1};
    problem->text[0] = '\0';
    while (text != NULL) {
        char *name = NULL;
        char *value = NULL;
        if (!cut_pair(&text, &name, &value, problem)) {
            return false;
        }
        enum domain_key key = find_key(name, place);
        if (key == DOMAIN_KEY_COUNT) {
            return refuse_key(name, place, problem);
        }
        if ((spec->given & (1U << key)) != 0) {
            return refuse(problem, "%s=%.64s: %s is given a second time", name, value, name);
        }
        if (!set_value(spec, key, value, problem)) {
            return false;
        }
        spec->given |= 1U << key;
    }
    return spec->name != NULL ||
           refuse(problem, "the key \"name\" is missing; every domain has one");
}

/* ---- for boot modules ----------------------------------------------------------------------- */

/* `value` in quotation marks, so that unquote() gives it back. */
static void append_quoted(struct writer *writer, const char *value)
{
    append(writer, "\"");
    for (; *value != '\0'; value++) {
        append(writer, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
    }
    append(writer, "\"");
}

size_t domain_spec_format(const struct domain_spec *spec, char *buffer, size_t size)
{
    struct writer writer = {.buffer = buffer, .size = size};
    append(&writer, "name=%s,memory=%luK,vcpus=%u", spec->name, spec->memory_kib, spec->vcpus);
    if (spec->console != 0) {
        append(&writer, ",console=com%u", spec->console);
    }
    if (spec->extra != NULL) {
        append(&writer, ",extra=");
        append_quoted(&writer, spec->extra);
    }
    return writer.length;
}

/* The end of an unquoted word: a space outside quoted values. NULL: one of these has no end. */
static char *find_word_end(char *text)
{
    while (text != NULL && *text != ' ' && *text != '\0') {
        bool opens = *text == '=' && is_quote(text[1]);
        text++;
        if (opens) {
            text = find_closing(text);
            text = text != NULL ? text + 1 : NULL;
        }
    }
    return text;
}

char *domain_word_cut(char **rest, struct domain_problem *problem)
{
    problem->text[0] = '\0';
    char *word = *rest;
    while (*word == ' ') {
        word++;
    }
    *rest = word;
    if (*word == '\0') {
        return NULL;
    }
    char *end = is_quote(*word) ? unquote(word) : find_word_end(word);
    if (end == NULL) {
        refuse(problem, "%.64s: the closing quotation mark is missing", word);
        return NULL;
    }
    if (*end != ' ' && *end != '\0') {
        refuse(problem, "\"%.64s\" follows the closing quotation mark, not a space", end);
        return NULL;
    }
    *rest = *end == ' ' ? end + 1 : end;
    *end = '\0';
    return word;
}
