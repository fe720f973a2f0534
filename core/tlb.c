/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/tlb.h"

#include "core/port.h"

uint32_t tlb_flush_begin(void)
{
    uint32_t now = tlb_clock_now();
    while (now != UINT32_MAX &&
           !atomic_compare_exchange_weak(&machine.flush_clock, &now, now + 1)) {
    }
    return now == UINT32_MAX ? now : now + 1;
}

void tlb_flush_end(unsigned int cpu, uint32_t clock)
{
    atomic_store_explicit(&machine.cpu_flushed[cpu], clock, memory_order_release);
}

void tlb_flush_stale(uint32_t stamp)
{
    uint64_t stale = 0;
    for (uint64_t left = machine.cpus_online; left != 0; left &= left - 1) {
        unsigned int cpu = (unsigned int)__builtin_ctzll(left);
        uint32_t flushed = atomic_load_explicit(&machine.cpu_flushed[cpu], memory_order_acquire);
        if (flushed <= stamp || machine.flush_always) {
            stale |= UINT64_C(1) << cpu;
        }
    }
    if (stale != 0) {
        port_flush_tlb(stale);
    }
}
