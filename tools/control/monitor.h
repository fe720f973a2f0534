/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOOLS_CONTROL_MONITOR_H
#define TOOLS_CONTROL_MONITOR_H

#include "tools/control/config.h"

/*
 * Leave a process behind that waits for the domain's end and then does what on_poweroff, on_reboot
 * or on_crash say. It needs the store. It writes to /var/log/xen/pinnace-NAME.log, if it can. Where
 * all three say "preserve" there is nothing to do, and no process.
 */
void monitor_start(uint32_t domain, const char *source, const struct config *config);

#endif
