/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a domain: it lets go of all it holds, by the same functions as its own calls, in steps
 * that can be interrupted. Its vCPUs do not run any more. What others hold of its frames stays
 * until they let go.
 */
#ifndef CORE_TEARDOWN_H
#define CORE_TEARDOWN_H

#include "core/domain.h"

/* From now on the domain gains nothing: no frame, no pin, no base. */
void domain_begin_teardown(struct domain *domain);

/*
 * Go on taking it apart: its uses of others' grants, unfinished walks, bases, descriptor frames and
 * vcpu_info of each vCPU, then pins and the reservation, frame by frame. `caller`, a vCPU of
 * another domain, lends its walk: what it has begun, in whichever domain, is finished or cancelled
 * first. False: there is more to do, and the CPU is wanted; call again.
 */
NODISCARD bool domain_tear_down(struct domain *domain, struct vcpu *caller);

/* Last: the hypervisor's hold on its shared_info and its grant table ends. When its last frame is
 * gone, now or when somebody lets go of it, port_domain_empty() is called. */
void domain_end_teardown(struct domain *domain, mfn_t shared_info);

#endif
