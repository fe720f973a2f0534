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

/* One entry more (or less) that a grant has to allow. */
void audit_count_granted(const struct audit_window *window, mfn_t mfn, int32_t change);

/* core/audit_frames.c: a frame's record against what was counted of it. Once for each frame. */
void audit_compare_frame(const struct audit_window *window, mfn_t mfn);
/* Every domain's count of frames, and the number of free ones, against the frame table. */
void audit_compare_totals(const struct audit_window *window);

/* core/audit_vcpus.c: what the vCPUs use is what they use it as, and nothing is under way. */
void audit_check_uses(const struct audit_window *window);

/* core/audit_grants.c: may the domain map a frame of the other one's only by a grant? A control
 * domain maps what it likes, and puts its own frames and the hypervisor's into the tables of
 * others. The handles of a dying one go before its tables. */
bool audit_needs_grant(const struct domain *mapper, const struct domain *owner);
/* Has the domain a handle for a host mapping of another domain's frame? */
bool audit_is_granted(const struct domain *mapper, const struct domain *granter, mfn_t mfn,
                      bool writable);
/* The references that device mappings of the domain hold, and the host mappings it may have. */
void audit_count_grants(const struct audit_window *window, const struct domain *domain);
/* All grant tables: pins against handles, and the lists of free handles. The counts, `room` of
 * them, are used for something else meanwhile. */
void audit_compare_grants(const struct audit_window *window, uint64_t room);

#endif
