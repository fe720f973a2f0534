/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/domain/vcpu_context.h"

#include "core/descriptors.h"
#include "core/mmu_call.h"
#include "hv/cpu/control.h"
#include "hv/cpu/debug.h"
#include "hv/cpu/fpu.h"
#include "hv/cpu/segments.h"
#include "hv/entry/rflags.h"
#include "hv/refuse.h"
#include "hv/sched/sched.h"
#include "lib/string.h"

static mfn_t base_of(uint64_t cr3)
{
    return cr3 == 0 ? MFN_INVALID : mfn_make(cr3 >> PAGE_SHIFT);
}

/* ---- checks -------------------------------------------------------------------------------- */

static int check_addresses(const struct vcpu_guest_context *context)
{
    const struct {
        const char *name;
        uint64_t value;
    } addresses[] = {
        {"rip", context->user_regs.rip},
        {"rsp", context->user_regs.rsp},
        {"kernel_sp", context->kernel_sp},
        {"event_callback_eip", context->event_callback_eip},
        {"failsafe_callback_eip", context->failsafe_callback_eip},
        {"syscall_callback_eip", context->syscall_callback_eip},
        {"fs_base", context->fs_base},
        {"gs_base_kernel", context->gs_base_kernel},
        {"gs_base_user", context->gs_base_user},
        {"ldt_base", context->ldt_base},
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
        if (!address_is_canonical(addresses[i].value)) {
            return refuse(-XEN_EINVAL, "%s 0x%lx is not canonical", addresses[i].name,
                          addresses[i].value);
        }
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(context->trap_ctxt); i++) {
        if (!address_is_canonical(context->trap_ctxt[i].address)) {
            return refuse(-XEN_EINVAL, "trap_ctxt[%u].address 0x%lx is not canonical", i,
                          context->trap_ctxt[i].address);
        }
    }
    return 0;
}

static int check_tables(const struct vcpu_guest_context *context)
{
    if (context->gdt_ents > GDT_ENTRIES_MAX || context->ldt_ents > LDT_ENTRIES_MAX) {
        return refuse(-XEN_EINVAL, "%lu GDT and %lu LDT entries: at most %u and %u",
                      context->gdt_ents, context->ldt_ents, GDT_ENTRIES_MAX, LDT_ENTRIES_MAX);
    }
    if (context->ldt_ents != 0 && (context->ldt_base & PAGE_MASK) != 0) {
        return refuse(-XEN_EINVAL, "ldt_base 0x%lx: an LDT begins with a page", context->ldt_base);
    }
    if ((context->flags & VGCF_in_kernel) == 0 && context->ctrlreg[1] == 0) {
        return refuse(-XEN_EINVAL, "it begins in user mode without a user base (CR1)");
    }
    return 0;
}

/* ---- what refers to frames ----------------------------------------------------------------- */

static enum status set_descriptors(struct hv_vcpu *vcpu, const struct vcpu_guest_context *context)
{
    mfn_t frames[GDT_PAGES];
    for (unsigned int i = 0; i < GDT_PAGES; i++) {
        frames[i] = mfn_make(context->gdt_frames[i]);
    }
    struct mmu_context mmu;
    context_open_self(&mmu, &vcpu->core);
    enum status status = vcpu_set_gdt(&mmu, frames, (unsigned int)context->gdt_ents);
    if (status == STATUS_OK) {
        status = vcpu_set_ldt(&mmu, context->ldt_base, (unsigned int)context->ldt_ents);
    }
    context_close(&mmu);
    return status;
}

/* The GDT first: it is one step, and taken back in one. */
static enum status take_tables(struct hv_vcpu *vcpu, const struct vcpu_guest_context *context)
{
    enum status status = set_descriptors(vcpu, context);
    if (status != STATUS_OK) {
        return status;
    }
    status =
        vcpu_take_bases(&vcpu->core, base_of(context->ctrlreg[3]), base_of(context->ctrlreg[1]));
    if (status > STATUS_AGAIN) {
        static const struct vcpu_guest_context none;
        CHECK(set_descriptors(vcpu, &none) == STATUS_OK);
    }
    return status;
}

/* ---- what cannot fail ---------------------------------------------------------------------- */

static void add_assists(struct domain *domain, uint64_t assists)
{
    struct mmu_locked locked = domain_mmu_lock(domain);
    domain->assists |= assists & VM_ASSIST_TYPES;
    domain_mmu_unlock(locked);
}

static void set_registers(struct hv_vcpu *vcpu, const struct vcpu_guest_context *context)
{
    vcpu->regs = context->user_regs;
    vcpu->regs.rflags = rflags_sanitise(context->user_regs.rflags);
    vcpu->regs.cs |= 3;
    vcpu->regs.ss |= 3;
    vcpu->in_kernel = (context->flags & VGCF_in_kernel) != 0;
    vcpu->iopl = (uint8_t)((context->user_regs.rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT);
    vcpu->kernel_sp = context->kernel_sp;
    vcpu->kernel_ss = (uint16_t)(context->kernel_ss | 3);
    vcpu->fs_base = context->fs_base;
    vcpu->gs_base_kernel = context->gs_base_kernel;
    vcpu->gs_base_user = context->gs_base_user;
    vcpu->cr0_ts = (context->ctrlreg[0] & CR0_TS) != 0;
    control_choose_cr4(vcpu, context->ctrlreg[4]);
}

static void set_debug_registers(struct hv_vcpu *vcpu, const struct vcpu_guest_context *context)
{
    debug_init_vcpu(vcpu);
    for (unsigned int i = 0; i < ARRAY_SIZE(context->debugreg); i++) {
        if (i != 4 && i != 5 && debug_set(vcpu, i, context->debugreg[i]) != 0) {
            continue; /* what it may not have it has not: the ABI knows no refusal here */
        }
    }
}

static void set_entry_points(struct hv_vcpu *vcpu, const struct vcpu_guest_context *context)
{
    memset(vcpu->traps, 0, sizeof(vcpu->traps));
    for (unsigned int i = 0; i < ARRAY_SIZE(context->trap_ctxt); i++) {
        const struct trap_info *trap = &context->trap_ctxt[i];
        if (trap->address != 0) {
            vcpu->traps[trap->vector] = guest_trap_make(trap);
        }
    }
    vcpu->event_callback = (struct guest_callback){context->event_callback_eip, true};
    vcpu->failsafe_callback = (struct guest_callback){
        context->failsafe_callback_eip, (context->flags & VGCF_failsafe_disables_events) != 0};
    vcpu->syscall_callback = (struct guest_callback){
        context->syscall_callback_eip, (context->flags & VGCF_syscall_disables_events) != 0};
}

/* For what the core has not told. */
static int refuse_tables(const struct vcpu_guest_context *context, enum status status)
{
    return refuse(-XEN_EINVAL, "LDT at 0x%lx, CR3 0x%lx, CR1 0x%lx: %s; %s", context->ldt_base,
                  context->ctrlreg[3], context->ctrlreg[1], status_text(status),
                  status_advice(status));
}

struct call_result vcpu_context_set(struct hv_vcpu *vcpu, const struct vcpu_guest_context *context)
{
    if (vcpu->is_initialised) {
        return call_done(refuse(-XEN_EEXIST, "vCPU %u has its state already", vcpu->core.id));
    }
    int refusal = check_addresses(context);
    if (refusal == 0) {
        refusal = check_tables(context);
    }
    if (refusal != 0) {
        return call_done(refusal);
    }
    uint64_t reasons = refusal_count();
    enum status status = take_tables(vcpu, context);
    if (status == STATUS_PREEMPTED || status == STATUS_AGAIN) {
        return call_again();
    }
    if (status != STATUS_OK) {
        return call_done(refusal_count() != reasons ? -XEN_EINVAL : refuse_tables(context, status));
    }
    if (vcpu->core.id == 0) {
        add_assists(vcpu->core.domain, context->vm_assist);
    }
    set_registers(vcpu, context);
    set_debug_registers(vcpu, context);
    set_entry_points(vcpu, context);
    if ((context->flags & VGCF_i387_valid) != 0) {
        fpu_set_legacy(vcpu, &context->fpu_ctxt);
    }
    vcpu->is_initialised = true;
    vcpu->is_up = (context->flags & VGCF_online) != 0;
    sched_update(vcpu);
    return call_done(0);
}

/* ---- reading it back ----------------------------------------------------------------------- */

static uint64_t cr3_of(mfn_t base)
{
    return mfn_equal(base, MFN_INVALID) ? 0 : base.value << PAGE_SHIFT;
}

static void get_flags(const struct hv_vcpu *vcpu, struct vcpu_guest_context *context)
{
    context->flags = VGCF_i387_valid;
    context->flags |= vcpu->in_kernel ? VGCF_in_kernel : 0;
    context->flags |= vcpu->is_up ? VGCF_online : 0;
    context->flags |= vcpu->failsafe_callback.masks_events ? VGCF_failsafe_disables_events : 0;
    context->flags |= vcpu->syscall_callback.masks_events ? VGCF_syscall_disables_events : 0;
}

static void get_tables(const struct hv_vcpu *vcpu, struct vcpu_guest_context *context)
{
    for (unsigned int i = 0; i < GDT_PAGES; i++) {
        mfn_t frame = vcpu->core.gdt_frames[i];
        context->gdt_frames[i] = mfn_equal(frame, MFN_INVALID) ? 0 : frame.value;
    }
    context->gdt_ents = vcpu->core.gdt_entries;
    context->ldt_base = vcpu->core.ldt_base;
    context->ldt_ents = vcpu->core.ldt_entries;
    context->ctrlreg[0] = CR0_ALWAYS | (vcpu->cr0_ts ? CR0_TS : 0);
    context->ctrlreg[1] = cr3_of(vcpu->core.user_base);
    context->ctrlreg[3] = cr3_of(vcpu->core.kernel_base);
    context->ctrlreg[4] = control_guest_cr4(vcpu);
}

static void get_entry_points(const struct hv_vcpu *vcpu, struct vcpu_guest_context *context)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(context->trap_ctxt); i++) {
        const struct guest_trap *trap = &vcpu->traps[i];
        context->trap_ctxt[i] =
            (struct trap_info){.vector = (uint8_t)i,
                               .flags = (uint8_t)(trap->dpl | (trap->masks_events ? 4 : 0)),
                               .cs = trap->cs,
                               .address = trap->address};
    }
    context->event_callback_eip = vcpu->event_callback.address;
    context->failsafe_callback_eip = vcpu->failsafe_callback.address;
    context->syscall_callback_eip = vcpu->syscall_callback.address;
}

void vcpu_context_get(const struct hv_vcpu *vcpu, struct vcpu_guest_context *context)
{
    memset(context, 0, sizeof(*context));
    get_flags(vcpu, context);
    fpu_get_legacy(vcpu, &context->fpu_ctxt);
    context->user_regs = vcpu->regs;
    context->user_regs.rflags |= (uint64_t)vcpu->iopl << RFLAGS_IOPL_SHIFT;
    get_tables(vcpu, context);
    get_entry_points(vcpu, context);
    context->kernel_ss = vcpu->kernel_ss;
    context->kernel_sp = vcpu->kernel_sp;
    memcpy(context->debugreg, vcpu->debug, sizeof(context->debugreg));
    context->vm_assist = vcpu->core.domain->assists;
    context->fs_base = vcpu->fs_base;
    context->gs_base_kernel = vcpu->gs_base_kernel;
    context->gs_base_user = vcpu->gs_base_user;
}
