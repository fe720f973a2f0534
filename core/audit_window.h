/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the audit share. */
#ifndef CORE_AUDIT_WINDOW_H
#define CORE_AUDIT_WINDOW_H

#include "core/audit.h"

/* The frames [first, first + count) are counted in this round. */
struct audit_window {
    uint64_t first;
    uint64_t count;
    struct audit_count *counts;
    audit_report_fn report;
    struct audit_result *result;
};

void audit_differ(const struct audit_window *window, mfn_t mfn, const char *rule, uint64_t counted,
                  uint64_t recorded);
/* Somebody holds a reference on the frame, and a type count if `typed`. */
void audit_count(const struct audit_window *window, mfn_t mfn, bool typed);

/* core/audit_vcpus.c: what the vCPUs use is what they use it as. */
void audit_check_uses(const struct audit_window *window);

/* core/audit_grants.c: has the domain a handle for a host mapping of another domain's frame? */
bool audit_is_granted(const struct domain *mapper, const struct domain *granter, mfn_t mfn,
                      bool writable);
/* The references that device mappings of the domain hold. */
void audit_count_grants(const struct audit_window *window, const struct domain *domain);
/* All grant tables: pins against handles, and the lists of free handles. The counts, `room` of
 * them, are used for something else meanwhile. */
void audit_compare_grants(const struct audit_window *window, uint64_t room);

#endif
