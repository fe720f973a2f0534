/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's records of a domain and of a vCPU, around the core's. A guest kernel and its
 * user programs both run in ring 3; `in_kernel` tells them apart, and with it which base and which
 * GS base is loaded.
 *
 * Fields: unless said otherwise, touched only on the CPU the vCPU runs on.
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include "core/domain.h"
#include "hv/console/guest_console.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/feature_bits.h"
#include "hv/domain/memory_map.h"
#include "hv/evtchn/evtchn.h"
#include "hv/sched/run_queue.h"

#define EXCEPTION_COUNT       256U
#define FPU_AREA_SIZE         PAGE_SIZE
#define REFUSED_COMMAND_LIMIT 32U

struct hv_vcpu;
struct cpu_user_regs;

/* Where a guest wants one kind of event delivered (callback_op), address 0: nowhere. */
struct guest_callback {
    uint64_t address; /* canonical */
    bool masks_events;
};

/* One entry of the guest's trap table (set_trap_table), address 0: none. */
struct guest_trap {
    uint64_t address; /* canonical */
    uint16_t cs;
    uint8_t dpl; /* lowest privilege that may raise it with INT n: 3 lets user mode */
    bool masks_events;
};

/* The entry that the ABI's record asks for; its address has been checked. */
static inline struct guest_trap guest_trap_make(const struct trap_info *record)
{
    return (struct guest_trap){
        .address = record->address,
        .cs = record->cs | 3,
        .dpl = (uint8_t)TI_GET_DPL(record),
        .masks_events = TI_GET_IF(record) != 0,
    };
}

/* Why a call of the vCPU was refused (hv/refuse.h). */
struct refusal_reason {
    uint64_t count;      /* of reasons that were told, by whomever */
    const char *format;  /* of the last one; NULL: nothing is left to be printed */
    char text[160];      /* the sentence, if it is to be shown at all */
    const char *printed; /* the one that was printed last, when, and of which call */
    const char *printed_call;
    uint64_t printed_argument; /* its first */
    uint64_t printed_ns;
};

/* Its life is hv/domain/domain.h's affair. */
struct hv_domain {
    struct domain core; /* first */
    struct shared_info *shared;
    mfn_t shared_mfn;
    unsigned int vcpu_limit;    /* it may have vCPUs 0 .. vcpu_limit - 1; the scheduler's lock */
    unsigned int weight;        /* each of its vCPUs' share of the CPU, in WEIGHT_DEFAULTths */
    unsigned int pause_count;   /* while not 0, none of its vCPUs runs; the scheduler's lock */
    bool was_started;           /* it has been unpaused altogether once */
    bool is_shut_down;          /* none runs, unless it is resumed */
    unsigned int shutdown_code; /* SHUTDOWN_*: how it ended */
    xen_domain_handle_t handle; /* a UUID, for the toolstack */
    struct memory_map memory_map;
    uint32_t hidden_features[FEATURE_WORDS]; /* that others are shown; fixed once it was started */
    struct evtchn_table evtchns;
    uint64_t pollers; /* a bit for each vCPU in SCHEDOP_poll; atomic */
    struct guest_console console;
    bool io_ports;          /* may use the machine's I/O ports: the first domain */
    uint64_t refused_calls; /* bit n: call n was refused as unknown, and that was logged */
    /* Commands of known calls that were refused as unknown and logged: call and command. */
    uint64_t refused_commands[REFUSED_COMMAND_LIMIT];
    unsigned int refused_command_count;
};

struct hv_vcpu {
    struct vcpu core;       /* first */
    struct vcpu_info *info; /* where the guest looks: in shared_info, or registered */
    bool info_registered;
    unsigned int slot; /* its number among all vCPUs there are */

    bool is_initialised;       /* has a state to start from */
    bool is_up;                /* VCPUOP_up: may run */
    struct run_entry turn;     /* its place in the run queue; the scheduler's lock */
    struct heap_node timer;    /* in the queue of deadlines; the timers' lock */
    struct cpu_user_regs regs; /* while the vCPU is not loaded, selectors too */

    bool in_kernel;     /* guest-kernel mode */
    uint8_t iopl;       /* virtual: kernel mode may use I/O instructions if 1 or more */
    uint64_t kernel_sp; /* stack for entries from user mode (stack_switch) */
    uint16_t kernel_ss;
    struct guest_callback event_callback;
    struct guest_callback failsafe_callback; /* for selectors that a switch cannot load back */
    struct guest_callback syscall_callback;
    struct guest_callback syscall32_callback;
    struct guest_callback sysenter_callback; /* no processor we run on takes SYSENTER to us */
    struct guest_callback nmi_callback;      /* NMIs are never passed on yet */
    struct guest_trap traps[EXCEPTION_COUNT];

    uint64_t fs_base; /* the bases, while the vCPU is not loaded; then the registers have them */
    uint64_t gs_base_kernel;
    uint64_t gs_base_user;

    uint32_t tsc_aux; /* what RDTSCP and RDPID tell besides */

    bool cr0_ts;     /* the guest's own CR0.TS: #NM is the guest's while set */
    bool fpu_loaded; /* its FPU state is in the registers, hardware TS clear */
    uint64_t cr4;    /* the bits the guest chose, of those it may */
    uint64_t xcr0;
    uint64_t debug[8]; /* DR0-3, DR6, DR7 as the guest set them */
    uint8_t *fpu_area; /* XSAVE or FXSAVE image, one frame */

    uint64_t singleshot_ns; /* deadline of the one-shot timer, system time; 0: off */
    uint64_t periodic_ns;   /* period; 0: off */
    uint64_t periodic_next_ns;

    uint64_t runstate_address; /* guest-virtual, where vcpu_runstate_info goes; 0: nowhere */
    int runstate;              /* RUNSTATE_* */
    uint64_t runstate_entry_ns;
    uint64_t runstate_times[4];

    bool blocked;            /* in SCHEDOP_block or _poll */
    unsigned int poll_count; /* SCHEDOP_poll: ports waited for */
    uint32_t poll_ports[128];
    uint64_t poll_timeout_ns;

    uint32_t multicall_index; /* in a multicall: which of its calls is at hand */
    struct refusal_reason reason;
};

static inline struct hv_vcpu *hv_vcpu_of(struct vcpu *vcpu)
{
    return (struct hv_vcpu *)(void *)vcpu;
}

static inline struct hv_domain *hv_domain_of(struct domain *domain)
{
    return (struct hv_domain *)(void *)domain;
}

static inline struct hv_domain *hv_vcpu_domain(const struct hv_vcpu *vcpu)
{
    return hv_domain_of(vcpu->core.domain);
}

/* A vCPU of the domain by the number a guest gave; NULL: it has none. */
static inline struct hv_vcpu *hv_domain_vcpu(const struct hv_domain *domain, uint32_t id)
{
    return id < VCPU_LIMIT ? hv_vcpu_of(domain->core.vcpus[index_nospec(id, VCPU_LIMIT)]) : NULL;
}

/* The base of the mode the vCPU is in. */
static inline mfn_t vcpu_base(const struct hv_vcpu *vcpu)
{
    return vcpu->in_kernel ? vcpu->core.kernel_base : vcpu->core.user_base;
}

/* The vCPU that runs, or was interrupted, on this CPU. */
static inline struct hv_vcpu *current_vcpu(void)
{
    return cpu_info()->vcpu;
}
/* Its registers as they were when it came in: at the top of this CPU's stack. */
static inline struct cpu_user_regs *current_registers(void)
{
    return &cpu_stack_top()->regs;
}

/* An event is pending for the vCPU and it does not mask upcalls. */
static inline bool vcpu_has_deliverable_event(const struct hv_vcpu *vcpu)
{
    const struct vcpu_info *info = vcpu->info;
    return __atomic_load_n(&info->evtchn_upcall_pending, __ATOMIC_RELAXED) != 0 &&
           __atomic_load_n(&info->evtchn_upcall_mask, __ATOMIC_RELAXED) == 0;
}

/* Something happened that a blocked or polling vCPU may wait for. Any CPU, also in interrupts. */
void vcpu_wake(struct hv_vcpu *vcpu);

/* The running vCPU waits until it has a deliverable event, or one of its poll_ports is pending or
 * poll_timeout_ns has come. It goes on with its next instruction then. */
void vcpu_block(struct hv_vcpu *vcpu);

/* Bring vcpu_info.time up to date; before the guest runs, and when it registers a new place. */
void vcpu_update_time(struct hv_vcpu *vcpu);

/* Begin a runstate (RUNSTATE_*) at time `now`: accounts for the one that ends, and publishes if it
 * is loaded. */
void vcpu_set_runstate(struct hv_vcpu *vcpu, int state, uint64_t now);

/* Put the loaded vCPU's runstate into the registered area, if the guest's tables allow. */
void vcpu_publish_runstate(struct hv_vcpu *vcpu);

/* Raise an exception in the guest kernel when it next runs: bounce frame, handler of the trap
 * table. At most one for each entry; without a handler the domain crashes. `error` is used only for
 * the vectors that have one. vcpu_inject_page_fault() also sets the guest's CR2. */
void vcpu_inject_trap(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, unsigned int vector,
                      uint32_t error);
/* INT n of the guest's own: no vector has an error code then. */
void vcpu_inject_software_interrupt(struct hv_vcpu *vcpu, struct cpu_user_regs *regs,
                                    unsigned int vector);
void vcpu_inject_page_fault(struct hv_vcpu *vcpu, struct cpu_user_regs *regs, uint64_t address,
                            uint32_t error);

/* The selectors it had cannot be loaded back: the failsafe callback, with what they were. */
void vcpu_inject_failsafe(struct hv_vcpu *vcpu, struct cpu_user_regs *regs);

/* The running vCPU's domain cannot go on: says why, with the state of the vCPU. What was under way
 * is given up; no lock may be held. */
NORETURN void domain_crash(struct hv_vcpu *vcpu, const char *why);

/* The running vCPU's domain ends, for one of SCHEDOP_shutdown's reasons. With the first domain, the
 * machine goes the same way. */
NORETURN void domain_shutdown(struct hv_vcpu *vcpu, unsigned int reason);

#endif
