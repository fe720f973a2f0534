/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMU hypercalls of the public ABI (xen/xen.h). Each takes the argument registers as the guest
 * gave them and may rewrite them for a continuation: when the result says `again`, executing the
 * same call with arg[] as it is now goes on with the work. No lock is held on entry or exit; the
 * caller is in guest-kernel mode on its kernel base.
 */
#ifndef CORE_MMU_CALL_H
#define CORE_MMU_CALL_H

#include "core/context.h"

/* The types a 64-bit guest may switch (xen/xen.h, VMASST_TYPE_*). Types 0, 1 and 3 have no effect
 * for it; 4 and 5 are read where register frames and runstate areas are made. */
#define VM_ASSIST_TYPES                                                                            \
    ((UINT64_C(1) << VMASST_TYPE_4gb_segments) |                                                   \
     (UINT64_C(1) << VMASST_TYPE_4gb_segments_notify) |                                            \
     (UINT64_C(1) << VMASST_TYPE_writable_pagetables) |                                            \
     (UINT64_C(1) << VMASST_TYPE_pae_extended_cr3) |                                               \
     (UINT64_C(1) << VMASST_TYPE_architectural_iopl) |                                             \
     (UINT64_C(1) << VMASST_TYPE_runstate_update_flag) | (UINT64_C(1) << VMASST_TYPE_m2p_strict))

struct call_result call_mmu_update(struct vcpu *vcpu, uint64_t arg[]);
struct call_result call_update_va_mapping(struct vcpu *vcpu, uint64_t arg[]);
struct call_result call_update_va_mapping_otherdomain(struct vcpu *vcpu, uint64_t arg[]);
struct call_result call_mmuext_op(struct vcpu *vcpu, uint64_t arg[]);
struct call_result call_vm_assist(struct vcpu *vcpu, uint64_t arg[]);
struct call_result call_set_gdt(struct vcpu *vcpu, uint64_t arg[]);
struct call_result call_grant_table_op(struct vcpu *vcpu, uint64_t arg[]);
struct call_result call_update_descriptor(struct vcpu *vcpu, uint64_t arg[]);

/* The reservation commands of memory_op, the machine-to-physical queries and exchange. Others
 * answer -ENOSYS: the caller handles what needs the machine's memory map first. */
struct call_result call_memory_op(struct vcpu *vcpu, uint64_t arg[]);

/* MMUEXT_PIN_L4_TABLE as a function, for the tables of a domain that the hypervisor builds itself:
 * done when it returns. Nobody else may have begun to use the domain of the vCPU. */
NODISCARD enum status vcpu_pin_built(struct vcpu *vcpu, mfn_t l4);

/* MMUEXT_NEW_BASEPTR as a function: what MOV to CR3 means. May answer STATUS_PREEMPTED and
 * STATUS_AGAIN: execute it again. */
NODISCARD enum status vcpu_new_kernel_base(struct vcpu *vcpu, mfn_t l4);

/* Take the bases a vCPU starts on, which are not loaded yet; user_base may be MFN_INVALID.
 * STATUS_PREEMPTED and STATUS_AGAIN: ask again for the same. A refusal leaves the vCPU none. */
NODISCARD enum status vcpu_take_bases(struct vcpu *vcpu, mfn_t kernel_base, mfn_t user_base);

/* A frame of the vCPU's domain that the hypervisor will write as long as the vCPU lives: one
 * reference and one writable count, which nothing gives back before the domain's end. */
NODISCARD enum status vcpu_take_info_frame(struct vcpu *vcpu, mfn_t frame);

/* A frame of the domain's that the hypervisor will read and write as its console ring: one
 * reference and one writable count, until they are dropped. It must be plain RAM.
 * STATUS_FRAME_IN_USE: the domain has one already. */
NODISCARD enum status domain_take_console_frame(struct domain *domain, mfn_t frame);
/* Without one, nothing happens. */
void domain_drop_console_frame(struct domain *domain);

#endif
