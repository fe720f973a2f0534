/* SPDX-License-Identifier: BSD-2-Clause */
/* The first domain, built from the boot modules. */
#ifndef HV_BOOT_FIRST_DOMAIN_H
#define HV_BOOT_FIRST_DOMAIN_H

#include "hv/boot/loader.h"
#include "lib/options.h"

/* Build it from module 0 (kernel) and module 1 (initrd, if there is one) and let it run. The
 * modules' memory is freed. Stops the machine with the reason if that cannot be. */
void first_domain_create(const struct boot_information *information,
                         const struct hv_options *options);

#endif
