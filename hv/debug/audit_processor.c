/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/control.h"
#include "hv/cpu/debug.h"
#include "hv/cpu/tables.h"
#include "hv/debug/audit_own.h"
#include "hv/mem/paging.h"
#include "hv/sched/vcpu.h"

struct audit_processor audit_read_processor(void)
{
    struct table_pointer gdtr = cpu_sgdt();
    return (struct audit_processor){
        .cr0 = cpu_read_cr0(),
        .cr3 = cpu_read_cr3(),
        .cr4 = cpu_read_cr4(),
        .dr7 = cpu_read_dr7(),
        .gdt_base = gdtr.base,
        .gdt_limit = gdtr.limit,
        .ldt = cpu_sldt(),
    };
}

static void compare(const struct hv_vcpu *vcpu, const char *rule, uint64_t expected, uint64_t found,
                    audit_own_fn report)
{
    if (expected != found) {
        report(vcpu, rule, expected, found);
    }
}

void audit_own_processor(const struct audit_processor *processor, const struct hv_vcpu *loaded,
                         audit_own_fn report)
{
    /* The record of a vCPU that is loaded, or what there is without one. */
    uint64_t base = paging_idle_base();
    uint64_t cr4 = control_fixed_cr4() | (processor->cr4 & CR4_FOLLOWED);
    uint64_t dr7 = DR7_INITIAL;
    unsigned int window = 0;
    uint64_t ldt = 0;
    if (loaded != NULL) {
        base = vcpu_base(loaded).value << PAGE_SHIFT;
        cr4 = control_cr4(loaded);
        dr7 = debug_hardware_control(loaded);
        window = vcpu_window(&loaded->core);
        ldt = loaded->core.ldt_entries > 0 ? SELECTOR_LDT : 0;
    }
    compare(loaded, "CR0 has other bits", CR0_ALWAYS, processor->cr0 & CR0_ALWAYS, report);
    compare(loaded, "CR3 is not its base", base, processor->cr3, report);
    compare(loaded, "CR4 has other bits", cr4, processor->cr4, report);
    compare(loaded, "DR7 is not its own", dr7, processor->dr7, report);
    compare(loaded, "GDTR is not its window", window_address(window), processor->gdt_base, report);
    compare(loaded, "GDTR has another limit", WINDOW_GDT_LIMIT, processor->gdt_limit, report);
    compare(loaded, "LDTR is not its LDT", ldt, processor->ldt, report);
}
