/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's features by the public ABI's names, which give word and bit. */
#ifndef HV_CPU_FEATURE_BITS_H
#define HV_CPU_FEATURE_BITS_H

#include "lib/compiler.h"

#include <xen/arch-x86/cpufeatureset.h>

/* The bit in its CPUID register. */
#define FEATURE_BIT(name) (UINT32_C(1) << (XEN_X86_FEATURE_##name % 32))

#endif
