/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit of the running machine, the core's half (core/audit.h) and the hypervisor's: as a debug key at any time; with the option `audit` also before
 * the machine goes down, and for the first domain as a hypercall, so that a test guest can have it
 * between its tests. That is hypercall 55 (__HYPERVISOR_arch_7), which the ABI leaves free and Xen
 * refuses: it answers the number of differences, each of which is printed.
 */
#ifndef HV_DEBUG_AUDIT_H
#define HV_DEBUG_AUDIT_H

#include "hv/hypercall/hypercall.h"

#define AUDIT_HYPERCALL __HYPERVISOR_arch_7

/* The option `audit`. */
void audit_set_option(bool on);
bool audit_is_on(void);

/* Audit the machine now and print what it finds. Not in the middle of an operation of the core. */
void audit_print(void);

/* Without the option -ENOSYS, from other domains than control domains -EPERM. */
struct call_result hypercall_audit(struct hv_vcpu *vcpu, uint64_t arg[]);

#endif
