/* SPDX-License-Identifier: BSD-2-Clause */
/* The first domain, built from the boot modules. */
#ifndef HV_BOOT_FIRST_DOMAIN_H
#define HV_BOOT_FIRST_DOMAIN_H

#include "hv/boot/loader.h"
#include "lib/options.h"

/* Build it from module 0 (kernel) and module 1 (initrd, if there is one) and start it. The modules'
 * memory is freed. Stops the machine with the reason if that cannot be. */
NORETURN void first_domain_start(const struct boot_information *information,
                                 const struct hv_options *options);

/* Memory for its records and its vCPU's, taken while boot_memory_alloc() still gives some. */
void first_domain_reserve(void);

/* The first domain, NULL before it is there. */
struct hv_domain *first_domain(void);

#endif
