/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/guest_memory.h"

#include "core/pte_update.h"
#include "hv/cpu/cpu.h"

/* hv/entry/entry.S: bytes not copied; a fault on either side ends the copy. */
size_t guest_copy_bytes(void *to, const void *from, size_t size);

static bool range_is_guest(uint64_t address, size_t size)
{
    if (LIKELY(address >= HYPERVISOR_VIRT_END)) {
        return size <= UINT64_C(0) - address;
    }
    return address < UINT64_C(0x800000000000) && size <= UINT64_C(0x800000000000) - address;
}

/* With pv-linear-pt= a guest's address may lead to our memory: each page of the range is looked at.
 */
static bool pages_are_guest(uint64_t address, size_t size)
{
    if (LIKELY(!machine.linear_pt) || size == 0) {
        return true;
    }
    mfn_t root = mfn_make(cpu_read_cr3() >> PAGE_SHIFT);
    uint64_t last = (address + size - 1) >> PAGE_SHIFT;
    for (uint64_t page = address >> PAGE_SHIFT; page <= last; page++) {
        if (pt_meets_hypervisor_slot(root, page << PAGE_SHIFT)) {
            return false;
        }
    }
    return true;
}

bool guest_copy_in(void *to, uint64_t address, size_t size)
{
    return range_is_guest(address, size) && pages_are_guest(address, size) &&
           guest_copy_bytes(to, (const void *)address, size) == 0;
}

bool guest_copy_out(uint64_t address, const void *from, size_t size)
{
    return range_is_guest(address, size) && pages_are_guest(address, size) &&
           guest_copy_bytes((void *)address, from, size) == 0;
}
