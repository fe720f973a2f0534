/* SPDX-License-Identifier: BSD-2-Clause */
/* The builder at work in the hypervisor: a domain is made of files that lie in memory. */
#ifndef HV_DOMAIN_BUILD_H
#define HV_DOMAIN_BUILD_H

#include "builder/build.h"
#include "hv/vcpu.h"

/* Build a domain that has the record of vCPU 0, no memory, and a page_limit that allows for it; as
 * build_domain(). The vCPU is up then, but the domain still paused. Boot only: one at a time. */
NODISCARD enum build_status hv_domain_build(struct hv_domain *domain,
                                            const struct build_request *request,
                                            struct build_result *result);

#endif
