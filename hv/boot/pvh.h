/* SPDX-License-Identifier: BSD-2-Clause */
/* What a PVH loader tells (xen/arch-x86/hvm/start_info.h). */
#ifndef HV_BOOT_PVH_H
#define HV_BOOT_PVH_H

#include "hv/boot/loader.h"

#include <xen/arch-x86/hvm/start_info.h>

/* In eax at boot_entry: the entry of the note, which defines only ebx, puts it there. */
#define PVH_MAGIC XEN_HVM_START_MAGIC_VALUE

/* Read the hvm_start_info at `address`. */
bool pvh_read(uint32_t address, struct boot_information *information);

#endif
