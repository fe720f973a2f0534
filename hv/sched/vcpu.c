/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/sched/vcpu.h"

#include "core/port.h"
#include "hv/cpu/control.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/debug.h"
#include "hv/cpu/features.h"
#include "hv/cpu/fpu.h"
#include "hv/cpu/msr.h"
#include "hv/cpu/msr_names.h"
#include "hv/cpu/segments.h"
#include "hv/cpu/tables.h"
#include "hv/entry/traps.h"
#include "hv/guest_memory.h"
#include "hv/mem/paging.h"
#include "hv/sched/sched.h"
#include "hv/sched/timers.h"
#include "hv/time/time.h"
#include "lib/string.h"

#include <xen/vcpu.h>

bool hv_vcpu_init(struct hv_vcpu *vcpu, struct hv_domain *domain, unsigned int id)
{
    vcpu_init(&vcpu->core, &domain->core, id);
    if (!window_create(vcpu_window(&vcpu->core))) {
        return false;
    }
    vcpu->info = &domain->shared->vcpu_info[id];
    vcpu->info->evtchn_upcall_mask = 1;
    vcpu->in_kernel = true;
    vcpu->runstate = RUNSTATE_offline;
    vcpu->runstate_entry_ns = time_now_ns();
    /* Until it says otherwise a vCPU has a tick of 100 Hz, as on Xen. */
    vcpu->periodic_ns = NS_PER_SECOND / 100;
    vcpu->periodic_next_ns = time_now_ns() + vcpu->periodic_ns;
    vcpu_update_time(vcpu);
    fpu_init_vcpu(vcpu);
    debug_init_vcpu(vcpu);
    return true;
}

/* ---- running ------------------------------------------------------------------------------- */

static void save_state(struct hv_vcpu *vcpu)
{
    vcpu->regs = *current_registers();
    segments_save(&vcpu->regs);
    vcpu->fs_base = segment_fs_base();
    vcpu->gs_base_kernel = vcpu->in_kernel ? segment_gs_base_active() : segment_gs_base_inactive();
    vcpu->gs_base_user = vcpu->in_kernel ? segment_gs_base_inactive() : segment_gs_base_active();
}

/* Everything on the CPU that is a vCPU's own. Selectors are loaded when its LDT can be reached, and
 * the bases after them, as loading a selector changes its base. */
static void load_state(struct hv_vcpu *vcpu)
{
    struct cpu_info *info = cpu_info();
    info->vcpu = vcpu;
    vcpu->core.cpus |= UINT64_C(1) << info->cpu;
    window_load(vcpu_window(&vcpu->core), (unsigned int)info->cpu, vcpu->core.ldt_entries);
    control_load_cr4(vcpu);
    debug_load(vcpu);
    if (cpu_features.rdtscp) {
        msr_write(MSR_TSC_AUX, vcpu->tsc_aux);
    }
    port_base_changed(&vcpu->core);
    bool complete = segments_load(&vcpu->regs);
    segment_set_fs_base(vcpu->fs_base);
    segment_set_gs_base_active(vcpu->in_kernel ? vcpu->gs_base_kernel : vcpu->gs_base_user);
    segment_set_gs_base_inactive(vcpu->in_kernel ? vcpu->gs_base_user : vcpu->gs_base_kernel);
    if (!vcpu->in_kernel) {
        cpu_write_cr3(vcpu->core.user_base.value << PAGE_SHIFT);
    }
    *current_registers() = vcpu->regs;
    if (!complete) {
        vcpu_inject_failsafe(vcpu, current_registers());
    }
}

void vcpu_switch(struct hv_vcpu *next)
{
    struct hv_vcpu *before = current_vcpu();
    if (before != NULL) {
        save_state(before);
    }
    fpu_switch(before, next);
    load_state(next);
}

void vcpu_unload(void)
{
    uint64_t flags = irq_save();
    CHECK(sched_running() == NULL);
    fpu_switch(current_vcpu(), NULL);
    debug_unload();
    const struct cpu_user_regs no_selectors = {0};
    CHECK(segments_load(&no_selectors));
    window_load(0, (unsigned int)cpu_info()->cpu, 0);
    cpu_write_cr3(paging_idle_base());
    cpu_info()->vcpu = NULL;
    irq_restore(flags);
}

static void go_on(struct cpu_user_regs *regs)
{
    (void)regs;
}

void vcpu_abandon(void)
{
    irq_disable();
    stack_restart(current_registers(), go_on);
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

static bool poll_is_over(const struct hv_vcpu *vcpu)
{
    for (unsigned int i = 0; i < vcpu->poll_count; i++) {
        if (evtchn_is_pending(hv_vcpu_domain(vcpu), vcpu->poll_ports[i])) {
            return true;
        }
    }
    return vcpu->poll_timeout_ns != 0 && time_now_ns() >= vcpu->poll_timeout_ns;
}

static bool wait_is_over(const struct hv_vcpu *vcpu)
{
    return vcpu_has_deliverable_event(vcpu) || (vcpu->poll_count > 0 && poll_is_over(vcpu));
}

void vcpu_wake(struct hv_vcpu *vcpu)
{
    if (vcpu->blocked && wait_is_over(vcpu)) {
        if (vcpu->poll_count > 0) {
            vcpu->poll_count = 0;
            __atomic_fetch_and(&hv_vcpu_domain(vcpu)->pollers, ~(UINT64_C(1) << vcpu->core.id),
                               __ATOMIC_SEQ_CST);
        }
        vcpu->poll_timeout_ns = 0;
        vcpu->blocked = false;
        sched_update(vcpu);
    }
}

void vcpu_block(struct hv_vcpu *vcpu)
{
    uint64_t flags = irq_save();
    vcpu->blocked = true;
    if (vcpu->poll_count > 0) {
        __atomic_fetch_or(&hv_vcpu_domain(vcpu)->pollers, UINT64_C(1) << vcpu->core.id,
                          __ATOMIC_SEQ_CST);
    }
    vcpu_wake(vcpu); /* what it waits for may have come just now */
    if (vcpu->blocked) {
        if (vcpu->poll_timeout_ns != 0) {
            timers_changed(vcpu);
        }
        sched_update(vcpu);
    }
    irq_restore(flags);
}

/* ---- what the guest reads ------------------------------------------------------------------ */

/* The scale never changes, so a record is right for ever once it is written: when the vCPU is made,
 * when its domain starts, and whenever the guest registers another place. An odd version says that
 * it is being written. */
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

void vcpu_set_runstate(struct hv_vcpu *vcpu, int state, uint64_t now)
{
    vcpu->runstate_times[vcpu->runstate] += now - vcpu->runstate_entry_ns;
    vcpu->runstate = state;
    vcpu->runstate_entry_ns = now;
    if (vcpu == current_vcpu()) {
        vcpu_publish_runstate(vcpu);
    }
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
