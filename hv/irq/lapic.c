/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/irq/lapic.h"

#include "hv/acpi/acpi.h"
#include "hv/cpu/io.h"
#include "hv/cpu/msr.h"
#include "hv/irq/vectors.h"
#include "hv/mem/memory.h"

/* Offsets in the register page (SDM vol. 3, table 11-1); MSR 0x800 + offset / 16 in x2APIC mode. */
enum lapic_register {
    LAPIC_ID = 0x020,
    LAPIC_VERSION = 0x030,
    LAPIC_TASK_PRIORITY = 0x080,
    LAPIC_EOI = 0x0b0,
    LAPIC_SPURIOUS = 0x0f0,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_LVT_THERMAL = 0x330,
    LAPIC_LVT_COUNTER = 0x340,
    LAPIC_LVT_LINT0 = 0x350,
    LAPIC_LVT_LINT1 = 0x360,
    LAPIC_LVT_ERROR = 0x370,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_CURRENT = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
};

#define MSR_APIC_BASE      0x1b
#define APIC_BASE_ENABLE   (UINT64_C(1) << 11)
#define APIC_BASE_X2APIC   (UINT64_C(1) << 10)
#define APIC_BASE_ADDRESS  UINT64_C(0x000ffffffffff000)
#define MSR_X2APIC_FIRST   0x800
#define CPUID_1_EDX_APIC   (UINT32_C(1) << 9)
#define SPURIOUS_ENABLE    0x100
#define LVT_MASKED         0x10000
#define LVT_DELIVERY_NMI   0x400
#define VERSION_LVT_MAX(v) (((v) >> 16) & 0xff)
#define TIMER_DIVIDE_BY_1  0xb
#define LVT_INDEX_COUNTER  4 /* highest LVT index of an APIC that has the entry */
#define LVT_INDEX_THERMAL  5

static struct {
    uint64_t physical;
    volatile void *page; /* NULL: none, or x2APIC */
    bool x2apic;
    bool present;
} lapic;

static uint32_t lapic_read(enum lapic_register offset)
{
    if (lapic.x2apic) {
        return (uint32_t)msr_read(MSR_X2APIC_FIRST + (uint32_t)offset / 16);
    }
    return mmio_read32(lapic.page, offset);
}

static void lapic_write(enum lapic_register offset, uint32_t value)
{
    if (lapic.x2apic) {
        msr_write(MSR_X2APIC_FIRST + (uint32_t)offset / 16, value);
    } else {
        mmio_write32(lapic.page, offset, value);
    }
}

bool lapic_init(void)
{
    if ((cpuid(1, 0).edx & CPUID_1_EDX_APIC) == 0) {
        return false;
    }
    uint64_t base = msr_read(MSR_APIC_BASE);
    lapic.physical = base & APIC_BASE_ADDRESS;
    if (acpi_info()->has_madt && acpi_info()->local_apic != 0) {
        lapic.physical = acpi_info()->local_apic;
    }
    lapic.x2apic = (base & APIC_BASE_X2APIC) != 0 && (base & APIC_BASE_ENABLE) != 0;
    if (!lapic.x2apic) {
        lapic.page = mmio_map(lapic.physical, PAGE_SIZE);
        if (lapic.page == NULL) {
            return false;
        }
    }
    lapic.present = true;
    lapic_enable_cpu();
    return true;
}

/* The thermal and performance-counter entries came later; their absence shows in the version. */
static void mask_local_sources(void)
{
    uint32_t lvt_max = VERSION_LVT_MAX(lapic_read(LAPIC_VERSION));
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
    lapic_write(LAPIC_LVT_ERROR, LVT_MASKED | VECTOR_LAPIC_ERROR);
    if (lvt_max >= LVT_INDEX_COUNTER) {
        lapic_write(LAPIC_LVT_COUNTER, LVT_MASKED);
    }
    if (lvt_max >= LVT_INDEX_THERMAL) {
        lapic_write(LAPIC_LVT_THERMAL, LVT_MASKED);
    }
}

void lapic_enable_cpu(void)
{
    if (!lapic.x2apic) {
        uint64_t base = msr_read(MSR_APIC_BASE);
        msr_write(MSR_APIC_BASE, (base & ~APIC_BASE_ADDRESS) | lapic.physical | APIC_BASE_ENABLE);
    }
    /* While it is disabled in software, the LVT entries cannot be unmasked: so enable it first. */
    lapic_write(LAPIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    lapic_write(LAPIC_TASK_PRIORITY, 0);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    mask_local_sources();
}

bool lapic_present(void)
{
    return lapic.present;
}

uint32_t lapic_id(void)
{
    uint32_t id = lapic_read(LAPIC_ID);
    return lapic.x2apic ? id : id >> 24;
}

uint64_t lapic_physical(void)
{
    return lapic.physical;
}

void lapic_eoi(void)
{
    lapic_write(LAPIC_EOI, 0);
}

void lapic_enable_nmi(void)
{
    lapic_write(LAPIC_LVT_LINT1, LVT_DELIVERY_NMI);
}

void lapic_timer_start(uint32_t ticks)
{
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, ticks);
}

void lapic_timer_start_silent(uint32_t ticks)
{
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, ticks);
}

uint32_t lapic_timer_remaining(void)
{
    return lapic_read(LAPIC_TIMER_CURRENT);
}
