/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/pv_ring.h"

#include "lib/abi.h"
#include "lib/check.h"

#include <xen/io/console.h>

#define OUT_SIZE ((uint32_t)sizeof(((struct xencons_interface *)NULL)->out))
#define IN_SIZE  ((uint32_t)sizeof(((struct xencons_interface *)NULL)->in))

_Static_assert(sizeof(struct xencons_interface) <= PAGE_SIZE, "the ring fills one page");
_Static_assert((OUT_SIZE & (OUT_SIZE - 1)) == 0 && (IN_SIZE & (IN_SIZE - 1)) == 0,
               "positions wrap by masking");

void pv_ring_open(struct pv_ring *ring, struct xencons_interface *page)
{
    *ring = (struct pv_ring){
        .page = page,
        .out_cons = __atomic_load_n(&page->out_cons, __ATOMIC_RELAXED),
        .in_prod = __atomic_load_n(&page->in_prod, __ATOMIC_RELAXED),
    };
}

size_t pv_ring_take(struct pv_ring *ring, char *to, size_t size, bool *more)
{
    struct xencons_interface *page = ring->page;
    uint32_t held = __atomic_load_n(&page->out_prod, __ATOMIC_ACQUIRE) - ring->out_cons;
    if (held > OUT_SIZE) {
        ring->out_cons += held;
        held = 0;
    }
    uint32_t count = (uint32_t)min_u64(held, size);
    for (uint32_t i = 0; i < count; i++) {
        to[i] = __atomic_load_n(&page->out[(ring->out_cons + i) % OUT_SIZE], __ATOMIC_RELAXED);
    }
    ring->out_cons += count;
    __atomic_store_n(&page->out_cons, ring->out_cons, __ATOMIC_SEQ_CST);
    *more = count < held;
    return count;
}

size_t pv_ring_room(struct pv_ring *ring)
{
    uint32_t in_cons = __atomic_load_n(&ring->page->in_cons, __ATOMIC_ACQUIRE);
    if (ring->in_prod - in_cons > IN_SIZE) {
        ring->in_prod = in_cons;
    }
    return IN_SIZE - (ring->in_prod - in_cons);
}

void pv_ring_give(struct pv_ring *ring, const char *from, size_t size)
{
    ASSERT(size <= IN_SIZE);
    struct xencons_interface *page = ring->page;
    for (size_t i = 0; i < size; i++) {
        __atomic_store_n(&page->in[ring->in_prod % IN_SIZE], from[i], __ATOMIC_RELAXED);
        ring->in_prod++;
    }
    __atomic_store_n(&page->in_prod, ring->in_prod, __ATOMIC_SEQ_CST);
}
