/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/emul/msr.h"

#include "builder/hypercall_page.h"
#include "core/context.h"
#include "core/port.h"
#include "hv/console/console.h"
#include "hv/cpu/features.h"
#include "hv/cpu/msr.h"
#include "hv/cpu/msr_names.h"
#include "hv/cpu/msr_safe.h"
#include "hv/cpu/segments.h"
#include "hv/emul/cpuid.h"

#define APIC_BASE_ADDRESS UINT64_C(0xfee00000)

/* What Intel's processors show of themselves: no counters, no trace buffers. */
static uint64_t misc_enable(void)
{
    uint64_t real;
    if (!msr_read_safe(MSR_MISC_ENABLE, &real)) {
        real = 0;
    }
    return (real & MISC_ENABLE_FAST_STRINGS) | MISC_ENABLE_BTS_UNAVAILABLE |
           MISC_ENABLE_PEBS_UNAVAILABLE;
}

static uint64_t guest_efer(void)
{
    return msr_read(MSR_EFER) & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
}

static bool read_intel(uint32_t msr, uint64_t *value)
{
    if (cpu_features.vendor != CPU_VENDOR_INTEL || msr != MSR_MISC_ENABLE) {
        return false;
    }
    *value = misc_enable();
    return true;
}

static bool read_amd(uint32_t msr, uint64_t *value)
{
    if (cpu_features.vendor != CPU_VENDOR_AMD) {
        return false;
    }
    switch (msr) {
    case MSR_AMD_HWCR:
        *value = 0;
        return true;
    case MSR_AMD_DE_CONFIG:
        /* cpu_features_prepare_cpu() has seen to it where the processor needs it. */
        *value = AMD_DE_CONFIG_LFENCE_SERIALIZES;
        return true;
    default:
        return false;
    }
}

static bool read_allowed(const struct hv_vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_FS_BASE:
        *value = segment_fs_base();
        return true;
    case MSR_GS_BASE:
        *value = segment_gs_base_active();
        return true;
    case MSR_KERNEL_GS_BASE:
        *value = segment_gs_base_inactive();
        return true;
    case MSR_TSC:
        *value = tsc_read();
        return true;
    case MSR_TSC_AUX:
        if (!cpu_features.rdtscp) {
            return false;
        }
        *value = vcpu->tsc_aux;
        return true;
    case MSR_EFER:
        *value = guest_efer();
        return true;
    case MSR_PAT:
        *value = PAT_VALUE;
        return true;
    case MSR_APIC_BASE:
        *value = APIC_BASE_ADDRESS | APIC_BASE_ENABLE | (vcpu->core.id == 0 ? APIC_BASE_BSP : 0);
        return true;
    case MSR_MICROCODE:
        return msr_read_safe(MSR_MICROCODE, value);
    case MSR_MCG_CAP: /* no banks: guests see no machine checks */
    case MSR_MCG_STATUS:
    case MSR_HYPERCALL_PAGE: /* what was written is not kept */
        *value = 0;
        return true;
    default:
        return read_intel(msr, value) || read_amd(msr, value);
    }
}

bool guest_msr_read(const struct hv_vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    *value = 0;
    if (read_allowed(vcpu, msr, value)) {
        return true;
    }
    console_log_guest(vcpu->core.domain->id, vcpu->core.id, LOG_DEBUG, "RDMSR of %#x refused", msr);
    return false;
}

/* The guest wants the hypercall page's contents in a frame of its own, by machine address. */
static bool write_hypercall_page(struct hv_vcpu *vcpu, uint64_t address)
{
    if ((address & PAGE_MASK) != 0) {
        return false;
    }
    struct mmu_context context;
    context_open_self(&context, &vcpu->core);
    mfn_t mfn = mfn_make(address >> PAGE_SHIFT);
    struct frame *frame = context_find_frame(&context, mfn);
    bool writable = frame != NULL && frame_get_writable(frame) == STATUS_OK;
    if (writable) {
        hypercall_page_fill(port_map_frame(mfn));
        frame_put_writable(frame);
    }
    context_close(&context);
    return writable;
}

static bool write_base(uint64_t base, void (*set)(uint64_t base))
{
    if (!address_is_canonical(base)) {
        return false;
    }
    set(base);
    return true;
}

/* Writes that would change nothing a guest can see: kernels make them to be sure. */
static bool write_is_harmless(uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_MICROCODE: /* Intel's way to have the revision read */
    case MSR_MCG_STATUS:
        return value == 0;
    case MSR_EFER:
        return value == guest_efer();
    case MSR_MISC_ENABLE:
        return cpu_features.vendor == CPU_VENDOR_INTEL && value == misc_enable();
    case MSR_AMD_HWCR: /* Linux's workaround for SMIs in HLT, which guests do not execute */
        return cpu_features.vendor == CPU_VENDOR_AMD;
    case MSR_AMD_DE_CONFIG:
        return cpu_features.vendor == CPU_VENDOR_AMD && value == AMD_DE_CONFIG_LFENCE_SERIALIZES;
    default:
        return false;
    }
}

static bool write_allowed(struct hv_vcpu *vcpu, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_FS_BASE:
        return write_base(value, segment_set_fs_base);
    case MSR_GS_BASE:
        return write_base(value, segment_set_gs_base_active);
    case MSR_KERNEL_GS_BASE:
        return write_base(value, segment_set_gs_base_inactive);
    case MSR_TSC_AUX:
        if (!cpu_features.rdtscp || value > UINT32_MAX) {
            return false;
        }
        vcpu->tsc_aux = (uint32_t)value;
        msr_write(MSR_TSC_AUX, value);
        return true;
    case MSR_HYPERCALL_PAGE:
        return write_hypercall_page(vcpu, value);
    default:
        return write_is_harmless(msr, value);
    }
}

bool guest_msr_write(struct hv_vcpu *vcpu, uint32_t msr, uint64_t value)
{
    if (write_allowed(vcpu, msr, value)) {
        return true;
    }
    console_log_guest(vcpu->core.domain->id, vcpu->core.id, LOG_DEBUG,
                      "WRMSR of %#llx to %#x refused", (unsigned long long)value, msr);
    return false;
}
