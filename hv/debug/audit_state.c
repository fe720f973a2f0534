/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/port.h"
#include "hv/cpu/control.h"
#include "hv/cpu/debug.h"
#include "hv/cpu/fpu.h"
#include "hv/cpu/segments.h"
#include "hv/debug/audit_own.h"
#include "hv/entry/rflags.h"

static void check_registers(const struct hv_vcpu *vcpu, const struct cpu_user_regs *regs,
                            audit_own_fn report)
{
    if ((regs->cs & 3) != 3 || (regs->ss & 3) != 3) {
        report(vcpu, "it would not go on in ring 3 (CS, SS)", 3,
               (uint64_t)regs->cs << 16 | regs->ss);
    }
    if (regs->rflags != rflags_sanitise(regs->rflags)) {
        report(vcpu, "it has flags that no guest may have", rflags_sanitise(regs->rflags),
               regs->rflags);
    }
    if ((vcpu->kernel_ss & 3) != 3) {
        report(vcpu, "its kernel's SS is not of ring 3", vcpu->kernel_ss | 3, vcpu->kernel_ss);
    }
    if (!vcpu->in_kernel && mfn_equal(vcpu->core.user_base, MFN_INVALID)) {
        report(vcpu, "it is in user mode and has no base for it", 0, MFN_INVALID.value);
    }
}

/* ---- addresses ----------------------------------------------------------------------------- */

static void check_address(const struct hv_vcpu *vcpu, uint64_t address, const char *rule,
                          audit_own_fn report)
{
    if (!address_is_canonical(address)) {
        report(vcpu, rule, 0, address);
    }
}

static void check_entry_points(const struct hv_vcpu *vcpu, audit_own_fn report)
{
    const struct guest_callback *callbacks[] = {
        &vcpu->event_callback,     &vcpu->failsafe_callback, &vcpu->syscall_callback,
        &vcpu->syscall32_callback, &vcpu->sysenter_callback, &vcpu->nmi_callback,
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(callbacks); i++) {
        check_address(vcpu, callbacks[i]->address, "a callback is not canonical", report);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(vcpu->traps); i++) {
        const struct guest_trap *trap = &vcpu->traps[i];
        check_address(vcpu, trap->address, "a trap handler is not canonical", report);
        if (trap->dpl > 3 || (trap->address != 0 && (trap->cs & 3) != 3)) {
            report(vcpu, "a trap handler has no ring", i, (uint64_t)trap->cs << 8 | trap->dpl);
        }
    }
}

static void check_bases(const struct hv_vcpu *vcpu, audit_own_fn report)
{
    const uint64_t bases[] = {vcpu->fs_base, vcpu->gs_base_kernel, vcpu->gs_base_user};
    for (unsigned int i = 0; i < ARRAY_SIZE(bases); i++) {
        check_address(vcpu, bases[i], "a segment's base is not canonical", report);
    }
}

/* ---- what it chose ------------------------------------------------------------------------- */

static void check_choices(const struct hv_vcpu *vcpu, audit_own_fn report)
{
    if (!debug_is_sound(vcpu)) {
        report(vcpu, "its debug registers are those of no guest", 0, vcpu->debug[7]);
    }
    if ((vcpu->cr4 & ~control_choices()) != 0) {
        report(vcpu, "its CR4 has bits that no guest may choose", control_choices(), vcpu->cr4);
    }
    if (!fpu_xcr0_is_legal(vcpu->xcr0)) {
        report(vcpu, "its XCR0 is none that the processor takes", cpu_features.xcr0, vcpu->xcr0);
    }
}

/* Where the hypervisor writes its events: into its frame, if it registered one, else into its
 * domain's shared_info. Those of a dying domain have been forgotten, or are about to be. */
static void check_info(const struct hv_vcpu *vcpu, audit_own_fn report)
{
    if (vcpu->core.domain->is_dying) {
        return;
    }
    const uint8_t *info = (const uint8_t *)vcpu->info;
    const uint8_t *place = (const uint8_t *)hv_vcpu_domain(vcpu)->shared;
    if (!mfn_equal(vcpu->core.info_frame, MFN_INVALID)) {
        place = port_map_frame(vcpu->core.info_frame);
    }
    uint64_t offset = (uint64_t)info - (uint64_t)place;
    if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || offset % _Alignof(struct vcpu_info) != 0) {
        report(vcpu, "its vcpu_info is not where it registered it", (uint64_t)place,
               (uint64_t)info);
    }
}

void audit_own_vcpu(const struct hv_vcpu *vcpu, const struct cpu_user_regs *regs,
                    audit_own_fn report)
{
    check_registers(vcpu, regs, report);
    check_entry_points(vcpu, report);
    check_bases(vcpu, report);
    check_choices(vcpu, report);
    check_info(vcpu, report);
}
