/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Family G: where the answers of control calls go. Their records name places in the caller's
 * memory; a page table, or the hypervisor's part, is none.
 */
#include "guests/domains/child.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define UNTOUCHED UINT64_C(0xeeeeeeeeeeeeeeee)

static struct xen_domctl record;
static struct xen_sysctl machine;

/* Each asks about a child, or the machine, for an answer in one word at least at `to`. */
static int64_t get_context(domid_t child, void *to)
{
    set_xen_guest_handle_raw(record.u.vcpucontext.ctxt, (vcpu_guest_context_t *)to);
    return domctl(XEN_DOMCTL_getvcpucontext, child, &record);
}

static int64_t get_frame_uses(domid_t child, void *to)
{
    record.u.getpageframeinfo3.num = 1;
    set_xen_guest_handle_raw(record.u.getpageframeinfo3.array, to);
    return domctl(XEN_DOMCTL_getpageframeinfo3, child, &record);
}

static int64_t get_affinity(domid_t child, void *to)
{
    record.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    record.u.vcpuaffinity.cpumap_hard.nr_bits = 8;
    set_xen_guest_handle_raw(record.u.vcpuaffinity.cpumap_hard.bitmap, to);
    return domctl(XEN_DOMCTL_getvcpuaffinity, child, &record);
}

static int64_t get_nodes(domid_t child, void *to)
{
    record.u.nodeaffinity.nodemap.nr_bits = 8;
    set_xen_guest_handle_raw(record.u.nodeaffinity.nodemap.bitmap, to);
    return domctl(XEN_DOMCTL_getnodeaffinity, child, &record);
}

static int64_t get_policy(domid_t child, void *to)
{
    record.u.cpu_policy.nr_leaves = 500;
    set_xen_guest_handle_raw(record.u.cpu_policy.leaves, to);
    return domctl(XEN_DOMCTL_get_cpu_policy, child, &record);
}

static int64_t get_list(domid_t child, void *to)
{
    machine.u.getdomaininfolist.first_domain = child;
    machine.u.getdomaininfolist.max_domains = 1;
    set_xen_guest_handle_raw(machine.u.getdomaininfolist.buffer, to);
    return sysctl(XEN_SYSCTL_getdomaininfolist, &machine);
}

static int64_t get_console(domid_t child, void *to)
{
    (void)child;
    machine.u.readconsole.count = 64;
    set_xen_guest_handle_raw(machine.u.readconsole.buffer, to);
    return sysctl(XEN_SYSCTL_readconsole, &machine);
}

static int64_t get_idle_times(domid_t child, void *to)
{
    (void)child;
    machine.u.getcpuinfo.max_cpus = 1;
    set_xen_guest_handle_raw(machine.u.getcpuinfo.info, to);
    return sysctl(XEN_SYSCTL_getcpuinfo, &machine);
}

static int64_t get_topology(domid_t child, void *to)
{
    (void)child;
    machine.u.cputopoinfo.num_cpus = 1;
    set_xen_guest_handle_raw(machine.u.cputopoinfo.cputopo, to);
    return sysctl(XEN_SYSCTL_cputopoinfo, &machine);
}

static int64_t get_node_memory(domid_t child, void *to)
{
    (void)child;
    machine.u.numainfo.num_nodes = 1;
    set_xen_guest_handle_raw(machine.u.numainfo.meminfo, to);
    return sysctl(XEN_SYSCTL_numainfo, &machine);
}

static int64_t get_node_distance(domid_t child, void *to)
{
    (void)child;
    machine.u.numainfo.num_nodes = 1;
    set_xen_guest_handle_raw(machine.u.numainfo.distance, to);
    return sysctl(XEN_SYSCTL_numainfo, &machine);
}

static int64_t get_pool(domid_t child, void *to)
{
    (void)child;
    machine.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    machine.u.cpupool_op.cpumap.nr_bits = 8;
    set_xen_guest_handle_raw(machine.u.cpupool_op.cpumap.bitmap, to);
    return sysctl(XEN_SYSCTL_cpupool_op, &machine);
}

static int64_t get_features(domid_t child, void *to)
{
    (void)child;
    machine.u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_pv;
    machine.u.cpu_featureset.nr_features = 32;
    set_xen_guest_handle_raw(machine.u.cpu_featureset.features, to);
    return sysctl(XEN_SYSCTL_get_cpu_featureset, &machine);
}

static int64_t get_machine_policy(domid_t child, void *to)
{
    (void)child;
    machine.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_max;
    machine.u.cpu_policy.nr_leaves = 500;
    set_xen_guest_handle_raw(machine.u.cpu_policy.leaves, to);
    return sysctl(XEN_SYSCTL_get_cpu_policy, &machine);
}

static int64_t (*const questions[])(domid_t child, void *to) = {
    get_context,       get_frame_uses, get_affinity,   get_nodes,          get_policy,
    get_list,          get_console,    get_idle_times, get_topology,       get_node_memory,
    get_node_distance, get_pool,       get_features,   get_machine_policy,
};

TEST(g12_control_calls_answer_into_no_page_table)
{
    struct child child = child_start();
    uint64_t *table = table_new(1);
    uint64_t *room = page_alloc(); /* that there is an answer */
    void *const places[] = {
        table,
        boot_l4(),
        (void *)(UINT64_C(0xffff800000000000) - 8), /* in the gap below the hypervisor's part */
        (void *)UINT64_C(0xffff800000000000),       /* the machine-to-physical table */
        (void *)UINT64_C(0xffff820000000000),
        (void *)(UINT64_C(0xffff880000000000) - 8),
        (void *)UINT64_C(0x0000800000000000),
    };
    uint64_t first = boot_l4()[0], m2p = m2p_get(mfn_make(0));
    for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
        for (size_t p = 0; p <= ARRAY_SIZE(places); p++) {
            memset(&record, 0, sizeof(record));
            memset(&machine, 0, sizeof(machine));
            memset(room, UNTOUCHED & 0xff, 64);
            bool good = p == ARRAY_SIZE(places);
            int64_t result = questions[i](child.id, good ? room : places[p]);
            if (result != (good ? 0 : -XEN_EFAULT)) {
                test_fail(__FILE__, __LINE__, "question %zu, place %zu: %ld", i, p, result);
            }
            EXPECT(!good || *room != UNTOUCHED);
        }
    }
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        EXPECT_EQUAL(table[i], 0);
    }
    EXPECT_EQUAL(boot_l4()[0], first);
    EXPECT_EQUAL(m2p_get(mfn_make(0)), m2p);
}
