/* SPDX-License-Identifier: BSD-2-Clause */
/* vcpu_op and set_timer_op: state, shared areas and timers of a vCPU (xen/vcpu.h). */
#include "core/mmu_call.h"
#include "core/port.h"
#include "core/pte_update.h"
#include "hv/console/console.h"
#include "hv/cpu/msr.h"
#include "hv/guest_memory.h"
#include "hv/domain/vcpu_context.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"
#include "hv/sched/sched.h"
#include "hv/sched/timers.h"
#include "hv/time/time.h"
#include "lib/string.h"

#include <xen/vcpu.h>

#define PERIOD_MIN_NS UINT64_C(1000000) /* what the ABI lets us refuse */
#define PERIOD_MAX_NS (UINT64_MAX >> 2) /* so that a deadline cannot wrap */

/* ---- up and down --------------------------------------------------------------------------- */

static struct call_result initialise(struct hv_vcpu *vcpu, uint64_t address)
{
    static struct vcpu_guest_context context; /* too large for a stack; one CPU yet */
    if (!guest_copy_in(&context, address, sizeof(context))) {
        return call_done(refuse_unreadable(address, sizeof(context)));
    }
    return vcpu_context_set(vcpu, &context);
}

static int bring_up(struct hv_vcpu *vcpu)
{
    if (!vcpu->is_initialised) {
        return refuse(-XEN_EINVAL, "vCPU %u has no state to start with: initialise comes first",
                      vcpu->core.id);
    }
    vcpu->is_up = true;
    sched_update(vcpu);
    return 0;
}

/* A vCPU that is down takes no events until another one brings it up. Kernels that fail before they
 * have a console end here, with the last one. */
static void take_down(struct hv_vcpu *vcpu)
{
    vcpu->is_up = false;
    sched_update(vcpu);
    const struct hv_domain *domain = hv_vcpu_domain(vcpu);
    for (unsigned int i = 0; i < domain->vcpu_limit; i++) {
        const struct hv_vcpu *other = hv_domain_vcpu(domain, i);
        if (other != NULL && other->is_up) {
            return;
        }
    }
    console_log_guest(vcpu->core.domain->id, vcpu->core.id, LOG_ERROR,
                      "took itself down: nothing can bring it up again");
}

/* ---- shared areas -------------------------------------------------------------------------- */

/* Time of the current state up to now counts, although the record has not been brought up to date.
 */
static struct vcpu_runstate_info runstate_now(const struct hv_vcpu *vcpu)
{
    struct vcpu_runstate_info info;
    memset(&info, 0, sizeof(info)); /* the padding goes to the guest too */
    info.state = vcpu->runstate;
    info.state_entry_time = vcpu->runstate_entry_ns;
    for (unsigned int i = 0; i < ARRAY_SIZE(info.time); i++) {
        info.time[i] = vcpu->runstate_times[i];
    }
    info.time[vcpu->runstate] += time_now_ns() - vcpu->runstate_entry_ns;
    return info;
}

static int get_runstate_info(const struct hv_vcpu *vcpu, uint64_t address)
{
    struct vcpu_runstate_info info = runstate_now(vcpu);
    return guest_copy_out(address, &info, sizeof(info)) ? 0
                                                        : refuse_unwritable(address, sizeof(info));
}

/* The place is checked at each write, for the guest can unmap it at any time. */
static int register_runstate_area(struct hv_vcpu *vcpu, uint64_t address)
{
    struct vcpu_register_runstate_memory_area record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    if (!address_is_guest(record.addr.p)) {
        return refuse(-XEN_EFAULT, "a runstate area at 0x%lx: the address is not the guest's",
                      record.addr.p);
    }
    vcpu->runstate_address = record.addr.p;
    if (vcpu == current_vcpu()) {
        vcpu_publish_runstate(vcpu);
        return 0;
    }
    /* The caller's tables show the place where the vCPU's own will, or else it is filled later. */
    struct vcpu_runstate_info info = runstate_now(vcpu);
    bool shown = guest_copy_out(vcpu->runstate_address, &info, sizeof(info));
    (void)shown;
    return 0;
}

/* A copy of vcpu_info's record for user programs. That one never changes, so once is enough, and
 * the place need not be remembered; 0 is none any more. */
static int register_time_area(const struct hv_vcpu *vcpu, uint64_t address)
{
    struct vcpu_register_time_memory_area record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    const struct vcpu_time_info time = vcpu->info->time;
    bool done = record.addr.p == 0 || guest_copy_out(record.addr.p, &time, sizeof(time));
    return done ? 0 : refuse_unwritable(record.addr.p, sizeof(time));
}

/* Go on in `place`. Everything is marked pending, so that nothing that comes in meanwhile is lost.
 */
static void move_vcpu_info(struct hv_vcpu *vcpu, struct vcpu_info *place)
{
    memcpy(place, vcpu->info, sizeof(*place));
    __atomic_store_n(&vcpu->info, place, __ATOMIC_SEQ_CST);
    vcpu->info_registered = true;
    __atomic_store_n(&place->evtchn_pending_sel, ~(xen_ulong_t)0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&place->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_update_time(vcpu);
}

static int register_vcpu_info(struct hv_vcpu *vcpu, uint64_t address)
{
    struct vcpu_register_vcpu_info record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    if (record.offset > PAGE_SIZE - sizeof(struct vcpu_info) ||
        record.offset % _Alignof(struct vcpu_info) != 0) {
        return refuse(-XEN_ENXIO,
                      "offset 0x%x: it must be a multiple of %zu, and the record in "
                      "one page",
                      record.offset, _Alignof(struct vcpu_info));
    }
    mfn_t mfn = mfn_make(record.mfn);
    if (vcpu->is_up && vcpu != current_vcpu()) {
        return refuse(-XEN_EINVAL, "vCPU %u is up: it or nobody moves its record", vcpu->core.id);
    }
    if (vcpu->info_registered) {
        return refuse(-XEN_EINVAL, "vCPU %u has its record where it wanted it", vcpu->core.id);
    }
    enum status status = vcpu_take_info_frame(&vcpu->core, mfn);
    if (status != STATUS_OK) {
        return refuse(-XEN_EINVAL, "frame 0x%lx: %s; %s", record.mfn, status_text(status),
                      status_advice(status));
    }
    uint8_t *page = port_map_frame(mfn);
    move_vcpu_info(vcpu, (struct vcpu_info *)(void *)(page + record.offset));
    return 0;
}

/* ---- timers -------------------------------------------------------------------------------- */

static void set_singleshot_deadline(struct hv_vcpu *vcpu, uint64_t deadline_ns)
{
    vcpu->singleshot_ns = deadline_ns;
    timers_changed(vcpu);
}

/* The timer interrupt divides by the period while there is a next tick: it must not see one without
 * the other. */
static void set_period(struct hv_vcpu *vcpu, uint64_t period_ns)
{
    uint64_t flags = irq_save();
    vcpu->periodic_ns = period_ns;
    vcpu->periodic_next_ns = period_ns == 0 ? 0 : time_now_ns() + period_ns;
    timers_changed(vcpu);
    irq_restore(flags);
}

static int set_periodic_timer(struct hv_vcpu *vcpu, uint64_t address)
{
    struct vcpu_set_periodic_timer record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    if (record.period_ns < PERIOD_MIN_NS || record.period_ns > PERIOD_MAX_NS) {
        return refuse(-XEN_EINVAL, "a period of %lu ns: periods are %lu ns and more",
                      record.period_ns, PERIOD_MIN_NS);
    }
    set_period(vcpu, record.period_ns);
    return 0;
}

static int set_singleshot_timer(struct hv_vcpu *vcpu, uint64_t address)
{
    struct vcpu_set_singleshot_timer record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    /* A time in the past fires at once; 0 is one too, but in our record it means "off". The flag
     * that asks for an error instead is ignored, as on Xen: old kernels set it, and wait on. */
    set_singleshot_deadline(vcpu, max_u64(record.timeout_abs_ns, 1));
    return 0;
}

static int stop_singleshot_timer(struct hv_vcpu *vcpu)
{
    set_singleshot_deadline(vcpu, 0);
    return 0;
}

static int refuse_others_timer(const struct hv_vcpu *vcpu, const struct hv_vcpu *target)
{
    return refuse(-XEN_EINVAL, "the one-shot timer of vCPU %u is not vCPU %u's to set",
                  target->core.id, vcpu->core.id);
}

/* set_timer_op(deadline): the singleshot timer once more; 0 stops it. */
struct call_result hypercall_set_timer_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    set_singleshot_deadline(vcpu, arg[0]);
    return call_done(0);
}

/* vcpu_op(command, vCPU, record) */
struct call_result hypercall_vcpu_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint32_t command = (uint32_t)arg[0];
    struct hv_vcpu *target = hv_domain_vcpu(hv_vcpu_domain(vcpu), (uint32_t)arg[1]);
    if (target == NULL) {
        return call_done(refuse_vcpu(hv_vcpu_domain(vcpu), (uint32_t)arg[1]));
    }
    switch (command) {
    case VCPUOP_initialise:
        return initialise(target, arg[2]);
    case VCPUOP_up:
        return call_done(bring_up(target));
    case VCPUOP_down:
        take_down(target);
        return call_done(0);
    case VCPUOP_is_up:
        return call_done(target->is_up ? 1 : 0);
    case VCPUOP_get_runstate_info:
        return call_done(get_runstate_info(target, arg[2]));
    case VCPUOP_register_runstate_memory_area:
        return call_done(register_runstate_area(target, arg[2]));
    case VCPUOP_register_vcpu_time_memory_area:
        return call_done(register_time_area(target, arg[2]));
    case VCPUOP_register_vcpu_info:
        return call_done(register_vcpu_info(target, arg[2]));
    case VCPUOP_set_periodic_timer:
        return call_done(set_periodic_timer(target, arg[2]));
    case VCPUOP_stop_periodic_timer:
        set_period(target, 0);
        return call_done(0);
    case VCPUOP_set_singleshot_timer:
        return call_done(target == vcpu ? set_singleshot_timer(vcpu, arg[2])
                                        : refuse_others_timer(vcpu, target));
    case VCPUOP_stop_singleshot_timer:
        return call_done(target == vcpu ? stop_singleshot_timer(vcpu)
                                        : refuse_others_timer(vcpu, target));
    case VCPUOP_get_physid:
        return call_done(refuse(-XEN_EINVAL, "only pinned vCPUs have a processor, and none is"));
    default:
        return hypercall_unknown(vcpu, __HYPERVISOR_vcpu_op, command);
    }
}
