/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/lib/event.h"

#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "lib/check.h"

#define PORTS_CLOSED 64

/* The page whose frame is replaced by shared_info's; until then a dummy with upcalls masked. */
static union {
    volatile shared_info_t info;
    uint8_t page[PAGE_SIZE];
} shared_page ALIGNED(4096) = {.page = {[1] = 1}};

static volatile struct vcpu_info *vcpu_info_place = &shared_page.info.vcpu_info[0];
static uint64_t upcalls;
static uint64_t ports_seen;

_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_mask) == 1, "see shared_page");

volatile shared_info_t *shared_info(void)
{
    return &shared_page.info;
}

volatile struct vcpu_info *vcpu_info(void)
{
    return vcpu_info_place;
}

void vcpu_info_moved(volatile struct vcpu_info *place)
{
    vcpu_info_place = place;
}

int64_t system_time_by(const volatile struct vcpu_time_info *time)
{
    uint64_t nanoseconds;
    uint32_t version;
    do {
        version = time->version;
        uint32_t low, high;
        __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
        uint64_t ticks = ((uint64_t)high << 32 | low) - time->tsc_timestamp;
        ticks = time->tsc_shift < 0 ? ticks >> -time->tsc_shift : ticks << time->tsc_shift;
        uint64_t scaled = (uint64_t)((unsigned __int128)ticks * time->tsc_to_system_mul >> 32);
        nanoseconds = time->system_time + scaled;
    } while ((version & 1) != 0 || version != time->version);
    return (int64_t)nanoseconds;
}

int64_t system_time(void)
{
    return system_time_by(&vcpu_info()->time);
}

void event_init(void)
{
    int64_t result = hypercall_update_va_mapping(
        pointer_value(&shared_page), start_info->shared_info | PTE_PRESENT | PTE_WRITABLE,
        UVMF_INVLPG);
    CHECK(result == 0);
    event_reset();
}

/* Take the pending bits of the words that the selector names; they stay taken. */
static void collect_pending(void)
{
    uint64_t selector = __atomic_exchange_n(&vcpu_info()->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    while (selector != 0) {
        uint64_t word = (uint64_t)__builtin_ctzl(selector);
        selector &= selector - 1;
        uint64_t unmasked = ~shared_info()->evtchn_mask[word];
        uint64_t pending = shared_info()->evtchn_pending[word] & unmasked;
        __atomic_and_fetch(&shared_info()->evtchn_pending[word], ~pending, __ATOMIC_SEQ_CST);
        if (word == 0) {
            ports_seen |= pending;
        }
    }
}

void event_dispatch(void)
{
    upcalls++;
    vcpu_info()->evtchn_upcall_pending = 0;
    collect_pending();
}

uint64_t event_upcalls(void)
{
    return upcalls;
}

uint64_t event_seen(void)
{
    return ports_seen;
}

void event_disable(void)
{
    vcpu_info()->evtchn_upcall_mask = 1;
    __asm__ volatile("" ::: "memory");
}

void event_enable(void)
{
    vcpu_info()->evtchn_upcall_mask = 0;
    __asm__ volatile("" ::: "memory");
    if (vcpu_info()->evtchn_upcall_pending != 0) {
        /* Any hypercall ends with a look at pending events. */
        hypercall_xen_version(XENVER_version, NULL);
    }
}

/* An ordinary domain is given ports for its console and store: nobody would give them again. */
static bool port_is_given(evtchn_port_t port)
{
    return (start_info->flags & SIF_INITDOMAIN) == 0 &&
           (port == start_info->console.domU.evtchn || port == start_info->store_evtchn);
}

void event_reset(void)
{
    event_disable();
    for (evtchn_port_t port = 1; port < PORTS_CLOSED; port++) {
        struct evtchn_close close = {.port = port};
        if (!port_is_given(port)) {
            hypercall_event_channel_op(EVTCHNOP_close, &close);
        }
    }
    for (size_t word = 0; word < ARRAY_SIZE(shared_page.info.evtchn_pending); word++) {
        shared_info()->evtchn_pending[word] = 0;
        shared_info()->evtchn_mask[word] = UINT64_MAX;
    }
    vcpu_info()->evtchn_pending_sel = 0;
    vcpu_info()->evtchn_upcall_pending = 0;
    upcalls = 0;
    ports_seen = 0;
}

void event_port_mask(evtchn_port_t port)
{
    __atomic_or_fetch(&shared_info()->evtchn_mask[port / 64], UINT64_C(1) << (port % 64),
                      __ATOMIC_SEQ_CST);
}

void event_port_unmask_bit(evtchn_port_t port)
{
    __atomic_and_fetch(&shared_info()->evtchn_mask[port / 64], ~(UINT64_C(1) << (port % 64)),
                       __ATOMIC_SEQ_CST);
}

bool event_port_pending(evtchn_port_t port)
{
    return ((shared_info()->evtchn_pending[port / 64] >> (port % 64)) & 1) != 0;
}
