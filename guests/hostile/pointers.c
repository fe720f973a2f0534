/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Family G: guest pointers. Every pointer that a call takes is tried at addresses that the guest
 * must not name; every buffer that a call fills is put where the guest itself could not write. A
 * hypervisor that checks the base but not the element it uses reads or writes its own memory.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "lib/string.h"

static const uint64_t bad_addresses[] = {
    0x00007fffffffffff, /* runs into the gap */
    0x0000800000000000, /* the gap's first byte */
    0x4000000000000000,
    0x8000000000000000,
    0xffff7fffffffffff,    /* runs into the hole */
    HYPERVISOR_VIRT_START, /* readable, and still not for calls */
    MACH2PHYS_VIRT_END - 8,
    MACH2PHYS_VIRT_END,
    UINT64_C(0xffff830000000000), /* where Xen keeps its direct map */
    UINT64_C(0xffff82d080000000),
    HYPERVISOR_VIRT_END - 8,
    HYPERVISOR_VIRT_END - 1,
    0xfffffffffffffff8, /* the last words of the address space: nothing is there */
    0xffffffffffffffff,
    FREE_VA, /* ours, with nothing mapped */
};

/* A call whose argument number `position` is a pointer; the others are given. */
struct pointer_call {
    const char *name;
    uint64_t number;
    unsigned int position;
    uint64_t arguments[5];
};

static const struct pointer_call pointer_calls[] = {
    {"set_trap_table", __HYPERVISOR_set_trap_table, 0, {0}},
    {"mmu_update", __HYPERVISOR_mmu_update, 0, {0, 1, 0, DOMID_SELF}},
    {"set_gdt", __HYPERVISOR_set_gdt, 0, {0, 512}},
    {"memory_op current_reservation", __HYPERVISOR_memory_op, 1, {XENMEM_current_reservation}},
    {"memory_op maximum_reservation", __HYPERVISOR_memory_op, 1, {XENMEM_maximum_reservation}},
    {"memory_op machphys_mapping", __HYPERVISOR_memory_op, 1, {XENMEM_machphys_mapping}},
    {"memory_op machphys_mfn_list", __HYPERVISOR_memory_op, 1, {XENMEM_machphys_mfn_list}},
    {"memory_op exchange", __HYPERVISOR_memory_op, 1, {XENMEM_exchange}},
    {"multicall", __HYPERVISOR_multicall, 0, {0, 1}},
    {"xen_version extraversion", __HYPERVISOR_xen_version, 1, {XENVER_extraversion}},
    {"xen_version capabilities", __HYPERVISOR_xen_version, 1, {XENVER_capabilities}},
    {"xen_version get_features", __HYPERVISOR_xen_version, 1, {XENVER_get_features}},
    {"xen_version platform", __HYPERVISOR_xen_version, 1, {XENVER_platform_parameters}},
    {"console_io write", __HYPERVISOR_console_io, 2, {CONSOLEIO_write, 8}},
    {"vcpu_op get_runstate_info", __HYPERVISOR_vcpu_op, 2, {VCPUOP_get_runstate_info, 0}},
    {"vcpu_op register_runstate",
     __HYPERVISOR_vcpu_op,
     2,
     {VCPUOP_register_runstate_memory_area, 0}},
    {"vcpu_op register_vcpu_info", __HYPERVISOR_vcpu_op, 2, {VCPUOP_register_vcpu_info, 0}},
    {"vcpu_op set_singleshot_timer", __HYPERVISOR_vcpu_op, 2, {VCPUOP_set_singleshot_timer, 0}},
    {"vcpu_op set_periodic_timer", __HYPERVISOR_vcpu_op, 2, {VCPUOP_set_periodic_timer, 0}},
    {"mmuext_op", __HYPERVISOR_mmuext_op, 0, {0, 1, 0, DOMID_SELF}},
    {"sched_op poll", __HYPERVISOR_sched_op, 1, {SCHEDOP_poll}},
    {"callback_op register", __HYPERVISOR_callback_op, 1, {CALLBACKOP_register}},
    {"callback_op unregister", __HYPERVISOR_callback_op, 1, {CALLBACKOP_unregister}},
    {"event_channel_op send", __HYPERVISOR_event_channel_op, 1, {EVTCHNOP_send}},
    {"event_channel_op bind_virq", __HYPERVISOR_event_channel_op, 1, {EVTCHNOP_bind_virq}},
    {"event_channel_op bind_ipi", __HYPERVISOR_event_channel_op, 1, {EVTCHNOP_bind_ipi}},
    {"event_channel_op close", __HYPERVISOR_event_channel_op, 1, {EVTCHNOP_close}},
    {"event_channel_op status", __HYPERVISOR_event_channel_op, 1, {EVTCHNOP_status}},
    {"event_channel_op unmask", __HYPERVISOR_event_channel_op, 1, {EVTCHNOP_unmask}},
    {"event_channel_op alloc", __HYPERVISOR_event_channel_op, 1, {EVTCHNOP_alloc_unbound}},
    {"physdev_op set_iopl", __HYPERVISOR_physdev_op, 1, {PHYSDEVOP_set_iopl}},
};

static int64_t call_with_pointer(const struct pointer_call *call, uint64_t pointer)
{
    uint64_t arguments[5];
    memcpy(arguments, call->arguments, sizeof(arguments));
    arguments[call->position] = pointer;
    return hypercall(call->number, arguments[0], arguments[1], arguments[2], arguments[3],
                     arguments[4]);
}

TEST(xsa_29_no_call_follows_a_bad_pointer)
{
    for (size_t i = 0; i < ARRAY_SIZE(pointer_calls); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(bad_addresses); j++) {
            int64_t result = call_with_pointer(&pointer_calls[i], bad_addresses[j]);
            if (result != -XEN_EFAULT) {
                test_fail(__FILE__, __LINE__, "%s at %#lx answered %ld", pointer_calls[i].name,
                          bad_addresses[j], result);
            }
        }
    }
}

TEST(xsa_29_reservation_calls_do_nothing_at_a_bad_pointer)
{
    static const uint64_t commands[] = {XENMEM_increase_reservation, XENMEM_decrease_reservation,
                                        XENMEM_populate_physmap};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(bad_addresses); j++) {
            EXPECT_RESULT(hypercall_memory_op(commands[i], (const void *)bad_addresses[j]), 0);
            struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
            set_xen_guest_handle(reservation.extent_start, (xen_pfn_t *)bad_addresses[j]);
            EXPECT_RESULT(hypercall_memory_op(commands[i], &reservation), 0);
        }
    }
}

/* Calls that write to where their pointer says, with an argument that is good but for the place. */
TEST(g12_no_call_writes_to_a_page_table)
{
    static const struct pointer_call writers[] = {
        {"memory_op machphys_mapping", __HYPERVISOR_memory_op, 1, {XENMEM_machphys_mapping}},
        {"xen_version extraversion", __HYPERVISOR_xen_version, 1, {XENVER_extraversion}},
        {"xen_version capabilities", __HYPERVISOR_xen_version, 1, {XENVER_capabilities}},
        {"xen_version changeset", __HYPERVISOR_xen_version, 1, {XENVER_changeset}},
        {"xen_version compile_info", __HYPERVISOR_xen_version, 1, {XENVER_compile_info}},
        {"xen_version get_features", __HYPERVISOR_xen_version, 1, {XENVER_get_features}},
        {"xen_version platform", __HYPERVISOR_xen_version, 1, {XENVER_platform_parameters}},
        {"xen_version guest_handle", __HYPERVISOR_xen_version, 1, {XENVER_guest_handle}},
        {"vcpu_op get_runstate_info", __HYPERVISOR_vcpu_op, 2, {VCPUOP_get_runstate_info, 0}},
        {"event_channel_op bind_ipi", __HYPERVISOR_event_channel_op, 1, {EVTCHNOP_bind_ipi}},
    };
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    for (unsigned int level = 1; level <= 4; level += 3) {
        uint64_t *table = table_new(level);
        for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
            int64_t result = call_with_pointer(&writers[i], pointer_value(table));
            if (result != -XEN_EFAULT) {
                test_fail(__FILE__, __LINE__, "%s answered %ld", writers[i].name, result);
            }
            for (size_t j = 0; j < 240; j++) {
                EXPECT_EQUAL(((volatile uint64_t *)table)[j], 0);
            }
        }
    }
}

TEST(g12_count_of_a_batch_is_not_written_to_a_page_table)
{
    uint64_t *table = table_new(1);
    mmu_update_t update = {.ptr = entry_address(table, 100), .val = 0};
    struct mmuext_op operation = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    hypercall_mmu_update(&update, 1, (uint32_t *)(void *)table, DOMID_SELF);
    EXPECT_EQUAL(((volatile uint64_t *)table)[0], 0);
    hypercall_mmuext_op(&operation, 1, (uint32_t *)(void *)table, DOMID_SELF);
    EXPECT_EQUAL(((volatile uint64_t *)table)[0], 0);
}

TEST(g12_result_of_a_multicall_entry_is_not_written_to_a_page_table)
{
    uint64_t *page = page_alloc();
    multicall_entry_t *entry = (multicall_entry_t *)(void *)page;
    *entry = (multicall_entry_t){.op = 10, .result = 0x770};
    entry->op = 0x1000; /* as an L1 entry: not present */
    EXPECT_RESULT(table_pin(1, page), 0);
    EXPECT_RESULT(hypercall_multicall(entry, 1), -XEN_EFAULT);
    EXPECT_EQUAL(((volatile multicall_entry_t *)entry)->result, 0x770);
}

TEST(g12_frame_numbers_are_not_written_to_a_page_table)
{
    uint64_t *page = page_alloc();
    EXPECT_RESULT(page_read_only(page), 0);
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
    uint64_t *table = table_new(1);
    set_xen_guest_handle(reservation.extent_start, (xen_pfn_t *)table);
    domid_t self = DOMID_SELF;
    int64_t before = hypercall_memory_op(XENMEM_current_reservation, &self);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_increase_reservation, &reservation), 0);
    EXPECT_EQUAL(((volatile uint64_t *)table)[0], 0);
    EXPECT(hypercall_memory_op(XENMEM_current_reservation, &self) <= before + 1);
}

TEST(g12_runstate_area_on_a_page_table_is_not_written)
{
    uint64_t *table = table_new(1);
    struct vcpu_register_runstate_memory_area place;
    set_xen_guest_handle(place.addr.h, (struct vcpu_runstate_info *)(void *)table);
    hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &place);
    hypercall_sched_op(SCHEDOP_yield, NULL);
    for (size_t i = 0; i < 8; i++) {
        EXPECT_EQUAL(((volatile uint64_t *)table)[i], 0);
    }
    static struct vcpu_runstate_info harmless;
    set_xen_guest_handle(place.addr.h, &harmless);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &place), 0);
}

TEST(runstate_area_in_the_hole_is_refused_or_not_written)
{
    uint64_t va = MACH2PHYS_VIRT_START + 8 * mfn_of(pool_l2).value;
    uint64_t before = m2p_get(mfn_of(pool_l2));
    struct vcpu_register_runstate_memory_area place;
    set_xen_guest_handle(place.addr.h, (struct vcpu_runstate_info *)va);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &place), -XEN_EFAULT);
    hypercall_sched_op(SCHEDOP_yield, NULL);
    EXPECT_EQUAL(m2p_get(mfn_of(pool_l2)), before);
}

/* The base of the array is good; the element that the call begins with is far from it. */
static int64_t exchange_from(uint64_t in_base, uint64_t out_base, uint64_t first)
{
    struct xen_memory_exchange exchange = {
        .in = {.nr_extents = first + 1, .domid = DOMID_SELF},
        .out = {.nr_extents = first + 1, .domid = DOMID_SELF},
        .nr_exchanged = first,
    };
    set_xen_guest_handle(exchange.in.extent_start, (xen_pfn_t *)in_base);
    set_xen_guest_handle(exchange.out.extent_start, (xen_pfn_t *)out_base);
    return hypercall_memory_op(XENMEM_exchange, &exchange);
}

TEST(xsa_212_exchange_checks_the_element_it_uses)
{
    static const uint64_t targets[] = {
        HYPERVISOR_VIRT_START,        MACH2PHYS_VIRT_END,      UINT64_C(0xffff82d080000000),
        UINT64_C(0xffff830000000000), HYPERVISOR_VIRT_END - 8, UINT64_C(0x0000800000000000),
        UINT64_C(0x8000000000000000),
    };
    uint64_t *page = page_alloc();
    xen_pfn_t *frames = page;
    frames[0] = mfn_of(page).value;
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        static const uint64_t bases[] = {0, 0x1000, UINT64_C(0x00007ffffffff000)};
        for (size_t j = 0; j < ARRAY_SIZE(bases); j++) {
            uint64_t first = (targets[i] - bases[j]) / 8;
            EXPECT_RESULT(exchange_from(bases[j], pointer_value(frames), first), -XEN_EFAULT);
            EXPECT_RESULT(exchange_from(pointer_value(frames), bases[j], first), -XEN_EFAULT);
        }
        uint64_t wrapped = (targets[i] - pointer_value(frames)) / 8;
        EXPECT(exchange_from(pointer_value(frames), pointer_value(frames), wrapped) < 0);
    }
    EXPECT_EQUAL(frames[0], mfn_of(page).value);
}

TEST(xsa_212_exchange_counts_that_overflow_are_refused)
{
    xen_pfn_t frame = 0;
    static const uint64_t counts[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 61,
                                      (UINT64_C(1) << 61) + 1};
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        struct xen_memory_exchange exchange = {
            .in = {.nr_extents = counts[i], .domid = DOMID_SELF},
            .out = {.nr_extents = counts[i], .domid = DOMID_SELF},
        };
        set_xen_guest_handle(exchange.in.extent_start, &frame);
        set_xen_guest_handle(exchange.out.extent_start, &frame);
        EXPECT(hypercall_memory_op(XENMEM_exchange, &exchange) < 0);
    }
}

TEST(xsa_31_orders_beyond_reason_are_refused)
{
    xen_pfn_t extent = 0;
    static const uint32_t orders[] = {19, 31, 32, 33, 63, 64, 255, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        struct xen_memory_reservation reservation = {
            .nr_extents = 1, .extent_order = orders[i], .domid = DOMID_SELF};
        set_xen_guest_handle(reservation.extent_start, &extent);
        EXPECT_RESULT(hypercall_memory_op(XENMEM_populate_physmap, &reservation), 0);
        EXPECT_RESULT(hypercall_memory_op(XENMEM_increase_reservation, &reservation), 0);
        EXPECT_RESULT(hypercall_memory_op(XENMEM_decrease_reservation, &reservation), 0);
        struct xen_memory_exchange exchange = {.in = reservation, .out = reservation};
        EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EPERM);
    }
}

/* The last page of the lower half is ours; the first byte behind it is not. */
TEST(xsa_4_copies_may_end_at_the_gap_but_not_cross_it)
{
    uint64_t *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc(), *page = page_alloc();
    l1[511] = pte_make(mfn_of(page), PTE_READ_WRITE);
    l2[511] = pte_make(mfn_of(l1), PTE_TABLE);
    l3[511] = pte_make(mfn_of(l2), PTE_TABLE);
    EXPECT_RESULT(page_read_only(l1), 0);
    EXPECT_RESULT(page_read_only(l2), 0);
    EXPECT_RESULT(table_link(boot_l4(), 255, l3), 0);
    uint64_t end = UINT64_C(0x0000800000000000);
    struct xen_feature_info *info = (struct xen_feature_info *)(end - sizeof(*info));

    EXPECT_RESULT(hypercall_xen_version(XENVER_get_features, info), 0);
    for (uint64_t over = 1; over <= sizeof(*info); over++) {
        EXPECT_RESULT(
            hypercall_xen_version(XENVER_get_features, (void *)(end - sizeof(*info) + over)),
            -XEN_EFAULT);
    }
}

/* The processor wants the right to write at every level. A hypervisor that looks at the leaf alone
 * takes the fault of its own copy for a stale translation, and tries again for ever. */
TEST(copy_through_a_read_only_upper_entry_is_refused)
{
    uint64_t *l1 = page_alloc();
    void *page = page_alloc();
    l1[0] = pte_make(mfn_of(page), PTE_READ_WRITE);
    EXPECT_RESULT(page_read_only(l1), 0);
    uint64_t entry = pte_make(mfn_of(l1), PTE_PRESENT | PTE_USER | PTE_ACCESSED);
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, entry), 0);
    uint64_t va = POOL_VA + ((uint64_t)FREE_L2_INDEX << 21);
    EXPECT_RESULT(hypercall_xen_version(XENVER_extraversion, (void *)va), -XEN_EFAULT);
}
