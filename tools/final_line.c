/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/final_line.h"

#include <string.h>

static const char *const texts[] = {
    [FINAL_LINE_POWER_OFF] = "(PIN) machine: power off",
    [FINAL_LINE_REBOOT] = "(PIN) machine: reboot",
    [FINAL_LINE_CRASH_HALTED] = "(PIN) machine: halted after a crash of d0",
    [FINAL_LINE_CRASH_REBOOT] = "(PIN) machine: reboot after a crash of d0",
    [FINAL_LINE_PANIC] = "(PIN) machine: panic",
};

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
    for (size_t i = FINAL_LINE_NONE + 1; i < ARRAY_SIZE(texts); i++) {
        if (length == strlen(texts[i]) && memcmp(scanner->line, texts[i], length) == 0) {
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
