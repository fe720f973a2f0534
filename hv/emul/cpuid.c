/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/emul/cpuid.h"

#include "hv/cpu/feature_bits.h"
#include "hv/cpu/feature_words.h"
#include "hv/cpu/features.h"
#include "hv/cpu/fpu.h"
#include "hv/time/time.h"

#include <xen/arch-x86/cpuid.h>

/* The release whose ABI this is, as XENVER_version says it. */
#define XEN_VERSION_MAJOR 4U
#define XEN_VERSION_MINOR 17U

/* ---- what guests may see, a register each --------------------------------------------------- */

#define F(name) FEATURE_BIT(name)

#define LEAF_1_EDX                                                                                 \
    (F(FPU) | F(DE) | F(TSC) | F(MSR) | F(PAE) | F(MCE) | F(CX8) | F(APIC) | F(MCA) | F(CMOV) |    \
     F(PAT) | F(CLFLUSH) | F(ACPI) | F(MMX) | F(FXSR) | F(SSE) | F(SSE2) | F(SS))
#define LEAF_1_ECX                                                                                 \
    (F(SSE3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(SSE4_1) | F(SSE4_2) | F(MOVBE) |     \
     F(POPCNT) | F(AESNI) | F(XSAVE) | F(OSXSAVE) | F(AVX) | F(F16C) | F(RDRAND))
#define LEAF_7_EBX                                                                                 \
    (F(FSGSBASE) | F(BMI1) | F(AVX2) | F(BMI2) | F(ERMS) | F(RDSEED) | F(ADX) | F(CLFLUSHOPT) |    \
     F(CLWB) | F(SHA) | F(FDP_EXCP_ONLY) | F(NO_FPU_SEL))
#define LEAF_7_ECX                                                                                 \
    (F(PREFETCHWT1) | F(GFNI) | F(VAES) | F(VPCLMULQDQ) | F(RDPID) | F(CLDEMOTE) | F(MOVDIRI) |    \
     F(MOVDIR64B))
#define LEAF_7_EDX     (F(FSRM) | F(MD_CLEAR) | F(SERIALIZE))
#define LEAF_D_1_EAX   (F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1))
#define EXTENDED_1_EDX (F(SYSCALL) | F(NX) | F(MMXEXT) | F(RDTSCP) | F(LM) | F(3DNOWEXT) | F(3DNOW))
#define EXTENDED_1_ECX                                                                             \
    (F(LAHF_LM) | F(ABM) | F(SSE4A) | F(MISALIGNSSE) | F(3DNOWPREFETCH) | F(XOP) | F(FMA4) | F(TBM))
#define EXTENDED_7_EDX  F(ITSC)
#define EXTENDED_8_EBX  (F(CLZERO) | F(RSTR_FP_ERR_PTRS) | F(SSB_NO) | F(BTC_NO))
#define EXTENDED_21_EAX (F(LFENCE_DISPATCH) | F(NSCB))

/* On AMD, 0x80000001 EDX repeats these bits of leaf 1's (AMD's manual volume 3, appendix E). */
#define EXTENDED_1_EDX_REPEATED (UINT32_C(0x0183f3ff) & LEAF_1_EDX)

/* What needs the upper halves of the vector registers. */
#define LEAF_1_ECX_AVX     (F(FMA) | F(AVX) | F(F16C))
#define LEAF_7_EBX_AVX     F(AVX2)
#define LEAF_7_ECX_AVX     (F(VAES) | F(VPCLMULQDQ))
#define EXTENDED_1_ECX_AVX (F(XOP) | F(FMA4))

/* ---- leaves --------------------------------------------------------------------------------- */

static const struct cpuid_result nothing;

static uint32_t lower_of(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool has_avx(void)
{
    return (cpu_features.xcr0 & XCR0_AVX) != 0;
}

static struct cpuid_result leaf_1(void)
{
    struct cpuid_result result = cpuid(1, 0);
    result.ebx &= 0xff00; /* the cache line size; no sibling threads */
    result.ecx &= LEAF_1_ECX;
    result.edx &= LEAF_1_EDX;
    if (cpu_features.xsave) {
        result.ecx |= F(OSXSAVE); /* as user mode sees it: the bit of CR4 is always set */
    } else {
        result.ecx &= ~F(OSXSAVE);
    }
    if (!has_avx()) {
        result.ecx &= ~LEAF_1_ECX_AVX;
    }
    result.ecx |= F(HYPERVISOR);
    return result;
}

/* Cache parameters (Intel), less the numbers of threads and cores that share one. */
static struct cpuid_result leaf_4(uint32_t subleaf)
{
    struct cpuid_result result = cpuid(4, subleaf);
    result.eax &= 0x3fff;
    return result;
}

static struct cpuid_result leaf_7(uint32_t subleaf)
{
    if (subleaf != 0) {
        return nothing;
    }
    struct cpuid_result real = cpuid(7, 0);
    struct cpuid_result result = {
        .ebx = real.ebx & LEAF_7_EBX,
        .ecx = real.ecx & LEAF_7_ECX,
        .edx = real.edx & LEAF_7_EDX,
    };
    if (!has_avx()) {
        result.ebx &= ~LEAF_7_EBX_AVX;
        result.ecx &= ~LEAF_7_ECX_AVX;
    }
    return result;
}

/* XSAVE: guests compute the size of their frames from this, so it must be what XCR0 allows. */
static struct cpuid_result leaf_d(uint32_t subleaf)
{
    if (!cpu_features.xsave) {
        return nothing;
    }
    if (subleaf == 0) {
        return (struct cpuid_result){
            .eax = (uint32_t)cpu_features.xcr0,
            .ebx = fpu_area_size(cpu_features.xcr0),
            .ecx = fpu_area_size(cpu_features.xcr0),
        };
    }
    if (subleaf == 1) {
        struct cpuid_result result = {.eax = cpuid(0xd, 1).eax & LEAF_D_1_EAX};
        /* The compacted format of x87, SSE and AVX has the same size as the standard one. */
        result.ebx = (result.eax & F(XSAVEC)) != 0 ? fpu_area_size(cpu_features.xcr0) : 0;
        return result;
    }
    if (subleaf < 64 && ((cpu_features.xcr0 >> subleaf) & 1) != 0) {
        struct cpuid_result result = cpuid(0xd, subleaf);
        result.ecx &= 2; /* alignment in the compacted format */
        result.edx = 0;
        return result;
    }
    return nothing;
}

static struct cpuid_result basic_leaf(uint32_t leaf, uint32_t subleaf)
{
    if (leaf > lower_of(cpu_features.max_leaf, CPUID_BASIC_LAST)) {
        return nothing;
    }
    struct cpuid_result result;
    switch (leaf) {
    case 0: /* vendor */
        result = cpuid(0, 0);
        result.eax = lower_of(result.eax, CPUID_BASIC_LAST);
        return result;
    case 1:
        return leaf_1();
    case 2: /* cache descriptors (Intel) */
        return cpuid(2, 0);
    case 4:
        return leaf_4(subleaf);
    case 7:
        return leaf_7(subleaf);
    case 0xd:
        return leaf_d(subleaf);
    default: /* power, performance counters, topology: not for guests */
        return nothing;
    }
}

static struct cpuid_result extended_leaf_1(void)
{
    struct cpuid_result real = cpuid(CPUID_EXTENDED_FIRST + 1, 0);
    struct cpuid_result result = {
        .eax = real.eax,
        .ebx = real.ebx,
        .ecx = real.ecx & EXTENDED_1_ECX,
        .edx = real.edx & EXTENDED_1_EDX,
    };
    if (cpu_features.vendor == CPU_VENDOR_AMD) {
        result.edx |= real.edx & EXTENDED_1_EDX_REPEATED;
    }
    if (!has_avx()) {
        result.ecx &= ~EXTENDED_1_ECX_AVX;
    }
    return result;
}

static struct cpuid_result extended_leaf(uint32_t leaf)
{
    uint32_t last = lower_of(cpu_features.max_extended_leaf, CPUID_EXTENDED_LAST);
    if (leaf > last) {
        return nothing;
    }
    struct cpuid_result result;
    switch (leaf - CPUID_EXTENDED_FIRST) {
    case 0: /* vendor */
        result = cpuid(leaf, 0);
        result.eax = last;
        return result;
    case 1:
        return extended_leaf_1();
    case 2: /* the brand, in three leaves */
    case 3:
    case 4:
    case 5: /* caches and TLBs */
    case 6:
        return cpuid(leaf, 0);
    case 7:
        return (struct cpuid_result){.edx = cpuid(leaf, 0).edx & EXTENDED_7_EDX};
    case 8: /* 48 bits of linear address: no five-level tables */
        return (struct cpuid_result){
            .eax = cpu_features.physical_address_bits | 48U << 8,
            .ebx = cpuid(leaf, 0).ebx & EXTENDED_8_EBX,
        };
    case 0x21:
        return (struct cpuid_result){.eax = cpuid(leaf, 0).eax & EXTENDED_21_EAX};
    default:
        return nothing;
    }
}

/* ---- the hypervisor's own ------------------------------------------------------------------- */

/* Bits of the highest address of RAM. */
static uint32_t machine_address_width(void)
{
    uint32_t width = PAGE_SHIFT;
    while (((machine.frame_count - 1) >> (width - PAGE_SHIFT)) != 0) {
        width++;
    }
    return width;
}

/* The TSC is never emulated (mode 2), so a guest reads the processor's own. */
static struct cpuid_result time_leaf(uint32_t subleaf)
{
    uint32_t khz = (uint32_t)(time_tsc_hz() / 1000);
    struct time_scale scale = time_scale();
    switch (subleaf) {
    case 0:
        return (struct cpuid_result){
            .eax = (cpu_features.invariant_tsc ? 2U : 0U) | (cpu_features.rdtscp ? 4U : 0U),
            .ebx = 2,
            .ecx = khz,
        };
    case 1:
        return (struct cpuid_result){
            .ecx = scale.tsc_to_system_mul,
            .edx = (uint32_t)(int32_t)scale.tsc_shift,
        };
    case 2:
        return (struct cpuid_result){.eax = khz};
    default:
        return nothing;
    }
}

static struct cpuid_result hypervisor_leaf(uint32_t leaf, uint32_t subleaf)
{
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case 0:
        return (struct cpuid_result){
            .eax = XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES),
            .ebx = XEN_CPUID_SIGNATURE_EBX,
            .ecx = XEN_CPUID_SIGNATURE_ECX,
            .edx = XEN_CPUID_SIGNATURE_EDX,
        };
    case 1:
        return (struct cpuid_result){.eax = XEN_VERSION_MAJOR << 16 | XEN_VERSION_MINOR};
    case 2:
        return (struct cpuid_result){
            .eax = 1, /* hypercall page */
            .ebx = MSR_HYPERCALL_PAGE,
            .ecx = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD,
        };
    case 3:
        return time_leaf(subleaf);
    case 5:
        return (struct cpuid_result){.ebx = subleaf == 0 ? machine_address_width() : 0};
    default: /* 4 is for other kinds of guest */
        return nothing;
    }
}

struct cpuid_result cpuid_shown(uint32_t leaf, uint32_t subleaf)
{
    if (leaf < XEN_CPUID_FIRST_LEAF) {
        return basic_leaf(leaf, subleaf);
    }
    if (leaf < XEN_CPUID_FIRST_LEAF + CPUID_HYPERVISOR_LEAVES) {
        return hypervisor_leaf(leaf, subleaf);
    }
    return leaf >= CPUID_EXTENDED_FIRST ? extended_leaf(leaf) : nothing;
}

struct cpuid_result cpuid_for_domain(const struct hv_domain *domain, uint32_t leaf,
                                     uint32_t subleaf)
{
    struct cpuid_result result = cpuid_shown(leaf, subleaf);
    for (unsigned int word = 0; word < FEATURE_WORDS; word++) {
        uint32_t *features = feature_word_in(&result, word, leaf, subleaf);
        if (features != NULL) {
            *features &= ~domain->hidden_features[word];
        }
    }
    return result;
}

/* A vCPU's own: its APIC number, and the size of its frames with the XCR0 it has set. */
struct cpuid_result cpuid_for_guest(const struct hv_vcpu *vcpu, uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result result = cpuid_for_domain(hv_vcpu_domain(vcpu), leaf, subleaf);
    if (leaf == 1) {
        result.ebx |= ((vcpu->core.id * 2) & 0xff) << 24;
    } else if (leaf == 0xd && subleaf <= 1 && result.ebx != 0) {
        result.ebx = fpu_area_size(vcpu->xcr0);
    }
    return result;
}
