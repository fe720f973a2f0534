/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of first states of vCPUs share. */
#ifndef GUESTS_DOMAINS_CONTEXTS_H
#define GUESTS_DOMAINS_CONTEXTS_H

#include "guests/domains/child.h"

/* A child that lacks nothing but its vCPU's state. */
struct child child_without_context(void);
int64_t get_context(const struct child *child, uint32_t vcpu, struct vcpu_guest_context *context);
/* -EINVAL, and the vCPU has no state. */
void expect_context_refused(const struct child *child, const struct vcpu_guest_context *context);
/* Control register 3 or 1 with what is no L4 table of the child's; at the end it is started. */
void expect_bad_bases_refused(struct child *child, unsigned int control_register);
/* After all the refusals it can still be started and taken apart: that is done. */
void expect_startable(struct child *child);

#endif
