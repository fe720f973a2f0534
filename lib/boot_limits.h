/* SPDX-License-Identifier: BSD-2-Clause */
/* How much the hypervisor takes over from its boot loader. */
#ifndef LIB_BOOT_LIMITS_H
#define LIB_BOOT_LIMITS_H

#define BOOT_MODULE_LIMIT 64U
#define BOOT_MODULE_TEXTS 16384U     /* bytes of all modules' texts, with their NULs */
#define BOOT_DOMAIN_LIMIT 32U        /* domains besides the first one */
#define FIRST_DOMAIN_NAME "Domain-0" /* as Xen's tools call it */

#endif
