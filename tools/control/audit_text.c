/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/audit_text.h"

#include <string.h>

/* The line that sums an audit up: "(PIN) audit: ... N differences". */
#define SUMMARY "(PIN) audit: "
#define COUNTED " differences"

static void judge_line(struct audit_text *text)
{
    size_t prefix = strlen(SUMMARY);
    size_t suffix = strlen(COUNTED);
    const char *line = text->line;
    if (text->length < prefix + suffix || memcmp(line, SUMMARY, prefix) != 0 ||
        memcmp(line + text->length - suffix, COUNTED, suffix) != 0) {
        return;
    }
    const char *count = line + text->length - suffix;
    bool none = count[-1] == '0' && count[-2] == ' ';
    text->verdict = none ? AUDIT_CLEAN : AUDIT_DIFFERENCES;
}

void audit_text_add(struct audit_text *text, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            judge_line(text);
            text->length = 0;
        } else if (bytes[i] != '\r' && text->length < sizeof(text->line)) {
            text->line[text->length++] = bytes[i];
        }
    }
}

enum audit_verdict audit_text_judge(const struct audit_text *text)
{
    return text->verdict;
}
