/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/emul/privileged.h"

#include "core/mmu_call.h"
#include "hv/cpu/control.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/debug.h"
#include "hv/cpu/fpu.h"
#include "hv/cpu/segments.h"
#include "hv/emul/cpuid.h"
#include "hv/emul/msr.h"
#include "hv/emul/ports.h"
#include "hv/emul/string_io.h"
#include "hv/guest_memory.h"
#include "hv/irq/vectors.h"
#include "lib/insn.h"
#include "lib/string.h"

#define RFLAGS_RF (UINT64_C(1) << 16)

/* What carrying out one instruction came to. */
enum outcome {
    DONE,
    AGAIN,   /* not finished: the guest is to execute it once more */
    FAULTED, /* the guest has been given the exception it raises */
    REFUSED, /* its operands; nothing has changed */
};

/* ---- fetching and finishing ----------------------------------------------------------------- */

/* Up to INSN_MAX_LENGTH bytes: the next page need not be there if the instruction ends before. */
static size_t fetch(uint8_t *bytes, uint64_t rip)
{
    if (guest_copy_in(bytes, rip, INSN_MAX_LENGTH)) {
        return INSN_MAX_LENGTH;
    }
    size_t in_page = PAGE_SIZE - (rip & PAGE_MASK);
    return in_page < INSN_MAX_LENGTH && guest_copy_in(bytes, rip, in_page) ? in_page : 0;
}

static void finish(struct cpu_user_regs *regs, size_t length)
{
    regs->rip += length;
    regs->rflags &= ~RFLAGS_RF;
}

static enum outcome done_if(bool done)
{
    return done ? DONE : REFUSED;
}

/* ---- ports ---------------------------------------------------------------------------------- */

static uint16_t port_of(const struct insn_privileged *insn, const struct cpu_user_regs *regs)
{
    return insn->port_kind == INSN_PORT_IMMEDIATE ? insn->port : (uint16_t)regs->rdx;
}

static enum outcome emulate_in(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                               struct cpu_user_regs *regs)
{
    if (vcpu->iopl < 1) {
        return REFUSED;
    }
    uint64_t value = guest_port_read(vcpu, port_of(insn, regs), insn->size);
    /* As every write of a register: one of 32 bits clears the upper half, a shorter one does not.
     */
    uint64_t kept = insn->size == 4 ? 0 : UINT64_MAX << (8 * insn->size);
    regs->rax = (regs->rax & kept) | value;
    return DONE;
}

static enum outcome emulate_out(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                struct cpu_user_regs *regs)
{
    if (vcpu->iopl < 1) {
        return REFUSED;
    }
    uint32_t value = (uint32_t)regs->rax & (UINT32_MAX >> (32 - 8 * insn->size));
    guest_port_write(vcpu, port_of(insn, regs), insn->size, value);
    return DONE;
}

static enum outcome emulate_string_io(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                      struct cpu_user_regs *regs)
{
    struct string_io_fault fault;
    if (vcpu->iopl < 1) {
        return REFUSED;
    }
    if (string_io(vcpu, insn, regs, &fault)) {
        return insn->repeat && regs->rcx != 0 ? AGAIN : DONE;
    }
    if (!address_is_canonical(fault.address)) {
        return REFUSED;
    }
    vcpu_inject_page_fault(vcpu, regs, fault.address, fault.error);
    return FAULTED;
}

/* CLI and STI do nothing: events are masked in vcpu_info, and Linux executes these only by
 * mistake. */
static enum outcome emulate_interrupt_flag(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                           struct cpu_user_regs *regs)
{
    (void)insn;
    (void)regs;
    return done_if(vcpu->iopl >= 1);
}

/* ---- model-specific registers --------------------------------------------------------------- */

static enum outcome emulate_rdmsr(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                  struct cpu_user_regs *regs)
{
    (void)insn;
    uint64_t value;
    if (!guest_msr_read(vcpu, (uint32_t)regs->rcx, &value)) {
        return REFUSED;
    }
    regs->rax = (uint32_t)value;
    regs->rdx = value >> 32;
    return DONE;
}

static enum outcome emulate_wrmsr(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                  struct cpu_user_regs *regs)
{
    (void)insn;
    uint64_t value = (regs->rdx << 32) | (uint32_t)regs->rax;
    return done_if(guest_msr_write(vcpu, (uint32_t)regs->rcx, value));
}

/* ---- control and debug registers ------------------------------------------------------------ */

static uint64_t guest_cr0(const struct hv_vcpu *vcpu)
{
    return (cpu_read_cr0() & CR0_ALWAYS) | (vcpu->cr0_ts ? CR0_TS : 0);
}

static enum outcome emulate_mov_from_cr(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                        struct cpu_user_regs *regs)
{
    uint64_t *destination = insn_register(regs, insn->gpr);
    switch (insn->special) {
    case 0:
        *destination = guest_cr0(vcpu);
        return DONE;
    case 2:
        *destination = vcpu->info->arch.cr2;
        return DONE;
    case 3:
        *destination = vcpu->core.kernel_base.value << PAGE_SHIFT;
        return DONE;
    case 4:
        *destination = control_guest_cr4(vcpu);
        return DONE;
    default:
        return REFUSED;
    }
}

static enum outcome write_cr0(struct hv_vcpu *vcpu, uint64_t value)
{
    if (((value ^ guest_cr0(vcpu)) & ~CR0_TS) != 0) {
        return REFUSED;
    }
    fpu_set_guest_ts(vcpu, (value & CR0_TS) != 0);
    return DONE;
}

/* As MMUEXT_NEW_BASEPTR. Work that stopped in the middle goes on when the guest, which may have an
 * event to take first, executes the instruction again. */
static enum outcome write_cr3(struct hv_vcpu *vcpu, uint64_t value)
{
    enum status status = vcpu_new_kernel_base(&vcpu->core, mfn_make(value >> PAGE_SHIFT));
    if (status == STATUS_PREEMPTED || status == STATUS_AGAIN) {
        return AGAIN;
    }
    return done_if(status == STATUS_OK);
}

static enum outcome emulate_mov_to_cr(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                      struct cpu_user_regs *regs)
{
    uint64_t value = *insn_register(regs, insn->gpr);
    switch (insn->special) {
    case 0:
        return write_cr0(vcpu, value);
    case 2:
        vcpu->info->arch.cr2 = value;
        return DONE;
    case 3:
        return write_cr3(vcpu, value);
    case 4:
        control_set_guest_cr4(vcpu, value);
        return DONE;
    default:
        return REFUSED;
    }
}

static enum outcome emulate_mov_from_dr(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                        struct cpu_user_regs *regs)
{
    return done_if(debug_get(vcpu, insn->special, insn_register(regs, insn->gpr)) == 0);
}

static enum outcome emulate_mov_to_dr(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                      struct cpu_user_regs *regs)
{
    if (debug_set(vcpu, insn->special, *insn_register(regs, insn->gpr)) != 0) {
        return REFUSED;
    }
    debug_load(vcpu);
    return DONE;
}

static enum outcome emulate_clts(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                 struct cpu_user_regs *regs)
{
    (void)insn;
    (void)regs;
    fpu_set_guest_ts(vcpu, false);
    return DONE;
}

static enum outcome emulate_xsetbv(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                   struct cpu_user_regs *regs)
{
    (void)insn;
    if ((control_guest_cr4(vcpu) & CR4_OSXSAVE) == 0) {
        vcpu_inject_trap(vcpu, regs, VECTOR_UD, 0);
        return FAULTED;
    }
    uint64_t value = (regs->rdx << 32) | (uint32_t)regs->rax;
    return done_if((uint32_t)regs->rcx == 0 && fpu_set_xcr0(vcpu, value));
}

/* Only a domain with devices can have a reason; old kernels of others use it to pass the time. */
static enum outcome emulate_wbinvd(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                   struct cpu_user_regs *regs)
{
    (void)insn;
    (void)regs;
    if (vcpu->core.domain->has_io) {
        cpu_wbinvd();
    }
    return DONE;
}

/* ---- which is which ------------------------------------------------------------------------- */

typedef enum outcome (*emulate_fn)(struct hv_vcpu *vcpu, const struct insn_privileged *insn,
                                   struct cpu_user_regs *regs);

/* Holes are not emulated: HLT, INVD, INVLPG (guests use hypercalls), RDTSC and RDTSCP (the guest
 * set CR4.TSD itself), CPUID (never a fault). */
static const emulate_fn emulators[] = {
    [INSN_IN] = emulate_in,
    [INSN_OUT] = emulate_out,
    [INSN_INS] = emulate_string_io,
    [INSN_OUTS] = emulate_string_io,
    [INSN_CLI] = emulate_interrupt_flag,
    [INSN_STI] = emulate_interrupt_flag,
    [INSN_RDMSR] = emulate_rdmsr,
    [INSN_WRMSR] = emulate_wrmsr,
    [INSN_MOV_FROM_CR] = emulate_mov_from_cr,
    [INSN_MOV_TO_CR] = emulate_mov_to_cr,
    [INSN_MOV_FROM_DR] = emulate_mov_from_dr,
    [INSN_MOV_TO_DR] = emulate_mov_to_dr,
    [INSN_CLTS] = emulate_clts,
    [INSN_WBINVD] = emulate_wbinvd,
    [INSN_XSETBV] = emulate_xsetbv,
};

enum emulation emulate_privileged(struct hv_vcpu *vcpu, struct cpu_user_regs *regs)
{
    if (!vcpu->in_kernel) {
        return NOT_OURS;
    }
    uint8_t bytes[INSN_MAX_LENGTH];
    struct insn_privileged insn;
    size_t count = fetch(bytes, regs->rip);
    if (!insn_decode_privileged(bytes, count, &insn)) {
        return NOT_OURS;
    }
    if (insn.op >= ARRAY_SIZE(emulators) || emulators[insn.op] == NULL) {
        return NOT_OURS;
    }
    /* The processor would fault on what comes next; then it may as well fault here. */
    if (!address_is_canonical(regs->rip + insn.length)) {
        return NOT_OURS;
    }
    switch (emulators[insn.op](vcpu, &insn, regs)) {
    case DONE:
        finish(regs, insn.length);
        return EMULATED;
    case AGAIN:
        return EMULATED;
    case FAULTED:
        return EMULATED_FAULT;
    case REFUSED:
        break;
    }
    return NOT_OURS;
}

bool emulate_forced_cpuid(const struct hv_vcpu *vcpu, struct cpu_user_regs *regs)
{
    static const uint8_t forced_cpuid[] = {
        0x0f, 0x0b, 'x', 'e', 'n', /* UD2, and what makes it ours */
        0x0f, 0xa2,                /* CPUID */
    };
    uint8_t bytes[sizeof(forced_cpuid)];
    if (!guest_copy_in(bytes, regs->rip, sizeof(bytes)) ||
        memcmp(bytes, forced_cpuid, sizeof(bytes)) != 0 ||
        !address_is_canonical(regs->rip + sizeof(bytes))) {
        return false;
    }
    struct cpuid_result result = cpuid_for_guest(vcpu, (uint32_t)regs->rax, (uint32_t)regs->rcx);
    regs->rax = result.eax;
    regs->rbx = result.ebx;
    regs->rcx = result.ecx;
    regs->rdx = result.edx;
    finish(regs, sizeof(bytes));
    return true;
}
