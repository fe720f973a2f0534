/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console ring of an ordinary domain. Whoever is at its other end, a daemon or the hypervisor,
 * works on a page that the guest can write at any time: it must not believe a position, nor lose
 * the frame, nor stop serving a guest that keeps the protocol again.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"

#include <xen/io/console.h>

#define TURNS 20000 /* yields, each of which lets others work */

/* The ring in a place of ours, besides the builder's. */
static volatile struct xencons_interface *ring_map(void)
{
    test_needs_ordinary_domain();
    mfn_t mfn = mfn_make(start_info->console.domU.mfn);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_WRITE)), 0);
    return (volatile struct xencons_interface *)SCRATCH_VA;
}

static int64_t ring_notify(void)
{
    struct evtchn_send send = {.port = start_info->console.domU.evtchn};
    return hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static void ring_write(volatile struct xencons_interface *ring, const char *text)
{
    uint32_t prod = ring->out_cons;
    for (; *text != '\0'; text++) {
        ring->out[prod++ % sizeof(ring->out)] = *text;
    }
    __atomic_store_n(&ring->out_prod, prod, __ATOMIC_SEQ_CST);
}

static bool ring_is_emptied(const volatile struct xencons_interface *ring)
{
    for (unsigned int turn = 0; turn < TURNS; turn++) {
        if (ring->out_cons == ring->out_prod) {
            return true;
        }
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    return false;
}

TEST(console_ring_is_emptied_after_an_event)
{
    volatile struct xencons_interface *ring = ring_map();
    ring_write(ring, "through the ring: one\nthrough the ring: two\n");
    EXPECT_RESULT(ring_notify(), 0);
    EXPECT(ring_is_emptied(ring));
}

TEST(console_ring_is_connected)
{
    test_needs_ordinary_domain();
    struct evtchn_status status = {.dom = DOMID_SELF, .port = start_info->console.domU.evtchn};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQUAL(status.status, EVTCHNSTAT_interdomain);
}

TEST(console_ring_positions_that_cannot_be_do_no_harm)
{
    static const uint32_t distances[] = {2049, 4096, 0x7fffffff, 0x80000000, UINT32_MAX};
    volatile struct xencons_interface *ring = ring_map();
    for (size_t i = 0; i < ARRAY_SIZE(distances); i++) {
        ring->out_prod = ring->out_cons + distances[i];
        ring->in_cons = ring->in_prod + distances[i];
        EXPECT_RESULT(ring_notify(), 0);
        hypercall_sched_op(SCHEDOP_yield, NULL);
        ring->in_cons = ring->in_prod;
        ring_write(ring, "the ring goes on\n");
        EXPECT_RESULT(ring_notify(), 0);
        EXPECT(ring_is_emptied(ring));
    }
}

TEST(console_ring_that_is_always_full_leaves_the_domain_running)
{
    volatile struct xencons_interface *ring = ring_map();
    for (unsigned int turn = 0; turn < 20; turn++) {
        for (size_t i = 0; i < sizeof(ring->out); i++) {
            ring->out[i] = i % 64 == 63 ? '\n' : '.';
        }
        ring->out_prod = ring->out_cons + (uint32_t)sizeof(ring->out);
        EXPECT_RESULT(ring_notify(), 0);
    }
    EXPECT(ring_is_emptied(ring));
}

/* The other end writes there: the frame is in use as writable, though the guest maps it so nowhere.
 */
TEST(console_ring_cannot_become_a_page_table)
{
    volatile struct xencons_interface *ring = ring_map();
    ring_write(ring, ring->out_cons % 2 == 0 ? "\n\n" : "\n"); /* positions without a present bit */
    EXPECT_RESULT(ring_notify(), 0);
    EXPECT(ring_is_emptied(ring));
    for (size_t i = 0; i < sizeof(ring->out); i++) {
        ring->out[i] = 0;
    }
    mfn_t mfn = mfn_make(start_info->console.domU.mfn);
    uint64_t va = VIRT_BASE + (m2p_get(mfn) << PAGE_SHIFT);
    EXPECT_RESULT(va_set(SCRATCH_VA, 0), 0);
    EXPECT_RESULT(va_set(va, pte_make(mfn, PTE_READ_ONLY)), 0);
    int64_t pinned = mmuext(MMUEXT_PIN_L1_TABLE, mfn);
    if (pinned == 0) {
        EXPECT_RESULT(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
    }
    EXPECT_RESULT(va_set(va, pte_make(mfn, PTE_READ_WRITE)), 0);
    EXPECT(pinned < 0);
}
