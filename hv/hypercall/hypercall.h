/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercalls that are not the core's. Each gets the argument registers and answers 0 or more,
 * or a negative errno of the ABI, with a reason (hv/refuse.h); none is ever called in guest-user
 * mode. */
#ifndef HV_HYPERCALL_HYPERCALL_H
#define HV_HYPERCALL_HYPERCALL_H

#include "core/context.h"
#include "hv/vcpu.h"

typedef struct call_result (*hypercall_fn)(struct hv_vcpu *vcpu, uint64_t arg[]);

/* hv/hypercall/version.c */
struct call_result hypercall_xen_version(struct hv_vcpu *vcpu, uint64_t arg[]);
/* What we were started with, for who asks with the right to know. Once, at boot. */
void version_set_command_line(const char *text);
/* hv/hypercall/console_io.c */
struct call_result hypercall_console_io(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/hypercall/physdev.c */
struct call_result hypercall_physdev_op(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/hypercall/platform.c */
struct call_result hypercall_platform_op(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/hypercall/sched.c */
struct call_result hypercall_sched_op(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/hypercall/vcpu_op.c: vcpu_op and set_timer_op */
struct call_result hypercall_vcpu_op(struct hv_vcpu *vcpu, uint64_t arg[]);
struct call_result hypercall_set_timer_op(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/hypercall/xenpmu.c */
struct call_result hypercall_xenpmu_op(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/evtchn/evtchn_op.c */
struct call_result hypercall_event_channel_op(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/hypercall/debugreg.c */
struct call_result hypercall_set_debugreg(struct hv_vcpu *vcpu, uint64_t arg[]);
struct call_result hypercall_get_debugreg(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/hypercall/trap_table.c: set_trap_table, callback_op, set_callbacks, stack_switch */
struct call_result hypercall_set_trap_table(struct hv_vcpu *vcpu, uint64_t arg[]);
struct call_result hypercall_callback_op(struct hv_vcpu *vcpu, uint64_t arg[]);
struct call_result hypercall_set_callbacks(struct hv_vcpu *vcpu, uint64_t arg[]);
struct call_result hypercall_stack_switch(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/cpu/segments.c */
struct call_result hypercall_set_segment_base(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/cpu/fpu.c */
struct call_result hypercall_fpu_taskswitch(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/hypercall/memory_map.c: the memory_op commands about the machine's memory map; others go to
 * the core */
struct call_result hypercall_memory_op(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/control/domctl.c */
struct call_result hypercall_domctl(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/control/sysctl.c */
struct call_result hypercall_sysctl(struct hv_vcpu *vcpu, uint64_t arg[]);
/* hv/hypercall/multicall.c */
struct call_result hypercall_multicall(struct hv_vcpu *vcpu, uint64_t arg[]);

/* One call, whether from SYSCALL or from a multicall. Unknown numbers: -ENOSYS, logged once for
 * each domain. */
struct call_result hypercall_perform(struct hv_vcpu *vcpu, uint64_t number, uint64_t arg[]);

/* A sub-command that is not implemented: -ENOSYS, told once for each domain, call and command. */
struct call_result hypercall_unknown(struct hv_vcpu *vcpu, unsigned int call, uint64_t command);

#endif
