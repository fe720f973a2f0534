/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's half of the audit: that processors, the hypervisor's own page tables, descriptor
 * windows and the state of vCPUs are what the records say, and nothing that no guest may have. The
 * frames behind them are the core's half. As there, no call is under way.
 */
#ifndef HV_DEBUG_AUDIT_OWN_H
#define HV_DEBUG_AUDIT_OWN_H

#include "hv/vcpu.h"

/* Called for every difference; `vcpu` is NULL if it is nobody's. */
typedef void (*audit_own_fn)(const struct hv_vcpu *vcpu, const char *rule, uint64_t expected,
                             uint64_t found);

/* What one processor has in its registers. */
struct audit_processor {
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t dr7;
    uint64_t gdt_base;
    uint16_t gdt_limit;
    uint16_t ldt;
};
/* This one's. */
struct audit_processor audit_read_processor(void);
/* They are those of the vCPU that is loaded, or of nobody (NULL). */
void audit_own_processor(const struct audit_processor *processor, const struct hv_vcpu *loaded,
                         audit_own_fn report);

/* A vCPU that has been initialised: its registers (`regs`: those it goes on with) and whatever it
 * chose can be loaded and take it nowhere but to ring 3 in its own part of the address space. */
void audit_own_vcpu(const struct hv_vcpu *vcpu, const struct cpu_user_regs *regs,
                    audit_own_fn report);

/* The hypervisor's own tables are those of the end of boot, and each guest's L4 will show just
 * them; each descriptor window shows what its vCPU's record says. */
void audit_own_tables(audit_own_fn report);

#endif
