/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families F and J: frame numbers. A PV guest can name any frame of the machine at any moment; it
 * may use those of its own list, its special ones and, as the first domain, what is not RAM.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"

#include <xen/grant_table.h>

static uint64_t ram_end(void)
{
    return (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL);
}

static bool frame_is_own(mfn_t mfn)
{
    uint64_t pfn = UINT64_MAX;
    uint64_t entry = MACH2PHYS_VIRT_START + mfn.value * sizeof(uint64_t);
    if (trap_try_read(entry, &pfn).raised || pfn >= start_info->nr_pages) {
        return false;
    }
    return mfn_equal(p2m_get(pfn_make(pfn)), mfn);
}

struct memory_map_entry {
    uint64_t start, size;
    uint32_t type;
} PACKED;

/* Whether the machine's map says RAM, type 1. */
static bool frame_is_ram(mfn_t mfn)
{
    static struct memory_map_entry entries[128];
    static uint32_t count;
    if (count == 0) {
        struct xen_memory_map map = {.nr_entries = ARRAY_SIZE(entries)};
        set_xen_guest_handle(map.buffer, (void *)entries);
        EXPECT_RESULT(hypercall_memory_op(XENMEM_machine_memory_map, &map), 0);
        count = map.nr_entries;
    }
    uint64_t address = mfn.value << PAGE_SHIFT;
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i].type == 1 && address >= entries[i].start &&
            address + PAGE_SIZE <= entries[i].start + entries[i].size) {
            return true;
        }
    }
    return false;
}

/* Hypervisor frames that are shared with us: shared_info and the grant table's first. */
static bool frame_is_special(mfn_t mfn)
{
    static uint64_t grant_frame = UINT64_MAX;
    if (grant_frame == UINT64_MAX) {
        struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
        set_xen_guest_handle(setup.frame_list, &grant_frame);
        hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, pointer_value(&setup), 1, 0,
                  0);
    }
    return mfn.value == start_info->shared_info >> PAGE_SHIFT || mfn.value == grant_frame;
}

/* The low MiB belongs to nobody and may be mapped; above it RAM may be mapped by its owner only. */
static void expect_frame_is_ours_or_refused(mfn_t mfn)
{
    if (!frame_is_ram(mfn) || mfn.value < 0x100 || frame_is_special(mfn)) {
        return;
    }
    bool own = frame_is_own(mfn);
    int64_t result = va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_ONLY));
    if (result != (own ? 0 : -XEN_EBUSY)) {
        test_fail(__FILE__, __LINE__, "frame %#lx, %s: %ld", mfn.value, own ? "ours" : "not ours",
                  result);
    }
    if (!own) {
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_WRITE)), -XEN_EBUSY);
        EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn, PTE_TABLE)), -XEN_EINVAL);
    }
}

TEST(xsa_248_only_own_frames_of_ram_can_be_mapped)
{
    test_needs_first_domain();
    uint64_t end = ram_end();
    for (uint64_t frame = 0; frame < end; frame++) {
        /* All of both ends, one in 61 between. */
        if (frame < 0x1800 || end - frame < 0x800 || frame % 61 == 0) {
            expect_frame_is_ours_or_refused(mfn_make(frame));
        }
    }
}

TEST(xsa_248_hypervisor_frames_in_front_and_behind_ours_cannot_be_tables)
{
    uint64_t *lowest = page_alloc();
    uint64_t low = mfn_of(lowest).value, high = low;
    for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++) {
        uint64_t frame = p2m_get(pfn_make(pfn)).value;
        low = min_u64(low, frame);
        high = max_u64(high, frame);
    }
    for (uint64_t distance = 1; distance < 16; distance++) {
        uint64_t frames[] = {low - distance, high + distance};
        for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
            for (unsigned int level = 1; level <= 4; level++) {
                EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn_make(frames[i])),
                              -XEN_EINVAL);
            }
        }
    }
}

/* Frame numbers that are nobody's, at the edges of every width they may be kept in. */
static uint64_t junk_frame(size_t index)
{
    const uint64_t frames[] = {
        0,
        1,
        0x9f,
        0xa0,
        0xfee00,
        0xfec00,
        ram_end(),
        ram_end() + 1,
        (UINT64_C(1) << 28) - 1,
        UINT64_C(1) << 28,
        (UINT64_C(1) << 32) - 1,
        UINT64_C(1) << 32,
        mfn_of(pool_l2).value | UINT64_C(1) << 32,
        mfn_of(pool_l2).value | UINT64_C(1) << 40,
        mfn_of(pool_l2).value | UINT64_C(1) << 52,
        (UINT64_C(1) << 35) - 1,
        UINT64_C(1) << 35,
        (UINT64_C(1) << 40) - 1,
        UINT64_C(1) << 40,
        (UINT64_C(1) << 52) - 1,
        UINT64_C(1) << 52,
        UINT64_C(1) << 63,
        UINT64_MAX - 1,
        UINT64_MAX,
    };
    return index < ARRAY_SIZE(frames) ? frames[index] : 0xa0;
}

#define JUNK_FRAMES 24

TEST(xsa_167_superpage_calls_look_at_no_frame)
{
    for (size_t i = 0; i < JUNK_FRAMES; i++) {
        EXPECT_RESULT(mmuext(MMUEXT_MARK_SUPER, mfn_make(junk_frame(i))), -XEN_EOPNOTSUPP);
        EXPECT_RESULT(mmuext(MMUEXT_UNMARK_SUPER, mfn_make(junk_frame(i))), -XEN_EOPNOTSUPP);
    }
}

TEST(xsa_32_junk_frames_are_refused_by_every_operation_on_tables)
{
    static const unsigned int commands[] = {
        MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE,
        MMUEXT_UNPIN_TABLE,  MMUEXT_NEW_BASEPTR,  MMUEXT_CLEAR_PAGE,
    };
    for (size_t i = 0; i < JUNK_FRAMES; i++) {
        mfn_t mfn = mfn_make(junk_frame(i));
        for (size_t j = 0; j < ARRAY_SIZE(commands); j++) {
            EXPECT_RESULT(mmuext(commands[j], mfn), -XEN_EINVAL);
        }
        if (mfn.value != 0) { /* 0 removes the user base */
            EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn), -XEN_EINVAL);
        }
    }
}

TEST(xsa_32_junk_frames_are_refused_by_every_other_operation)
{
    uint64_t own = mfn_of(page_alloc()).value;
    for (size_t i = 0; i < JUNK_FRAMES; i++) {
        uint64_t junk = junk_frame(i);
        struct mmuext_op to = {.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = junk, .arg2.src_mfn = own};
        struct mmuext_op from = {.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = own, .arg2.src_mfn = junk};
        struct vcpu_register_vcpu_info place = {.mfn = junk};
        EXPECT_RESULT(hypercall_mmuext_op(&to, 1, NULL, DOMID_SELF), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_mmuext_op(&from, 1, NULL, DOMID_SELF), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_set_gdt(&junk, 512), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &place), -XEN_EINVAL);
    }
}

TEST(xsa_113_junk_addresses_are_refused_by_updates)
{
    for (size_t i = 0; i < JUNK_FRAMES; i++) {
        uint64_t address = junk_frame(i) << PAGE_SHIFT;
        if (address >> PAGE_SHIFT != junk_frame(i)) {
            continue; /* the high bits of such a number fall off */
        }
        for (uint64_t command = 0; command <= 3; command++) {
            mmu_update_t update = {.ptr = address | command, .val = 0};
            EXPECT_RESULT(hypercall_mmu_update(&update, 1, NULL, DOMID_SELF), -XEN_EINVAL);
        }
        EXPECT_RESULT(hypercall_update_descriptor(address, 0), -XEN_EINVAL);
    }
}

static int64_t decrease(uint64_t frame)
{
    xen_pfn_t extent = frame;
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(reservation.extent_start, &extent);
    return hypercall_memory_op(XENMEM_decrease_reservation, &reservation);
}

static int64_t exchange(uint64_t frame, uint64_t pfn)
{
    xen_pfn_t in = frame, out = pfn;
    struct xen_memory_exchange exchange = {
        .in = {.nr_extents = 1, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .domid = DOMID_SELF},
    };
    set_xen_guest_handle(exchange.in.extent_start, &in);
    set_xen_guest_handle(exchange.out.extent_start, &out);
    return hypercall_memory_op(XENMEM_exchange, &exchange);
}

TEST(xsa_32_junk_frames_cannot_be_given_back_or_exchanged)
{
    uint64_t pfn = pfn_of(page_alloc()).value;
    for (size_t i = 0; i < JUNK_FRAMES; i++) {
        EXPECT_RESULT(decrease(junk_frame(i)), 0);
        EXPECT_RESULT(exchange(junk_frame(i), pfn), -XEN_EINVAL);
    }
}

TEST(xsa_214_frame_in_use_cannot_be_exchanged)
{
    uint64_t *gdt = page_alloc();
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);
    EXPECT_RESULT(va_set(pointer_value(gdt), 0), 0);
    EXPECT_RESULT(exchange(frame, pfn_of(gdt).value), -XEN_EINVAL);

    uint64_t *table = table_new(1);
    EXPECT_RESULT(va_set(pointer_value(table), 0), 0);
    EXPECT_RESULT(exchange(mfn_of(table).value, pfn_of(table).value), -XEN_EINVAL);

    uint64_t *user_base = page_alloc();
    EXPECT_RESULT(page_read_only(user_base), 0);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(user_base)), 0);
    EXPECT_RESULT(va_set(pointer_value(user_base), 0), 0);
    EXPECT_RESULT(exchange(mfn_of(user_base).value, pfn_of(user_base).value), -XEN_EINVAL);
}

TEST(xsa_214_type_does_not_outlive_the_use)
{
    uint64_t *gdt = page_alloc();
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);
    EXPECT_RESULT(hypercall_set_gdt(NULL, 0), 0);
    EXPECT_RESULT(page_writable(gdt), 0);
    gdt[1] = UINT64_C(0x00008b0000000067); /* a busy TSS */
    EXPECT_RESULT(page_read_only(gdt), 0);
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), -XEN_EINVAL);
}

TEST(xsa_507_shared_info_cannot_be_put_to_another_use)
{
    uint64_t frame = start_info->shared_info >> PAGE_SHIFT;
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn_make(frame)), -XEN_EINVAL);
    }
    EXPECT_RESULT(mmuext(MMUEXT_NEW_BASEPTR, mfn_make(frame)), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), -XEN_EINVAL);
    EXPECT_RESULT(exchange(frame, pfn_of(page_alloc()).value), -XEN_EINVAL);
    EXPECT_EQUAL(vcpu_info()->evtchn_upcall_mask, 1);
    EXPECT(vcpu_info()->time.tsc_to_system_mul != 0);
}

TEST(xsa_402_shared_info_cannot_be_mapped_uncached)
{
    test_needs_first_domain();
    mfn_t mfn = mfn_make(start_info->shared_info >> PAGE_SHIFT);
    static const uint64_t attributes[] = {PTE_CACHE_DISABLE, PTE_WRITE_THROUGH, PTE_PAT,
                                          PTE_CACHE_DISABLE | PTE_WRITE_THROUGH};
    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_ONLY | attributes[i])),
                      -XEN_EACCES);
    }
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_WRITE)), 0);
}

TEST(xsa_252_pinned_frame_given_back_stays_a_table_until_it_is_unpinned)
{
    uint64_t *table = table_new(1);
    mfn_t mfn = mfn_of(table);
    EXPECT_RESULT(va_set(pointer_value(table), 0), 0);
    EXPECT_RESULT(decrease(mfn.value), 1);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_WRITE)), -XEN_EBUSY);
    EXPECT_RESULT(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_ONLY)), -XEN_EBUSY);
    p2m_set(pfn_of(table), mfn_make(UINT64_MAX));
}

TEST(xsa_251_magic_values_in_m2p_are_only_data)
{
    static const uint64_t values[] = {0, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63,
                                      UINT64_C(0x5555555555555555)};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        uint64_t *page = page_alloc();
        mfn_t mfn = mfn_of(page);
        mmu_update_t update = {.ptr = mfn.value << PAGE_SHIFT | MMU_MACHPHYS_UPDATE,
                               .val = values[i]};
        EXPECT_RESULT(hypercall_mmu_update(&update, 1, NULL, DOMID_SELF), 0);
        EXPECT_RESULT(page_read_only(page), 0);
        EXPECT_RESULT(pin(1, page), 0);
        EXPECT_RESULT(unpin(page), 0);
        EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
        EXPECT_RESULT(decrease(mfn.value), 1);
        p2m_set(pfn_of(page), mfn_make(UINT64_MAX));
    }
}

TEST(j1_odd_domain_ids_are_refused_everywhere)
{
    static const uint64_t domains[] = {511, 0x1234, DOMID_COW, DOMID_INVALID, DOMID_IDLE, 0x7ff5};
    uint64_t *table = table_new(1);
    for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
        mmu_update_t update = {.ptr = entry_address(table, 0), .val = 0};
        struct mmuext_op operation = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
        EXPECT_RESULT(hypercall_mmu_update(&update, 1, NULL, domains[i]), -XEN_ESRCH);
        EXPECT_RESULT(hypercall_mmuext_op(&operation, 1, NULL, domains[i]), -XEN_ESRCH);
        EXPECT_RESULT(
            hypercall(__HYPERVISOR_update_va_mapping_otherdomain, SCRATCH_VA, 0, 0, domains[i], 0),
            -XEN_ESRCH);
        uint64_t owner = DOMID_SELF | (domains[i] + 1) << 16;
        EXPECT_RESULT(hypercall_mmu_update(&update, 1, NULL, owner), -XEN_ESRCH);
    }
}
