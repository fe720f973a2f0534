/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl: what the machine has, its console, and its domains in a list. */
#include "guests/domains/child.h"

#include "guests/lib/test.h"
#include "lib/string.h"

static struct xen_sysctl op;

static void begin(void)
{
    test_needs_first_domain();
    destroy_all();
    memset(&op, 0, sizeof(op));
}

TEST(machine_tells_its_memory_and_processors)
{
    begin();
    EXPECT_RESULT(sysctl(XEN_SYSCTL_physinfo, &op), 0);
    const struct xen_sysctl_physinfo *info = &op.u.physinfo;
    EXPECT_EQUAL(info->nr_cpus, 1);
    EXPECT_EQUAL(info->max_cpu_id, 0);
    EXPECT_EQUAL(info->nr_nodes, 1);
    EXPECT((info->capabilities & XEN_SYSCTL_PHYSCAP_pv) != 0);
    EXPECT((info->capabilities & XEN_SYSCTL_PHYSCAP_gnttab_v1) != 0);
    EXPECT(info->total_pages > 1000 && info->free_pages < info->total_pages);
    EXPECT(info->max_mfn >= mfn_of(boot_l4()).value);
    EXPECT(info->cpu_khz > 1000);
    uint64_t before = info->free_pages;
    struct child child;
    child_build(&child, STEP_MEMORY);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_physinfo, &op), 0);
    EXPECT(op.u.physinfo.free_pages <= before - CHILD_FRAMES);
}

TEST(domains_are_listed_from_a_number_on)
{
    begin();
    static const domid_t ids[] = {20, 30, 40};
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        struct xen_domctl create = create_record();
        EXPECT_RESULT(domctl(XEN_DOMCTL_createdomain, ids[i], &create), 0);
    }
    static struct xen_domctl_getdomaininfo list[4];
    memset(list, 0x55, sizeof(list));
    op.u.getdomaininfolist.first_domain = 20;
    op.u.getdomaininfolist.max_domains = 2;
    set_xen_guest_handle_raw(op.u.getdomaininfolist.buffer, list);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_getdomaininfolist, &op), 0);
    EXPECT_EQUAL(op.u.getdomaininfolist.num_domains, 2);
    EXPECT_EQUAL(list[0].domain, 20);
    EXPECT_EQUAL(list[1].domain, 30);
    EXPECT_EQUAL(list[2].domain, 0x5555);
    op.u.getdomaininfolist.first_domain = 31;
    op.u.getdomaininfolist.max_domains = 4;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_getdomaininfolist, &op), 0);
    EXPECT_EQUAL(op.u.getdomaininfolist.num_domains, 1);
    EXPECT_EQUAL(list[0].domain, 40);
    op.u.getdomaininfolist.first_domain = 41;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_getdomaininfolist, &op), 0);
    EXPECT_EQUAL(op.u.getdomaininfolist.num_domains, 0);
    op.u.getdomaininfolist.first_domain = 0;
    op.u.getdomaininfolist.buffer.p = (xen_domctl_getdomaininfo_t *)FREE_VA;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_getdomaininfolist, &op), -XEN_EFAULT);
}

TEST(scheduler_has_the_layout_of_credit2)
{
    begin();
    EXPECT_RESULT(sysctl(XEN_SYSCTL_sched_id, &op), 0);
    EXPECT_EQUAL(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
}

TEST(scheduler_tells_its_rate_limit)
{
    begin();
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    op.u.scheduler_op.u.sched_credit2.ratelimit_us = 77;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_scheduler_op, &op), 0);
    EXPECT(op.u.scheduler_op.u.sched_credit2.ratelimit_us != 77);
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_scheduler_op, &op), 0);
    op.u.scheduler_op.cmd = 2;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_scheduler_op, &op), -XEN_EINVAL);
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_scheduler_op, &op), -XEN_EINVAL);
    op.u.scheduler_op.cpupool_id = 1;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_scheduler_op, &op), -XEN_ESRCH);
}

TEST(choice_scheduler_cannot_be_given_a_rate_limit)
{
    begin();
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.sched_credit2.ratelimit_us = 1000;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_scheduler_op, &op), -XEN_EOPNOTSUPP);
}

TEST(no_frames_are_shared_between_domains)
{
    begin();
    EXPECT_RESULT(hypercall_memory_op(XENMEM_get_sharing_freed_pages, NULL), 0);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_get_sharing_shared_pages, NULL), 0);
}

TEST(topology_is_one_cpu_in_one_node)
{
    begin();
    EXPECT_RESULT(sysctl(XEN_SYSCTL_cputopoinfo, &op), 0);
    EXPECT_EQUAL(op.u.cputopoinfo.num_cpus, 1);
    static struct xen_sysctl_cputopo cpus[2];
    memset(cpus, 0x55, sizeof(cpus));
    op.u.cputopoinfo.num_cpus = 2;
    set_xen_guest_handle_raw(op.u.cputopoinfo.cputopo, cpus);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_cputopoinfo, &op), 0);
    EXPECT_EQUAL(op.u.cputopoinfo.num_cpus, 1);
    EXPECT(cpus[0].core != 0x55555555 && cpus[0].node != 0x55555555);
    EXPECT_EQUAL(cpus[1].core, 0x55555555);
    memset(&op, 0, sizeof(op));
    EXPECT_RESULT(sysctl(XEN_SYSCTL_numainfo, &op), 0);
    EXPECT_EQUAL(op.u.numainfo.num_nodes, 1);
    static struct xen_sysctl_meminfo memory;
    static uint32_t distance;
    set_xen_guest_handle_raw(op.u.numainfo.meminfo, &memory);
    set_xen_guest_handle_raw(op.u.numainfo.distance, &distance);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_numainfo, &op), 0);
    EXPECT_EQUAL(op.u.numainfo.num_nodes, 1);
    EXPECT(memory.memsize > memory.memfree && memory.memfree > 0);
    EXPECT_EQUAL(distance, 10);
}

TEST(cpu_pool_0_is_the_only_one)
{
    begin();
    uint8_t cpus[2] = {0, 0xff};
    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    op.u.cpupool_op.cpumap.nr_bits = 16;
    set_xen_guest_handle_raw(op.u.cpupool_op.cpumap.bitmap, cpus);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_cpupool_op, &op), 0);
    EXPECT_EQUAL(op.u.cpupool_op.cpupool_id, 0);
    EXPECT_EQUAL(op.u.cpupool_op.sched_id, XEN_SCHEDULER_CREDIT2);
    EXPECT(op.u.cpupool_op.n_dom >= 1);
    EXPECT_EQUAL(cpus[0], 1);
    EXPECT_EQUAL(cpus[1], 0);
    op.u.cpupool_op.cpupool_id = 1;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_cpupool_op, &op), -XEN_ENOENT);
}

TEST(idle_time_grows_while_nobody_runs)
{
    begin();
    static struct xen_sysctl_cpuinfo info[2];
    op.u.getcpuinfo.max_cpus = 2;
    set_xen_guest_handle_raw(op.u.getcpuinfo.info, info);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_getcpuinfo, &op), 0);
    EXPECT_EQUAL(op.u.getcpuinfo.nr_cpus, 1);
    uint64_t before = info[0].idletime;
    for (unsigned int turn = 0; turn < 1000 && info[0].idletime == before; turn++) {
        let_time_pass();
        EXPECT_RESULT(sysctl(XEN_SYSCTL_getcpuinfo, &op), 0);
    }
    EXPECT(info[0].idletime > before);
}

TEST(free_memory_is_told_in_bytes)
{
    begin();
    op.u.availheap.node = -1;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_availheap, &op), 0);
    EXPECT(op.u.availheap.avail_bytes > 0);
    EXPECT_EQUAL(op.u.availheap.avail_bytes % PAGE_SIZE, 0);
    op.u.availheap.node = 0;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_availheap, &op), 0);
    EXPECT(op.u.availheap.avail_bytes > 0);
}

static char text[16384];

static bool text_has(size_t size, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= size; i++) {
        if (strncmp(text + i, word, length) == 0) {
            return true;
        }
    }
    return false;
}

/* What a debug key prints can be read back; `m` reports on memory here and there. */
TEST(debug_key_acts_and_the_console_can_be_read)
{
    begin();
    op.u.readconsole.count = sizeof(text);
    set_xen_guest_handle_raw(op.u.readconsole.buffer, text);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_readconsole, &op), 0);
    uint32_t index = op.u.readconsole.index;
    static char key[] = "hmh";
    memset(&op, 0, sizeof(op));
    set_xen_guest_handle_raw(op.u.debug_keys.keys, key);
    op.u.debug_keys.nr_keys = 2;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_debug_keys, &op), 0);
    EXPECT(op.u.debug_keys.keys.p == &key[0] || op.u.debug_keys.keys.p == &key[2]);
    memset(&op, 0, sizeof(op));
    op.u.readconsole.incremental = 1;
    op.u.readconsole.index = index;
    op.u.readconsole.count = sizeof(text);
    set_xen_guest_handle_raw(op.u.readconsole.buffer, text);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_readconsole, &op), 0);
    EXPECT(op.u.readconsole.count > 0 && op.u.readconsole.count <= sizeof(text));
    EXPECT(text_has(op.u.readconsole.count, "key"));
    EXPECT(text_has(op.u.readconsole.count, "free"));
    op.u.readconsole.count = sizeof(text);
    op.u.readconsole.index = index;
    op.u.readconsole.buffer.p = (char *)FREE_VA;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_readconsole, &op), -XEN_EFAULT);
    op.u.debug_keys.keys.p = (const char *)FREE_VA;
    op.u.debug_keys.nr_keys = 1;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_debug_keys, &op), -XEN_EFAULT);
}

TEST(processors_cpuid_can_be_asked_about)
{
    begin();
    op.u.cpu_levelling_caps.caps = 77;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_get_cpu_levelling_caps, &op), 0);
    EXPECT(op.u.cpu_levelling_caps.caps != 77);
}
