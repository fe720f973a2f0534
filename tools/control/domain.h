/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to a domain as a whole: domctl, one function a command. Returns are control.h's. */
#ifndef TOOLS_CONTROL_DOMAIN_H
#define TOOLS_CONTROL_DOMAIN_H

#include "tools/control/control.h"

/* Make a domain without memory, paused; its number goes to *domain. */
NODISCARD int domain_create(struct control *control, const uint8_t uuid[16], unsigned int vcpus,
                            uint32_t *domain);
NODISCARD int domain_set_memory_limit(struct control *control, uint32_t domain, uint64_t kib);
NODISCARD int domain_set_weight(struct control *control, uint32_t domain, uint16_t weight);

/* Until it is gone, which takes the more calls the more memory it had. */
NODISCARD int domain_destroy(struct control *control, uint32_t domain);
NODISCARD int domain_pause(struct control *control, uint32_t domain);
NODISCARD int domain_unpause(struct control *control, uint32_t domain);

NODISCARD int domain_get_info(struct control *control, uint32_t domain,
                              struct xen_domctl_getdomaininfo *info);

NODISCARD int domain_set_vcpu(struct control *control, uint32_t domain,
                              const struct vcpu_guest_context *context);
NODISCARD int domain_get_vcpu(struct control *control, uint32_t domain, unsigned int vcpu,
                              struct vcpu_guest_context *context);

/* Replace each MFN by its type (XEN_DOMCTL_PFINFO_*); at most FRAME_TYPES_MAX at a time. The array
 * is a control_buffer(). */
#define FRAME_TYPES_MAX 1024
NODISCARD int domain_get_frame_types(struct control *control, uint32_t domain, xen_pfn_t *frames,
                                     size_t count);

#endif
