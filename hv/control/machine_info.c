/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/control/control.h"

#include "hv/control/machine_info.h"
#include "hv/cpu/msr.h"
#include "hv/guest_memory.h"
#include "hv/mem/boot_memory.h"
#include "hv/refuse.h"
#include "hv/sched/sched.h"
#include "hv/time/time.h"

#define CPU_COUNT      1U
#define LOCAL_DISTANCE 10U /* of a node to itself, as ACPI's table of distances has it */
#define ALL_NODES      (-1)

static uint64_t free_frames(void)
{
    return __atomic_load_n(&machine.free_count, __ATOMIC_RELAXED);
}

/* The processor's own feature words, in the order in which `xl info` shows them. */
static void fill_features(uint32_t words[8])
{
    struct cpuid_result basic = cpuid(1, 0);
    struct cpuid_result extended = cpuid(0x80000001, 0);
    struct cpuid_result seven = cpuid(7, 0);
    words[0] = basic.edx;
    words[1] = basic.ecx;
    words[2] = extended.edx;
    words[3] = extended.ecx;
    words[4] = cpuid(0xd, 1).eax;
    words[5] = seven.ebx;
    words[6] = seven.ecx;
    words[7] = cpuid(0x80000007, 0).edx;
}

int sysctl_physinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *info = &op->u.physinfo;
    *info = (struct xen_sysctl_physinfo){
        .threads_per_core = 1,
        .cores_per_socket = CPU_COUNT,
        .nr_cpus = CPU_COUNT,
        .nr_nodes = 1,
        .cpu_khz = (uint32_t)(time_tsc_hz() / 1000),
        .capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1,
        .total_pages = boot_memory_total() >> PAGE_SHIFT,
        .free_pages = free_frames(),
        .max_mfn = machine.frame_count - 1,
    };
    fill_features(info->hw_cap);
    return 0;
}

int sysctl_getcpuinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_getcpuinfo *query = &op->u.getcpuinfo;
    struct xen_sysctl_cpuinfo info = {.idletime = sched_idle_ns()};
    query->nr_cpus = (uint32_t)min_u64(query->max_cpus, CPU_COUNT);
    uint64_t to = HANDLE_ADDRESS(query->info);
    bool copied = query->nr_cpus == 0 || guest_copy_out(to, &info, sizeof(info));
    return copied ? 0 : refuse_unwritable(to, sizeof(info));
}

/* Of all widths together: nothing is kept apart for devices that need narrow addresses. */
int sysctl_availheap(struct xen_sysctl *op)
{
    struct xen_sysctl_availheap *query = &op->u.availheap;
    if (query->min_bitwidth != 0 || query->max_bitwidth != 0) {
        return refuse(-XEN_EOPNOTSUPP, "widths %u to %u: memory is of all widths together (0, 0)",
                      query->min_bitwidth, query->max_bitwidth);
    }
    bool is_ours = query->node == 0 || query->node == ALL_NODES;
    query->avail_bytes = is_ours ? free_frames() << PAGE_SHIFT : 0;
    return 0;
}

/* Without a buffer only the number is asked for; `*count` is what there is, or was written. */
static int answer_one(uint64_t to, uint32_t count, const void *record, size_t size)
{
    return to == 0 || count == 0 || guest_copy_out(to, record, size) ? 0
                                                                     : refuse_unwritable(to, size);
}

int sysctl_cputopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_cputopoinfo *query = &op->u.cputopoinfo;
    static const struct xen_sysctl_cputopo only;
    int result = answer_one(HANDLE_ADDRESS(query->cputopo), query->num_cpus, &only, sizeof(only));
    query->num_cpus = CPU_COUNT;
    return result;
}

int sysctl_numainfo(struct xen_sysctl *op)
{
    struct xen_sysctl_numainfo *query = &op->u.numainfo;
    const struct xen_sysctl_meminfo memory = {.memsize = boot_memory_total(),
                                              .memfree = free_frames() << PAGE_SHIFT};
    static const uint32_t distance = LOCAL_DISTANCE;
    int result =
        answer_one(HANDLE_ADDRESS(query->meminfo), query->num_nodes, &memory, sizeof(memory));
    if (result == 0) {
        result = answer_one(HANDLE_ADDRESS(query->distance), query->num_nodes, &distance,
                            sizeof(distance));
    }
    query->num_nodes = 1;
    return result;
}

/* ---- the pool ------------------------------------------------------------------------------ */

static uint32_t count_domains(void)
{
    uint32_t count = 0;
    for (unsigned int id = 0; id < DOMAIN_LIMIT; id++) {
        count += machine.domains[id] != NULL ? 1 : 0;
    }
    return count;
}

/* Pool 0 is all there is, and where a list of pools ends. */
int sysctl_cpupool_op(struct xen_sysctl *op)
{
    struct xen_sysctl_cpupool_op *pool = &op->u.cpupool_op;
    if (pool->op != XEN_SYSCTL_CPUPOOL_OP_INFO) {
        return refuse(-XEN_EOPNOTSUPP, "pool command %u: the one pool does not change", pool->op);
    }
    if (pool->cpupool_id != 0) {
        return refuse(-XEN_ENOENT, "pool %u: there is one, 0", pool->cpupool_id);
    }
    pool->sched_id = XEN_SCHEDULER_CREDIT2;
    pool->n_dom = count_domains();
    return bitmap_write_first(&pool->cpumap);
}

/* There is no rate limit: who is far enough behind interrupts another at any time. */
int sysctl_scheduler_op(struct xen_sysctl *op)
{
    struct xen_sysctl_scheduler_op *operation = &op->u.scheduler_op;
    if (operation->cpupool_id != 0) {
        return refuse(-XEN_ESRCH, "pool %u: there is one, 0", operation->cpupool_id);
    }
    if (operation->sched_id != XEN_SCHEDULER_CREDIT2) {
        return refuse(-XEN_EINVAL, "scheduler %u: it is no other than credit2, %u",
                      operation->sched_id, XEN_SCHEDULER_CREDIT2);
    }
    switch (operation->cmd) {
    case XEN_SYSCTL_SCHEDOP_getinfo:
        operation->u.sched_credit2.ratelimit_us = 0;
        return 0;
    case XEN_SYSCTL_SCHEDOP_putinfo:
        return operation->u.sched_credit2.ratelimit_us == 0
                   ? 0
                   : refuse(-XEN_EOPNOTSUPP, "a rate limit of %u us: there is none, 0",
                            operation->u.sched_credit2.ratelimit_us);
    default:
        return refuse(-XEN_EINVAL, "scheduler command %u is not known", operation->cmd);
    }
}

/* CPUID is neither masked nor made to fault for guests. */
int sysctl_get_cpu_levelling_caps(struct xen_sysctl *op)
{
    op->u.cpu_levelling_caps.caps = 0;
    return 0;
}
