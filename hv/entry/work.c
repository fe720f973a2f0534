/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/entry/work.h"

#include "hv/console/guest_console.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/msr.h"
#include "hv/debug/keys.h"

void cpu_work_raise(uint64_t work)
{
    __atomic_fetch_or(&cpu_info()->work, work, __ATOMIC_RELAXED);
}

bool cpu_work_is_pending(void)
{
    return __atomic_load_n(&cpu_info()->work, __ATOMIC_RELAXED) != 0;
}

void cpu_work_perform(void)
{
    uint64_t work = __atomic_exchange_n(&cpu_info()->work, 0, __ATOMIC_RELAXED);
    irq_enable();
    if ((work & CPU_WORK_DEBUG_KEYS) != 0) {
        debug_keys_handle();
    }
    if ((work & CPU_WORK_CONSOLE) != 0) {
        guest_consoles_serve();
    }
    irq_disable();
}
