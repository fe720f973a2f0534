/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's own tables: GDT, TSS, IDT, SYSCALL registers; vCPUs' descriptor windows. */
#ifndef HV_CPU_TABLES_H
#define HV_CPU_TABLES_H

#include "core/pte.h"
#include "hv/layout.h"

struct hv_vcpu;

/* Map the CPU's area (its stacks). At boot, for each CPU, before cpu_tables_load(). */
void cpu_area_create(unsigned int cpu);

/* Load GDT, TSS, IDT and the SYSCALL registers. On the CPU itself, on a stack of its area. */
void cpu_tables_load(unsigned int cpu);

/* Let ring 3 raise this vector with INT n (or not). */
void cpu_set_gate_dpl(unsigned int vector, unsigned int dpl);

/*
 * Pages 0 to 13 of a window show the guest's GDT frames, or the zero page; 14 the CPU's own
 * descriptors, once the window has been loaded; 15 the zero page; 16 to 31 the guest's LDT frames,
 * or nothing. The zero page is read-only: nothing in it can be loaded, so nothing is marked
 * accessed.
 */
#define WINDOW_RESERVED_PAGE 14U
#define WINDOW_GDT_LIMIT     0xffffU
#define WINDOW_FLAGS         (PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY | PTE_NO_EXECUTE)
#define WINDOW_ZERO_FLAGS    (PTE_PRESENT | PTE_ACCESSED | PTE_NO_EXECUTE)

static inline uint64_t window_address(unsigned int index)
{
    return WINDOW_BASE + (uint64_t)index * WINDOW_SIZE;
}
mfn_t window_zero_page(void);
/* MFN_INVALID: no such CPU. */
mfn_t window_reserved_page(unsigned int cpu);

/* Prepare window number `index` (1 and up; 0 is for CPUs without a vCPU): zero GDT, no LDT. False:
 * no memory for its page table. */
NODISCARD bool window_create(unsigned int index);
/* Show a frame in page 0-31 of the window, as port_show_descriptors() says; flushes here. */
void window_show(unsigned int index, unsigned int page, mfn_t frame);
/* Load GDTR with this window, and LDTR: `ldt_entries` descriptors, 0 for none. */
void window_load(unsigned int index, unsigned int cpu, unsigned int ldt_entries);

/* Turn the SMAP sites of the entry code into STAC and CLAC. At boot, before the final page tables
 * make the code read-only. */
void cpu_patch_smap_sites(void);

#endif
