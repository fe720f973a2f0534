/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/settings.h"

#include <string.h>

/* Characters are tested by hand: what a letter is must not depend on the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The next character, without taking it; '\0' at the end. (A NUL byte of the file is refused by
 * the same rules as any other character that nothing begins with.) */
static char peek(const struct settings *settings)
{
    return settings->next < settings->end ? *settings->next : '\0';
}

static void skip_blanks(struct settings *settings)
{
    while (peek(settings) == ' ' || peek(settings) == '\t' || peek(settings) == '\r') {
        settings->next++;
    }
    if (peek(settings) == '#') {
        while (settings->next < settings->end && *settings->next != '\n') {
            settings->next++;
        }
    }
}

/* To the first character of a setting, over empty lines and semicolons. */
static void skip_separators(struct settings *settings)
{
    skip_blanks(settings);
    while (peek(settings) == '\n' || peek(settings) == ';') {
        settings->line += peek(settings) == '\n' ? 1 : 0;
        settings->next++;
        skip_blanks(settings);
    }
}

static enum settings_step wrong(const struct settings *settings, struct reason *reason,
                                const char *rule)
{
    reason_set(reason, "line %u: %s", settings->line, rule);
    return SETTINGS_WRONG;
}

/* Take letters and digits; false: more than there is room for. */
static bool read_word(struct settings *settings, char *word, size_t size)
{
    size_t length = 0;
    while (is_letter(peek(settings)) || is_digit(peek(settings))) {
        if (length + 1 >= size) {
            return false;
        }
        word[length++] = *settings->next++;
    }
    word[length] = '\0';
    return true;
}

static int hexadecimal_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return is_letter(c) && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* What stands behind a backslash, as one character; -1: nothing that means anything. */
static int read_escape(struct settings *settings)
{
    static const char from[] = "abfnrtv\\'\"";
    static const char to[] = "\a\b\f\n\r\t\v\\'\"";
    char c = peek(settings);
    if (settings->next < settings->end) {
        settings->next++;
    }
    const char *place = c != '\0' ? strchr(from, c) : NULL;
    if (place != NULL) {
        return (unsigned char)to[place - from];
    }
    if (c != 'x') {
        return -1;
    }
    int value = 0;
    for (int i = 0; i < 2; i++) {
        int digit = hexadecimal_digit(peek(settings));
        if (digit < 0) {
            return -1;
        }
        settings->next++;
        value = value * 16 + digit;
    }
    return value != 0 ? value : -1;
}

static enum settings_step read_text(struct settings *settings, struct setting *setting,
                                    struct reason *reason)
{
    char quote = *settings->next++;
    size_t length = 0;
    while (peek(settings) != quote) {
        int c = (unsigned char)peek(settings);
        if (c == '\0' || c == '\n') {
            return wrong(settings, reason, "the quoted text has no end on its line");
        }
        settings->next++;
        if (c == '\\') {
            c = read_escape(settings);
        }
        if (c < 0) {
            return wrong(settings, reason,
                         "a backslash in a text must be followed by one of "
                         "abfnrtv\\'\" or x and two hexadecimal digits");
        }
        if (length + 1 >= sizeof(setting->value)) {
            return wrong(settings, reason, "the text is too long");
        }
        setting->value[length++] = (char)c;
    }
    settings->next++;
    setting->value[length] = '\0';
    return SETTINGS_NEXT;
}

static enum settings_step read_value(struct settings *settings, struct setting *setting,
                                     struct reason *reason)
{
    char c = peek(settings);
    if (c == '[') {
        setting->is_list = true;
        return SETTINGS_NEXT;
    }
    if (c == '\'' || c == '"') {
        return read_text(settings, setting, reason);
    }
    if (!is_digit(c)) {
        return wrong(settings, reason, "a value must be a number, or a text in quotes");
    }
    if (!read_word(settings, setting->value, sizeof(setting->value))) {
        return wrong(settings, reason, "the number is too long");
    }
    return SETTINGS_NEXT;
}

enum settings_step settings_read(struct settings *settings, struct setting *setting,
                                 struct reason *reason)
{
    skip_separators(settings);
    if (settings->next == settings->end) {
        return SETTINGS_END;
    }
    setting->line = settings->line;
    setting->is_list = false;
    setting->value[0] = '\0';
    if (!is_letter(peek(settings))) {
        return wrong(settings, reason, "a setting must begin with a key, as in name = \"guest\"");
    }
    if (!read_word(settings, setting->key, sizeof(setting->key))) {
        return wrong(settings, reason, "the key is too long");
    }
    skip_blanks(settings);
    setting->adds = peek(settings) == '+';
    settings->next += setting->adds ? 1 : 0;
    if (peek(settings) != '=') {
        return wrong(settings, reason, "a key must be followed by = or += and a value");
    }
    settings->next++;
    skip_blanks(settings);
    enum settings_step step = read_value(settings, setting, reason);
    if (step != SETTINGS_NEXT || setting->is_list) {
        return step;
    }
    skip_blanks(settings);
    if (settings->next < settings->end && peek(settings) != '\n' && peek(settings) != ';') {
        return wrong(settings, reason, "a value must be followed by the end of the line or ;");
    }
    return SETTINGS_NEXT;
}
