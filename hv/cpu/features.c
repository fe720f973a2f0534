/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/features.h"

#include "hv/cpu/msr.h"
#include "hv/cpu/msr_names.h"
#include "hv/cpu/msr_safe.h"
#include "hv/cpu/feature_bits.h"
#include "lib/string.h"

#define LEAF_FEATURES          1U
#define LEAF_MORE_FEATURES     7U
#define LEAF_XSAVE             0xdU
#define LEAF_HYPERVISOR        0x40000000U
#define LEAF_EXTENDED_MAX      0x80000000U
#define LEAF_EXTENDED_FEATURES 0x80000001U
#define LEAF_POWER             0x80000007U
#define LEAF_ADDRESS_SIZES     0x80000008U

#define PHYSICAL_BITS_DEFAULT 36 /* of CPUs that do not say (SDM volume 1, 2.2.10) */

struct cpu_features cpu_features;

/* A leaf that does not exist has no bits. */
static struct cpuid_result cpuid_if_there(uint32_t leaf, uint32_t subleaf)
{
    uint32_t limit =
        leaf >= LEAF_EXTENDED_MAX ? cpu_features.max_extended_leaf : cpu_features.max_leaf;
    return leaf <= limit ? cpuid(leaf, subleaf) : (struct cpuid_result){.eax = 0};
}

static bool text_is(const struct cpuid_result *leaf, uint32_t second, uint32_t third,
                    const char *text)
{
    uint32_t words[3] = {leaf->ebx, second, third};
    return memcmp(words, text, sizeof(words)) == 0;
}

static enum cpu_vendor vendor_of(const struct cpuid_result *leaf_0)
{
    if (text_is(leaf_0, leaf_0->edx, leaf_0->ecx, "GenuineIntel")) {
        return CPU_VENDOR_INTEL;
    }
    if (text_is(leaf_0, leaf_0->edx, leaf_0->ecx, "AuthenticAMD") ||
        text_is(leaf_0, leaf_0->edx, leaf_0->ecx, "HygonGenuine")) {
        return CPU_VENDOR_AMD;
    }
    return CPU_VENDOR_OTHER;
}

static unsigned int family_of(uint32_t signature)
{
    unsigned int family = (signature >> 8) & 0xf;
    return family == 0xf ? family + ((signature >> 20) & 0xff) : family;
}

static bool runs_on_tcg(uint32_t leaf_1_ecx)
{
    if ((leaf_1_ecx & FEATURE_BIT(HYPERVISOR)) == 0) {
        return false;
    }
    struct cpuid_result leaf = cpuid(LEAF_HYPERVISOR, 0);
    return text_is(&leaf, leaf.ecx, leaf.edx, "TCGTCGTCGTCG");
}

/* Intel's processors are taken for affected unless they say that they are not; nobody else's are
 * known to be. One bit, RDCL_NO, stands for both. */
static bool loads_leak(uint32_t leaf_7_edx)
{
    if (cpu_features.vendor != CPU_VENDOR_INTEL) {
        return false;
    }
    bool has_answer = (leaf_7_edx & FEATURE_BIT(ARCH_CAPS)) != 0;
    return !has_answer || (msr_read(MSR_ARCH_CAPABILITIES) & ARCH_CAPABILITIES_RDCL_NO) == 0;
}

static uint64_t xcr0_for_guests(void)
{
    struct cpuid_result leaf = cpuid_if_there(LEAF_XSAVE, 0);
    uint64_t wanted = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    return cpu_features.xsave ? leaf.eax & wanted : 0;
}

void cpu_features_detect(void)
{
    struct cpuid_result leaf_0 = cpuid(0, 0);
    cpu_features.vendor = vendor_of(&leaf_0);
    cpu_features.max_leaf = leaf_0.eax;
    cpu_features.max_extended_leaf = cpuid(LEAF_EXTENDED_MAX, 0).eax;
    if (cpu_features.max_extended_leaf < LEAF_EXTENDED_MAX) {
        cpu_features.max_extended_leaf = 0;
    }

    struct cpuid_result leaf_1 = cpuid_if_there(LEAF_FEATURES, 0);
    cpu_features.family = family_of(leaf_1.eax);
    cpu_features.xsave = (leaf_1.ecx & FEATURE_BIT(XSAVE)) != 0;
    cpu_features.pcid = (leaf_1.ecx & FEATURE_BIT(PCID)) != 0;

    struct cpuid_result leaf_7 = cpuid_if_there(LEAF_MORE_FEATURES, 0);
    cpu_features.smep = (leaf_7.ebx & FEATURE_BIT(SMEP)) != 0;
    cpu_features.smap = (leaf_7.ebx & FEATURE_BIT(SMAP)) != 0;
    cpu_features.umip = (leaf_7.ecx & FEATURE_BIT(UMIP)) != 0;
    cpu_features.fsgsbase = (leaf_7.ebx & FEATURE_BIT(FSGSBASE)) != 0;
    cpu_features.invpcid = (leaf_7.ebx & FEATURE_BIT(INVPCID)) != 0;

    struct cpuid_result extended = cpuid_if_there(LEAF_EXTENDED_FEATURES, 0);
    cpu_features.rdtscp = (extended.edx & FEATURE_BIT(RDTSCP)) != 0;
    cpu_features.invariant_tsc = (cpuid_if_there(LEAF_POWER, 0).edx & FEATURE_BIT(ITSC)) != 0;
    unsigned int width = cpuid_if_there(LEAF_ADDRESS_SIZES, 0).eax & 0xff;
    cpu_features.physical_address_bits = width != 0 ? width : PHYSICAL_BITS_DEFAULT;

    cpu_features.xcr0 = xcr0_for_guests();
    cpu_features.xsaveopt =
        cpu_features.xsave && (cpuid_if_there(LEAF_XSAVE, 1).eax & FEATURE_BIT(XSAVEOPT)) != 0;
    cpu_features.tcg = runs_on_tcg(leaf_1.ecx);
    cpu_features.meltdown = loads_leak(leaf_7.edx);
    cpu_features.l1tf = cpu_features.meltdown;
}

const char *cpu_features_missing(void)
{
    uint32_t basic = cpuid_if_there(LEAF_FEATURES, 0).edx;
    uint32_t extended = cpuid_if_there(LEAF_EXTENDED_FEATURES, 0).edx;
    const struct {
        bool present;
        const char *name;
    } needed[] = {
        {(extended & FEATURE_BIT(LM)) != 0, "64-bit mode"},
        {(extended & FEATURE_BIT(NX)) != 0, "no-execute pages"},
        {(extended & FEATURE_BIT(SYSCALL)) != 0, "SYSCALL"},
        {(basic & FEATURE_BIT(FXSR)) != 0, "FXSAVE"},
        {(basic & FEATURE_BIT(SSE2)) != 0, "SSE2"},
        {(basic & FEATURE_BIT(PAT)) != 0, "the page attribute table"},
        {(basic & FEATURE_BIT(PGE)) != 0,
         "global pages"}, /* a full flush switches them off and on */
        {(basic & FEATURE_BIT(APIC)) != 0, "a local APIC"},
        {(basic & FEATURE_BIT(TSC)) != 0, "a time-stamp counter"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (!needed[i].present) {
            return needed[i].name;
        }
    }
    return NULL;
}

void cpu_features_prepare_cpu(void)
{
    /* From family 10h on there is the switch; in 11h LFENCE serializes without (AMD's "Software
     * techniques for managing speculation"). The register may be missing in a virtual machine. */
    uint64_t config;
    if (cpu_features.vendor == CPU_VENDOR_AMD && cpu_features.family >= 0x10 &&
        cpu_features.family != 0x11 && msr_read_safe(MSR_AMD_DE_CONFIG, &config)) {
        (void)msr_write_safe(MSR_AMD_DE_CONFIG, config | AMD_DE_CONFIG_LFENCE_SERIALIZES);
    }
}
