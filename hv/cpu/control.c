/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/control.h"

#include "hv/cpu/cpu.h"
#include "hv/cpu/features.h"

#define CR4_ALWAYS_SHOWN (CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT)

uint64_t control_choices(void)
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

static uint64_t fixed_bits; /* of CR4, the same for all vCPUs */

void control_fix(void)
{
    fixed_bits = cpu_read_cr4() & ~CR4_FOLLOWED;
}

uint64_t control_fixed_cr4(void)
{
    return fixed_bits;
}

uint64_t control_cr4(const struct hv_vcpu *vcpu)
{
    return fixed_bits | (vcpu->cr4 & CR4_FOLLOWED);
}

uint64_t control_guest_cr4(const struct hv_vcpu *vcpu)
{
    return vcpu->cr4 | (cpu_read_cr4() & CR4_ALWAYS_SHOWN);
}

void control_choose_cr4(struct hv_vcpu *vcpu, uint64_t value)
{
    vcpu->cr4 = value & control_choices();
}

void control_set_guest_cr4(struct hv_vcpu *vcpu, uint64_t value)
{
    control_choose_cr4(vcpu, value);
    control_load_cr4(vcpu);
}

void control_load_cr4(const struct hv_vcpu *vcpu)
{
    uint64_t wanted = control_cr4(vcpu);
    if (wanted != cpu_read_cr4()) {
        cpu_write_cr4(wanted);
    }
}
