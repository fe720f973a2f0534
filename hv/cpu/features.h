/* SPDX-License-Identifier: BSD-2-Clause */
/* What this machine's processors can do, as far as the hypervisor cares. All CPUs are alike. */
#ifndef HV_CPU_FEATURES_H
#define HV_CPU_FEATURES_H

#include "lib/compiler.h"

/* XCR0's bits that guests may set. */
#define XCR0_X87 (UINT64_C(1) << 0)
#define XCR0_SSE (UINT64_C(1) << 1)
#define XCR0_AVX (UINT64_C(1) << 2)

enum cpu_vendor { CPU_VENDOR_OTHER, CPU_VENDOR_INTEL, CPU_VENDOR_AMD };

struct cpu_features {
    enum cpu_vendor vendor; /* Hygon counts as AMD */
    unsigned int family;    /* with the extension */
    uint32_t max_leaf;      /* of CPUID: basic and extended */
    uint32_t max_extended_leaf;
    unsigned int physical_address_bits;

    bool smep;
    bool smap;
    bool umip;
    bool fsgsbase;
    bool xsave;
    bool xsaveopt;
    bool pcid;
    bool invpcid;
    bool rdtscp; /* the TSC_AUX register exists */
    bool invariant_tsc;
    uint64_t xcr0; /* what guests may set: x87, SSE and AVX as far as there are; 0 without XSAVE */

    bool tcg;      /* runs on QEMU's software emulation */
    bool meltdown; /* rogue loads of hypervisor memory */
    bool l1tf;     /* terminal faults of guest-made entries read the L1 cache */
};

extern struct cpu_features cpu_features;

/* Fill in cpu_features; once, at boot. Exceptions need not work yet. */
void cpu_features_detect(void);

/* The first thing this CPU lacks and we need ("no-execute pages"), or NULL. */
const char *cpu_features_missing(void);

/* Settings of this CPU that guests are told about: on AMD, that LFENCE serializes. Once for each
 * CPU, after the exception table works. */
void cpu_features_prepare_cpu(void);

#endif
