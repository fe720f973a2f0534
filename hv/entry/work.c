/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/entry/work.h"

#include "hv/boot/domains.h"
#include "hv/console/guest_console.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/msr.h"
#include "hv/debug/keys.h"
#include "hv/domain/domain.h"
#include "hv/sched/sched.h"

void cpu_work_raise(uint64_t work)
{
    __atomic_fetch_or(&cpu_info()->work, work, __ATOMIC_RELAXED);
}

bool cpu_work_is_pending(void)
{
    return __atomic_load_n(&cpu_info()->work, __ATOMIC_RELAXED) != 0;
}

static uint64_t take_work(void)
{
    return __atomic_exchange_n(&cpu_info()->work, 0, __ATOMIC_RELAXED);
}

static void perform(uint64_t work)
{
    if ((work & ~CPU_WORK_SCHEDULE) == 0) {
        return;
    }
    irq_enable();
    if ((work & CPU_WORK_DEBUG_KEYS) != 0) {
        debug_keys_handle();
    }
    if ((work & CPU_WORK_CONSOLE) != 0) {
        guest_consoles_serve();
    }
    if ((work & CPU_WORK_REAP) != 0) {
        hv_domains_reap();
    }
    if ((work & CPU_WORK_BOOT) != 0) {
        boot_domains_continue();
    }
    irq_disable();
}

void cpu_work_perform(void)
{
    uint64_t work = take_work();
    perform(work);
    if ((work & CPU_WORK_SCHEDULE) == 0) {
        return;
    }
    while (!sched_choose()) {
        if (!cpu_work_is_pending()) {
            cpu_wait_for_interrupt();
            irq_disable();
        }
        perform(take_work());
    }
}
