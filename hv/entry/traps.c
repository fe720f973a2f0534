/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/entry/traps.h"

#include "core/descriptors.h"
#include "core/port.h"
#include "core/pt_store.h"
#include "core/pte_update.h"
#include "hv/console/console.h"
#include "hv/console/input.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/debug.h"
#include "hv/cpu/extable.h"
#include "hv/cpu/fpu.h"
#include "hv/cpu/msr.h"
#include "hv/cpu/segments.h"
#include "hv/cpu/tables.h"
#include "hv/crash.h"
#include "hv/emul/privileged.h"
#include "hv/entry/bounce.h"
#include "hv/entry/rflags.h"
#include "hv/guest_memory.h"
#include "hv/irq/lapic.h"
#include "hv/irq/pirq.h"
#include "hv/irq/vectors.h"
#include "hv/sched/timers.h"
#include "hv/sched/vcpu.h"
#include "hv/time/time.h"
#include "lib/check.h"

#define ERROR_IDT 2U /* selector error codes: the index is one of the IDT, of the LDT */
#define ERROR_LDT 4U

#define OPCODE_INT 0xcdU /* INT n; the vector is the next byte */

#define PF_PRESENT  1U
#define PF_WRITE    2U
#define PF_USER     4U
#define PF_RESERVED 8U
#define PF_FETCH    16U

extern const char guest_iretq[];

/* ---- interrupts ---------------------------------------------------------------------------- */

/* Spurious interrupts of the local APIC and of the masked 8259s want no answer. */
static bool vector_is_spurious(unsigned int vector)
{
    return vector == VECTOR_SPURIOUS ||
           (vector >= VECTOR_PIC_BASE && vector < VECTOR_PIC_BASE + 16U);
}

static void handle_interrupt(unsigned int vector)
{
    if (vector >= VECTOR_DEVICE_FIRST && vector <= VECTOR_DEVICE_LAST) {
        pirq_interrupt(vector);
        return;
    }
    switch (vector) {
    case VECTOR_TIMER:
        lapic_eoi();
        if (time_timer_expired()) {
            timers_expired();
        }
        return;
    case VECTOR_SERIAL:
        input_interrupt();
        lapic_eoi();
        return;
    default:
        if (!vector_is_spurious(vector)) {
            lapic_eoi();
            console_log(LOG_WARNING, "unexpected interrupt vector 0x%x", vector);
        }
        return;
    }
}

/* ---- in the hypervisor --------------------------------------------------------------------- */

/* Do the loaded tables allow what faulted? Then a translation was stale, and it works now. */
static bool fault_is_stale(uint64_t address, uint32_t error)
{
    struct hv_vcpu *vcpu = current_vcpu();
    if (vcpu == NULL || !address_is_guest(address) || (error & PF_RESERVED) != 0) {
        return false;
    }
    mfn_t mfn = vcpu->in_kernel ? vcpu->core.kernel_base : vcpu->core.user_base;
    if (mfn_equal(mfn, MFN_INVALID)) {
        return false;
    }
    /* The processor wants each right at every level. */
    uint64_t needed = PTE_PRESENT | ((error & PF_WRITE) != 0 ? PTE_WRITABLE : 0);
    for (unsigned int level = 4; level > 0; level--) {
        const pte_t *table = port_map_frame(mfn);
        pte_t pte = pte_read(&table[pte_index(level, address)]);
        if (!pte_has(pte, needed)) {
            return false;
        }
        mfn = pte_mfn(pte);
    }
    return true;
}

/* The LDT window is filled as it is used; the hypervisor uses it when it loads guest selectors. */
static bool ldt_window_fault(struct hv_vcpu *vcpu, uint64_t address, uint64_t *offset)
{
    uint64_t window = window_address(vcpu_window(&vcpu->core));
    *offset = address - window - WINDOW_LDT_OFFSET;
    return address >= window + WINDOW_LDT_OFFSET && address < window + WINDOW_SIZE;
}

/* A descriptor of the guest's LDT cannot be shown: the fault is that of the guest's own table;
 * where that has no canonical address, one of the selector. */
static void inject_ldt_fault(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, uint64_t offset)
{
    uint64_t address = vcpu->core.ldt_base + offset;
    if (address_is_canonical(address)) {
        vcpu_inject_page_fault(vcpu, regs, address, regs->error_code);
    } else {
        vcpu_inject_trap(vcpu, regs, VECTOR_GP, ((uint32_t)offset & ~7U) | ERROR_LDT);
    }
}

/* The guest gets the exception that its own return frame raised: on a selector, or on the page of
 * its LDT that has the descriptor. */
static void inject_failed_return(struct cpu_user_regs *regs)
{
    struct hv_vcpu *vcpu = current_vcpu();
    uint64_t offset;
    uint64_t address = cpu_read_cr2();
    if (regs->entry_vector == VECTOR_PF && ldt_window_fault(vcpu, address, &offset)) {
        inject_ldt_fault(vcpu, regs, offset);
    } else {
        vcpu_inject_trap(vcpu, regs, regs->entry_vector, regs->error_code);
    }
}

/* IRETQ to the guest failed on what its frame names (a selector, a non-canonical address). The
 * general registers it should have had are those of the fault's own frame; rip to ss are still at
 * the top of the stack. To the guest it is a fault of its own, at the place it wanted to go to. */
static NORETURN void fix_failed_return(const struct cpu_user_regs *fault)
{
    struct cpu_user_regs *regs = current_registers();
    struct cpu_user_regs copy = *fault;
    copy.rip = regs->rip;
    copy.cs = regs->cs;
    copy.rflags = regs->rflags;
    copy.rsp = regs->rsp;
    copy.ss = regs->ss;
    copy.es = regs->es;
    copy.ds = regs->ds;
    copy.fs = regs->fs;
    copy.gs = regs->gs;
    *regs = copy;
    stack_restart(regs, inject_failed_return);
}

static void trap_in_hypervisor(struct cpu_user_regs *regs)
{
    unsigned int vector = regs->entry_vector;
    if (vector >= 32) {
        handle_interrupt(vector);
        return;
    }
    if (vector == VECTOR_NMI || vector == VECTOR_DF || vector == VECTOR_MC) {
        panic_on_trap(regs, 0);
    }
    if (vector == VECTOR_DB) {
        /* A guest's breakpoint on its own memory, which we touched for it: its own affair. */
        debug_discard_status();
        return;
    }
    if (vector == VECTOR_PF) {
        uint64_t address = cpu_read_cr2();
        uint64_t offset;
        struct hv_vcpu *vcpu = current_vcpu();
        if (vcpu != NULL && ldt_window_fault(vcpu, address, &offset) &&
            vcpu_ldt_fault(&vcpu->core, offset)) {
            return;
        }
        if (extable_find(regs->rip) != 0 && fault_is_stale(address, regs->error_code)) {
            cpu_invlpg(address);
            return;
        }
    }
    if (regs->rip == (uint64_t)guest_iretq) {
        fix_failed_return(regs);
    }
    uint64_t fixed = extable_find(regs->rip);
    if (fixed == 0) {
        panic_on_trap(regs, vector == VECTOR_PF ? cpu_read_cr2() : 0);
    }
    regs->rip = fixed;
}

/* ---- from the guest ------------------------------------------------------------------------ */

/* Single-stepping sees an emulated instruction as one step. */
static void after_emulation(struct hv_vcpu *vcpu, struct cpu_user_regs *regs)
{
    if (UNLIKELY((regs->rflags & RFLAGS_TF) != 0)) {
        debug_report_step(vcpu);
        vcpu_inject_trap(vcpu, regs, VECTOR_DB, 0);
    }
}

static void handle_page_fault(struct hv_vcpu *vcpu, struct cpu_user_regs *regs)
{
    uint64_t address = cpu_read_cr2();
    uint32_t error = regs->error_code;
    uint64_t offset;
    if (UNLIKELY((error & PF_RESERVED) != 0)) {
        /* Only I/O memory beyond what the processor really addresses can bring this about. */
        domain_crash(vcpu, "a page-table entry with reserved bits set");
    }
    irq_enable();
    if (UNLIKELY((error & PF_USER) == 0 && ldt_window_fault(vcpu, address, &offset))) {
        if (!vcpu_ldt_fault(&vcpu->core, offset)) {
            inject_ldt_fault(vcpu, regs, offset);
        }
        return;
    }
    if (vcpu->in_kernel &&
        (error & (PF_PRESENT | PF_WRITE | PF_FETCH)) == (PF_PRESENT | PF_WRITE) &&
        pt_emulate_store(&vcpu->core, regs, address)) {
        after_emulation(vcpu, regs);
        return;
    }
    vcpu_inject_page_fault(vcpu, regs, address, error);
}

/* INT n through a gate that is closed to ring 3, which the guest's own table may open. QEMU before
 * 9.1 reports 16n + 2 for 8n + 2, so the vector comes from the instruction. */
static bool handle_software_interrupt(struct hv_vcpu *vcpu, struct cpu_user_regs *regs)
{
    uint8_t code[2];
    if ((regs->error_code & ERROR_IDT) == 0 || !guest_copy_in(code, regs->rip, sizeof(code)) ||
        code[0] != OPCODE_INT) {
        return false;
    }
    const struct guest_trap *trap = &vcpu->traps[code[1]];
    if (trap->address == 0 || (!vcpu->in_kernel && trap->dpl < 3)) {
        return false;
    }
    regs->rip += sizeof(code);
    vcpu_inject_software_interrupt(vcpu, regs, code[1]);
    return true;
}

static void handle_protection_fault(struct hv_vcpu *vcpu, struct cpu_user_regs *regs)
{
    irq_enable();
    if (regs->error_code == 0) {
        switch (emulate_privileged(vcpu, regs)) {
        case EMULATED:
            after_emulation(vcpu, regs);
            return;
        case EMULATED_FAULT:
            return;
        case NOT_OURS:
            break;
        }
    } else if (handle_software_interrupt(vcpu, regs)) {
        return;
    }
    vcpu_inject_trap(vcpu, regs, VECTOR_GP, regs->error_code);
}

/* INT3, INTO or INT n through an open gate. As on Xen the trap table's DPL is not asked, but a
 * vector that the guest does not handle is closed: a fault, at the instruction. */
static void handle_open_gate(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, unsigned int vector)
{
    if (vcpu->traps[vector].address == 0) {
        uint8_t code[2];
        bool two_bytes = guest_copy_in(code, regs->rip - sizeof(code), sizeof(code)) &&
                         code[0] == OPCODE_INT && code[1] == vector;
        regs->rip -= two_bytes ? 2 : 1;
        vcpu_inject_trap(vcpu, regs, VECTOR_GP, vector * 8 + ERROR_IDT);
        return;
    }
    vcpu_inject_trap(vcpu, regs, vector, 0);
}

static void trap_in_guest(struct cpu_user_regs *regs)
{
    struct hv_vcpu *vcpu = current_vcpu();
    unsigned int vector = regs->entry_vector;
    switch (vector) {
    case VECTOR_PF:
        handle_page_fault(vcpu, regs);
        return;
    case VECTOR_GP:
        handle_protection_fault(vcpu, regs);
        return;
    case VECTOR_NM:
        if (!fpu_handle_nm(vcpu)) {
            vcpu_inject_trap(vcpu, regs, vector, 0);
        }
        return;
    case VECTOR_UD:
        if (emulate_forced_cpuid(vcpu, regs)) {
            after_emulation(vcpu, regs);
        } else {
            vcpu_inject_trap(vcpu, regs, vector, 0);
        }
        return;
    case VECTOR_DB:
        debug_take_status(vcpu);
        vcpu_inject_trap(vcpu, regs, vector, 0);
        return;
    case VECTOR_BP:
    case VECTOR_OF:
    case 0x80:
        handle_open_gate(vcpu, regs, vector);
        return;
    case VECTOR_NMI:
    case VECTOR_DF:
    case VECTOR_MC:
        panic_on_trap(regs, 0);
    default:
        if (vector < 32) {
            vcpu_inject_trap(vcpu, regs, vector, regs->error_code);
        } else {
            handle_interrupt(vector);
        }
        return;
    }
}

void trap_handle(struct cpu_user_regs *regs)
{
    stretch_irq_off();
    if ((regs->cs & 3) == 0) {
        trap_in_hypervisor(regs);
        return;
    }
    struct cpu_user_regs *top = current_registers();
    if (UNLIKELY(regs != top)) {
        /* On a stack of its own (#DB, NMI, #MC): the guest's frame belongs at the top of the main
         * one. ds to gs are not part of what was pushed. */
        uint64_t *to = (uint64_t *)(void *)top;
        const uint64_t *from = (const uint64_t *)(const void *)regs;
        for (size_t i = 0; i < offsetof(struct cpu_user_regs, es) / sizeof(uint64_t); i++) {
            to[i] = from[i];
        }
        stack_restart(top, trap_in_guest);
    }
    trap_in_guest(regs);
}
