/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/mmu_call.h"

struct call_result call_vm_assist(struct vcpu *vcpu, uint64_t arg[])
{
    uint32_t command = (uint32_t)arg[0];
    uint32_t type = (uint32_t)arg[1];
    if (type >= 64 || ((VM_ASSIST_TYPES >> type) & 1) == 0) {
        return call_refuse_number(vcpu, STATUS_NO_ASSIST, "vm_assist", "type", type);
    }
    if (command != VMASST_CMD_enable && command != VMASST_CMD_disable) {
        return call_refuse_unknown(vcpu, __HYPERVISOR_vm_assist, command);
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
