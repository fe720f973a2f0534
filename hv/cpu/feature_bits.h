/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's features by the public ABI's names, which give word and bit. */
#ifndef HV_CPU_FEATURE_BITS_H
#define HV_CPU_FEATURE_BITS_H

#include "lib/compiler.h"

#include <xen/arch-x86/cpufeatureset.h>

/* The bit in its CPUID register. */
#define FEATURE_BIT(name) (UINT32_C(1) << (XEN_X86_FEATURE_##name % 32))

/* Words of features, and the last of them that the ABI has names for. */
#define FEATURE_WORDS (XEN_X86_FEATURE_TSA_L1_NO / 32 + 1)

#endif
