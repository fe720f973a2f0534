/* SPDX-License-Identifier: BSD-2-Clause */
/* This CPU: its data, found from the stack pointer, and single instructions on its registers. */
#ifndef HV_CPU_CPU_H
#define HV_CPU_CPU_H

#include "hv/layout.h"
#include "lib/abi.h"
#include "lib/compiler.h"

struct hv_vcpu;

/*
 * The end of a CPU's area. `regs` is where the CPU pushes the frame of an interrupt from ring 3, so
 * it always holds the registers the guest came in with; ds to gs at its end are not pushed.
 */
struct cpu_info {
    uint64_t syscall_rsp; /* the guest's rsp, for a moment, in the SYSCALL stub */
    struct hv_vcpu *vcpu; /* the vCPU whose state is loaded; NULL: none */
    uint64_t cpu;
    uint64_t work; /* CPU_WORK_* bits: to be done before the guest goes on (hv/entry/work.h) */
};
struct cpu_stack_top {
    struct cpu_user_regs regs;
    struct cpu_info info;
};
/* The CPU aligns the stack to 16 bytes before it pushes; the frame must end right there. */
_Static_assert((sizeof(struct cpu_stack_top) - offsetof(struct cpu_user_regs, es)) % 16 == 0,
               "where the CPU pushes the frame");

static inline struct cpu_stack_top *cpu_stack_top(void)
{
    uint64_t rsp;
    __asm__("mov %%rsp, %0" : "=r"(rsp));
    uint64_t end = (rsp & ~(uint64_t)(CPU_AREA_SIZE - 1)) + CPU_AREA_SIZE;
    return (struct cpu_stack_top *)(end - sizeof(struct cpu_stack_top));
}

static inline struct cpu_info *cpu_info(void)
{
    return &cpu_stack_top()->info;
}

/* ---- control registers (SDM volume 3, 2.5) -------------------------------------------------- */

#define CR0_PE (UINT64_C(1) << 0)
#define CR0_MP (UINT64_C(1) << 1)
#define CR0_ET (UINT64_C(1) << 4)
#define CR0_TS (UINT64_C(1) << 3)
#define CR0_NE (UINT64_C(1) << 5)
#define CR0_WP (UINT64_C(1) << 16)
#define CR0_AM (UINT64_C(1) << 18)
#define CR0_PG (UINT64_C(1) << 31)
/* What is set from boot on, and what guests are shown besides their own TS. */
#define CR0_ALWAYS     (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)
#define CR4_TSD        (UINT64_C(1) << 2)
#define CR4_DE         (UINT64_C(1) << 3)
#define CR4_PAE        (UINT64_C(1) << 5)
#define CR4_MCE        (UINT64_C(1) << 6)
#define CR4_PGE        (UINT64_C(1) << 7)
#define CR4_OSFXSR     (UINT64_C(1) << 9)
#define CR4_OSXMMEXCPT (UINT64_C(1) << 10)
#define CR4_UMIP       (UINT64_C(1) << 11)
#define CR4_FSGSBASE   (UINT64_C(1) << 16)
#define CR4_OSXSAVE    (UINT64_C(1) << 18)
#define CR4_SMEP       (UINT64_C(1) << 20)
#define CR4_SMAP       (UINT64_C(1) << 21)

static inline uint64_t cpu_read_cr0(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline void cpu_write_cr0(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr0" ::"r"(value) : "memory");
}

static inline uint64_t cpu_read_cr2(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline uint64_t cpu_read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static inline void cpu_write_cr3(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr3" ::"r"(value) : "memory");
}

static inline uint64_t cpu_read_cr4(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

static inline void cpu_write_cr4(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr4" ::"r"(value) : "memory");
}

static inline void cpu_invlpg(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

static inline void cpu_wbinvd(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
}

static inline void cpu_clts(void)
{
    __asm__ volatile("clts" ::: "memory");
}

static inline void cpu_swapgs(void)
{
    __asm__ volatile("swapgs" ::: "memory");
}

/* GDTR and IDTR. */
struct table_pointer {
    uint16_t limit;
    uint64_t base;
} PACKED;

static inline struct table_pointer cpu_sgdt(void)
{
    struct table_pointer gdtr;
    __asm__ volatile("sgdt %0" : "=m"(gdtr));
    return gdtr;
}

static inline uint16_t cpu_sldt(void)
{
    uint16_t selector;
    __asm__ volatile("sldt %0" : "=r"(selector));
    return selector;
}

static inline uint64_t cpu_read_dr7(void)
{
    uint64_t value;
    __asm__ volatile("mov %%db7, %0" : "=r"(value));
    return value;
}

static inline void cpu_lldt(uint16_t selector)
{
    __asm__ volatile("lldt %0" ::"r"(selector));
}

#endif
