/* SPDX-License-Identifier: BSD-2-Clause */
/* The public ABI's basic headers (package libxen-dev), which expect the fixed-width types. */
#ifndef LIB_ABI_H
#define LIB_ABI_H

#include <stdint.h>

#include <xen/xen.h>
#include <xen/errno.h>

#if !defined(__XEN_INTERFACE_VERSION__) || __XEN_INTERFACE_VERSION__ != 0x00040e00
#error "build with -D__XEN_INTERFACE_VERSION__=0x00040e00: else the headers give historic numbers"
#endif

#endif
