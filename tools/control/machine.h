/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of the hypervisor as a whole: sysctl and xen_version. Returns are control.h's. */
#ifndef TOOLS_CONTROL_MACHINE_H
#define TOOLS_CONTROL_MACHINE_H

#include "tools/control/control.h"

/* All domains there are, in the order of their numbers: the count, or a negative errno. The caller
 * frees *infos. */
NODISCARD int machine_list_domains(struct control *control,
                                   struct xen_domctl_getdomaininfo **infos);

NODISCARD int machine_get_physinfo(struct control *control, struct xen_sysctl_physinfo *info);
NODISCARD int machine_get_scheduler(struct control *control, uint32_t *scheduler);

/* Text of the hypervisor's console from *index on, which moves on behind it: the bytes written, 0
 * if there are no more. An index that is too old is answered from the oldest text there is. */
NODISCARD int machine_read_console(struct control *control, uint32_t *index, char *text,
                                   size_t size);

/* As if the keys were typed on the hypervisor's console. */
NODISCARD int machine_press_keys(struct control *control, const char *keys);

/* xen_version's commands; `answer` is what the command fills, if anything. */
NODISCARD int machine_get_version(struct control *control, unsigned int command, void *answer,
                                  size_t size);

#endif
