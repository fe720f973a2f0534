/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Pinnace decides otherwise than Xen 4.17. These tests fail on Xen; the reason for each is in
 * tests/peer/reasons, which `make peer` holds them to.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#include <xen/grant_table.h>

TEST(choice_same_level_entries_are_refused_even_read_only)
{
    uint64_t *parents[] = {pool_l2, pool_l3, boot_l4()};
    const size_t indexes[] = {FREE_L2_INDEX, 5, 300};
    for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
        uint64_t flags = PTE_PRESENT | PTE_USER | PTE_ACCESSED;
        const uint64_t *other = table_new((unsigned int)i + 2);
        EXPECT_RESULT(entry_set(parents[i], indexes[i], pte_make(mfn_of(parents[i]), flags)),
                      -XEN_EINVAL);
        EXPECT_RESULT(entry_set(parents[i], indexes[i], pte_make(mfn_of(other), flags)),
                      -XEN_EINVAL);
    }
}

TEST(choice_ram_is_mapped_write_back_only)
{
    test_needs_first_domain();
    static const uint64_t attributes[] = {PTE_CACHE_DISABLE, PTE_WRITE_THROUGH, PTE_PAT};
    mfn_t mfn = mfn_of(page_alloc());
    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_WRITE | attributes[i])),
                      -XEN_EINVAL);
    }
}

TEST(choice_call_gates_are_refused)
{
    uint64_t *page = page_alloc();
    /* To the guest's own code segment, with DPL 3: Xen takes it and hides its DPL. */
    uint64_t gate = UINT64_C(0x33) << 16 | UINT64_C(0xec00) << 32;
    EXPECT_RESULT(hypercall_update_descriptor(entry_address(page, 8), gate), -XEN_EINVAL);
}

TEST(choice_image_has_no_build_id)
{
    struct xen_build_id id = {.len = 0};
    EXPECT_RESULT(hypercall_xen_version(XENVER_build_id, &id), -XEN_ENODATA);
}

TEST(choice_fifo_event_channels_are_missing)
{
    struct evtchn_init_control control = {.control_gfn = 0, .offset = 0, .vcpu = 77};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_init_control, &control), -XEN_ENOSYS);
    struct evtchn_expand_array array = {.array_gfn = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_expand_array, &array), -XEN_ENOSYS);
    struct evtchn_set_priority priority = {.port = 4095};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_set_priority, &priority), -XEN_ENOSYS);
}

TEST(choice_message_signalled_interrupts_are_not_supported)
{
    test_needs_first_domain();
    static const int types[] = {MAP_PIRQ_TYPE_MSI, MAP_PIRQ_TYPE_MSI_SEG, MAP_PIRQ_TYPE_MULTI_MSI};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct physdev_map_pirq map = {
            .domid = DOMID_SELF, .type = types[i], .index = -1, .pirq = -1, .bus = 99};
        EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EOPNOTSUPP);
    }
    struct physdev_get_free_pirq free_pirq = {.type = MAP_PIRQ_TYPE_MSI};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_get_free_pirq, &free_pirq), -XEN_ENOSPC);
}

TEST(choice_io_apics_cannot_be_written)
{
    test_needs_first_domain();
    struct physdev_apic apic = {.apic_physbase = 0xfec00000, .reg = 0, .value = 0};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_apic_write, &apic), -XEN_EPERM);
}

TEST(choice_eoi_bitmaps_are_missing)
{
    struct physdev_pirq_eoi_gmfn record = {.gmfn = 0xa0};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v1, &record), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &record), -XEN_ENOSYS);
}

/* A file that is not there and a device that nobody has: what Xen knows, it answers otherwise. */
static const struct {
    uint64_t call, command, argument;
} missing[] = {
    {__HYPERVISOR_hvm_op, 0, 0},
    {__HYPERVISOR_kexec_op, 0, 0},
    {__HYPERVISOR_dm_op, 0, 0},
    {__HYPERVISOR_hypfs_op, 0, 0},
    {__HYPERVISOR_argo_op, 0, 0},
    {__HYPERVISOR_xsm_op, 0, 0},
    {__HYPERVISOR_nmi_op, 99, 0},
    {__HYPERVISOR_xenoprof_op, 99, 0},
    {__HYPERVISOR_arch_0, 0, 0},
    {__HYPERVISOR_arch_1, 0, 0},
    {__HYPERVISOR_arch_2, 0, 0},
    {__HYPERVISOR_arch_3, 0, 0},
    {__HYPERVISOR_arch_4, 0, 0},
    {__HYPERVISOR_arch_5, 0, 0},
    {__HYPERVISOR_arch_6, 0, 0},
    {__HYPERVISOR_tmem_op, 0, 0},
    {__HYPERVISOR_event_channel_op_compat, 0, 0},
    {__HYPERVISOR_physdev_op_compat, 0, 0},
    {__HYPERVISOR_sched_op_compat, 99, 0},
    {__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, FREE_VA},
    {__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, FREE_VA},
    {__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, FREE_VA},
    {__HYPERVISOR_sched_op, SCHEDOP_watchdog, FREE_VA},
    {__HYPERVISOR_sched_op, SCHEDOP_pin_override, FREE_VA},
};

TEST(choice_calls_for_toolstacks_and_other_guests_are_missing)
{
    for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
        int64_t result;
        if (missing[i].call == __HYPERVISOR_vcpu_op) {
            result = hypercall_vcpu_op(missing[i].command, 0, (void *)missing[i].argument);
        } else {
            result = hypercall(missing[i].call, missing[i].command, missing[i].argument, 0, 0, 0);
        }
        if (result != -XEN_ENOSYS) {
            test_fail(__FILE__, __LINE__, "call %u, command %u: %ld", (unsigned int)missing[i].call,
                      (unsigned int)missing[i].command, result);
        }
    }
}

static int64_t set_grant_version(struct gnttab_set_version *version)
{
    return hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, pointer_value(version), 1,
                     0, 0);
}

TEST(choice_grant_tables_have_version_1_only)
{
    struct gnttab_set_version second = {.version = 2}, first = {.version = 1};
    int64_t result = set_grant_version(&second);
    EXPECT_RESULT(set_grant_version(&first), 0);
    EXPECT_RESULT(result, -XEN_ENOSYS);
    EXPECT_EQUAL(second.version, 1);
}

TEST(choice_grant_cache_flush_is_not_supported)
{
    struct gnttab_cache_flush flush = {.length = 64, .op = GNTTAB_CACHE_CLEAN};
    flush.a.dev_bus_addr = mfn_of(page_alloc()).value << PAGE_SHIFT;
    EXPECT_RESULT(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_cache_flush,
                            pointer_value(&flush), 1, 0, 0),
                  -XEN_EOPNOTSUPP);
}

/* What is written on Xen, which takes it, is what is there. */
TEST(choice_shared_frames_are_written_through_their_mapping_alone)
{
    mmu_update_t unused_word = {.ptr = start_info->shared_info + PAGE_SIZE - sizeof(uint64_t)};
    mmu_update_t no_pfn = {.ptr = start_info->shared_info | MMU_MACHPHYS_UPDATE, .val = UINT64_MAX};
    EXPECT_RESULT(hypercall_mmu_update(&unused_word, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_mmu_update(&no_pfn, 1, NULL, DOMID_SELF), -XEN_EINVAL);
}

TEST(choice_extents_have_order_9_at_most)
{
    struct xen_memory_exchange exchange = {
        .in = {.extent_order = 10, .domid = DOMID_SELF},
        .out = {.extent_order = 10, .domid = DOMID_SELF},
    };
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EPERM);
}

TEST(choice_entry_points_that_are_not_canonical_are_refused_by_every_call)
{
    uint64_t bad = UINT64_C(0x0000800000000000);
    EXPECT_RESULT(hypercall(__HYPERVISOR_set_callbacks, bad, 0x1000, 0x1000, 0, 0), -XEN_EINVAL);
    EXPECT_RESULT(hypercall(__HYPERVISOR_set_callbacks, 0x1000, bad, 0x1000, 0, 0), -XEN_EINVAL);
    EXPECT_RESULT(hypercall(__HYPERVISOR_set_callbacks, 0x1000, 0x1000, bad, 0, 0), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_stack_switch(FLAT_KERNEL_SS, bad), -XEN_EINVAL);
}

TEST(choice_vcpus_are_not_pinned_and_have_no_physical_id)
{
    struct vcpu_get_physid id;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_get_physid, 0, &id), -XEN_EINVAL);
}

/* On Xen the first domain's shutdown for any of these reasons is the machine's: it is not tried. */
TEST(choice_suspend_is_refused)
{
    static struct xen_compile_info info;
    EXPECT_RESULT(hypercall_xen_version(XENVER_compile_info, &info), 0);
    if (strcmp(info.compiler, "gcc-compatible") != 0) {
        test_skip("Xen would end the machine");
    }
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_suspend};
    EXPECT_RESULT(hypercall_sched_op(SCHEDOP_shutdown, &shutdown), -XEN_EOPNOTSUPP);
    shutdown.reason = SHUTDOWN_soft_reset;
    EXPECT_RESULT(hypercall_sched_op(SCHEDOP_shutdown, &shutdown), -XEN_EOPNOTSUPP);
    shutdown.reason = 99;
    EXPECT_RESULT(hypercall_sched_op(SCHEDOP_shutdown, &shutdown), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_sched_op(SCHEDOP_shutdown, (void *)FREE_VA), -XEN_EFAULT);
}
