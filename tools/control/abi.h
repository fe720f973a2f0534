/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control interface (domctl and sysctl), with the public headers as a tool is to see them: what
 * includes this includes it first, for the basic headers depend on it too.
 */
#ifndef TOOLS_CONTROL_ABI_H
#define TOOLS_CONTROL_ABI_H

#ifdef __XEN_PUBLIC_XEN_H__
#error "include tools/control/abi.h before all other headers of the ABI"
#endif
#define __XEN_TOOLS__ 1

#include "lib/abi.h"

#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/version.h>

#endif
