/* SPDX-License-Identifier: BSD-2-Clause */
/* The domains the machine starts with, built from the boot modules. */
#ifndef HV_BOOT_DOMAINS_H
#define HV_BOOT_DOMAINS_H

#include "hv/boot/loader.h"
#include "lib/options.h"

/*
 * Build the domains that the modules' texts ask for (hv/boot/plan.h) and let them run; the modules'
 * memory is freed. If a guest has to unpack a kernel first, only that runs yet. Stops the machine
 * with the reason if the first domain is asked for and cannot be, or none at all can be. Of any
 * other that cannot be, a line says why.
 */
void boot_domains_create(struct boot_information *information, const struct hv_options *options);

/* Kernels are unpacked by a guest first (hv/boot/kernels.h): go on. For CPU_WORK_BOOT. */
void boot_domains_continue(void);

#endif
