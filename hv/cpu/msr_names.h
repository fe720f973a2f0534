/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and bits of the model-specific registers that guests name or the hypervisor sets (SDM
 * volume 4; AMD's manual volume 2, appendix A). */
#ifndef HV_CPU_MSR_NAMES_H
#define HV_CPU_MSR_NAMES_H

#include "lib/compiler.h"

#define MSR_TSC               0x10U
#define MSR_APIC_BASE         0x1bU
#define MSR_MICROCODE         0x8bU
#define MSR_ARCH_CAPABILITIES 0x10aU
#define MSR_MCG_CAP           0x179U
#define MSR_MCG_STATUS        0x17aU
#define MSR_MISC_ENABLE       0x1a0U
#define MSR_PAT               0x277U
#define MSR_EFER              0xc0000080U
#define MSR_FS_BASE           0xc0000100U
#define MSR_GS_BASE           0xc0000101U
#define MSR_KERNEL_GS_BASE    0xc0000102U
#define MSR_TSC_AUX           0xc0000103U
#define MSR_AMD_HWCR          0xc0010015U
#define MSR_AMD_DE_CONFIG     0xc0011029U

#define APIC_BASE_BSP    (UINT64_C(1) << 8)
#define APIC_BASE_ENABLE (UINT64_C(1) << 11)

#define ARCH_CAPABILITIES_RDCL_NO (UINT64_C(1) << 0)

#define MISC_ENABLE_FAST_STRINGS     (UINT64_C(1) << 0)
#define MISC_ENABLE_BTS_UNAVAILABLE  (UINT64_C(1) << 11)
#define MISC_ENABLE_PEBS_UNAVAILABLE (UINT64_C(1) << 12)

#define EFER_SCE (UINT64_C(1) << 0)
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)
#define EFER_NXE (UINT64_C(1) << 11)

#define AMD_DE_CONFIG_LFENCE_SERIALIZES (UINT64_C(1) << 1)

/* Index 0 to 7: WB, WT, UC-, UC, WC, WP, UC, UC. The ABI fixes it. */
#define PAT_VALUE UINT64_C(0x0000050100070406)

#endif
