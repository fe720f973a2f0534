/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/hostile/references.h"

#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

void expect_no_reference_left(void *page)
{
    EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
    xen_pfn_t in = mfn_of(page).value, out = pfn_of(page).value;
    struct xen_memory_exchange exchange = {
        .in = {.nr_extents = 1, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .domid = DOMID_SELF},
    };
    set_xen_guest_handle(exchange.in.extent_start, &in);
    set_xen_guest_handle(exchange.out.extent_start, &out);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), 0);
    p2m_set(pfn_of(page), mfn_make(out));
}
