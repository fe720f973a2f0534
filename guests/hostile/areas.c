/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families G, N, O, P and Q: sizes and flags that are only numbers, memory that is not RAM, areas
 * that the hypervisor writes, endless work, and arguments with garbage where nothing should be.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"

static int64_t reserve(uint64_t command, xen_pfn_t *extent, uint32_t mem_flags)
{
    struct xen_memory_reservation reservation = {
        .nr_extents = 1, .mem_flags = mem_flags, .domid = DOMID_SELF};
    set_xen_guest_handle(reservation.extent_start, extent);
    return hypercall_memory_op(command, &reservation);
}

static int64_t frames_owned(void)
{
    domid_t self = DOMID_SELF;
    return hypercall_memory_op(XENMEM_current_reservation, &self);
}

/* An address width that cannot be had, and node numbers that index nothing. */
TEST(xsa_231_memory_flags_of_any_value_do_no_harm)
{
    int64_t before = frames_owned();
    for (unsigned int bit = 0; bit < 33; bit++) {
        uint32_t flags = bit == 32 ? UINT32_MAX : UINT32_C(1) << bit;
        xen_pfn_t extent = 0;
        int64_t done = reserve(XENMEM_increase_reservation, &extent, flags);
        EXPECT(done == 0 || done == 1);
        EXPECT_EQUAL(frames_owned(), before + done);
        if (done == 1) {
            EXPECT_RESULT(reserve(XENMEM_decrease_reservation, &extent, flags), 1);
        }
    }
    EXPECT_EQUAL(frames_owned(), before);
}

static int64_t exchange_into(const void *page, xen_pfn_t *out)
{
    xen_pfn_t in = mfn_of(page).value;
    struct xen_memory_exchange exchange = {
        .in = {.nr_extents = 1, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .domid = DOMID_SELF},
    };
    set_xen_guest_handle(exchange.in.extent_start, &in);
    set_xen_guest_handle(exchange.out.extent_start, out);
    return hypercall_memory_op(XENMEM_exchange, &exchange);
}

/* M2P knows what the exchange could not tell: the frame for this PFN, which nobody else has. */
static mfn_t frame_of_odd_pfn(uint64_t pfn)
{
    uint64_t end = (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL);
    for (uint64_t frame = 0; frame < end; frame++) {
        uint64_t found = 0;
        uint64_t va = MACH2PHYS_VIRT_START + frame * sizeof(found);
        if (!trap_try_read(va, &found).raised && found == pfn) {
            return mfn_make(frame);
        }
    }
    test_fail(__FILE__, __LINE__, "no frame has PFN %#lx", pfn);
}

TEST(g11_exchange_whose_result_cannot_be_written_loses_no_frame)
{
    static const uint64_t odd_pfn = 0x77777770; /* as an entry: not present */
    int64_t before = frames_owned();
    uint64_t *page = page_alloc(), *table = page_alloc();
    table[0] = odd_pfn;
    EXPECT_RESULT(table_pin(1, table), 0);
    EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
    EXPECT_RESULT(exchange_into(page, (xen_pfn_t *)table), -XEN_EFAULT);
    EXPECT_EQUAL(((volatile uint64_t *)table)[0], odd_pfn);
    EXPECT_EQUAL(frames_owned(), before);
    p2m_set(pfn_of(page), frame_of_odd_pfn(odd_pfn));
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_of(page), PTE_READ_WRITE)), 0);
    mmu_update_t update = {.ptr = mfn_of(page).value << PAGE_SHIFT | MMU_MACHPHYS_UPDATE,
                           .val = pfn_of(page).value};
    EXPECT_RESULT(hypercall_mmu_update(&update, 1, NULL, DOMID_SELF), 0);
}

TEST(xsa_154_io_memory_is_never_mapped_cached)
{
    test_needs_first_domain();
    static const uint64_t cached[] = {0, PTE_WRITE_THROUGH, PTE_PAT | PTE_WRITE_THROUGH};
    static const uint64_t frames[] = {0xa0, 0xb8, 0xfee01};
    const uint64_t uncached = PTE_CACHE_DISABLE | PTE_WRITE_THROUGH;
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(cached); j++) {
            uint64_t pte = pte_make(mfn_make(frames[i]), PTE_READ_ONLY | cached[j]);
            if (va_set(SCRATCH_VA, pte) == 0) {
                EXPECT_EQUAL(pte_of(SCRATCH_VA) & (uncached | PTE_PAT), uncached);
                /* And not by a change of the entry that is there. */
                EXPECT_RESULT(va_set(SCRATCH_VA, pte | PTE_ACCESSED), 0);
                EXPECT_EQUAL(pte_of(SCRATCH_VA) & (uncached | PTE_PAT), uncached);
            }
        }
    }
}

TEST(n7_io_apic_and_local_apic_cannot_be_written)
{
    test_needs_first_domain();
    int64_t result = va_set(SCRATCH_VA, pte_make(mfn_make(0xfec00), PTE_READ_WRITE));
    EXPECT(result == -XEN_EPERM || (pte_of(SCRATCH_VA) & PTE_WRITABLE) == 0);
    EXPECT_RESULT(va_set(SCRATCH_VA, 0), 0);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_make(0xfee00), PTE_READ_ONLY)), -XEN_EPERM);
    EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn_make(0xfee00), PTE_READ_WRITE)), -XEN_EPERM);
}

static int64_t place_vcpu_info(mfn_t mfn, uint32_t offset)
{
    struct vcpu_register_vcpu_info place = {.mfn = mfn.value, .offset = offset};
    return hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &place);
}

TEST(xsa_327_vcpu_info_is_not_placed_across_words_or_pages)
{
    mfn_t mfn = mfn_of(page_alloc());
    for (uint32_t offset = 1; offset < 64; offset++) {
        if (offset % 8 != 0) {
            EXPECT_RESULT(place_vcpu_info(mfn, offset), -XEN_ENXIO);
        }
    }
    for (uint32_t offset = PAGE_SIZE - 56; offset < PAGE_SIZE + 64; offset += 8) {
        EXPECT_RESULT(place_vcpu_info(mfn, offset), -XEN_ENXIO);
    }
    EXPECT_RESULT(place_vcpu_info(mfn, UINT32_MAX), -XEN_ENXIO);
    EXPECT_RESULT(place_vcpu_info(mfn, UINT32_C(0x80000000)), -XEN_ENXIO);
}

TEST(o1_vcpu_info_is_not_placed_in_tables_or_descriptors)
{
    uint64_t *gdt = page_alloc();
    EXPECT_RESULT(page_read_only(gdt), 0);
    uint64_t frame = mfn_of(gdt).value;
    EXPECT_RESULT(hypercall_set_gdt(&frame, 512), 0);
    EXPECT_RESULT(place_vcpu_info(mfn_of(gdt), 0), -XEN_EINVAL);
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_RESULT(place_vcpu_info(mfn_of(table_new(level)), 0), -XEN_EINVAL);
    }
}

/* A place that comes and goes: written where it can be, and otherwise not. */
TEST(o4_runstate_area_may_vanish_at_any_time)
{
    struct vcpu_register_runstate_memory_area area;
    set_xen_guest_handle(area.addr.h, (struct vcpu_runstate_info *)SCRATCH_VA);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
    uint64_t *page = page_alloc();
    for (unsigned int round = 0; round < 50; round++) {
        uint64_t flags = round % 3 == 0 ? 0 : round % 3 == 1 ? PTE_READ_WRITE : PTE_READ_ONLY;
        EXPECT_RESULT(va_set(SCRATCH_VA, flags == 0 ? 0 : pte_make(mfn_of(page), flags)), 0);
        struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = 1};
        EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
        EXPECT_RESULT(hypercall_sched_op(SCHEDOP_yield, NULL), 0);
    }
    static struct vcpu_runstate_info harmless;
    set_xen_guest_handle(area.addr.h, &harmless);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
}

TEST(xsa_342_ports_at_the_limit_and_beyond_are_refused)
{
    static const uint32_t ports[] = {4095,   4096,       4097,       131071,
                                     131072, 0x7fffffff, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        struct evtchn_send send = {.port = ports[i]};
        struct evtchn_close close = {.port = ports[i]};
        struct evtchn_bind_vcpu bind = {.port = ports[i]};
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_send, &send), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), -XEN_EINVAL);
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -XEN_EINVAL);
    }
}

TEST(xsa_13_numbers_of_virqs_and_vcpus_are_checked)
{
    static const uint32_t numbers[] = {24, 25, 255, 256, 0x7fffffff, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct evtchn_bind_virq virq = {.virq = numbers[i]};
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), -XEN_EINVAL);
        struct evtchn_bind_virq timer = {.virq = VIRQ_TIMER, .vcpu = numbers[i]};
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &timer), -XEN_ENOENT);
        struct evtchn_bind_ipi ipi = {.vcpu = numbers[i]};
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOENT);
        EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_is_up, numbers[i], NULL), -XEN_ENOENT);
    }
}

/* Batches of the greatest length, that begin where nothing is: they end at once. */
TEST(p1_batches_of_any_length_end)
{
    static const uint64_t counts[] = {0x7fffffff, 0x10000000, 0xffffffff};
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        EXPECT_RESULT(hypercall_mmu_update((const mmu_update_t *)0x1000, counts[i] & 0x7fffffff,
                                           NULL, DOMID_SELF),
                      -XEN_EFAULT);
        EXPECT_RESULT(hypercall_mmuext_op((const struct mmuext_op *)0x1000, counts[i] & 0x7fffffff,
                                          NULL, DOMID_SELF),
                      -XEN_EFAULT);
        EXPECT_RESULT(hypercall_multicall((multicall_entry_t *)0x1000, counts[i]), -XEN_EFAULT);
        EXPECT_RESULT(hypercall_console_io(CONSOLEIO_write, counts[i], (const char *)0x1000),
                      -XEN_EFAULT);
    }
    static const uint64_t entries[] = {UINT32_MAX, 0x80000000, 7169};
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        EXPECT_RESULT(hypercall_set_gdt((const uint64_t *)0x1000, entries[i]), -XEN_EINVAL);
    }
}

TEST(xsa_146_refusals_in_a_loop_leave_the_console_usable)
{
    uint64_t *table = table_new(1);
    uint64_t before = vcpu_info()->time.system_time;
    for (unsigned int round = 0; round < 20000; round++) {
        EXPECT_RESULT(entry_set(table, 0, pte_make(mfn_of(table), PTE_READ_WRITE)), -XEN_EBUSY);
    }
    EXPECT(vcpu_info()->time.system_time >= before);
}

/* Commands, counts and domain words are 32 bits wide: what is above them, and in registers that a
 * call does not use, is nothing. The number of the call is 64 bits wide. */
TEST(xsa_111_garbage_in_unused_bits_and_registers_is_not_looked_at)
{
    const uint64_t high = UINT64_C(0xdeadbeef) << 32, junk = UINT64_C(0x5aa5f00ddeadbeef);
    uint64_t *table = table_new(1);
    mmu_update_t update = {.ptr = entry_address(table, 0), .val = 0x70};
    EXPECT_RESULT(hypercall(__HYPERVISOR_mmu_update, pointer_value(&update), high | 1, 0,
                            high | DOMID_SELF, junk),
                  0);
    EXPECT_EQUAL(((volatile uint64_t *)table)[0], 0x70);
    EXPECT_RESULT(hypercall(__HYPERVISOR_update_va_mapping, SCRATCH_VA, 0x20, 0, junk, junk), 0);
    EXPECT_RESULT(
        hypercall(__HYPERVISOR_xen_version, high | XENVER_version, junk, junk, junk, junk),
        0x40011);
    EXPECT_RESULT(hypercall(__HYPERVISOR_sched_op, high | SCHEDOP_yield, junk, junk, junk, junk),
                  0);
    EXPECT_RESULT(hypercall(high | __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0),
                  -XEN_ENOSYS);
    EXPECT_RESULT(hypercall(high | 63, junk, junk, junk, junk, junk), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall(UINT32_MAX, junk, junk, junk, junk, junk), -XEN_ENOSYS);
}

/* ---- at the end, for it cannot be undone ---------------------------------------------------- */

static uint8_t info_page[PAGE_SIZE] ALIGNED(4096);

TEST(o2_place_of_vcpu_info_can_be_nothing_else)
{
    volatile struct vcpu_info *place = (volatile struct vcpu_info *)(void *)info_page;
    mfn_t mfn = mfn_of(info_page);
    EXPECT_RESULT(place_vcpu_info(mfn, 0), 0);
    vcpu_info_moved(place);
    EXPECT_RESULT(page_read_only(info_page), 0);
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_RESULT(pin(level, info_page), -XEN_EINVAL);
    }
    EXPECT_RESULT(hypercall_set_gdt(&mfn.value, 512), -XEN_EINVAL);
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn), -XEN_EINVAL);
    EXPECT_RESULT(place_vcpu_info(mfn_of(page_alloc()), 0), -XEN_EINVAL);
    EXPECT_RESULT(page_writable(info_page), 0);
}
