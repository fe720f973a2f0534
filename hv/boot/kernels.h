/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernels in the boot modules, as ELF files. Those that are none (a distribution's bzImage) are
 * unpacked by a guest, one after the other, for no decompressor runs in ring 0. It is an ordinary
 * domain without privileges: one of the modules, with a kernel file as its ramdisk.
 *
 *     boot_kernels_begin --> unpacker runs --> ended, or out of time: CPU_WORK_BOOT
 *                               ^                        |
 *                               |                        v
 *                               '--- the next kernel --- boot_kernels_continue --> all are done
 *
 * The domain's memory is believed in nothing: its result is copied, bounded, into the hypervisor's,
 * the domain destroyed, and the builder reads the copy as it reads any file.
 */
#ifndef HV_BOOT_KERNELS_H
#define HV_BOOT_KERNELS_H

#include "hv/boot/plan.h"
#include "hv/vcpu.h"

/* A kernel for the builder, or why there is none. */
struct boot_kernel {
    const void *bytes; /* NULL: it could not be unpacked */
    uint64_t size;
    const char *problem; /* then: the rest of a sentence that begins with the kernel's name */
};

/* Begin. True: all are as they can be; false: an unpacker runs, call boot_kernels_continue() when
 * there is CPU_WORK_BOOT. */
NODISCARD bool boot_kernels_begin(const struct boot_plan *plan,
                                  const struct boot_information *information);
NODISCARD bool boot_kernels_continue(void);

/* What has come of a module that is some domain's kernel; after all are done. */
struct boot_kernel boot_kernels_get(const struct boot_module *module);

/* The builder does not need them any more. */
void boot_kernels_free(void);

/* Is this domain the unpacker at work? When it ends, there is CPU_WORK_BOOT, and nothing else ends
 * with it. */
NODISCARD bool boot_kernels_is_unpacker(const struct hv_domain *domain);

#endif
