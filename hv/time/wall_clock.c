/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/time/wall_clock.h"

#include "hv/time/time.h"
#include "hv/vcpu.h"

void wall_clock_publish(struct hv_domain *domain)
{
    struct shared_info *shared = domain->shared;
    struct wall_clock clock = time_wall_clock();
    /* Readers wait while the version is odd and try again if it has changed (xen/xen.h). */
    uint32_t changing = __atomic_load_n(&shared->wc_version, __ATOMIC_RELAXED) | 1;
    __atomic_store_n(&shared->wc_version, changing, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&shared->wc_sec, (uint32_t)clock.seconds, __ATOMIC_RELAXED);
    __atomic_store_n(&shared->wc_sec_hi, (uint32_t)(clock.seconds >> 32), __ATOMIC_RELAXED);
    __atomic_store_n(&shared->wc_nsec, clock.nanoseconds, __ATOMIC_RELAXED);
    __atomic_store_n(&shared->wc_version, changing + 1, __ATOMIC_RELEASE);
}

void wall_clock_publish_all(void)
{
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        if (machine.domains[i] != NULL) {
            wall_clock_publish(hv_domain_of(machine.domains[i]));
        }
    }
}
