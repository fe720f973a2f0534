/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/guest_memory.h"

#include "core/pte_update.h"
#include "hv/vcpu.h"

/* hv/entry/entry.S: bytes not copied; a fault on either side ends the copy. */
size_t guest_copy_bytes(void *to, const void *from, size_t size);

static bool range_is_guest(uint64_t address, size_t size)
{
    if (LIKELY(address >= HYPERVISOR_VIRT_END)) {
        return size <= UINT64_C(0) - address;
    }
    return address < UINT64_C(0x800000000000) && size <= UINT64_C(0x800000000000) - address;
}

static bool pages_are_guests(uint64_t address, size_t size)
{
    const struct hv_vcpu *vcpu = current_vcpu();
    mfn_t root = vcpu->in_kernel ? vcpu->core.kernel_base : vcpu->core.user_base;
    uint64_t pages = pages_of((address & PAGE_MASK) + size);
    for (uint64_t i = 0; i < pages; i++) {
        if (!pt_page_is_guests(root, address + i * PAGE_SIZE)) {
            return false;
        }
    }
    return true;
}

/* Only where tables may name themselves: kept out of the way of the others' copies. */
COLD static bool copy_in_checked(void *to, uint64_t address, size_t size)
{
    return pages_are_guests(address, size) &&
           guest_copy_bytes(to, (const void *)address, size) == 0;
}

bool guest_copy_in(void *to, uint64_t address, size_t size)
{
    if (UNLIKELY(!range_is_guest(address, size))) {
        return false;
    }
    if (UNLIKELY(machine.linear_pt)) {
        return copy_in_checked(to, address, size);
    }
    return guest_copy_bytes(to, (const void *)address, size) == 0;
}

/* What is reached by a table that names itself is read-only, for the hypervisor too. */
bool guest_copy_out(uint64_t address, const void *from, size_t size)
{
    return range_is_guest(address, size) && guest_copy_bytes((void *)address, from, size) == 0;
}
