/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a domain: made paused and without memory; built by somebody; run; shut down, by
 * itself or by a crash; destroyed in steps; and gone when its last frame is. Until then its number
 * is taken and its record there, so that others can let go of what they still hold.
 *
 * Functions that answer an int give 0 or a negative number of <xen/errno.h>; then nothing changed.
 */
#ifndef HV_DOMAIN_DOMAIN_H
#define HV_DOMAIN_DOMAIN_H

#include "hv/vcpu.h"

/* vCPUs whose vcpu_info is in shared_info: no domain has more. */
#define DOMAIN_VCPU_LIMIT XEN_LEGACY_MAX_VCPUS

struct domain_config {
    uint16_t id;             /* DOMID_INVALID: the next free one */
    bool is_first;           /* the hardware domain, which also controls the others */
    unsigned int vcpus;      /* it may have at most so many, 1 .. DOMAIN_VCPU_LIMIT */
    unsigned int port_limit; /* it may open event-channel ports 1 .. port_limit - 1; 0: all */
    int grant_frames;        /* limits of its grant table; negative: the usual */
    int maptrack_frames;
    xen_domain_handle_t handle;
};

/* Make a domain: paused once, no vCPUs, no frames, page_limit 0 (the first domain: none). -ENOMEM,
 * -EEXIST (the id is taken), -ENOSPC (all are), -EINVAL (a limit out of range). */
int hv_domain_create(const struct domain_config *config, struct hv_domain **created);

/* A domain by its number, or NULL. */
static inline struct hv_domain *hv_domain_find(uint16_t id)
{
    return hv_domain_of(domain_find(id));
}

/* Give it the records of vCPU 0 to count - 1, not initialised and down, unless it has them.
 * -EINVAL: more than its limit, or it is dying; -ENOMEM: it has some of them now. */
int hv_domain_add_vcpus(struct hv_domain *domain, unsigned int count);

/* Paused as often as it is unpaused again, none of its vCPUs runs. The running vCPU's own domain
 * stops on the way out of the hypervisor. pause: -EOVERFLOW: too often; unpause: -EINVAL: it is not
 * paused. */
int hv_domain_pause(struct hv_domain *domain);
int hv_domain_unpause(struct hv_domain *domain);

/* It does not run any more: SHUTDOWN_* says why. The first domain is told (VIRQ_DOM_EXC). */
void hv_domain_shut_down(struct hv_domain *domain, unsigned int code);
/* As if it had not been shut down: its vCPUs go on where they were. -EINVAL: it is dying. */
int hv_domain_resume(struct hv_domain *domain);

/*
 * Take it apart, on behalf of `caller`, a vCPU of another domain: it stops for good, lets go of all
 * it holds, and its frames go as far as nobody else holds them. False: there is more to do, and the
 * CPU is wanted: call again.
 */
NODISCARD bool hv_domain_destroy(struct hv_domain *domain, struct hv_vcpu *caller);

/* The same at once and to the end, for a domain that could not be built or has done its part, while
 * no vCPU is loaded. Boot only. */
void hv_domain_discard(struct hv_domain *domain);

/* Free the records of the domains of which nothing else is left. For cpu_work_perform(). */
void hv_domains_reap(void);

#endif
