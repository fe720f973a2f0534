/* SPDX-License-Identifier: BSD-2-Clause */
/* XEN_SYSCTL_readconsole (xen/sysctl.h): what the console printed last. */
#ifndef HV_CONSOLE_READCONSOLE_H
#define HV_CONSOLE_READCONSOLE_H

struct xen_sysctl_readconsole;

/* Copy to the caller's buffer what is asked for and still kept; `index` and `count` say how far
 * that was. -EFAULT: the buffer is not all there; nothing was forgotten. */
int console_readconsole(struct xen_sysctl_readconsole *operation);

#endif
