/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/sched/vcpu.h"

#include "core/port.h"
#include "hv/cpu/control.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/debug.h"
#include "hv/cpu/fpu.h"
#include "hv/cpu/msr.h"
#include "hv/cpu/segments.h"
#include "hv/cpu/tables.h"
#include "hv/entry/work.h"
#include "hv/guest_memory.h"
#include "hv/time/time.h"
#include "lib/string.h"

#include <xen/vcpu.h>

/* One vCPU for each domain yet: the window after the idle one. */
unsigned int vcpu_window(const struct vcpu *vcpu)
{
    return 1 + vcpu->domain->id * VCPU_LIMIT + vcpu->id;
}

void hv_vcpu_init(struct hv_vcpu *vcpu, struct hv_domain *domain, unsigned int id)
{
    memset(vcpu, 0, sizeof(*vcpu));
    vcpu_init(&vcpu->core, &domain->core, id);
    vcpu->info = &domain->shared->vcpu_info[id];
    vcpu->info->evtchn_upcall_mask = 1;
    vcpu->in_kernel = true;
    vcpu->runstate = RUNSTATE_runnable;
    /* Until it says otherwise a vCPU has a tick of 100 Hz, as on Xen. */
    vcpu->periodic_ns = NS_PER_SECOND / 100;
    vcpu->periodic_next_ns = time_now_ns() + vcpu->periodic_ns;
    window_create(vcpu_window(&vcpu->core));
}

/* ---- running ------------------------------------------------------------------------------- */

/* Everything on the CPU that is a vCPU's own. Interrupts are off. */
static void load_state(struct hv_vcpu *vcpu)
{
    struct cpu_info *info = cpu_info();
    info->vcpu = vcpu;
    vcpu->core.cpus |= UINT64_C(1) << info->cpu;
    window_load(vcpu_window(&vcpu->core), (unsigned int)info->cpu, vcpu->core.ldt_entries);
    control_load_cr4(vcpu);
    segment_set_fs_base(vcpu->fs_base);
    segment_set_gs_base_active(vcpu->in_kernel ? vcpu->gs_base_kernel : vcpu->gs_base_user);
    segment_set_gs_base_inactive(vcpu->in_kernel ? vcpu->gs_base_user : vcpu->gs_base_kernel);
    fpu_switch(NULL, vcpu);
    debug_load(vcpu);
    port_base_changed(&vcpu->core);
}

static void enter(struct cpu_user_regs *regs)
{
    (void)regs;
    struct hv_vcpu *vcpu = current_vcpu();
    vcpu_update_time(vcpu);
    vcpu_set_runstate(vcpu, RUNSTATE_running);
    vcpu_timers_changed(vcpu);
}

void stack_restart(struct cpu_user_regs *frame, void (*function)(struct cpu_user_regs *regs))
    __attribute__((noreturn));

void vcpu_start(struct hv_vcpu *vcpu, const struct cpu_user_regs *regs)
{
    irq_disable();
    load_state(vcpu);
    *current_registers() = *regs;
    stack_restart(current_registers(), enter);
}

/* The other mode's GS base is in KERNEL_GS_BASE: switching modes is an exchange. Kernel entries are
 * not global, so writing CR3 drops them, and user mode never meets them. */
void vcpu_enter_kernel_mode(struct hv_vcpu *vcpu)
{
    cpu_swapgs();
    cpu_write_cr3(vcpu->core.kernel_base.value << PAGE_SHIFT);
    vcpu->in_kernel = true;
}

void vcpu_enter_user_mode(struct hv_vcpu *vcpu)
{
    cpu_swapgs();
    cpu_write_cr3(vcpu->core.user_base.value << PAGE_SHIFT);
    vcpu->in_kernel = false;
}

/* ---- waiting ------------------------------------------------------------------------------- */

void vcpu_wake(struct hv_vcpu *vcpu)
{
    /* The CPU that waits is this one: the interrupt we are in has ended its HLT. */
    (void)vcpu;
}

static bool poll_is_over(const struct hv_vcpu *vcpu)
{
    for (unsigned int i = 0; i < vcpu->poll_count; i++) {
        if (evtchn_is_pending(hv_vcpu_domain(vcpu), vcpu->poll_ports[i])) {
            return true;
        }
    }
    return vcpu->poll_timeout_ns != 0 && time_now_ns() >= vcpu->poll_timeout_ns;
}

void vcpu_wait(struct hv_vcpu *vcpu)
{
    vcpu->blocked = true;
    vcpu_set_runstate(vcpu, RUNSTATE_blocked);
    vcpu_timers_changed(vcpu);
    irq_disable();
    while (!vcpu_has_deliverable_event(vcpu) && !(vcpu->poll_count > 0 && poll_is_over(vcpu))) {
        if (cpu_work_is_pending()) {
            cpu_work_perform();
        } else {
            cpu_wait_for_interrupt();
            irq_disable();
        }
    }
    irq_enable();
    vcpu->blocked = false;
    vcpu->poll_count = 0;
    vcpu->poll_timeout_ns = 0;
    vcpu_set_runstate(vcpu, RUNSTATE_running);
}

/* ---- timers -------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0) {
        return a | b;
    }
    return min_u64(a, b);
}

void vcpu_timers_changed(struct hv_vcpu *vcpu)
{
    uint64_t deadline = earlier(vcpu->singleshot_ns, vcpu->periodic_next_ns);
    /* A poll that is over needs no interrupt: vcpu_wait() sees it on its next turn. */
    if (vcpu->poll_count > 0 && vcpu->poll_timeout_ns > time_now_ns()) {
        deadline = earlier(deadline, vcpu->poll_timeout_ns);
    }
    uint64_t flags = irq_save();
    time_set_deadline(deadline);
    irq_restore(flags);
}

void vcpu_timer_expired(void)
{
    struct hv_vcpu *vcpu = current_vcpu();
    if (vcpu == NULL) {
        return;
    }
    uint64_t now = time_now_ns();
    bool due = false;
    if (vcpu->singleshot_ns != 0 && now >= vcpu->singleshot_ns) {
        vcpu->singleshot_ns = 0;
        due = true;
    }
    if (vcpu->periodic_next_ns != 0 && now >= vcpu->periodic_next_ns) {
        /* Ticks that were missed are not made up for: the next one is in the future. */
        vcpu->periodic_next_ns +=
            ((now - vcpu->periodic_next_ns) / vcpu->periodic_ns + 1) * vcpu->periodic_ns;
        due = true;
    }
    if (due) {
        evtchn_raise_virq(vcpu, VIRQ_TIMER);
    }
    vcpu_timers_changed(vcpu);
}

/* ---- what the guest reads ------------------------------------------------------------------ */

/* The scale never changes, so a record is right for ever once it is written: at the start and
 * whenever the guest registers another place. An odd version says that it is being written. */
void vcpu_update_time(struct hv_vcpu *vcpu)
{
    struct vcpu_time_info *time = &vcpu->info->time;
    struct time_scale scale = time_scale();
    uint64_t tsc;
    uint64_t ns;
    time_snapshot(&tsc, &ns);
    uint32_t version = time->version | 1;
    __atomic_store_n(&time->version, version, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    time->tsc_timestamp = tsc;
    time->system_time = ns;
    time->tsc_to_system_mul = scale.tsc_to_system_mul;
    time->tsc_shift = scale.tsc_shift;
    __atomic_store_n(&time->version, version + 1, __ATOMIC_RELEASE);
}

void vcpu_set_runstate(struct hv_vcpu *vcpu, int state)
{
    uint64_t now = time_now_ns();
    vcpu->runstate_times[vcpu->runstate] += now - vcpu->runstate_entry_ns;
    vcpu->runstate = state;
    vcpu->runstate_entry_ns = now;
    vcpu_publish_runstate(vcpu);
}

static bool write_runstate(const struct hv_vcpu *vcpu, uint64_t entry_time)
{
    struct vcpu_runstate_info record;
    memset(&record, 0, sizeof(record)); /* the padding too: it goes to the guest */
    record.state = vcpu->runstate;
    record.state_entry_time = entry_time;
    memcpy(record.time, vcpu->runstate_times, sizeof(record.time));
    return guest_copy_out(vcpu->runstate_address, &record, sizeof(record));
}

/* The area is a virtual address of the guest kernel's: it can be written only while that is
 * loaded, and a guest that unmapped it loses nothing but the record. */
void vcpu_publish_runstate(struct hv_vcpu *vcpu)
{
    if (vcpu->runstate_address == 0 || !vcpu->in_kernel) {
        return;
    }
    bool flagged = domain_has_assist(vcpu->core.domain, VMASST_TYPE_runstate_update_flag);
    if (flagged && !write_runstate(vcpu, vcpu->runstate_entry_ns | XEN_RUNSTATE_UPDATE)) {
        return;
    }
    if (!write_runstate(vcpu, vcpu->runstate_entry_ns)) {
        return;
    }
}
