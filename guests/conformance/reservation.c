/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_op: giving frames back, getting new ones, exchanging them; and the machine-to-physical
 * table. A frame that changes hands while something still maps it is another domain's memory in
 * this one's hands.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"

#define NO_FRAME UINT64_MAX

static int64_t reservation_call(unsigned int command, xen_pfn_t *extents, uint64_t count,
                                unsigned int order)
{
    struct xen_memory_reservation reservation = {
        .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};
    set_xen_guest_handle(reservation.extent_start, extents);
    return hypercall_memory_op(command, &reservation);
}

static int64_t current_pages(void)
{
    domid_t self = DOMID_SELF;
    return hypercall_memory_op(XENMEM_current_reservation, &self);
}

/* Unmap a page of the pool, so that nothing but the reservation holds its frame. */
static mfn_t page_unmap(const void *page)
{
    mfn_t mfn = mfn_of(page);
    EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
    return mfn;
}

static mfn_t page_give_back(const void *page)
{
    mfn_t mfn = page_unmap(page);
    xen_pfn_t extent = mfn.value;
    EXPECT_RESULT(reservation_call(XENMEM_decrease_reservation, &extent, 1, 0), 1);
    p2m_set(pfn_of(page), mfn_make(NO_FRAME));
    return mfn;
}

TEST(frame_given_back_is_ours_no_longer)
{
    uint64_t *page = page_alloc();
    int64_t before = current_pages();
    mfn_t mfn = page_give_back(page);
    EXPECT_RESULT(current_pages(), before - 1);
    EXPECT_EQUAL(m2p_get(mfn), NO_FRAME);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_ONLY)), -XEN_EBUSY);
    EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE, mfn), -XEN_EINVAL);
    EXPECT_RESULT(mmuext(MMUEXT_CLEAR_PAGE, mfn), -XEN_EINVAL);
}

TEST(populated_frame_belongs_to_its_pfn)
{
    uint64_t *page = page_alloc();
    page_give_back(page);
    int64_t before = current_pages();
    xen_pfn_t extent = pfn_of(page).value;
    EXPECT_RESULT(reservation_call(XENMEM_populate_physmap, &extent, 1, 0), 1);
    p2m_set(pfn_of(page), mfn_make(extent));
    EXPECT_RESULT(current_pages(), before + 1);
    EXPECT_EQUAL(m2p_get(mfn_make(extent)), pfn_of(page).value);
    EXPECT_RESULT(page_writable(page), 0);
    EXPECT_NO_TRAP(trap_try_write(pointer_value(page), 1));
}

TEST(populated_extent_of_an_order_is_contiguous)
{
    uint64_t *pages = page_alloc_many(4);
    for (size_t i = 0; i < 4; i++) {
        page_give_back(pages + i * 512);
    }
    xen_pfn_t extent = pfn_of(pages).value;
    EXPECT_RESULT(reservation_call(XENMEM_populate_physmap, &extent, 1, 2), 1);
    EXPECT_EQUAL(extent % 4, 0);
    for (size_t i = 0; i < 4; i++) {
        p2m_set(pfn_of(pages + i * 512), mfn_make(extent + i));
        EXPECT_EQUAL(m2p_get(mfn_make(extent + i)), pfn_of(pages).value + i);
    }
}

TEST(mapped_frame_given_back_stays_until_it_is_unmapped)
{
    uint64_t *page = page_alloc();
    page[0] = 0x1357;
    mfn_t mfn = mfn_of(page);
    xen_pfn_t extent = mfn.value;
    EXPECT_RESULT(reservation_call(XENMEM_decrease_reservation, &extent, 1, 0), 1);
    p2m_set(pfn_of(page), mfn_make(NO_FRAME));
    EXPECT_EQUAL(((volatile uint64_t *)page)[0], 0x1357);
    EXPECT_EQUAL(m2p_get(mfn), pfn_of(page).value);
    EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
    EXPECT_EQUAL(m2p_get(mfn), NO_FRAME);
}

TEST(increased_reservation_gives_a_frame_without_a_pfn)
{
    int64_t before = current_pages();
    xen_pfn_t extent = 0;
    domid_t self = DOMID_SELF;
    if (hypercall_memory_op(XENMEM_maximum_reservation, &self) == before) {
        test_skip("the domain has all it may have");
    }
    EXPECT_RESULT(reservation_call(XENMEM_increase_reservation, &extent, 1, 0), 1);
    EXPECT_RESULT(current_pages(), before + 1);
    EXPECT_EQUAL(m2p_get(mfn_make(extent)), NO_FRAME);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_make(extent), PTE_READ_WRITE)), 0);
    EXPECT_NO_TRAP(trap_try_write(SCRATCH_VA, 1));
    EXPECT_RESULT(va_set(SCRATCH_VA, 0), 0);
    EXPECT_RESULT(reservation_call(XENMEM_decrease_reservation, &extent, 1, 0), 1);
    EXPECT_RESULT(current_pages(), before);
}

TEST(reservation_calls_answer_a_count_and_stop_at_the_first_failure)
{
    uint64_t *page = page_alloc();
    xen_pfn_t extents[3] = {page_unmap(page).value, 0xa0, mfn_of(page_alloc()).value};
    EXPECT_RESULT(reservation_call(XENMEM_decrease_reservation, extents, 3, 0), 1);
    p2m_set(pfn_of(page), mfn_make(NO_FRAME));
}

TEST(reservation_calls_refuse_by_answering_zero)
{
    static const unsigned int commands[] = {XENMEM_increase_reservation,
                                            XENMEM_decrease_reservation, XENMEM_populate_physmap};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        xen_pfn_t extent = 0;
        EXPECT_RESULT(hypercall_memory_op(commands[i], (const void *)FREE_VA), 0);
        EXPECT_RESULT(reservation_call(commands[i], &extent, 0, 0), 0);
        EXPECT_RESULT(reservation_call(commands[i], &extent, UINT64_C(1) << 26, 0), 0);
        EXPECT_RESULT(reservation_call(commands[i], &extent, UINT64_MAX, 0), 0);
        EXPECT_RESULT(reservation_call(commands[i], &extent, 1, 19), 0);
        EXPECT_RESULT(reservation_call(commands[i], &extent, 1, 31), 0);
        EXPECT_RESULT(reservation_call(commands[i], &extent, 1, 32), 0);
        EXPECT_RESULT(reservation_call(commands[i], &extent, 1, 64), 0);
        EXPECT_RESULT(reservation_call(commands[i], &extent, 1, UINT32_MAX), 0);
        struct xen_memory_reservation unknown = {.nr_extents = 1, .domid = 0x1234};
        set_xen_guest_handle(unknown.extent_start, &extent);
        EXPECT_RESULT(hypercall_memory_op(commands[i], &unknown), 0);
    }
}

TEST(start_extent_beyond_the_end_is_answered_with_itself)
{
    xen_pfn_t extent = 0;
    EXPECT_RESULT(reservation_call(XENMEM_decrease_reservation | (5 << 6), &extent, 1, 0), 5);
    EXPECT_RESULT(reservation_call(XENMEM_populate_physmap | (1 << 6), &extent, 1, 0), 1);
}

TEST(start_extent_skips_what_was_done)
{
    uint64_t *page = page_alloc();
    xen_pfn_t extents[2] = {0xa0, page_unmap(page).value};
    EXPECT_RESULT(reservation_call(XENMEM_decrease_reservation | (1 << 6), extents, 2, 0), 2);
    p2m_set(pfn_of(page), mfn_make(NO_FRAME));
}

TEST(frames_of_others_cannot_be_given_back)
{
    static const uint64_t frames[] = {0, 0xa0, 0xfee00, UINT64_C(0xffffffffff), UINT64_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        xen_pfn_t extent = frames[i];
        EXPECT_RESULT(reservation_call(XENMEM_decrease_reservation, &extent, 1, 0), 0);
    }
}

static struct xen_memory_exchange exchange_make(xen_pfn_t *in, uint64_t in_count,
                                                unsigned int in_order, xen_pfn_t *out,
                                                uint64_t out_count, unsigned int out_order)
{
    struct xen_memory_exchange exchange = {
        .in = {.nr_extents = in_count, .extent_order = in_order, .domid = DOMID_SELF},
        .out = {.nr_extents = out_count, .extent_order = out_order, .domid = DOMID_SELF},
    };
    set_xen_guest_handle(exchange.in.extent_start, in);
    set_xen_guest_handle(exchange.out.extent_start, out);
    return exchange;
}

TEST(exchange_trades_unmapped_frames_for_a_contiguous_extent)
{
    uint64_t *pages = page_alloc_many(4);
    xen_pfn_t in[4], out = pfn_of(pages).value;
    for (size_t i = 0; i < 4; i++) {
        in[i] = page_unmap(pages + i * 512).value;
    }
    struct xen_memory_exchange exchange = exchange_make(in, 4, 0, &out, 1, 2);
    int64_t before = current_pages();

    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), 0);
    EXPECT_EQUAL(exchange.nr_exchanged, 4);
    EXPECT_RESULT(current_pages(), before);
    EXPECT_EQUAL(out % 4, 0);
    for (size_t i = 0; i < 4; i++) {
        p2m_set(pfn_of(pages + i * 512), mfn_make(out + i));
        EXPECT_EQUAL(m2p_get(mfn_make(out + i)), pfn_of(pages).value + i);
    }
}

TEST(exchange_of_a_mapped_frame_is_refused_and_keeps_it)
{
    uint64_t *page = page_alloc();
    page[0] = 0x2468;
    xen_pfn_t in = mfn_of(page).value, out = pfn_of(page).value;
    struct xen_memory_exchange exchange = exchange_make(&in, 1, 0, &out, 1, 0);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EINVAL);
    EXPECT_EQUAL(exchange.nr_exchanged, 0);
    EXPECT_EQUAL(((volatile uint64_t *)page)[0], 0x2468);
    EXPECT_RESULT(page_read_only(page), 0);
}

TEST(exchange_that_fails_midway_says_how_far_it_came)
{
    uint64_t *pages = page_alloc_many(4);
    xen_pfn_t in[4], out[4];
    for (size_t i = 0; i < 4; i++) {
        in[i] = i == 2 ? mfn_of(pages + i * 512).value : page_unmap(pages + i * 512).value;
        out[i] = pfn_of(pages + i * 512).value;
    }
    struct xen_memory_exchange exchange = exchange_make(in, 4, 0, out, 4, 0);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EINVAL);
    EXPECT_EQUAL(exchange.nr_exchanged, 2);
    for (size_t i = 0; i < 2; i++) {
        p2m_set(pfn_of(pages + i * 512), mfn_make(out[i]));
        EXPECT_EQUAL(m2p_get(mfn_make(out[i])), pfn_of(pages + i * 512).value);
    }
}

TEST(exchange_of_a_chunk_with_a_mapped_frame_gives_the_others_back)
{
    uint64_t *pages = page_alloc_many(4);
    xen_pfn_t in[4], out = pfn_of(pages).value;
    for (size_t i = 0; i < 4; i++) {
        in[i] = i == 3 ? mfn_of(pages + i * 512).value : page_unmap(pages + i * 512).value;
    }
    struct xen_memory_exchange exchange = exchange_make(in, 4, 0, &out, 1, 2);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EINVAL);
    EXPECT_EQUAL(exchange.nr_exchanged, 0);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_RESULT(page_writable(pages + i * 512), 0);
    }
}

TEST(exchange_with_bad_arguments_is_refused)
{
    uint64_t *page = page_alloc();
    xen_pfn_t in = page_unmap(page).value, out = pfn_of(page).value;
    struct xen_memory_exchange exchange = exchange_make(&in, 1, 0, &out, 2, 0);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EINVAL);
    exchange = exchange_make(&in, 1, 0, &out, 1, 0);
    exchange.nr_exchanged = 2;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EINVAL);
    exchange = exchange_make(&in, 1, 0, &out, 1, 0);
    exchange.nr_exchanged = 1;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), 0);
    exchange = exchange_make(&in, 1, 19, &out, 1, 19);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EPERM);
    exchange = exchange_make(&in, 1, 0, &out, 1, 0);
    exchange.in.domid = exchange.out.domid = 0x1234;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_ESRCH);
    exchange = exchange_make(&in, 1, 0, &out, 1, 0);
    exchange.out.domid = 0x1234;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EINVAL);
    exchange = exchange_make(&in, UINT64_C(1) << 63, 0, &out, UINT64_C(1) << 63, 0);
    EXPECT(hypercall_memory_op(XENMEM_exchange, &exchange) < 0);
    exchange = exchange_make((xen_pfn_t *)FREE_VA, 1, 0, &out, 1, 0);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, &exchange), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_exchange, (const void *)FREE_VA), -XEN_EFAULT);
    EXPECT_RESULT(page_writable(page), 0);
}

TEST(queries_answer_plausible_numbers)
{
    domid_t self = DOMID_SELF, unknown = 0x1234;
    int64_t current = current_pages();
    EXPECT(current >= (int64_t)start_info->nr_pages);
    EXPECT(hypercall_memory_op(XENMEM_maximum_reservation, &self) >= current);
    EXPECT(hypercall_memory_op(XENMEM_maximum_ram_page, NULL) > 0);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_current_reservation, &unknown), -XEN_ESRCH);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_maximum_reservation, &unknown), -XEN_ESRCH);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_current_reservation, (const void *)FREE_VA),
                  -XEN_EFAULT);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_current_reservation | (1 << 6), &self), -XEN_EINVAL);
}

/* The domain id is the first field of these records. */
TEST(memory_ops_for_domains_that_are_not_pv_are_refused)
{
    static const struct {
        unsigned int command;
        int expected;
    } cases[] = {{XENMEM_add_to_physmap, -XEN_EACCES},
                 {XENMEM_add_to_physmap_batch, -XEN_EACCES},
                 {XENMEM_remove_from_physmap, -XEN_EACCES},
                 {XENMEM_get_vnumainfo, -XEN_EOPNOTSUPP}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint16_t record[32] = {DOMID_SELF};
        EXPECT_RESULT(hypercall_memory_op(cases[i].command, record), cases[i].expected);
        record[0] = 0x1234;
        EXPECT_RESULT(hypercall_memory_op(cases[i].command, record), -XEN_ESRCH);
        EXPECT_RESULT(hypercall_memory_op(cases[i].command, (const void *)FREE_VA), -XEN_EFAULT);
    }
    struct xen_add_to_physmap foreign = {.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign};
    EXPECT_RESULT(hypercall_memory_op(XENMEM_add_to_physmap, &foreign), -XEN_ENOSYS);
    struct xen_add_to_physmap_batch range = {.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_range};
    EXPECT_RESULT(hypercall_memory_op(XENMEM_add_to_physmap_batch, &range), -XEN_EOPNOTSUPP);
}

TEST(populate_on_demand_is_not_for_pv_domains)
{
    test_needs_first_domain();
    xen_pod_target_t target = {.domid = DOMID_SELF};
    EXPECT_RESULT(hypercall_memory_op(XENMEM_get_pod_target, &target), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_set_pod_target, &target), -XEN_EINVAL);
    target.domid = 0x1234;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_get_pod_target, &target), -XEN_ESRCH);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_get_pod_target, (const void *)FREE_VA), -XEN_EFAULT);
}

TEST(memory_flags_that_cannot_be_had_give_no_memory)
{
    static const uint32_t flags[] = {XENMEMF_populate_on_demand, XENMEMF_exact_node(9),
                                     XENMEMF_exact_node(200), XENMEMF_address_bits(12)};
    uint64_t *page = page_alloc();
    page_give_back(page);
    xen_pfn_t extent = pfn_of(page).value;
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        struct xen_memory_reservation request = {
            .nr_extents = 1, .mem_flags = flags[i], .domid = DOMID_SELF};
        set_xen_guest_handle(request.extent_start, &extent);
        EXPECT_RESULT(hypercall_memory_op(XENMEM_populate_physmap, &request), 0);
    }
    EXPECT_RESULT(reservation_call(XENMEM_populate_physmap, &extent, 1, 0), 1);
    p2m_set(pfn_of(page), mfn_make(extent));
}

TEST(unknown_memory_ops_are_refused)
{
    uint64_t argument[16] = {0};
    static const unsigned int commands[] = {8, 31, 40, 63};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        EXPECT_RESULT(hypercall_memory_op(commands[i], argument), -XEN_ENOSYS);
    }
}

TEST(machphys_mapping_names_the_read_only_table)
{
    struct xen_machphys_mapping mapping = {0};
    EXPECT_RESULT(hypercall_memory_op(XENMEM_machphys_mapping, &mapping), 0);
    EXPECT_EQUAL(mapping.v_start, MACH2PHYS_VIRT_START);
    EXPECT_EQUAL(mapping.v_end, MACH2PHYS_VIRT_END);
    EXPECT(mapping.max_mfn >= (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL) - 1);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_machphys_mapping, (const void *)FREE_VA), -XEN_EFAULT);
}

TEST(machphys_mfn_list_names_the_frames_of_the_table)
{
    test_needs_first_domain();
    xen_pfn_t frames[4] = {0};
    struct xen_machphys_mfn_list list = {.max_extents = 4};
    set_xen_guest_handle(list.extent_start, frames);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    EXPECT(list.nr_extents >= 1 && list.nr_extents <= 4);
    EXPECT(frames[0] != 0);
    /* Only as the memory of DOMID_XEN can they be mapped, and only read-only. */
    mmu_update_t update = {
        .ptr = entry_address(scratch_l1, 0),
        .val = pte_make(mfn_make(frames[0]), PTE_READ_WRITE),
    };
    EXPECT_RESULT(hypercall_mmu_update(&update, 1, NULL, DOMID_XEN), -XEN_EBUSY);
    update.val = pte_make(mfn_make(frames[0]), PTE_READ_ONLY);
    EXPECT_RESULT(hypercall_mmu_update(&update, 1, NULL, DOMID_SELF), -XEN_EBUSY);
    EXPECT_RESULT(hypercall_mmu_update(&update, 1, NULL, DOMID_XEN), 0);
    EXPECT_EQUAL(*(volatile uint64_t *)(SCRATCH_VA + 8 * 0x1f0),
                 *(volatile uint64_t *)(MACH2PHYS_VIRT_START + 8 * 0x1f0));
}

TEST(machine_memory_map_is_for_a_buffer_large_enough)
{
    test_needs_first_domain();
    static uint8_t entries[64 * 20];
    struct xen_memory_map map = {.nr_entries = 64};
    set_xen_guest_handle(map.buffer, entries);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_machine_memory_map, &map), 0);
    EXPECT(map.nr_entries > 0 && map.nr_entries < 64);
    map.nr_entries = 1;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_machine_memory_map, &map), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_machine_memory_map, (const void *)FREE_VA),
                  -XEN_EFAULT);
}

TEST(every_frame_of_p2m_has_its_pfn_in_m2p)
{
    for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++) {
        EXPECT_EQUAL(m2p_get(p2m_get(pfn_make(pfn))), pfn);
    }
}

TEST(m2p_cannot_be_written_or_executed)
{
    uint64_t va = MACH2PHYS_VIRT_START + 8 * mfn_of(pool_l2).value;
    EXPECT_PAGE_FAULT(trap_try_write(va, 0), PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE, va);
    EXPECT_PAGE_FAULT(trap_try_execute(va), PAGE_FAULT_PRESENT | PAGE_FAULT_FETCH, va);
}

TEST(m2p_has_no_pfn_for_video_memory_and_shared_info)
{
    EXPECT_EQUAL(m2p_get(mfn_make(0xa0)), NO_FRAME);
    EXPECT_EQUAL(m2p_get(mfn_make(start_info->shared_info >> PAGE_SHIFT)), NO_FRAME);
}
