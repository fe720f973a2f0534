/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our end of a guest's console ring (xen/io/console.h). The page is the guest's: it may write any
 * of it at any time, so its two positions are read once for each turn and checked, ours are kept
 * here and only published there, and each turn moves a bounded number of bytes. Pure but for the
 * page; the caller serializes.
 *
 * A position of the guest's that cannot be (it has written more than fits, or read what was never
 * written) makes our own follow it: what lies between is given up, and the ring goes on.
 */
#ifndef HV_CONSOLE_PV_RING_H
#define HV_CONSOLE_PV_RING_H

#include "lib/compiler.h"

struct xencons_interface;

struct pv_ring {
    struct xencons_interface *page;
    uint32_t out_cons; /* how far we have read its output */
    uint32_t in_prod;  /* how far we have written its input */
};

/* Begin with the page as it is: what it holds already is still to be taken. */
void pv_ring_open(struct pv_ring *ring, struct xencons_interface *page);

/* Take up to `size` bytes that the guest has written; `*more`: there are others. */
size_t pv_ring_take(struct pv_ring *ring, char *to, size_t size, bool *more);

/* How many bytes of input the guest has room for now. It can get only more. */
size_t pv_ring_room(struct pv_ring *ring);

/* Give the guest input; `size` is at most what pv_ring_room() said. */
void pv_ring_give(struct pv_ring *ring, const char *from, size_t size);

#endif
