/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor itself: model-specific registers, CPUID, the time-stamp counter, waiting, and the
 * interrupt flag. One function an instruction. Names of MSRs and their bits: SDM vol. 4.
 */
#ifndef HV_CPU_MSR_H
#define HV_CPU_MSR_H

#include "hv/debug/stretch.h"
#include "lib/compiler.h"

struct cpuid_result {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

/* RDMSR. #GP if the processor has no such register. */
static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return ((uint64_t)high << 32) | low;
}

/* WRMSR. #GP if the register does not exist or refuses the value. */
static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

/* CPUID; serializes. The caller has checked the highest leaf. */
static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result result;
    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(subleaf));
    return result;
}

/* RDTSC, free to move among its neighbours. */
static inline uint64_t tsc_read(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return ((uint64_t)high << 32) | low;
}

/* RDTSC after every earlier load and instruction has completed (SDM vol. 2, RDTSC). */
static inline uint64_t tsc_read_ordered(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
    return ((uint64_t)high << 32) | low;
}

/* PAUSE: the body of a spin loop. */
static inline void cpu_pause(void)
{
    __asm__ volatile("pause" ::: "memory");
}

/* CLI. */
static inline void irq_disable(void)
{
    __asm__ volatile("cli" ::: "memory");
    stretch_irq_off();
}

/* STI: interrupts come after the next instruction. */
static inline void irq_enable(void)
{
    stretch_irq_on();
    __asm__ volatile("sti" ::: "memory");
}

/* HLT with interrupts as they are. */
static inline void cpu_halt(void)
{
    __asm__ volatile("hlt" ::: "memory");
}

/* STI; HLT: wait for an interrupt, missing none that is already there. Interrupts stay enabled. */
static inline void cpu_wait_for_interrupt(void)
{
    stretch_irq_on();
    __asm__ volatile("sti\n\thlt" ::: "memory");
}

/* Disable interrupts; the result, RFLAGS as they were, goes to irq_restore(). */
static inline uint64_t irq_save(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags)::"memory");
    stretch_irq_off();
    return flags;
}

/* Enable interrupts if they were enabled at the matching irq_save(). */
static inline void irq_restore(uint64_t flags)
{
    if ((flags & (UINT64_C(1) << 9)) != 0) {
        irq_enable();
    }
}

/* LIDT of an empty table and UD2: an exception that cannot be delivered shuts the CPU down, and
 * with it resets a PC (SDM vol. 3, 6.15). */
static NORETURN inline void cpu_triple_fault(void)
{
    static const uint8_t empty_table[10];
    __asm__ volatile("lidt %0\n\tud2" ::"m"(empty_table));
    __builtin_unreachable();
}

#endif
