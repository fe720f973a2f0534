/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be set of a domain and asked about its frames; limits; channels between two domains. */
#include "guests/domains/child.h"

#include "guests/lib/event.h"
#include "guests/lib/test.h"
#include "lib/string.h"

/* ---- frames -------------------------------------------------------------------------------- */

TEST(uses_of_frames_are_told)
{
    struct child child = child_start();
    uint64_t frames[CHILD_FRAMES + 3];
    for (unsigned int i = 0; i < CHILD_FRAMES; i++) {
        frames[i] = child.frames[i].value;
    }
    frames[CHILD_FRAMES] = mfn_of(page_alloc()).value;
    frames[CHILD_FRAMES + 1] = UINT64_C(0xffffffffff);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    frames[CHILD_FRAMES + 2] = info.shared_info_frame;
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.getpageframeinfo3.num = ARRAY_SIZE(frames);
    set_xen_guest_handle_raw(op.u.getpageframeinfo3.array, frames);
    EXPECT_RESULT(domctl(XEN_DOMCTL_getpageframeinfo3, child.id, &op), 0);
    EXPECT_EQUAL(frames[PAGE_CODE], XEN_DOMCTL_PFINFO_NOTAB);
    EXPECT_EQUAL(frames[PAGE_MAILBOX], XEN_DOMCTL_PFINFO_NOTAB);
    EXPECT_EQUAL(frames[PAGE_L1], XEN_DOMCTL_PFINFO_L1TAB);
    EXPECT_EQUAL(frames[PAGE_L2], XEN_DOMCTL_PFINFO_L2TAB);
    EXPECT_EQUAL(frames[PAGE_L3], XEN_DOMCTL_PFINFO_L3TAB);
    EXPECT_EQUAL(frames[PAGE_L4], XEN_DOMCTL_PFINFO_L4TAB | XEN_DOMCTL_PFINFO_LPINTAB);
    for (unsigned int i = CHILD_FRAMES; i < ARRAY_SIZE(frames); i++) {
        EXPECT_EQUAL(frames[i], XEN_DOMCTL_PFINFO_XTAB);
    }
}

TEST(uses_of_frames_are_told_for_1024_at_most_and_where_they_can_be_written)
{
    struct child child = child_start();
    uint64_t *frames = page_alloc_many(2);
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.getpageframeinfo3.num = 1024;
    set_xen_guest_handle_raw(op.u.getpageframeinfo3.array, frames);
    EXPECT_RESULT(domctl(XEN_DOMCTL_getpageframeinfo3, child.id, &op), 0);
    EXPECT_EQUAL(frames[1023], XEN_DOMCTL_PFINFO_XTAB);
    memset(&op, 0, sizeof(op));
    op.u.getpageframeinfo3.num = 1025;
    set_xen_guest_handle_raw(op.u.getpageframeinfo3.array, frames);
    EXPECT_RESULT(domctl(XEN_DOMCTL_getpageframeinfo3, child.id, &op), -XEN_E2BIG);
    memset(&op, 0, sizeof(op));
    op.u.getpageframeinfo3.num = 1;
    op.u.getpageframeinfo3.array.p = (xen_pfn_t *)FREE_VA;
    EXPECT_RESULT(domctl(XEN_DOMCTL_getpageframeinfo3, child.id, &op), -XEN_EFAULT);
}

TEST(hypercall_page_is_written_into_a_plain_frame_only)
{
    struct child child = child_start();
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.hypercall_init.gmfn = child.frames[PAGE_PLAIN].value;
    EXPECT_RESULT(domctl(XEN_DOMCTL_hypercall_init, child.id, &op), 0);
    EXPECT_RESULT(foreign_map(1, child.id, child.frames[PAGE_PLAIN], PTE_READ_ONLY), 0);
    const uint8_t *stub = (uint8_t *)slot_address(1) + __HYPERVISOR_domctl * 32;
    EXPECT_EQUAL(stub[0], 0x51); /* push %rcx */
    EXPECT_EQUAL(stub[4], __HYPERVISOR_domctl);
    op.u.hypercall_init.gmfn = child.frames[PAGE_L1].value;
    EXPECT_RESULT(domctl(XEN_DOMCTL_hypercall_init, child.id, &op), -XEN_EPERM);
    op.u.hypercall_init.gmfn = mfn_of(page_alloc()).value;
    EXPECT_RESULT(domctl(XEN_DOMCTL_hypercall_init, child.id, &op), -XEN_EINVAL);
    op.u.hypercall_init.gmfn = UINT64_C(0xffffffffff);
    EXPECT_RESULT(domctl(XEN_DOMCTL_hypercall_init, child.id, &op), -XEN_EINVAL);
}

/* ---- memory map, claims -------------------------------------------------------------------- */

struct map_entry {
    uint64_t address, size;
    uint32_t type;
} PACKED;

static int64_t set_map(domid_t domain, const void *entries, uint32_t count)
{
    struct xen_foreign_memory_map map = {.domid = domain, .map = {.nr_entries = count}};
    set_xen_guest_handle_raw(map.map.buffer, (void *)(uint64_t)entries);
    return hypercall_memory_op(XENMEM_set_memory_map, &map);
}

static int64_t child_reads_map(const struct child *child, uint32_t *count)
{
    struct xen_memory_map map = {.nr_entries = *count};
    char *place = child_record_place(child);
    uint64_t record = child_record(child, &map, sizeof(map));
    map.buffer.p = (void *)(record + sizeof(map));
    child_record(child, &map, sizeof(map));
    int64_t result = child_call(child, __HYPERVISOR_memory_op, XENMEM_memory_map, record, 0, 0);
    *count = ((struct xen_memory_map *)(void *)place)->nr_entries;
    return result;
}

TEST(memory_map_that_is_set_is_what_the_domain_reads)
{
    struct child child = child_start();
    uint32_t count = 8;
    EXPECT_RESULT(child_reads_map(&child, &count), -XEN_ENOSYS);
    const struct map_entry entries[] = {{0, 0x100000, 1}, {0x100000, 0x2000, 2}};
    EXPECT_RESULT(set_map(child.id, entries, 2), 0);
    count = 8;
    EXPECT_RESULT(child_reads_map(&child, &count), 0);
    EXPECT_EQUAL(count, 2);
    const char *read = (char *)child_record_place(&child) + sizeof(struct xen_memory_map);
    EXPECT(memcmp(read, entries, sizeof(entries)) == 0);
    count = 1;
    EXPECT_RESULT(child_reads_map(&child, &count), 0);
    EXPECT_EQUAL(count, 1);
    EXPECT_RESULT(set_map(child.id, entries + 1, 1), 0);
    count = 8;
    EXPECT_RESULT(child_reads_map(&child, &count), 0);
    EXPECT_EQUAL(count, 1);
    EXPECT_RESULT(set_map(child.id, (const void *)FREE_VA, 2), -XEN_EFAULT);
    EXPECT_RESULT(set_map(child.id, entries, 1025), -XEN_EINVAL);
    EXPECT_RESULT(set_map(400, entries, 1), -XEN_ESRCH);
    count = 8;
    EXPECT_RESULT(child_reads_map(&child, &count), 0);
    EXPECT_EQUAL(count, 1);
}

TEST(highest_pfn_is_what_the_domain_has_published)
{
    struct child child = child_start();
    domid_t id = child.id;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_maximum_gpfn, &id), 0);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT_RESULT(foreign_map(1, child.id, mfn_make(info.shared_info_frame), PTE_READ_WRITE), 0);
    ((struct shared_info *)slot_address(1))->arch.max_pfn = 77;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_maximum_gpfn, &id), 76);
    id = 400;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_maximum_gpfn, &id), -XEN_ESRCH);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_maximum_gpfn, (void *)FREE_VA), -XEN_EFAULT);
}

TEST(claim_is_for_what_there_is)
{
    struct child child = child_start();
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.max_mem.max_memkb = UINT64_C(1) << 30;
    EXPECT_RESULT(domctl(XEN_DOMCTL_max_mem, child.id, &op), 0);
    struct xen_memory_reservation claim = {.nr_extents = 100, .domid = child.id};
    EXPECT_RESULT(hypercall_memory_op(XENMEM_claim_pages, &claim), 0);
    claim.nr_extents = 0;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_claim_pages, &claim), 0);
    claim.nr_extents = UINT64_C(1) << 27;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_claim_pages, &claim), -XEN_ENOMEM);
    claim.nr_extents = UINT64_C(1) << 29;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_claim_pages, &claim), -XEN_EINVAL);
    claim = (struct xen_memory_reservation){.nr_extents = 1, .domid = 400};
    EXPECT_RESULT(hypercall_memory_op(XENMEM_claim_pages, &claim), -XEN_EINVAL);
    claim = (struct xen_memory_reservation){.nr_extents = 1, .extent_order = 1, .domid = child.id};
    EXPECT_RESULT(hypercall_memory_op(XENMEM_claim_pages, &claim), -XEN_EINVAL);
}

/* ---- share of the CPU ---------------------------------------------------------------------- */

static int64_t scheduler(domid_t domain, uint32_t command, uint16_t weight, uint16_t cap,
                         struct xen_domctl *op)
{
    memset(op, 0, sizeof(*op));
    op->u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op->u.scheduler_op.cmd = command;
    op->u.scheduler_op.u.credit2 = (struct xen_domctl_sched_credit2){weight, cap};
    return domctl(XEN_DOMCTL_scheduler_op, domain, op);
}

TEST(weight_can_be_set_and_read)
{
    struct child child = child_start();
    struct xen_domctl op;
    EXPECT_RESULT(scheduler(child.id, XEN_DOMCTL_SCHEDOP_getinfo, 0, 0, &op), 0);
    EXPECT_EQUAL(op.u.scheduler_op.u.credit2.weight, 256);
    EXPECT_EQUAL(op.u.scheduler_op.u.credit2.cap, 0);
    EXPECT_RESULT(scheduler(child.id, XEN_DOMCTL_SCHEDOP_putinfo, 999, 0, &op), 0);
    EXPECT_RESULT(scheduler(child.id, XEN_DOMCTL_SCHEDOP_getinfo, 0, 0, &op), 0);
    EXPECT_EQUAL(op.u.scheduler_op.u.credit2.weight, 999);
    EXPECT_RESULT(scheduler(child.id, XEN_DOMCTL_SCHEDOP_putvcpuinfo, 1, 0, &op), -XEN_EINVAL);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_RTDS;
    EXPECT_RESULT(domctl(XEN_DOMCTL_scheduler_op, child.id, &op), -XEN_EINVAL);
}

static int64_t affinity(domid_t domain, uint32_t command, uint32_t flags, uint8_t *hard,
                        uint8_t *soft)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.vcpuaffinity.flags = flags;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 16;
    set_xen_guest_handle_raw(op.u.vcpuaffinity.cpumap_hard.bitmap, hard);
    op.u.vcpuaffinity.cpumap_soft.nr_bits = 16;
    set_xen_guest_handle_raw(op.u.vcpuaffinity.cpumap_soft.bitmap, soft);
    return domctl(command, domain, &op);
}

TEST(affinity_with_the_cpu_there_is_can_be_had_and_without_it_not)
{
    struct child child = child_start();
    uint8_t hard[2] = {0xff, 0xff};
    uint8_t soft[2] = {0x01, 0};
    uint32_t both = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    EXPECT_RESULT(affinity(child.id, XEN_DOMCTL_setvcpuaffinity, both, hard, soft), 0);
    EXPECT_EQUAL(hard[0], 1);
    EXPECT_EQUAL(hard[1], 0);
    EXPECT_EQUAL(soft[0], 1);
    hard[0] = 0xfe;
    EXPECT_RESULT(affinity(child.id, XEN_DOMCTL_setvcpuaffinity, XEN_VCPUAFFINITY_HARD, hard, soft),
                  -XEN_EINVAL);
    EXPECT_RESULT(affinity(child.id, XEN_DOMCTL_setvcpuaffinity, 0, hard, soft), -XEN_EINVAL);
    EXPECT_RESULT(affinity(child.id, XEN_DOMCTL_getvcpuaffinity, both, hard, soft), 0);
    EXPECT_EQUAL(hard[0] & 1, 1);
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    uint8_t nodes = 3;
    op.u.nodeaffinity.nodemap.nr_bits = 8;
    set_xen_guest_handle_raw(op.u.nodeaffinity.nodemap.bitmap, &nodes);
    EXPECT_RESULT(domctl(XEN_DOMCTL_setnodeaffinity, child.id, &op), 0);
    EXPECT_RESULT(domctl(XEN_DOMCTL_getnodeaffinity, child.id, &op), 0);
    EXPECT_EQUAL(nodes & 1, 1);
    nodes = 0;
    EXPECT_RESULT(domctl(XEN_DOMCTL_setnodeaffinity, child.id, &op), -XEN_EINVAL);
}

TEST(bitmap_larger_than_the_machine_is_written_to_its_end)
{
    struct child child = child_start();
    static uint8_t set[4096];
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    memset(set, 0xff, sizeof(set));
    op.u.nodeaffinity.nodemap.nr_bits = 8001;
    set_xen_guest_handle_raw(op.u.nodeaffinity.nodemap.bitmap, set);
    EXPECT_RESULT(domctl(XEN_DOMCTL_getnodeaffinity, child.id, &op), 0);
    EXPECT_EQUAL(set[0], 1);
    for (unsigned int i = 1; i < 1001; i++) {
        EXPECT_EQUAL(set[i], 0);
    }
    EXPECT_EQUAL(set[1001], 0xff);
}

/* Where Xen writes half a gibibyte without a stop. */
TEST(choice_bitmap_of_more_than_a_kibibyte_is_refused)
{
    struct child child = child_start();
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.nodeaffinity.nodemap.nr_bits = 8193;
    EXPECT_RESULT(domctl(XEN_DOMCTL_getnodeaffinity, child.id, &op), -XEN_EINVAL);
}

/* ---- the rest ------------------------------------------------------------------------------ */

TEST(handle_can_be_changed)
{
    struct child child = child_start();
    struct xen_domctl op;
    memset(&op, 0x77, sizeof(op));
    EXPECT_RESULT(domctl(XEN_DOMCTL_setdomainhandle, child.id, &op), 0);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT(info.handle[0] == 0x77 && info.handle[15] == 0x77);
}

TEST(domain_is_told_its_own_handle)
{
    struct child child = child_start();
    struct xen_domctl op;
    memset(&op, 0x77, sizeof(op));
    EXPECT_RESULT(domctl(XEN_DOMCTL_setdomainhandle, child.id, &op), 0);
    static const xen_domain_handle_t other = {1, 2, 3};
    uint64_t place = child_record(&child, other, sizeof(other));
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_xen_version, XENVER_guest_handle, place, 0, 0),
                  0);
    const uint8_t *own = child_record_place(&child);
    for (size_t i = 0; i < sizeof(other); i++) {
        EXPECT_EQUAL(own[i], 0x77);
    }
}

TEST(domains_are_64_bits_wide)
{
    struct child child = child_start();
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    EXPECT_RESULT(domctl(XEN_DOMCTL_get_address_size, child.id, &op), 0);
    EXPECT_EQUAL(op.u.address_size.size, 64);
    EXPECT_RESULT(domctl(XEN_DOMCTL_set_address_size, child.id, &op), 0);
    op.u.address_size.size = 16;
    EXPECT_RESULT(domctl(XEN_DOMCTL_set_address_size, child.id, &op), -XEN_EINVAL);
}

TEST(domains_are_never_32_bits_wide)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    child_build(&child, STEP_CREATE);
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.address_size.size = 32;
    EXPECT_RESULT(domctl(XEN_DOMCTL_set_address_size, child.id, &op), -XEN_EOPNOTSUPP);
    EXPECT_RESULT(destroy(child.id), 0);
}

TEST(clock_of_a_domain_is_the_machines)
{
    struct child child = child_start();
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    EXPECT_RESULT(domctl(XEN_DOMCTL_settscinfo, child.id, &op), 0);
    EXPECT_RESULT(domctl(XEN_DOMCTL_settscinfo, 0, &op), -XEN_EINVAL);
    EXPECT_RESULT(domctl(XEN_DOMCTL_gettscinfo, child.id, &op), 0);
    EXPECT(op.u.tsc_info.gtsc_khz > 1000);
}

TEST(choice_devices_cannot_be_given_away)
{
    struct child child = child_start();
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.ioport_permission = (struct xen_domctl_ioport_permission){0x80, 1, 1};
    EXPECT_RESULT(domctl(XEN_DOMCTL_ioport_permission, child.id, &op), -XEN_EOPNOTSUPP);
    memset(&op, 0, sizeof(op));
    op.u.iomem_permission = (struct xen_domctl_iomem_permission){0xb8, 1, 1};
    EXPECT_RESULT(domctl(XEN_DOMCTL_iomem_permission, child.id, &op), -XEN_EOPNOTSUPP);
    memset(&op, 0, sizeof(op));
    op.u.irq_permission = (struct xen_domctl_irq_permission){.pirq = 4, .allow_access = 1};
    EXPECT_RESULT(domctl(XEN_DOMCTL_irq_permission, child.id, &op), -XEN_EOPNOTSUPP);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_shadow_op, child.id), -XEN_EOPNOTSUPP);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_assign_device, child.id), -XEN_EOPNOTSUPP);
}

/* ---- event channels ------------------------------------------------------------------------ */

TEST(p_domain_opens_no_port_above_its_limit)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    struct xen_domctl create = create_record();
    create.u.createdomain.max_evtchn_port = 3;
    child_build_from(&child, &create, 0, STEP_START);
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = 0};
    for (unsigned int port = 1; port <= 4; port++) {
        int64_t result = child_call(&child, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
                                    child_record(&child, &alloc, sizeof(alloc)), 0, 0);
        EXPECT_RESULT(result, port <= 3 ? 0 : -XEN_ENOSPC);
    }
    alloc.dom = child.id;
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc), -XEN_ENOSPC);
}

TEST(channel_between_two_domains_carries_events_until_one_ends)
{
    struct child child = child_start();
    struct evtchn_alloc_unbound alloc = {.dom = child.id, .remote_dom = DOMID_SELF};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    struct evtchn_bind_interdomain bind = {.remote_dom = child.id, .remote_port = alloc.port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
    shared_info()->evtchn_pending[0] = 0;
    struct evtchn_send send = {.port = alloc.port};
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_event_channel_op, EVTCHNOP_send,
                             child_record(&child, &send, sizeof(send)), 0, 0),
                  0);
    EXPECT(event_port_pending(bind.local_port));
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
    struct evtchn_status status = {.dom = DOMID_SELF, .port = bind.local_port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQUAL(status.status, EVTCHNSTAT_unbound);
    struct evtchn_send ours = {.port = bind.local_port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_send, &ours), 0);
}
