/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/mem/memory.h"

#include "core/frame.h"
#include "core/port.h"
#include "hv/layout.h"

static unsigned int order_of(size_t size)
{
    unsigned int order = 0;
    while ((PAGE_SIZE << order) < size) {
        order++;
    }
    return order;
}

void *memory_take(size_t size)
{
    mfn_t first = frame_take_hypervisor(order_of(size));
    return mfn_equal(first, MFN_INVALID) ? NULL : port_map_frame(first);
}

void memory_free(void *memory, size_t size)
{
    if (memory != NULL) {
        mfn_t first = mfn_make(((uint64_t)memory - DIRECT_MAP_BASE) >> PAGE_SHIFT);
        frame_free_hypervisor(first, order_of(size));
    }
}
