/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/control.h"

#include "hv/cpu/cpu.h"
#include "hv/cpu/features.h"

/* Choices that user mode can tell: the hardware follows them. OSXSAVE is not among them, as the
 * hypervisor's own XSAVE needs it always. */
#define CR4_FOLLOWED (CR4_TSD | CR4_DE | CR4_FSGSBASE)

#define CR4_ALWAYS_SHOWN (CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT)

static uint64_t guest_choices(void)
{
    uint64_t choices = CR4_TSD | CR4_DE;
    if (cpu_features.fsgsbase) {
        choices |= CR4_FSGSBASE;
    }
    if (cpu_features.xsave) {
        choices |= CR4_OSXSAVE;
    }
    return choices;
}

uint64_t control_guest_cr4(const struct hv_vcpu *vcpu)
{
    return vcpu->cr4 | (cpu_read_cr4() & CR4_ALWAYS_SHOWN);
}

void control_choose_cr4(struct hv_vcpu *vcpu, uint64_t value)
{
    vcpu->cr4 = value & guest_choices();
}

void control_set_guest_cr4(struct hv_vcpu *vcpu, uint64_t value)
{
    control_choose_cr4(vcpu, value);
    control_load_cr4(vcpu);
}

void control_load_cr4(const struct hv_vcpu *vcpu)
{
    uint64_t now = cpu_read_cr4();
    uint64_t wanted = (now & ~CR4_FOLLOWED) | (vcpu->cr4 & CR4_FOLLOWED);
    if (wanted != now) {
        cpu_write_cr4(wanted);
    }
}
