/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/final_line.h"

#include <string.h>

static const struct {
    const char *text;
    bool names_domain; /* its number follows */
} lines[] = {
    [FINAL_LINE_POWER_OFF] = {"(PIN) machine: power off", false},
    [FINAL_LINE_REBOOT] = {"(PIN) machine: reboot", false},
    [FINAL_LINE_CRASH_HALTED] = {"(PIN) machine: halted after a crash of d", true},
    [FINAL_LINE_CRASH_REBOOT] = {"(PIN) machine: reboot after a crash of d", true},
    [FINAL_LINE_PANIC] = {"(PIN) machine: panic", false},
};

static bool is_number(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return length > 0;
}

static bool is_line(const char *line, size_t length, enum final_line which)
{
    size_t known = strlen(lines[which].text);
    if (length < known || memcmp(line, lines[which].text, known) != 0) {
        return false;
    }
    return lines[which].names_domain ? is_number(line + known, length - known) : length == known;
}

static void end_line(struct final_line_scanner *scanner)
{
    size_t length = scanner->length;
    scanner->length = 0;
    if (length > sizeof(scanner->line)) {
        return;
    }
    while (length > 0 && scanner->line[length - 1] == '\r') {
        length--;
    }
    for (unsigned i = FINAL_LINE_NONE + 1; i < ARRAY_SIZE(lines); i++) {
        if (is_line(scanner->line, length, (enum final_line)i)) {
            scanner->last = (enum final_line)i;
        }
    }
}

void final_line_scan(struct final_line_scanner *scanner, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            end_line(scanner);
            continue;
        }
        if (scanner->length < sizeof(scanner->line)) {
            scanner->line[scanner->length] = (char)bytes[i];
        }
        scanner->length++;
    }
}

bool final_line_halts(enum final_line line)
{
    return line == FINAL_LINE_CRASH_HALTED || line == FINAL_LINE_PANIC;
}
