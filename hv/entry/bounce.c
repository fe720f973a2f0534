/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/entry/bounce.h"

#include "hv/cpu/cpu.h"
#include "hv/entry/rflags.h"
#include "hv/guest_memory.h"
#include "hv/sched/vcpu.h"

/*
 * What the guest kernel finds on its stack, from the stack pointer up:
 *
 *   rcx r11 [error code] rip cs rflags rsp ss
 *
 * Its entry points pop the first two, which SYSCALL would have clobbered, and then have what the
 * processor itself would have pushed.
 */
#define FRAME_WORDS      8U /* with an error code */
#define SAVED_MASK_SHIFT 32 /* of the cs word: the event mask as it was */

/* The interrupted state as the guest kernel is to see it, in the last five words. Its own mode has
 * RPL 0 in CS; IF says whether events were open; IOPL is the hypervisor's business, unless the
 * guest asked for it. */
static void describe(const struct hv_vcpu *vcpu, const struct cpu_user_regs *regs,
                     uint64_t frame[FRAME_WORDS])
{
    bool masked = vcpu->info->evtchn_upcall_mask != 0;
    uint64_t rflags = regs->rflags & ~(RFLAGS_IF | RFLAGS_IOPL);
    if (UNLIKELY(domain_has_assist(vcpu->core.domain, VMASST_TYPE_architectural_iopl))) {
        rflags |= (uint64_t)vcpu->iopl << RFLAGS_IOPL_SHIFT;
    }
    uint64_t cs = vcpu->in_kernel ? regs->cs & ~UINT64_C(3) : regs->cs;
    frame[3] = regs->rip;
    frame[4] = cs | ((uint64_t)masked << SAVED_MASK_SHIFT);
    frame[5] = rflags | (masked ? 0 : RFLAGS_IF);
    frame[6] = regs->rsp;
    frame[7] = regs->ss;
}

/* The stack the frame goes to: the current one in kernel mode, else the one the kernel named. */
static uint64_t enter_kernel(struct hv_vcpu *vcpu, const struct cpu_user_regs *regs)
{
    uint64_t stack = regs->rsp;
    if (!vcpu->in_kernel) {
        stack = vcpu->kernel_sp;
        vcpu_enter_kernel_mode(vcpu);
    }
    return stack & ~UINT64_C(15);
}

static void go_to(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, uint64_t rip, uint64_t rsp,
                  bool masks_events)
{
    regs->rip = rip;
    regs->cs = FLAT_KERNEL_CS;
    regs->rflags &= ~(RFLAGS_TF | RFLAGS_RF | RFLAGS_NT | RFLAGS_AC | RFLAGS_VM);
    regs->rsp = rsp;
    regs->ss = FLAT_KERNEL_SS;
    if (masks_events) {
        vcpu->info->evtchn_upcall_mask = 1;
    }
}

/* Enter the guest kernel at `handler` with these FRAME_WORDS - `first` words on its stack. */
static void push_and_go(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, uint64_t handler,
                        bool masks_events, uint64_t frame[FRAME_WORDS], unsigned int first)
{
    size_t size = (FRAME_WORDS - first) * sizeof(frame[0]);
    uint64_t rsp = enter_kernel(vcpu, regs) - size;
    if (UNLIKELY(!guest_copy_out(rsp, &frame[first], size))) {
        domain_crash(vcpu, "its kernel stack cannot take an exception frame");
    }
    go_to(vcpu, regs, handler, rsp, masks_events);
}

static void bounce(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, uint64_t handler,
                   bool masks_events)
{
    uint64_t frame[FRAME_WORDS];
    describe(vcpu, regs, frame);
    frame[2] = regs->r11;
    frame[1] = regs->rcx;
    push_and_go(vcpu, regs, handler, masks_events, frame, 1);
}

static void bounce_with_error(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, uint64_t handler,
                              bool masks_events, uint32_t error)
{
    uint64_t frame[FRAME_WORDS];
    describe(vcpu, regs, frame);
    frame[2] = error;
    frame[1] = regs->r11;
    frame[0] = regs->rcx;
    push_and_go(vcpu, regs, handler, masks_events, frame, 0);
}

static bool vector_has_error(unsigned int vector)
{
    /* 8, 10 to 14, 17, 21, 29 and 30 (SDM volume 3, table 6-1; AMD volume 2, 8.2). */
    return vector < 32 && ((UINT32_C(0x60227d00) >> vector) & 1) != 0;
}

void vcpu_inject_trap(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, unsigned int vector,
                      uint32_t error)
{
    const struct guest_trap *trap = &vcpu->traps[vector];
    if (trap->address == 0) {
        domain_crash(vcpu, "an exception for which it has no handler");
    }
    if (vector_has_error(vector)) {
        bounce_with_error(vcpu, regs, trap->address, trap->masks_events, error);
    } else {
        bounce(vcpu, regs, trap->address, trap->masks_events);
    }
}

void vcpu_inject_software_interrupt(struct hv_vcpu *vcpu, struct cpu_user_regs *regs,
                                    unsigned int vector)
{
    bounce(vcpu, regs, vcpu->traps[vector].address, vcpu->traps[vector].masks_events);
}

/* Below the usual frame are the selectors that were to be loaded (xen/arch-x86/xen.h): from the
 * stack pointer up rcx r11 ds es fs gs rip cs rflags rsp ss. */
void vcpu_inject_failsafe(struct hv_vcpu *vcpu, struct cpu_user_regs *regs)
{
    if (vcpu->failsafe_callback.address == 0) {
        domain_crash(vcpu, "its selectors cannot be loaded and it has no failsafe callback");
    }
    uint64_t frame[FRAME_WORDS];
    describe(vcpu, regs, frame);
    uint64_t all[11] = {regs->rcx, regs->r11, regs->ds, regs->es, regs->fs, regs->gs,
                        frame[3],  frame[4],  frame[5], frame[6], frame[7]};
    uint64_t rsp = enter_kernel(vcpu, regs) - sizeof(all);
    if (!guest_copy_out(rsp, all, sizeof(all))) {
        domain_crash(vcpu, "its kernel stack cannot take an exception frame");
    }
    go_to(vcpu, regs, vcpu->failsafe_callback.address, rsp, vcpu->failsafe_callback.masks_events);
}

#define PF_ERROR_USER 4U

void vcpu_inject_page_fault(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, uint64_t address,
                            uint32_t error)
{
    /* The hardware's U bit is always set: both modes are ring 3. The guest's says which it was. */
    error = vcpu->in_kernel ? error & ~PF_ERROR_USER : error | PF_ERROR_USER;
    vcpu->info->arch.cr2 = address;
    vcpu_inject_trap(vcpu, regs, 14, error);
}

void vcpu_deliver_event(struct cpu_user_regs *regs)
{
    struct hv_vcpu *vcpu = current_vcpu();
    if (vcpu->event_callback.address == 0) {
        domain_crash(vcpu, "an event is unmasked and there is no event callback");
    }
    bounce(vcpu, regs, vcpu->event_callback.address, true);
}

void bounce_syscall(struct hv_vcpu *vcpu, struct cpu_user_regs *regs,
                    const struct guest_callback *callback)
{
    if (UNLIKELY(callback->address == 0)) {
        regs->rip -= 2; /* as if SYSCALL were an undefined instruction */
        vcpu_inject_trap(vcpu, regs, 6, 0);
        return;
    }
    bounce(vcpu, regs, callback->address, callback->masks_events);
}

void guest_iret(struct hv_vcpu *vcpu, struct cpu_user_regs *regs)
{
    struct iret_context frame;
    if (UNLIKELY(!guest_copy_in(&frame, regs->rsp, sizeof(frame)))) {
        domain_crash(vcpu, "its iret frame cannot be read");
    }
    bool to_user = (frame.cs & 3) == 3;
    if (UNLIKELY(to_user && mfn_equal(vcpu->core.user_base, MFN_INVALID))) {
        domain_crash(vcpu, "iret to user mode without a user page table");
    }
    regs->rip = frame.rip;
    regs->cs = (uint16_t)(frame.cs | 3);
    regs->rflags = rflags_sanitise(frame.rflags);
    regs->rsp = frame.rsp;
    regs->ss = (uint16_t)(frame.ss | 3);
    if ((frame.flags & VGCF_in_syscall) == 0) {
        regs->r11 = frame.r11;
        regs->rcx = frame.rcx;
    }
    regs->rax = frame.rax;
    vcpu->info->evtchn_upcall_mask = (frame.rflags & RFLAGS_IF) == 0;
    if (to_user) {
        vcpu_enter_user_mode(vcpu);
    }
}
