/* SPDX-License-Identifier: BSD-2-Clause */
/* SYSCALL: a system call of guest user mode goes to its kernel; of guest kernel mode it is a
 * hypercall. */
#include "core/batch.h"
#include "core/mmu_call.h"
#include "hv/console/console.h"
#include "hv/cpu/msr.h"
#include "hv/debug/audit.h"
#include "hv/entry/bounce.h"
#include "hv/entry/traps.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"

/* Adapters: the core's calls take the core's vCPU. */
static struct call_result mmu_update(struct hv_vcpu *vcpu, uint64_t arg[])
{
    return call_mmu_update(&vcpu->core, arg);
}

static struct call_result update_va_mapping(struct hv_vcpu *vcpu, uint64_t arg[])
{
    return call_update_va_mapping(&vcpu->core, arg);
}

static struct call_result update_va_mapping_otherdomain(struct hv_vcpu *vcpu, uint64_t arg[])
{
    return call_update_va_mapping_otherdomain(&vcpu->core, arg);
}

static struct call_result mmuext_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    return call_mmuext_op(&vcpu->core, arg);
}

static struct call_result vm_assist(struct hv_vcpu *vcpu, uint64_t arg[])
{
    return call_vm_assist(&vcpu->core, arg);
}

static struct call_result set_gdt(struct hv_vcpu *vcpu, uint64_t arg[])
{
    return call_set_gdt(&vcpu->core, arg);
}

static struct call_result update_descriptor(struct hv_vcpu *vcpu, uint64_t arg[])
{
    return call_update_descriptor(&vcpu->core, arg);
}

static struct call_result grant_table_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    return call_grant_table_op(&vcpu->core, arg);
}

static struct call_result iret(struct hv_vcpu *vcpu, uint64_t arg[])
{
    (void)arg;
    struct cpu_user_regs *regs = current_registers();
    guest_iret(vcpu, regs);
    return call_done((int64_t)regs->rax);
}

/* Every hypercall a guest can make, by its number in the ABI. Holes answer -ENOSYS. */
static const struct hypercall {
    hypercall_fn perform;
    const char *name;
} hypercalls[] = {
    [__HYPERVISOR_set_trap_table] = {hypercall_set_trap_table, "set_trap_table"},
    [__HYPERVISOR_mmu_update] = {mmu_update, "mmu_update"},
    [__HYPERVISOR_set_gdt] = {set_gdt, "set_gdt"},
    [__HYPERVISOR_stack_switch] = {hypercall_stack_switch, "stack_switch"},
    [__HYPERVISOR_set_callbacks] = {hypercall_set_callbacks, "set_callbacks"},
    [__HYPERVISOR_fpu_taskswitch] = {hypercall_fpu_taskswitch, "fpu_taskswitch"},
    [__HYPERVISOR_platform_op] = {hypercall_platform_op, "platform_op"},
    [__HYPERVISOR_set_debugreg] = {hypercall_set_debugreg, "set_debugreg"},
    [__HYPERVISOR_get_debugreg] = {hypercall_get_debugreg, "get_debugreg"},
    [__HYPERVISOR_update_descriptor] = {update_descriptor, "update_descriptor"},
    [__HYPERVISOR_memory_op] = {hypercall_memory_op, "memory_op"},
    [__HYPERVISOR_multicall] = {hypercall_multicall, "multicall"},
    [__HYPERVISOR_update_va_mapping] = {update_va_mapping, "update_va_mapping"},
    [__HYPERVISOR_set_timer_op] = {hypercall_set_timer_op, "set_timer_op"},
    [__HYPERVISOR_xen_version] = {hypercall_xen_version, "xen_version"},
    [__HYPERVISOR_console_io] = {hypercall_console_io, "console_io"},
    [__HYPERVISOR_grant_table_op] = {grant_table_op, "grant_table_op"},
    [__HYPERVISOR_vm_assist] = {vm_assist, "vm_assist"},
    [__HYPERVISOR_update_va_mapping_otherdomain] = {update_va_mapping_otherdomain,
                                                    "update_va_mapping_otherdomain"},
    [__HYPERVISOR_iret] = {iret, "iret"},
    [__HYPERVISOR_vcpu_op] = {hypercall_vcpu_op, "vcpu_op"},
    [__HYPERVISOR_set_segment_base] = {hypercall_set_segment_base, "set_segment_base"},
    [__HYPERVISOR_mmuext_op] = {mmuext_op, "mmuext_op"},
    [__HYPERVISOR_sched_op] = {hypercall_sched_op, "sched_op"},
    [__HYPERVISOR_callback_op] = {hypercall_callback_op, "callback_op"},
    [__HYPERVISOR_event_channel_op] = {hypercall_event_channel_op, "event_channel_op"},
    [AUDIT_HYPERCALL] = {hypercall_audit, "audit"},
    [__HYPERVISOR_physdev_op] = {hypercall_physdev_op, "physdev_op"},
    [__HYPERVISOR_sysctl] = {hypercall_sysctl, "sysctl"},
    [__HYPERVISOR_domctl] = {hypercall_domctl, "domctl"},
    [__HYPERVISOR_xenpmu_op] = {hypercall_xenpmu_op, "xenpmu_op"},
};

/* Each number is told once. */
COLD static struct call_result refuse_unknown(const struct hv_vcpu *vcpu, uint64_t number)
{
    struct hv_domain *domain = hv_vcpu_domain(vcpu);
    uint64_t bit = number < 63 ? number : 63; /* the ABI ends there: one bit for all beyond */
    if (((domain->refused_calls >> bit) & 1) == 0) {
        char place[REFUSAL_PLACE_SIZE];
        refusal_format_place(place);
        domain->refused_calls |= UINT64_C(1) << bit;
        console_log_guest(domain->core.id, vcpu->core.id, LOG_INFO,
                          "%shypercall %lu refused: ENOSYS: it is not implemented", place, number);
    }
    return call_done(-XEN_ENOSYS);
}

static inline hypercall_fn find_handler(uint64_t number)
{
    if (UNLIKELY(number >= ARRAY_SIZE(hypercalls))) {
        return NULL;
    }
    return hypercalls[index_nospec(number, ARRAY_SIZE(hypercalls))].perform;
}

#define ERROR_LIMIT 4095

static inline bool is_error(int64_t value)
{
    return value < 0 && value >= -ERROR_LIMIT;
}

/* Results that look like an error, but are none, or one that an earlier execution has told. */
static bool is_no_refusal(hypercall_fn perform, const uint64_t arg[])
{
    return perform == iret || perform == hypercall_get_debugreg ||
           ((perform == mmu_update || perform == mmuext_op) && batch_is_released(arg));
}

COLD static void explain(struct hv_vcpu *vcpu, uint64_t number, const uint64_t arg[],
                         struct call_result result, uint64_t reasons_before)
{
    const struct hypercall *call = &hypercalls[number];
    bool is_told = vcpu->reason.count != reasons_before;
    if (result.again || (!is_told && is_no_refusal(call->perform, arg))) {
        return;
    }
    refusal_print(vcpu, call->name, arg, (int)-result.value, reasons_before);
}

static ALWAYS_INLINE struct call_result perform(struct hv_vcpu *vcpu, uint64_t number,
                                                uint64_t arg[])
{
    hypercall_fn handler = find_handler(number);
    if (UNLIKELY(handler == NULL)) {
        return refuse_unknown(vcpu, number);
    }
    uint64_t reasons = vcpu->reason.count;
    struct call_result result = handler(vcpu, arg);
    if (UNLIKELY(is_error(result.value))) {
        explain(vcpu, number, arg, result, reasons);
    }
    return result;
}

struct call_result hypercall_perform(struct hv_vcpu *vcpu, uint64_t number, uint64_t arg[])
{
    return perform(vcpu, number, arg);
}

#define SYSCALL_LENGTH 2

/* A call that is to go on later is executed by the guest once more, with the arguments rewritten:
 * events and interrupts come in between. Registers the call does not define stay as they are. Not
 * inline: a system call of user mode needs none of the stack and registers that this takes. */
static NOINLINE void hypercall(struct hv_vcpu *vcpu, struct cpu_user_regs *regs)
{
    uint64_t arg[6] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9};
    irq_enable();
    struct call_result result = perform(vcpu, regs->rax, arg);
    if (UNLIKELY(result.again)) {
        regs->rdi = arg[0];
        regs->rsi = arg[1];
        regs->rdx = arg[2];
        regs->r10 = arg[3];
        regs->r8 = arg[4];
        regs->rip -= SYSCALL_LENGTH;
        return;
    }
    regs->rax = (uint64_t)result.value;
}

void syscall_handle(struct cpu_user_regs *regs)
{
    stretch_irq_off();
    struct hv_vcpu *vcpu = current_vcpu();
    if (regs->entry_vector == SYSCALL_ENTRY) {
        if (vcpu->in_kernel) {
            hypercall(vcpu, regs);
        } else {
            bounce_syscall(vcpu, regs, &vcpu->syscall_callback);
        }
        return;
    }
    static const struct guest_callback none;
    bounce_syscall(vcpu, regs, vcpu->in_kernel ? &none : &vcpu->syscall32_callback);
}
