/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may: a child makes every call that is for control domains only, with arguments that would
 * work, and is refused; the machine stays as it was. And: commands that are malformed, named for
 * domains that are not there, or not implemented, in the order in which the ABI looks at them.
 */
#include "guests/domains/child.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#include <xen/platform.h>

static int64_t child_domctl(const struct child *child, uint32_t command, domid_t domain)
{
    struct xen_domctl op = create_record();
    if (command != XEN_DOMCTL_createdomain) {
        memset(&op, 0, sizeof(op));
    }
    if (command == XEN_DOMCTL_ioport_permission) {
        op.u.ioport_permission = (struct xen_domctl_ioport_permission){0x80, 1, 0};
    }
    op.cmd = command;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = domain;
    return child_call(child, __HYPERVISOR_domctl, child_record(child, &op, sizeof(op)), 0, 0, 0);
}

static const uint32_t domctl_commands[] = {
    XEN_DOMCTL_createdomain,      XEN_DOMCTL_destroydomain,    XEN_DOMCTL_pausedomain,
    XEN_DOMCTL_unpausedomain,     XEN_DOMCTL_getdomaininfo,    XEN_DOMCTL_setvcpuaffinity,
    XEN_DOMCTL_max_mem,           XEN_DOMCTL_setvcpucontext,   XEN_DOMCTL_getvcpucontext,
    XEN_DOMCTL_getvcpuinfo,       XEN_DOMCTL_max_vcpus,        XEN_DOMCTL_scheduler_op,
    XEN_DOMCTL_setdomainhandle,   XEN_DOMCTL_irq_permission,   XEN_DOMCTL_iomem_permission,
    XEN_DOMCTL_ioport_permission, XEN_DOMCTL_hypercall_init,   XEN_DOMCTL_getvcpuaffinity,
    XEN_DOMCTL_resumedomain,      XEN_DOMCTL_set_address_size, XEN_DOMCTL_get_address_size,
    XEN_DOMCTL_gettscinfo,        XEN_DOMCTL_settscinfo,       XEN_DOMCTL_getpageframeinfo3,
    XEN_DOMCTL_setnodeaffinity,   XEN_DOMCTL_getnodeaffinity,
};

TEST(control_of_domains_is_refused_to_a_child)
{
    struct child child = child_start();
    struct child other;
    struct xen_domctl create = create_record();
    child_build_from(&other, &create, 1, STEP_START);
    struct xen_domctl_getdomaininfo before;
    EXPECT_RESULT(domain_info(other.id, &before), 0);
    const domid_t targets[] = {0, other.id, child.id};
    for (size_t i = 0; i < ARRAY_SIZE(domctl_commands); i++) {
        for (size_t t = 0; t < ARRAY_SIZE(targets); t++) {
            int64_t result = child_domctl(&child, domctl_commands[i], targets[t]);
            if (result != -XEN_EPERM) {
                test_fail(__FILE__, __LINE__, "domctl %u for d%u: %ld", domctl_commands[i],
                          targets[t], result);
            }
        }
    }
    struct xen_domctl_getdomaininfo after;
    EXPECT_RESULT(domain_info(other.id, &after), 0);
    EXPECT_EQUAL(after.flags & XEN_DOMINF_paused, before.flags & XEN_DOMINF_paused);
    EXPECT_EQUAL(after.max_pages, before.max_pages);
    EXPECT(memcmp(after.handle, before.handle, sizeof(after.handle)) == 0);
    EXPECT_EQUAL(domain_count(), 3);
}

TEST(control_of_the_machine_is_refused_to_a_child)
{
    struct child child = child_start();
    static const uint32_t commands[] = {
        XEN_SYSCTL_readconsole, XEN_SYSCTL_physinfo,   XEN_SYSCTL_sched_id,
        XEN_SYSCTL_debug_keys,  XEN_SYSCTL_getcpuinfo, XEN_SYSCTL_getdomaininfolist,
        XEN_SYSCTL_availheap,   XEN_SYSCTL_numainfo,   XEN_SYSCTL_cputopoinfo,
    };
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        struct xen_sysctl op;
        memset(&op, 0, sizeof(op));
        op.cmd = commands[i];
        op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
        uint64_t record = child_record(&child, &op, sizeof(op));
        EXPECT_RESULT(child_call(&child, __HYPERVISOR_sysctl, record, 0, 0, 0), -XEN_EPERM);
        EXPECT(memcmp(child_record_place(&child), &op, sizeof(op)) == 0);
    }
    struct xen_platform_op platform = {.cmd = XENPF_settime64,
                                       .interface_version = XENPF_INTERFACE_VERSION};
    uint64_t record = child_record(&child, &platform, sizeof(platform));
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_platform_op, record, 0, 0, 0), -XEN_EPERM);
}

/* memory_op of the child, with a record. */
static int64_t child_memory_op(const struct child *child, uint64_t command, const void *record,
                               size_t size)
{
    return child_call(child, __HYPERVISOR_memory_op, command, child_record(child, record, size), 0,
                      0);
}

TEST(memory_of_others_is_refused_to_a_child)
{
    struct child child = child_start();
    domid_t first = 0;
    EXPECT_RESULT(child_memory_op(&child, XENMEM_current_reservation, &first, sizeof(first)),
                  -XEN_EPERM);
    EXPECT_RESULT(child_memory_op(&child, XENMEM_maximum_gpfn, &first, sizeof(first)), -XEN_EPERM);
    struct xen_foreign_memory_map map = {.domid = 0};
    EXPECT_RESULT(child_memory_op(&child, XENMEM_set_memory_map, &map, sizeof(map)), -XEN_EPERM);
    struct xen_memory_reservation more = {.nr_extents = 1, .domid = 0};
    EXPECT_RESULT(child_memory_op(&child, XENMEM_increase_reservation, &more, sizeof(more)), 0);
    EXPECT_RESULT(child_memory_op(&child, XENMEM_claim_pages, &more, sizeof(more)), -XEN_EPERM);
    struct xen_memory_map machine = {.nr_entries = 128};
    EXPECT_RESULT(child_memory_op(&child, XENMEM_machine_memory_map, &machine, sizeof(machine)),
                  -XEN_EPERM);
}

static int64_t child_mmu_update(const struct child *child, uint64_t entry, uint64_t value,
                                uint64_t domains)
{
    mmu_update_t update = {.ptr = entry, .val = value};
    return child_call(child, __HYPERVISOR_mmu_update, child_record(child, &update, sizeof(update)),
                      1, 0, domains);
}

/* The same entry by each way in, for frames of the first domain, of another and of nobody. */
TEST(j_child_maps_no_frame_of_others)
{
    struct child child = child_start();
    struct child other;
    struct xen_domctl create = create_record();
    child_build_from(&other, &create, 1, STEP_START);
    uint64_t entry = (child.frames[PAGE_L1].value << PAGE_SHIFT) + 100 * sizeof(uint64_t);
    uint64_t ours = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    uint64_t others = pte_make(other.frames[PAGE_PLAIN], PTE_READ_ONLY);
    EXPECT_RESULT(child_mmu_update(&child, entry, ours, DOMID_SELF), -XEN_EBUSY);
    EXPECT_RESULT(child_mmu_update(&child, entry, others, DOMID_SELF), -XEN_EBUSY);
    EXPECT_RESULT(child_mmu_update(&child, entry, ours, 0), -XEN_EPERM);
    EXPECT_RESULT(child_mmu_update(&child, entry, others, other.id), -XEN_EPERM);
    EXPECT_RESULT(child_mmu_update(&child, entry, others, child.id), -XEN_ESRCH);
    EXPECT_RESULT(child_mmu_update(&child, entry, others, DOMID_XEN), -XEN_EPERM);
    uint64_t apic = pte_make(mfn_make(0xfee00), PTE_READ_ONLY);
    EXPECT_RESULT(child_mmu_update(&child, entry, apic, DOMID_IO), -XEN_EPERM);
    uint64_t video = pte_make(mfn_make(0xb8), PTE_READ_WRITE);
    EXPECT_RESULT(child_mmu_update(&child, entry, video, DOMID_IO), -XEN_EPERM);
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_update_va_mapping_otherdomain, child_address(100),
                             others, 0, other.id),
                  -XEN_EPERM);
    EXPECT_RESULT(foreign_map(2, child.id, child.frames[PAGE_L1], PTE_READ_ONLY), 0);
    EXPECT_EQUAL(((uint64_t *)slot_address(2))[100], 0);
}

/* The tables of others, named as the owner of the table in the word's upper half. */
TEST(j_child_changes_no_table_of_others)
{
    struct child child = child_start();
    struct child other;
    struct xen_domctl create = create_record();
    child_build_from(&other, &create, 1, STEP_START);
    uint64_t theirs = (other.frames[PAGE_L1].value << PAGE_SHIFT) + 100 * sizeof(uint64_t);
    uint64_t value = pte_make(child.frames[PAGE_PLAIN], PTE_READ_ONLY);
    uint64_t domains = ((uint64_t)other.id + 1) << 16 | DOMID_SELF;
    EXPECT_RESULT(child_mmu_update(&child, theirs, value, domains), -XEN_EPERM);
    EXPECT_RESULT(child_mmu_update(&child, theirs, value, DOMID_SELF), -XEN_EINVAL);
    uint64_t first = UINT64_C(1) << 16 | DOMID_SELF;
    EXPECT_RESULT(child_mmu_update(&child, entry_address(scratch_l1, 100), value, first),
                  -XEN_EPERM);
    struct mmuext_op unpin_op = {.cmd = MMUEXT_UNPIN_TABLE,
                                 .arg1.mfn = other.frames[PAGE_L4].value};
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_mmuext_op,
                             child_record(&child, &unpin_op, sizeof(unpin_op)), 1, 0, other.id),
                  -XEN_EPERM);
    EXPECT_RESULT(foreign_map(2, other.id, other.frames[PAGE_L1], PTE_READ_ONLY), 0);
    EXPECT_EQUAL(((uint64_t *)slot_address(2))[100], 0);
    EXPECT_EQUAL(pte_of(SCRATCH_VA + 100 * PAGE_SIZE), 0);
}

TEST(ports_of_others_are_refused_to_a_child)
{
    struct child child = child_start();
    struct evtchn_alloc_unbound alloc = {.dom = 0, .remote_dom = child.id};
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
                             child_record(&child, &alloc, sizeof(alloc)), 0, 0),
                  -XEN_EPERM);
    struct evtchn_status status = {.dom = 0, .port = 1};
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_event_channel_op, EVTCHNOP_status,
                             child_record(&child, &status, sizeof(status)), 0, 0),
                  -XEN_EPERM);
}

/* ---- malformed ----------------------------------------------------------------------------- */

TEST(other_interface_versions_are_refused)
{
    test_needs_first_domain();
    static const uint32_t versions[] = {0, XEN_DOMCTL_INTERFACE_VERSION - 1,
                                        XEN_DOMCTL_INTERFACE_VERSION + 1, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct xen_domctl op = create_record();
        op.cmd = XEN_DOMCTL_createdomain;
        op.interface_version = versions[i];
        EXPECT_RESULT(hypercall(__HYPERVISOR_domctl, pointer_value(&op), 0, 0, 0, 0), -XEN_EACCES);
        struct xen_sysctl system;
        memset(&system, 0, sizeof(system));
        system.cmd = XEN_SYSCTL_physinfo;
        system.interface_version = versions[i];
        EXPECT_RESULT(hypercall(__HYPERVISOR_sysctl, pointer_value(&system), 0, 0, 0, 0),
                      -XEN_EACCES);
    }
    EXPECT_RESULT(hypercall(__HYPERVISOR_domctl, FREE_VA, 0, 0, 0, 0), -XEN_EFAULT);
    EXPECT_RESULT(hypercall(__HYPERVISOR_sysctl, FREE_VA, 0, 0, 0, 0), -XEN_EFAULT);
    uint64_t hole = UINT64_C(0xffff800000000000);
    EXPECT_RESULT(hypercall(__HYPERVISOR_domctl, hole, 0, 0, 0, 0), -XEN_EFAULT);
    EXPECT_RESULT(hypercall(__HYPERVISOR_sysctl, hole, 0, 0, 0, 0), -XEN_EFAULT);
}

TEST(domains_that_do_not_exist_are_not_found)
{
    test_needs_first_domain();
    destroy_all();
    static const domid_t nobody[] = {1,          400,      511,       512,           0x7fef,
                                     DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_INVALID, 0xffff};
    for (size_t i = 0; i < ARRAY_SIZE(domctl_commands); i++) {
        for (size_t n = 0; n < ARRAY_SIZE(nobody); n++) {
            if (domctl_commands[i] != XEN_DOMCTL_createdomain &&
                domctl_commands[i] != XEN_DOMCTL_getdomaininfo) {
                EXPECT_RESULT(domctl_plain(domctl_commands[i], nobody[n]), -XEN_ESRCH);
            }
        }
    }
}

TEST(question_about_a_domain_that_does_not_exist_is_answered_for_the_next)
{
    test_needs_first_domain();
    destroy_all();
    struct xen_domctl op = create_record();
    EXPECT_RESULT(domctl(XEN_DOMCTL_createdomain, 200, &op), 0);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(0, &info), 0);
    EXPECT_EQUAL(info.domain, 0);
    EXPECT_RESULT(domctl(XEN_DOMCTL_getdomaininfo, 1, &op), 0);
    EXPECT_EQUAL(op.domain, 200);
    EXPECT_EQUAL(op.u.getdomaininfo.domain, 200);
    EXPECT_RESULT(domain_info(201, &info), -XEN_ESRCH);
    EXPECT_RESULT(domain_info(DOMID_FIRST_RESERVED - 1, &info), -XEN_ESRCH);
    EXPECT_RESULT(domain_info(DOMID_SELF, &info), -XEN_EINVAL);
    EXPECT_RESULT(domain_info(DOMID_INVALID, &info), -XEN_EINVAL);
    EXPECT_RESULT(destroy(200), 0);
}

TEST(unknown_control_commands_are_missing)
{
    test_needs_first_domain();
    static const uint32_t unknown[] = {0, 7, 8, 49, 99, 1004, UINT32_MAX / 2};
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        int64_t result = domctl_plain(unknown[i], 0);
        if (result != -XEN_ENOSYS) {
            test_fail(__FILE__, __LINE__, "domctl %u: %ld", unknown[i], result);
        }
        struct xen_sysctl op;
        memset(&op, 0, sizeof(op));
        EXPECT_RESULT(sysctl(unknown[i] + 100, &op), -XEN_ENOSYS);
    }
}

static const uint32_t missing_domctls[] = {
    XEN_DOMCTL_setdebugging,
    XEN_DOMCTL_settimeoffset,
    XEN_DOMCTL_real_mode_area,
    XEN_DOMCTL_sendtrigger,
    XEN_DOMCTL_subscribe,
    XEN_DOMCTL_gethvmcontext,
    XEN_DOMCTL_sethvmcontext,
    XEN_DOMCTL_bind_pt_irq,
    XEN_DOMCTL_memory_mapping,
    XEN_DOMCTL_ioport_mapping,
    XEN_DOMCTL_set_ext_vcpucontext,
    XEN_DOMCTL_get_ext_vcpucontext,
    XEN_DOMCTL_set_opt_feature,
    XEN_DOMCTL_set_target,
    XEN_DOMCTL_unbind_pt_irq,
    XEN_DOMCTL_get_device_group,
    XEN_DOMCTL_debug_op,
    XEN_DOMCTL_gethvmcontext_partial,
    XEN_DOMCTL_vm_event_op,
    XEN_DOMCTL_mem_sharing_op,
    XEN_DOMCTL_setvcpuextstate,
    XEN_DOMCTL_getvcpuextstate,
    XEN_DOMCTL_set_access_required,
    XEN_DOMCTL_audit_p2m,
    XEN_DOMCTL_set_virq_handler,
    XEN_DOMCTL_set_broken_page_p2m,
    XEN_DOMCTL_cacheflush,
    XEN_DOMCTL_get_vcpu_msrs,
    XEN_DOMCTL_set_vcpu_msrs,
    XEN_DOMCTL_setvnumainfo,
    XEN_DOMCTL_psr_cmt_op,
    XEN_DOMCTL_monitor_op,
    XEN_DOMCTL_psr_alloc,
    XEN_DOMCTL_soft_reset,
    XEN_DOMCTL_vuart_op,
    XEN_DOMCTL_vmtrace_op,
    XEN_DOMCTL_get_paging_mempool_size,
    XEN_DOMCTL_set_paging_mempool_size,
    XEN_DOMCTL_gdbsx_guestmemio,
    XEN_DOMCTL_gdbsx_pausevcpu,
    XEN_DOMCTL_gdbsx_unpausevcpu,
    XEN_DOMCTL_gdbsx_domstatus,
};

static const uint32_t missing_sysctls[] = {
    XEN_SYSCTL_tbuf_op,     XEN_SYSCTL_perfc_op,    XEN_SYSCTL_get_pmstat,
    XEN_SYSCTL_cpu_hotplug, XEN_SYSCTL_pm_op,       XEN_SYSCTL_page_offline_op,
    XEN_SYSCTL_lockprof_op, XEN_SYSCTL_coverage_op, XEN_SYSCTL_psr_cmt_op,
    XEN_SYSCTL_pcitopoinfo, XEN_SYSCTL_psr_alloc,   XEN_SYSCTL_livepatch_op,
};

TEST(choice_control_commands_for_other_domains_and_machines_are_missing)
{
    struct child child = child_start();
    for (size_t i = 0; i < ARRAY_SIZE(missing_domctls); i++) {
        int64_t result = domctl_plain(missing_domctls[i], child.id);
        if (result != -XEN_ENOSYS) {
            test_fail(__FILE__, __LINE__, "domctl %u: %ld", missing_domctls[i], result);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(missing_sysctls); i++) {
        struct xen_sysctl op;
        memset(&op, 0, sizeof(op));
        int64_t result = sysctl(missing_sysctls[i], &op);
        if (result != -XEN_ENOSYS) {
            test_fail(__FILE__, __LINE__, "sysctl %u: %ld", missing_sysctls[i], result);
        }
    }
}

/* Reading the record is one thing, writing the answer another. */
TEST(g_record_that_cannot_be_written_is_a_fault)
{
    test_needs_first_domain();
    destroy_all();
    struct xen_domctl *op = page_alloc();
    op->cmd = XEN_DOMCTL_getdomaininfo;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    EXPECT_RESULT(page_read_only(op), 0);
    EXPECT_RESULT(hypercall(__HYPERVISOR_domctl, pointer_value(op), 0, 0, 0, 0), -XEN_EFAULT);
    struct xen_sysctl *system = page_alloc();
    system->cmd = XEN_SYSCTL_physinfo;
    system->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    EXPECT_RESULT(page_read_only(system), 0);
    EXPECT_RESULT(hypercall(__HYPERVISOR_sysctl, pointer_value(system), 0, 0, 0, 0), -XEN_EFAULT);
}
