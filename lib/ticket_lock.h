/* SPDX-License-Identifier: BSD-2-Clause */
/* A fair spin lock: waiters get it in the order they came. One atomic operation to take it. */
#ifndef LIB_TICKET_LOCK_H
#define LIB_TICKET_LOCK_H

#include <stdatomic.h>

#include "lib/compiler.h"

#ifdef PINNACE_MEASURE
#include "hv/debug/stretch.h"
#define LOCK_TAKEN()    stretch_lock()
#define LOCK_RELEASED() stretch_unlock()
#else
#define LOCK_TAKEN()
#define LOCK_RELEASED()
#endif

struct ticket_lock {
    _Atomic uint32_t next;    /* the ticket the next comer draws */
    _Atomic uint32_t serving; /* the ticket that holds the lock */
};

static inline void ticket_lock_take(struct ticket_lock *lock)
{
    uint32_t ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);
    while (atomic_load_explicit(&lock->serving, memory_order_acquire) != ticket) {
#ifdef __x86_64__
        __asm__ volatile("pause");
#endif
    }
    LOCK_TAKEN();
}

static ALWAYS_INLINE void ticket_lock_release(struct ticket_lock *lock)
{
    LOCK_RELEASED();
    uint32_t serving = atomic_load_explicit(&lock->serving, memory_order_relaxed);
    atomic_store_explicit(&lock->serving, serving + 1, memory_order_release);
}

/* Somebody holds it, or did when it was asked. */
static inline bool ticket_lock_is_taken(const struct ticket_lock *lock)
{
    return atomic_load_explicit(&lock->next, memory_order_relaxed) !=
           atomic_load_explicit(&lock->serving, memory_order_relaxed);
}

/* Somebody waits for it. Only the holder may ask. */
static inline bool ticket_lock_is_contended(struct ticket_lock *lock)
{
    return atomic_load_explicit(&lock->next, memory_order_relaxed) !=
           atomic_load_explicit(&lock->serving, memory_order_relaxed) + 1;
}

#endif
