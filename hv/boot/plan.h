/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which boot module belongs to which domain, from their texts:
 *
 *     domain SPEC [domain SPEC]...    the kernel of these domains (lib/domain_spec.h)
 *     ramdisk NAME [NAME]...          the initial ramdisk of the domains with these names
 *     unpack [timeout=SECONDS] ...    the guest that unpacks kernels which are no ELF files
 *     anything else                   the first such module is the first domain's kernel, followed
 *                                     by its command line, the second one its initial ramdisk
 *
 * The order of the modules does not matter otherwise. Without a module of the last kind there is no
 * first domain. Pure.
 */
#ifndef HV_BOOT_PLAN_H
#define HV_BOOT_PLAN_H

#include "hv/boot/loader.h"
#include "lib/domain_spec.h"

struct planned_domain {
    uint16_t id;
    struct domain_spec spec; /* of the first domain only the name and the kernel options */
    const struct boot_module *kernel;
    const struct boot_module *ramdisk; /* NULL: none */
};

struct boot_plan {
    bool has_first;
    struct planned_domain first;
    unsigned int count;
    struct planned_domain domains[BOOT_DOMAIN_LIMIT]; /* the others, with the ids from 1 on */
    const struct boot_module *unpacker;               /* NULL: none was given */
    const char *unpacker_arguments;
    unsigned int unpacker_seconds; /* it may take for one kernel */
};

#define UNPACK_SECONDS_USUAL 120U
#define UNPACK_SECONDS_MAX   3600U

/* Told of each module, or domain in a module's text, that will not be used, and why. */
typedef void (*plan_complain_fn)(const char *text);

/* The texts of the modules are cut to pieces, to which the plan points. */
void boot_plan_make(struct boot_plan *plan, struct boot_information *information,
                    plan_complain_fn complain);

/* A module's arguments: its text without the name, if it begins with one. */
char *boot_module_arguments(const struct boot_information *information, unsigned int module);

#endif
