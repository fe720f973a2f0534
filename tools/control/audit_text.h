/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's words about an audit, as they come from its console in pieces. */
#ifndef TOOLS_CONTROL_AUDIT_TEXT_H
#define TOOLS_CONTROL_AUDIT_TEXT_H

#include "lib/compiler.h"

enum audit_verdict { AUDIT_NONE, AUDIT_CLEAN, AUDIT_DIFFERENCES };

/* Start with all zeros. */
struct audit_text {
    char line[256]; /* the line that is not complete yet; what has no room is lost */
    size_t length;
    enum audit_verdict verdict;
};

void audit_text_add(struct audit_text *text, const char *bytes, size_t size);
enum audit_verdict audit_text_judge(const struct audit_text *text);

#endif
