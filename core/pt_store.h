/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writable page tables: a guest kernel's store to a read-only mapping of one of its L1 tables is
 * decoded, judged like an mmu_update and completed. (VMASST_TYPE_writable_pagetables.) And where a
 * domain with I/O rights writes to a device that it may only look at, nothing is written, and the
 * guest goes on.
 */
#ifndef CORE_PT_STORE_H
#define CORE_PT_STORE_H

#include "core/domain.h"

struct cpu_user_regs;

/*
 * The vCPU, in guest-kernel mode, took a write-protection fault at `address`. True: the store has
 * been done, or raced and is to be tried again; `regs` says where the guest goes on. False: this is
 * not such a store, or the new entry is refused: the guest gets its page fault. Takes the lock.
 */
NODISCARD bool pt_emulate_store(struct vcpu *vcpu, struct cpu_user_regs *regs, uint64_t address);

#endif
