/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_flush.h"

#include "core/port.h"
#include "core/pte_update.h"

_Static_assert(VCPU_LIMIT <= 64, "a vCPU bitmap is one word");

bool guest_flush_read_cpus(const struct domain *domain, uint64_t address, uint64_t *cpus)
{
    uint64_t vcpus = 0;
    if (!port_copy_from_guest(&vcpus, address, sizeof(vcpus))) {
        return false;
    }
    *cpus = 0;
    for (unsigned int i = 0; i < domain->vcpu_count; i++) {
        if (((vcpus >> i) & 1) != 0 && domain->vcpus[i] != NULL) {
            *cpus |= domain->vcpus[i]->cpus;
        }
    }
    return true;
}

void guest_flush_address(uint64_t cpus, uint64_t address)
{
    if (cpus != 0 && address_is_guest(address)) {
        port_flush_tlb_page(cpus, address);
    }
}
