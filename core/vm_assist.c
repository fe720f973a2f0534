/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/mmu_call.h"

/* The types a 64-bit guest may switch (xen/xen.h, VMASST_TYPE_*). Types 0, 1 and 3 have no effect
 * for it; 4 and 5 are read where register frames and runstate areas are made. */
#define VALID_TYPES                                                                                \
    ((UINT64_C(1) << VMASST_TYPE_4gb_segments) |                                                   \
     (UINT64_C(1) << VMASST_TYPE_4gb_segments_notify) |                                            \
     (UINT64_C(1) << VMASST_TYPE_writable_pagetables) |                                            \
     (UINT64_C(1) << VMASST_TYPE_pae_extended_cr3) |                                               \
     (UINT64_C(1) << VMASST_TYPE_architectural_iopl) |                                             \
     (UINT64_C(1) << VMASST_TYPE_runstate_update_flag) | (UINT64_C(1) << VMASST_TYPE_m2p_strict))

struct call_result call_vm_assist(struct vcpu *vcpu, uint64_t arg[])
{
    uint32_t command = (uint32_t)arg[0];
    uint32_t type = (uint32_t)arg[1];
    if (type >= 64 || ((VALID_TYPES >> type) & 1) == 0) {
        return call_status(STATUS_BAD_ARGUMENT);
    }
    if (command != VMASST_CMD_enable && command != VMASST_CMD_disable) {
        return call_status(STATUS_UNKNOWN_COMMAND);
    }
    struct mmu_locked locked = domain_mmu_lock(vcpu->domain);
    if (command == VMASST_CMD_enable) {
        vcpu->domain->assists |= UINT64_C(1) << type;
    } else {
        vcpu->domain->assists &= ~(UINT64_C(1) << type);
    }
    domain_mmu_unlock(locked);
    return call_status(STATUS_OK);
}
