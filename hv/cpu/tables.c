/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/tables.h"

#include "core/machine.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/msr.h"
#include "hv/mem/boot_memory.h"
#include "hv/mem/paging.h"
#include "lib/check.h"
#include "lib/string.h"

#define MSR_SYSENTER_CS 0x174
#define MSR_STAR        0xc0000081
#define MSR_LSTAR       0xc0000082
#define MSR_CSTAR       0xc0000083
#define MSR_FMASK       0xc0000084
#define MSR_PAT         0x277
#define FMASK           UINT64_C(0x47700) /* AC NT IF TF DF, and IOPL */
#define PAT_VALUE       UINT64_C(0x0000050100070406)

#define GATE_INTERRUPT UINT64_C(0x8e00) /* present, DPL 0, 64-bit interrupt gate */
#define IST_NMI        1U
#define IST_DF         2U
#define IST_MC         3U
#define IST_DB         4U
#define VECTOR_DB      1U
#define VECTOR_NMI     2U
#define VECTOR_BP      3U
#define VECTOR_OF      4U
#define VECTOR_DF      8U
#define VECTOR_MC      18U

#define STUB_SIZE    16U /* of entry_vectors */
#define SYSCALL_SIZE 32U /* of entry_syscall_stubs */

#define SEGMENT_CODE64 UINT64_C(0x00af9b000000ffff)
#define SEGMENT_CODE32 UINT64_C(0x00cf9b000000ffff)
#define SEGMENT_DATA   UINT64_C(0x00cf93000000ffff)
#define SEGMENT_DPL3   (UINT64_C(3) << 45)
#define SYSTEM_TSS     UINT64_C(0x0000890000000000) /* present, available 64-bit TSS */
#define SYSTEM_LDT     UINT64_C(0x0000820000000000)

/* Task state segment (SDM volume 3, 8.7), unaligned on purpose of its designers. */
struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[8]; /* 1 to 7; [0] is reserved */
    uint16_t reserved2;
    uint16_t io_bitmap; /* beyond the limit: no port is open to ring 3 */
} PACKED;

struct gate {
    uint64_t low;
    uint64_t high;
};

static struct tss tss[CPU_LIMIT];
static struct gate idt[256];
/* Page 14 of every window on this CPU: the hypervisor's descriptors, with the CPU's own TSS. */
static uint64_t *reserved_page[CPU_LIMIT];
static mfn_t zero_page;

extern const char entry_vectors[];
extern const char entry_syscall_stubs[];
extern const char entry_syscall32_stubs[];

/* ---- CPU area ------------------------------------------------------------------------------ */

static uint64_t area_address(unsigned int cpu)
{
    return CPU_AREA_BASE + (uint64_t)cpu * CPU_AREA_SIZE;
}

static void map_stack(unsigned int cpu, unsigned int first_page, unsigned int pages)
{
    uint64_t memory = boot_memory_alloc(pages * PAGE_SIZE, PAGE_SIZE);
    paging_map(area_address(cpu) + first_page * PAGE_SIZE, memory, pages * PAGE_SIZE,
               PTE_WRITABLE | PTE_NO_EXECUTE | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL, false);
}

void cpu_area_create(unsigned int cpu)
{
    map_stack(cpu, CPU_AREA_NMI_PAGE, 1);
    map_stack(cpu, CPU_AREA_DF_PAGE, 1);
    map_stack(cpu, CPU_AREA_MC_PAGE, 1);
    map_stack(cpu, CPU_AREA_DB_PAGE, 1);
    map_stack(cpu, CPU_AREA_STACK_PAGE, CPU_AREA_PAGES - CPU_AREA_STACK_PAGE);
}

static uint64_t stack_end(unsigned int cpu, unsigned int page)
{
    return area_address(cpu) + (page + 1) * PAGE_SIZE;
}

/* ---- GDT and TSS --------------------------------------------------------------------------- */

static uint64_t system_descriptor(uint64_t base, uint64_t limit, uint64_t type)
{
    return type | (limit & 0xffff) | ((base & 0xffffff) << 16) | ((limit & 0xf0000) << 32) |
           ((base & 0xff000000) << 32);
}

static uint64_t *descriptor(unsigned int cpu, unsigned int selector)
{
    return &reserved_page[cpu][(selector & ~7U) % PAGE_SIZE / sizeof(uint64_t)];
}

static void set_system(unsigned int cpu, unsigned int selector, uint64_t base, uint64_t limit,
                       uint64_t type)
{
    uint64_t *slot = descriptor(cpu, selector);
    slot[0] = system_descriptor(base, limit, type);
    slot[1] = base >> 32;
}

static void fill_reserved_page(unsigned int cpu)
{
    reserved_page[cpu] = phys_to_virt(boot_memory_alloc(PAGE_SIZE, PAGE_SIZE));
    *descriptor(cpu, SELECTOR_HYPERVISOR_CODE) = SEGMENT_CODE64;
    *descriptor(cpu, SELECTOR_HYPERVISOR_DATA) = SEGMENT_DATA;
    *descriptor(cpu, SELECTOR_USER_CODE32) = SEGMENT_CODE32 | SEGMENT_DPL3;
    *descriptor(cpu, SELECTOR_USER_DATA) = SEGMENT_DATA | SEGMENT_DPL3;
    *descriptor(cpu, SELECTOR_USER_CODE64) = SEGMENT_CODE64 | SEGMENT_DPL3;
    set_system(cpu, SELECTOR_TSS, (uint64_t)&tss[cpu], sizeof(tss[cpu]) - 1, SYSTEM_TSS);
}

static void fill_tss(unsigned int cpu)
{
    uint64_t top = area_address(cpu) + CPU_AREA_SIZE - sizeof(struct cpu_stack_top);
    tss[cpu].rsp[0] = top + offsetof(struct cpu_stack_top, regs.es);
    tss[cpu].ist[IST_NMI] = stack_end(cpu, CPU_AREA_NMI_PAGE);
    tss[cpu].ist[IST_DF] = stack_end(cpu, CPU_AREA_DF_PAGE);
    tss[cpu].ist[IST_MC] = stack_end(cpu, CPU_AREA_MC_PAGE);
    tss[cpu].ist[IST_DB] = stack_end(cpu, CPU_AREA_DB_PAGE);
    tss[cpu].io_bitmap = sizeof(tss[cpu]);
}

/* ---- IDT ----------------------------------------------------------------------------------- */

static void set_gate(unsigned int vector, unsigned int ist)
{
    uint64_t target = (uint64_t)&entry_vectors[(size_t)vector * STUB_SIZE];
    idt[vector].low = (target & 0xffff) | ((uint64_t)SELECTOR_HYPERVISOR_CODE << 16) |
                      ((uint64_t)ist << 32) | (GATE_INTERRUPT << 32) |
                      ((target & 0xffff0000) << 32);
    idt[vector].high = target >> 32;
}

void cpu_set_gate_dpl(unsigned int vector, unsigned int dpl)
{
    idt[vector].low = (idt[vector].low & ~SEGMENT_DPL3) | ((uint64_t)dpl << 45);
}

static void fill_idt(void)
{
    for (unsigned int vector = 0; vector < ARRAY_SIZE(idt); vector++) {
        set_gate(vector, 0);
    }
    set_gate(VECTOR_NMI, IST_NMI);
    set_gate(VECTOR_DF, IST_DF);
    set_gate(VECTOR_MC, IST_MC);
    set_gate(VECTOR_DB, IST_DB);
    cpu_set_gate_dpl(VECTOR_BP, 3);
    cpu_set_gate_dpl(VECTOR_OF, 3);
    cpu_set_gate_dpl(0x80, 3);
}

/* ---- windows ------------------------------------------------------------------------------- */

static void set_window_page(unsigned int index, unsigned int page, mfn_t frame)
{
    pte_t *slot = paging_slot(window_address(index) + page * PAGE_SIZE);
    pte_write(slot, mfn_equal(frame, MFN_INVALID) ? (pte_t){0} : pte_make(frame, WINDOW_FLAGS));
}

static void set_zero_page(unsigned int index, unsigned int page)
{
    pte_t *slot = paging_slot(window_address(index) + page * PAGE_SIZE);
    pte_write(slot, pte_make(zero_page, WINDOW_ZERO_FLAGS));
}

mfn_t window_zero_page(void)
{
    return zero_page;
}

mfn_t window_reserved_page(unsigned int cpu)
{
    uint64_t *page = reserved_page[cpu];
    return page == NULL ? MFN_INVALID : mfn_make(((uint64_t)page - DIRECT_MAP_BASE) >> PAGE_SHIFT);
}

/* A window never crosses from one page table to the next. */
_Static_assert((UINT64_C(1) << 21) % WINDOW_SIZE == 0, "a window has one page table");

bool window_create(unsigned int index)
{
    if (paging_slot(window_address(index)) == NULL) {
        return false;
    }
    for (unsigned int page = 0; page < WINDOW_GDT_PAGES; page++) {
        set_zero_page(index, page);
        cpu_invlpg(window_address(index) + page * PAGE_SIZE);
    }
    return true;
}

void window_show(unsigned int index, unsigned int page, mfn_t frame)
{
    if (page < WINDOW_RESERVED_PAGE && mfn_equal(frame, MFN_INVALID)) {
        set_zero_page(index, page);
    } else {
        set_window_page(index, page, frame);
    }
    cpu_invlpg(window_address(index) + page * PAGE_SIZE);
}

void window_load(unsigned int index, unsigned int cpu, unsigned int ldt_entries)
{
    set_window_page(index, WINDOW_RESERVED_PAGE, window_reserved_page(cpu));
    cpu_invlpg(window_address(index) + WINDOW_RESERVED_PAGE * PAGE_SIZE);
    const struct table_pointer gdtr = {.limit = WINDOW_GDT_LIMIT, .base = window_address(index)};
    __asm__ volatile("lgdt %0" ::"m"(gdtr) : "memory");
    if (ldt_entries > 0) {
        set_system(cpu, SELECTOR_LDT, window_address(index) + WINDOW_LDT_OFFSET,
                   (uint64_t)ldt_entries * sizeof(uint64_t) - 1, SYSTEM_LDT);
        cpu_lldt(SELECTOR_LDT);
    } else {
        cpu_lldt(0);
    }
}

/* ---- loading ------------------------------------------------------------------------------- */

/* CS by a far return; SS null, as 64-bit ring 0 may have it; the guest's selectors come later. */
static void load_segments(void)
{
    __asm__ volatile("pushq %0\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "push %%rax\n\t"
                     "lretq\n"
                     "1:\tmov %1, %%ss\n\t"
                     "mov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "mov %2, %%fs\n\t"
                     "mov %2, %%gs" ::"i"(SELECTOR_HYPERVISOR_CODE),
                     "r"(SELECTOR_HYPERVISOR_DATA), "r"(0)
                     : "rax", "memory");
}

static void load_syscall_registers(unsigned int cpu)
{
    /* SYSCALL loads CS from bits 47:32 and SS from those + 8; SYSRET is based on bits 63:48. */
    uint64_t star =
        ((uint64_t)SELECTOR_USER_CODE32 << 48) | ((uint64_t)SELECTOR_HYPERVISOR_CODE << 32);
    msr_write(MSR_STAR, star);
    msr_write(MSR_LSTAR, (uint64_t)&entry_syscall_stubs[(size_t)cpu * SYSCALL_SIZE]);
    msr_write(MSR_CSTAR, (uint64_t)&entry_syscall32_stubs[(size_t)cpu * SYSCALL_SIZE]);
    msr_write(MSR_FMASK, FMASK);
    /* With CS 0 SYSENTER is a fault, whatever the firmware left (on Intel). */
    msr_write(MSR_SYSENTER_CS, 0);
}

void cpu_tables_load(unsigned int cpu)
{
    if (cpu == 0) {
        fill_idt();
        zero_page = mfn_make(boot_memory_alloc(PAGE_SIZE, PAGE_SIZE) >> PAGE_SHIFT);
        CHECK(window_create(0));
    }
    fill_reserved_page(cpu);
    fill_tss(cpu);
    window_load(0, cpu, 0);
    load_segments();
    const struct table_pointer idtr = {.limit = sizeof(idt) - 1, .base = (uint64_t)idt};
    __asm__ volatile("lidt %0" ::"m"(idtr) : "memory");
    __asm__ volatile("ltr %0" ::"r"((uint16_t)SELECTOR_TSS));
    load_syscall_registers(cpu);
    msr_write(MSR_PAT, PAT_VALUE);
}

/* ---- SMAP ---------------------------------------------------------------------------------- */

struct smap_site {
    int32_t distance;
    uint32_t is_stac;
};
extern const struct smap_site smap_sites_start[];
extern const struct smap_site smap_sites_end[];

void cpu_patch_smap_sites(void)
{
    for (const struct smap_site *site = smap_sites_start; site < smap_sites_end; site++) {
        uint64_t address = (uint64_t)&site->distance + (uint64_t)(int64_t)site->distance;
        static const uint8_t stac[] = {0x0f, 0x01, 0xcb};
        static const uint8_t clac[] = {0x0f, 0x01, 0xca};
        /* The boot page tables map the image writable. */
        memcpy((void *)address, site->is_stac != 0 ? stac : clac, sizeof(stac));
    }
}
