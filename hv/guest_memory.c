/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/guest_memory.h"

#include "core/pte_update.h"

/* hv/entry/entry.S: bytes not copied; a fault on either side ends the copy. */
size_t guest_copy_bytes(void *to, const void *from, size_t size);

static bool range_is_guest(uint64_t address, size_t size)
{
    if (LIKELY(address >= HYPERVISOR_VIRT_END)) {
        return size <= UINT64_C(0) - address;
    }
    return address < UINT64_C(0x800000000000) && size <= UINT64_C(0x800000000000) - address;
}

bool guest_copy_in(void *to, uint64_t address, size_t size)
{
    return range_is_guest(address, size) && guest_copy_bytes(to, (const void *)address, size) == 0;
}

bool guest_copy_out(uint64_t address, const void *from, size_t size)
{
    return range_is_guest(address, size) && guest_copy_bytes((void *)address, from, size) == 0;
}
