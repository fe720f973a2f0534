/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Family D: validation that is interrupted. A timer interrupts the hypervisor inside a long pin or
 * release; the call is broken off, our upcall runs while a tree is half a table, and the upcall
 * attacks it with everything a kernel can ask for. The call then goes on. Whatever was answered, in
 * the end every page must be free again, which the runtime checks after each test, and the
 * hypervisor's books right (its audit at power-off).
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define L1_TABLES 400

/* An L2 over many full L1 tables: pinning it takes some milliseconds even on a fast machine. */
struct forest {
    uint64_t *l2;
    uint64_t *l1[L1_TABLES];
    uint64_t *page;
};

static struct forest forest;
static unsigned int attacks;

static void forest_create(void)
{
    forest.l2 = page_alloc();
    forest.page = page_alloc();
    for (size_t i = 0; i < L1_TABLES; i++) {
        forest.l1[i] = page_alloc();
        for (size_t j = 0; j < TABLE_ENTRIES; j++) {
            forest.l1[i][j] = pte_make(mfn_of(forest.page), PTE_READ_WRITE);
        }
        EXPECT_RESULT(page_read_only(forest.l1[i]), 0);
        forest.l2[i] = pte_make(mfn_of(forest.l1[i]), PTE_TABLE);
    }
    EXPECT_RESULT(page_read_only(forest.l2), 0);
}

static int64_t give_back(const void *page)
{
    xen_pfn_t extent = mfn_of(page).value;
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(reservation.extent_start, &extent);
    return hypercall_memory_op(XENMEM_decrease_reservation, &reservation);
}

/* One attack for each upcall, on the half-done tree and on a child before, at and behind the stop.
 * What each is answered depends on where the stop was; that it does no harm must not. */
static void attack(unsigned int number)
{
    const uint64_t *l1 = forest.l1[(number * 37) % L1_TABLES];
    uint64_t frame = mfn_of(l1).value;
    switch (number % 10) {
    case 0:
        pin(2, forest.l2);
        break;
    case 1:
        unpin(forest.l2);
        break;
    case 2:
        pin(3, forest.l2);
        break;
    case 3:
        page_writable(forest.l2);
        break;
    case 4:
        entry_set(forest.l2, number % L1_TABLES, 0);
        break;
    case 5:
        pin(1, l1);
        unpin(l1);
        break;
    case 6:
        page_writable(l1);
        page_read_only(l1);
        break;
    case 7:
        hypercall_set_gdt(&frame, 512);
        break;
    case 8:
        entry_set(pool_l2, FREE_L2_INDEX, pte_make(mfn_of(l1), PTE_TABLE));
        entry_set(pool_l2, FREE_L2_INDEX, 0);
        break;
    default:
        entry_set(pool_l3, 7, pte_make(mfn_of(forest.l2), PTE_TABLE));
        entry_set(pool_l3, 7, 0);
        break;
    }
}

static bool attack_in_upcall(struct trap_frame *frame)
{
    if (frame->vector == TRAP_EVENT) {
        attack(attacks++);
    }
    return false;
}

static void timer_start(void)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
    event_port_unmask_bit(bind.port);
    struct vcpu_set_periodic_timer timer = {.period_ns = 1000000};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer), 0);
    attacks = 0;
    event_enable();
}

static void timer_end(void)
{
    event_disable();
    trap_hook = NULL;
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
    hypercall_set_gdt(NULL, 0);
}

TEST(d10_long_pin_is_interrupted_and_finishes)
{
    forest_create();
    timer_start();
    for (unsigned int round = 0; round < 5; round++) {
        EXPECT_RESULT(pin(2, forest.l2), 0);
        EXPECT_RESULT(page_writable(forest.l1[L1_TABLES - 1]), -XEN_EBUSY);
        EXPECT_RESULT(unpin(forest.l2), 0);
    }
    EXPECT(event_upcalls() > 0);
    timer_end();
    EXPECT_RESULT(page_writable(forest.l1[L1_TABLES - 1]), 0);
}

TEST(xsa_299_half_validated_tree_is_attacked_from_the_upcall)
{
    forest_create();
    trap_hook = attack_in_upcall;
    timer_start();
    for (unsigned int round = 0; round < 40; round++) {
        int64_t result = pin(2, forest.l2);
        if (result == 0) {
            unpin(forest.l2);
        }
    }
    timer_end();
    EXPECT(attacks > 0);
}

TEST(xsa_310_half_released_tree_is_attacked_from_the_upcall)
{
    forest_create();
    timer_start();
    for (unsigned int round = 0; round < 40; round++) {
        trap_hook = NULL;
        pin(2, forest.l2);
        trap_hook = attack_in_upcall;
        unpin(forest.l2);
    }
    timer_end();
    EXPECT(attacks > 0);
}

/* The hypervisor names a refused call by its place in the list (tests/system/reasons.sh): also when
 * the multicall was interrupted before it, and begins there with another call. */
TEST(last_call_of_an_interrupted_multicall_is_refused)
{
    static multicall_entry_t calls[20000];
    uint64_t pte = pte_make(mfn_of(page_alloc()), PTE_READ_ONLY);
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        calls[i] = (multicall_entry_t){.op = __HYPERVISOR_update_va_mapping,
                                       .args = {SCRATCH_VA, pte, UVMF_NONE}};
    }
    multicall_entry_t *last = &calls[ARRAY_SIZE(calls) - 1];
    *last = (multicall_entry_t){.op = __HYPERVISOR_vcpu_op, .args = {VCPUOP_is_up, 77}};
    timer_start();
    uint64_t before;
    unsigned int rounds = 0;
    do { /* a host that keeps the timer's thread from its CPU interrupts nothing */
        EXPECT(rounds++ < 1000);
        before = event_upcalls();
        EXPECT_RESULT(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
        EXPECT_RESULT((int64_t)last->result, -XEN_ENOENT);
    } while (event_upcalls() == before);
    timer_end();
}

/* Its only page-table reference is an entry, which goes away in the middle of the release. */
static bool unlink_in_upcall(struct trap_frame *frame)
{
    if (frame->vector == TRAP_EVENT && attacks++ == 0) {
        entry_set(pool_l3, 7, 0);
    }
    return false;
}

TEST(xsa_299_half_validated_tree_is_linked_and_unlinked)
{
    forest_create();
    timer_start();
    trap_hook = unlink_in_upcall;
    uint64_t entry = pte_make(mfn_of(forest.l2), PTE_TABLE);
    for (unsigned int round = 0; round < 10; round++) {
        attacks = 0;
        EXPECT_RESULT(entry_set(pool_l3, 7, entry), 0);
        EXPECT_RESULT(entry_set(pool_l3, 7, 0), 0);
    }
    timer_end();
    EXPECT_RESULT(page_writable(forest.l2), 0);
}

/* The frame of a table that is being validated is given back: the domain's list loses it, and the
 * references decide when it is free. */
static bool give_back_in_upcall(struct trap_frame *frame)
{
    if (frame->vector == TRAP_EVENT && attacks++ == 0) {
        give_back(forest.l2);
        give_back(forest.l1[L1_TABLES / 2]);
    }
    return false;
}

TEST(xsa_299_frames_of_a_half_validated_tree_are_given_back)
{
    forest_create();
    EXPECT_RESULT(va_set(pointer_value(forest.l2), 0), 0);
    EXPECT_RESULT(va_set(pointer_value(forest.l1[L1_TABLES / 2]), 0), 0);
    timer_start();
    trap_hook = give_back_in_upcall;
    for (unsigned int round = 0; round < 10 && attacks == 0; round++) {
        pin(2, forest.l2);
        unpin(forest.l2);
    }
    timer_end();
    EXPECT(attacks > 0);
    /* Where the upcall came after the frames' last use they are gone now; else they go here. */
    p2m_set(pfn_of(forest.l2), mfn_make(UINT64_MAX));
    p2m_set(pfn_of(forest.l1[L1_TABLES / 2]), mfn_make(UINT64_MAX));
}

/* A good tree, but for one entry of `level`, as late in it as can be. */
static void expect_tree_refused(unsigned int level, size_t index, uint64_t *const tables[4])
{
    for (size_t i = 0; i < 4; i++) {
        EXPECT_RESULT(page_writable(tables[i]), 0);
        memset(tables[i], 0, PAGE_SIZE);
    }
    tables[0][0] = pte_make(mfn_of(forest.page), PTE_READ_WRITE);
    for (size_t i = 1; i < 4; i++) {
        tables[i][0] = pte_make(mfn_of(tables[i - 1]), PTE_TABLE);
    }
    if (level == 4 && index >= L4_HOLE_FIRST && index <= L4_HOLE_LAST) {
        index = L4_HOLE_LAST + 1;
    }
    uint64_t bad = pte_make(mfn_of(forest.page), PTE_READ_WRITE) | PTE_LARGE | PTE_USER;
    tables[level - 1][index] = level > 1 ? bad : pte_make(mfn_of(pool_l2), PTE_READ_WRITE);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_RESULT(page_read_only(tables[i]), 0);
    }
    for (unsigned int round = 0; round < 10; round++) {
        EXPECT_RESULT(pin(4, tables[3]), level > 1 ? -XEN_EINVAL : -XEN_EBUSY);
    }
    EXPECT_RESULT(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(tables[3])),
                  level > 1 ? -XEN_EINVAL : -XEN_EBUSY);
}

TEST(xsa_299_bad_entry_of_any_level_and_place_is_found_every_time)
{
    uint64_t *tables[4];
    forest.page = page_alloc();
    for (size_t i = 0; i < 4; i++) {
        tables[i] = page_alloc();
    }
    static const size_t places[] = {0, 1, 255, 510, 511};
    for (unsigned int level = 1; level <= 4; level++) {
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
            expect_tree_refused(level, places[i], tables);
        }
    }
}
