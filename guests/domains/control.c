/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/domains/control.h"

#include "guests/lib/event.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define PATIENCE    1000U /* milliseconds before we call it hanging */
#define DOMAINS_MAX 64U
#define FRAMES_ONCE 1024U

int64_t domctl(uint32_t command, domid_t domain, struct xen_domctl *op)
{
    op->cmd = command;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domain;
    return hypercall(__HYPERVISOR_domctl, pointer_value(op), 0, 0, 0, 0);
}

int64_t sysctl(uint32_t command, struct xen_sysctl *op)
{
    op->cmd = command;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_sysctl, pointer_value(op), 0, 0, 0, 0);
}

int64_t domctl_plain(uint32_t command, domid_t domain)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    return domctl(command, domain, &op);
}

struct xen_domctl create_record(void)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.createdomain = (struct xen_domctl_createdomain){
        .handle = {0x50, 0x49, 0x4e},
        .max_vcpus = 1,
        .max_evtchn_port = UINT32_MAX,
        .max_grant_frames = 4,
        .max_maptrack_frames = 4,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
    return op;
}

int64_t domain_info(domid_t domain, struct xen_domctl_getdomaininfo *info)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    int64_t result = domctl(XEN_DOMCTL_getdomaininfo, domain, &op);
    *info = op.u.getdomaininfo;
    return result;
}

static uint32_t list_domains(struct xen_domctl_getdomaininfo *list, uint32_t room)
{
    struct xen_sysctl op;
    memset(&op, 0, sizeof(op));
    op.u.getdomaininfolist.max_domains = room;
    set_xen_guest_handle_raw(op.u.getdomaininfolist.buffer, list);
    EXPECT_RESULT(sysctl(XEN_SYSCTL_getdomaininfolist, &op), 0);
    return op.u.getdomaininfolist.num_domains;
}

void let_others_run(void)
{
    hypercall_sched_op(SCHEDOP_yield, NULL);
}

void let_time_pass(void)
{
    struct sched_poll poll = {.timeout = (uint64_t)(system_time() + MILLISECOND)};
    hypercall_sched_op(SCHEDOP_poll, &poll);
}

static struct xen_domctl_getdomaininfo domains[DOMAINS_MAX];

uint32_t domain_count(void)
{
    return list_domains(domains, DOMAINS_MAX);
}

uint64_t free_frames(void)
{
    struct xen_sysctl op;
    uint64_t before = UINT64_MAX;
    for (unsigned int turn = 0; turn < PATIENCE; turn++) {
        memset(&op, 0, sizeof(op));
        EXPECT_RESULT(sysctl(XEN_SYSCTL_physinfo, &op), 0);
        uint64_t now = op.u.physinfo.free_pages;
        if (now == before && op.u.physinfo.scrub_pages == 0) {
            return now;
        }
        before = now;
        let_time_pass();
    }
    test_fail(__FILE__, __LINE__, "the number of free frames does not come to rest");
}

bool is_gone(domid_t domain)
{
    struct xen_domctl_getdomaininfo info;
    return domain_info(domain, &info) == -XEN_ESRCH || info.domain != domain;
}

void wait_until_gone(domid_t domain)
{
    for (unsigned int turn = 0; turn < PATIENCE && !is_gone(domain); turn++) {
        let_time_pass();
    }
    EXPECT(is_gone(domain));
}

int64_t destroy(domid_t domain)
{
    int64_t result = domctl_plain(XEN_DOMCTL_destroydomain, domain);
    if (result == 0) {
        wait_until_gone(domain);
    }
    return result;
}

void destroy_all(void)
{
    uint32_t count = domain_count();
    for (uint32_t i = 0; i < count; i++) {
        if (domains[i].domain != 0) {
            EXPECT_RESULT(destroy(domains[i].domain), 0);
        }
    }
}

uint64_t populate(domid_t domain, uint64_t first, mfn_t frames[], uint64_t count)
{
    static xen_pfn_t extents[FRAMES_ONCE];
    EXPECT(count <= FRAMES_ONCE);
    for (uint64_t i = 0; i < count; i++) {
        extents[i] = first + i;
    }
    struct xen_memory_reservation reservation = {.nr_extents = count, .domid = domain};
    set_xen_guest_handle(reservation.extent_start, extents);
    int64_t done = hypercall_memory_op(XENMEM_populate_physmap, &reservation);
    for (int64_t i = 0; i < done; i++) {
        frames[i] = mfn_make(extents[i]);
    }
    return (uint64_t)done;
}

int64_t foreign_map(size_t slot, domid_t domain, mfn_t frame, uint64_t flags)
{
    mmu_update_t update = {.ptr = entry_address(scratch_l1, slot) | MMU_NORMAL_PT_UPDATE,
                           .val = flags != 0 ? pte_make(frame, flags) : 0};
    int64_t result = hypercall_mmu_update(&update, 1, NULL, flags != 0 ? domain : DOMID_SELF);
    mmuext_address(MMUEXT_INVLPG_LOCAL, SCRATCH_VA + slot * PAGE_SIZE);
    return result;
}

int64_t mmuext_for(domid_t domain, unsigned int command, mfn_t frame)
{
    struct mmuext_op operation = {.cmd = command, .arg1.mfn = frame.value};
    return hypercall_mmuext_op(&operation, 1, NULL, domain);
}
