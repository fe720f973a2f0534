/* SPDX-License-Identifier: BSD-2-Clause */
/* memory_op: populate, increase, decrease, exchange, and the questions. */
#include "core/reservation.h"
#include "tests/fake/fake_machine.h"

#include <string.h>

#include <xen/memory.h>

#define FRAMES   512U
#define LIST     (FAKE_ARGUMENTS + PAGE_SIZE)
#define OUT_LIST (FAKE_ARGUMENTS + 8 * PAGE_SIZE)

static struct domain *domain;
static struct domain *control;
static struct vcpu *vcpu;
static struct fake_guest guest;

static int setup(void **state)
{
    (void)state;
    fake_start(FRAMES);
    control = fake_domain(0, 1);
    control->is_control = true;
    domain = fake_domain(1, 1);
    vcpu = domain->vcpus[0];
    fake_guest_build(&guest, domain);
    return 0;
}

static uint64_t *list_at(uint64_t address)
{
    return (uint64_t *)(void *)(fake.buffers[0].bytes + (address - FAKE_ARGUMENTS));
}

static struct xen_memory_reservation reservation(uint64_t list, uint64_t count, unsigned int order)
{
    struct xen_memory_reservation made;
    memset(&made, 0, sizeof(made));
    memcpy(&made.extent_start, &list, sizeof(list));
    made.nr_extents = count;
    made.extent_order = order;
    made.domid = DOMID_SELF;
    return made;
}

static int64_t change(struct vcpu *caller, uint64_t command,
                      const struct xen_memory_reservation *made)
{
    memcpy(fake.buffers[0].bytes, made, sizeof(*made));
    return do_memory_op(caller, command, FAKE_ARGUMENTS);
}

/* ---- what the builder of a domain takes ---------------------------------------------------- */

static void block_is_given_piece_by_piece(void **state)
{
    (void)state;
    uint64_t pages = domain->page_count;
    struct mmu_locked locked = domain_mmu_lock(domain);
    mfn_t first = reservation_find(domain, 3, 64);
    for (unsigned int i = 0; i < 8; i++) {
        frame_mark_dirty(fake_frame(mfn_add(first, i)));
        memset(port_map_frame(mfn_add(first, i)), 0xa5, PAGE_SIZE);
    }
    reservation_give(domain, first, 5);
    assert_int_equal(domain->page_count, pages + 5);
    assert_int_equal(frame_class(fake_frame(mfn_add(first, 5))), FRAME_FREE);
    reservation_give(domain, mfn_add(first, 5), 3);
    domain_mmu_unlock(locked);

    assert_int_equal(domain->page_count, pages + 8);
    for (unsigned int i = 0; i < 8; i++) {
        assert_int_equal(fake_frame(mfn_add(first, i))->owner, domain->id);
        assert_int_equal(*(uint64_t *)port_map_frame(mfn_add(first, i)), 0);
    }
}

/* ---- populate and increase ----------------------------------------------------------------- */

static void populating_gives_frames_with_their_pfns(void **state)
{
    (void)state;
    uint64_t pages = domain->page_count;
    for (unsigned int i = 0; i < 4; i++) {
        list_at(LIST)[i] = 1000 + i * 8;
    }
    struct xen_memory_reservation made = reservation(LIST, 4, 3);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 4);
    assert_int_equal(domain->page_count, pages + 32);
    for (unsigned int i = 0; i < 4; i++) {
        uint64_t first = list_at(LIST)[i];
        assert_int_equal(first % 8, 0);
        for (unsigned int j = 0; j < 8; j++) {
            assert_int_equal(machine.m2p[first + j], 1000 + i * 8 + j);
            assert_int_equal(fake_frame(mfn_make(first + j))->owner, 1);
        }
    }
}

static void increasing_leaves_the_m2p_alone_and_needs_no_list(void **state)
{
    (void)state;
    uint64_t pages = domain->page_count;
    struct xen_memory_reservation made = reservation(0, 5, 0);
    assert_int_equal(change(vcpu, XENMEM_increase_reservation, &made), 5);
    assert_int_equal(domain->page_count, pages + 5);
    made = reservation(LIST, 1, 0);
    assert_int_equal(change(vcpu, XENMEM_increase_reservation, &made), 1);
    assert_int_equal(machine.m2p[list_at(LIST)[0]], M2P_INVALID);
}

static void the_quota_ends_the_loop(void **state)
{
    (void)state;
    domain->page_limit = domain->page_count + 3;
    struct xen_memory_reservation made = reservation(LIST, 10, 0);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 3);
    made = reservation(LIST, 1, 2);
    domain->page_limit += 3;
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
    domain->page_limit = 1;
    assert_int_equal(change(vcpu, XENMEM_increase_reservation, &made), 0);
}

static void a_dying_domain_receives_nothing(void **state)
{
    (void)state;
    domain->is_dying = true;
    struct xen_memory_reservation made = reservation(LIST, 1, 0);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
    assert_unchanged(before);
}

static void set_up_failures_answer_the_start_extent(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    struct xen_memory_reservation made = reservation(LIST, UINT64_C(1) << 26, 0);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
    made = reservation(LIST, 4, 0);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap | (9U << 6), &made), 9);
    made = reservation(LIST, 1, 10);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
    made = reservation(LIST, 1, 0);
    made.domid = 77;
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
    made.domid = 0;
    assert_int_equal(change(vcpu, XENMEM_decrease_reservation, &made), 0);
    made = reservation(LIST, 1, 0);
    made.mem_flags = 12;
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
    assert_int_equal(do_memory_op(vcpu, XENMEM_populate_physmap, FAKE_VA(300)), 0);
    assert_unchanged(before);
}

/* Nodes: there is one. Who rules nobody may wish for another, and must not insist. */
static void requests_of_memory_that_is_not_there_give_nothing(void **state)
{
    (void)state;
    const struct {
        uint32_t flags;
        int64_t ordinary, control;
    } cases[] = {{XENMEMF_populate_on_demand, 0, 0},
                 {XENMEMF_node(0), 1, 1},
                 {XENMEMF_exact_node(0), 0, 1},
                 {XENMEMF_node(5), 1, 1},
                 {XENMEMF_exact_node(5), 0, 0},
                 {XENMEMF_node(64), 1, 0},
                 {XENMEMF_exact_node(5) | XENMEMF_vnode, 1, 1},
                 {XENMEMF_address_bits(12), 0, 0},
                 {XENMEMF_address_bits(63), 1, 1}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        list_at(LIST)[0] = 77;
        struct xen_memory_reservation made = reservation(LIST, 1, 0);
        made.mem_flags = cases[i].flags;
        assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), cases[i].ordinary);
        list_at(LIST)[0] = 77;
        assert_int_equal(change(control->vcpus[0], XENMEM_populate_physmap, &made),
                         cases[i].control);
    }
    struct xen_memory_reservation made = reservation(0, 1, 0);
    made.mem_flags = XENMEMF_populate_on_demand; /* says something of populating only */
    assert_int_equal(change(vcpu, XENMEM_increase_reservation, &made), 1);
    /* Rights over I/O memory are enough to choose. */
    domain->has_io = true;
    made = reservation(LIST, 1, 0);
    made.mem_flags = XENMEMF_exact_node(0);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 1);
    made.mem_flags = XENMEMF_node(64);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
}

static void calls_for_domains_that_are_not_pv_are_refused(void **state)
{
    (void)state;
    const struct {
        unsigned int command;
        int64_t answer;
    } cases[] = {{XENMEM_add_to_physmap, -XEN_EACCES},
                 {XENMEM_add_to_physmap_batch, -XEN_EACCES},
                 {XENMEM_remove_from_physmap, -XEN_EACCES},
                 {XENMEM_get_vnumainfo, -XEN_EOPNOTSUPP}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct {
            uint16_t domid;
            int64_t answer;
        } subjects[] = {{DOMID_SELF, cases[i].answer}, {77, -XEN_ESRCH}, {0, -XEN_EPERM}};
        for (size_t j = 0; j < ARRAY_SIZE(subjects); j++) {
            memset(fake.buffers[0].bytes, 0, 64);
            memcpy(fake.buffers[0].bytes, &subjects[j].domid, sizeof(subjects[j].domid));
            assert_int_equal(do_memory_op(vcpu, cases[i].command, FAKE_ARGUMENTS),
                             subjects[j].answer);
        }
        assert_int_equal(do_memory_op(vcpu, cases[i].command, FAKE_VA(300)), -XEN_EFAULT);
    }
    xen_pod_target_t target = {.domid = DOMID_SELF};
    memcpy(fake.buffers[0].bytes, &target, sizeof(target));
    for (unsigned int i = XENMEM_set_pod_target; i <= XENMEM_get_pod_target; i++) {
        assert_int_equal(do_memory_op(vcpu, i, FAKE_ARGUMENTS), -XEN_EPERM);
        assert_int_equal(do_memory_op(control->vcpus[0], i, FAKE_ARGUMENTS), -XEN_EINVAL);
        assert_int_equal(do_memory_op(vcpu, i, FAKE_VA(300)), -XEN_EFAULT);
    }
    target.domid = 77;
    memcpy(fake.buffers[0].bytes, &target, sizeof(target));
    assert_int_equal(do_memory_op(control->vcpus[0], XENMEM_get_pod_target, FAKE_ARGUMENTS),
                     -XEN_ESRCH);
    struct xen_add_to_physmap foreign = {.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign};
    memcpy(fake.buffers[0].bytes, &foreign, sizeof(foreign));
    assert_int_equal(do_memory_op(vcpu, XENMEM_add_to_physmap, FAKE_ARGUMENTS), -XEN_ENOSYS);
    struct xen_add_to_physmap_batch range = {.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_range};
    memcpy(fake.buffers[0].bytes, &range, sizeof(range));
    assert_int_equal(do_memory_op(vcpu, XENMEM_add_to_physmap_batch, FAKE_ARGUMENTS),
                     -XEN_EOPNOTSUPP);
}

static void an_unreadable_list_gives_nothing(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    struct xen_memory_reservation made = reservation(FAKE_VA(300), 2, 0);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
    assert_int_equal(change(vcpu, XENMEM_decrease_reservation, &made), 0);
    made = reservation(HYPERVISOR_VIRT_END - 8, 2, 0);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
    assert_unchanged(before);
}

static void a_page_table_is_no_list_to_write_to(void **state)
{
    (void)state;
    pte_t first = fake_entries(guest.l1)[0];
    struct xen_memory_reservation made = reservation(FAKE_VA(FAKE_TABLES_AT + 3), 2, 0);
    uint64_t pages = domain->page_count;
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 0);
    assert_int_equal(fake_entries(guest.l1)[0].raw & ~PTE_ACCESSED, first.raw);
    assert_int_equal(domain->page_count, pages + 1); /* it has the frame, untold */
}

static void an_interrupted_populate_goes_on_where_it_stopped(void **state)
{
    (void)state;
    uint64_t pages = domain->page_count;
    struct xen_memory_reservation made = reservation(LIST, 9, 0);
    fake_yield_always();
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 9);
    assert_int_equal(fake.executions, 9);
    assert_int_equal(domain->page_count, pages + 9);
}

static void make_free_frames_dirty(void)
{
    for (uint64_t i = 0; i < FRAMES; i++) {
        struct frame *frame = fake_frame(mfn_make(i));
        if (frame_class(frame) == FRAME_FREE) {
            memset(port_map_frame(mfn_make(i)), 0xa5, PAGE_SIZE);
            frame_mark_dirty(frame);
        }
    }
}

/* A former owner's data is wiped in turns, and what is wiped already stays so. */
static void a_large_extent_is_wiped_in_turns(void **state)
{
    (void)state;
    uint64_t pages = domain->page_count;
    make_free_frames_dirty();
    struct xen_memory_reservation made = reservation(LIST, 1, 8);
    list_at(LIST)[0] = 5000;
    fake_yield_always();
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &made), 1);
    assert_int_equal(fake.executions, 256 / 32 + 1); /* 32 at a time, then all are given */
    assert_int_equal(domain->page_count, pages + 256);
    static const uint8_t nothing[PAGE_SIZE];
    for (unsigned int i = 0; i < 256; i++) {
        mfn_t mfn = mfn_make(list_at(LIST)[0] + i);
        assert_memory_equal(port_map_frame(mfn), nothing, PAGE_SIZE);
        assert_int_equal(machine.m2p[mfn.value], 5000 + i);
    }
}

/* ---- decrease ------------------------------------------------------------------------------ */

static void decreasing_gives_unused_frames_back(void **state)
{
    (void)state;
    uint64_t pages = domain->page_count;
    for (unsigned int i = 0; i < 3; i++) {
        list_at(LIST)[i] = fake_give(domain).value;
    }
    struct xen_memory_reservation made = reservation(LIST, 3, 0);
    fake_yield_always();
    assert_int_equal(change(vcpu, XENMEM_decrease_reservation, &made), 3);
    assert_int_equal(domain->page_count, pages);
}

static void a_frame_in_use_is_freed_when_its_last_use_ends(void **state)
{
    (void)state;
    uint64_t pages = domain->page_count;
    list_at(LIST)[0] = guest.pages[0].value;
    list_at(LIST)[1] = guest.pages[0].value;
    struct xen_memory_reservation made = reservation(LIST, 2, 0);
    assert_int_equal(change(vcpu, XENMEM_decrease_reservation, &made), 1);
    assert_int_equal(domain->page_count, pages);
    assert_int_equal(do_va(vcpu, FAKE_VA(0), (pte_t){0}, 0), 0);
    assert_int_equal(domain->page_count, pages - 1);
}

static void a_pinned_table_given_back_stays_until_the_unpin(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 2);
    assert_int_equal(do_pin(vcpu, tree.table[2], 2), 0);
    uint64_t pages = domain->page_count;
    list_at(LIST)[0] = tree.table[2].value;
    list_at(LIST)[1] = tree.table[1].value;
    struct xen_memory_reservation made = reservation(LIST, 2, 0);
    assert_int_equal(change(vcpu, XENMEM_decrease_reservation, &made), 2);
    assert_int_equal(domain->page_count, pages);
    assert_int_equal(do_unpin(vcpu, tree.table[2]), 0);
    assert_int_equal(domain->page_count, pages - 2);
}

static void strangers_frames_stop_a_decrease(void **state)
{
    (void)state;
    const uint64_t frames[] = {fake_give(control).value,
                               0,
                               FAKE_HYPERVISOR,
                               FAKE_SHARED_READ,
                               FRAMES - 1,
                               FRAMES,
                               UINT64_MAX};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++) {
        list_at(LIST)[0] = frames[i];
        struct xen_memory_reservation made = reservation(LIST, 1, 0);
        assert_int_equal(change(vcpu, XENMEM_decrease_reservation, &made), 0);
    }
    assert_unchanged(before);
}

static void a_controller_changes_another_domains_reservation(void **state)
{
    (void)state;
    uint64_t pages = domain->page_count;
    struct xen_memory_reservation made = reservation(LIST, 2, 0);
    made.domid = domain->id;
    assert_int_equal(change(control->vcpus[0], XENMEM_populate_physmap, &made), 2);
    assert_int_equal(domain->page_count, pages + 2);
    assert_int_equal(change(control->vcpus[0], XENMEM_decrease_reservation, &made), 2);
    assert_int_equal(domain->page_count, pages);
}

/* ---- exchange ------------------------------------------------------------------------------ */

static struct xen_memory_exchange exchange_of(uint64_t in_count, unsigned int in_order,
                                              uint64_t out_count, unsigned int out_order)
{
    struct xen_memory_exchange made;
    memset(&made, 0, sizeof(made));
    made.in = reservation(LIST, in_count, in_order);
    made.out = reservation(OUT_LIST, out_count, out_order);
    return made;
}

static int64_t exchange(struct vcpu *caller, const struct xen_memory_exchange *made)
{
    memcpy(fake.buffers[0].bytes, made, sizeof(*made));
    return do_memory_op(caller, XENMEM_exchange, FAKE_ARGUMENTS);
}

static uint64_t exchanged(void)
{
    struct xen_memory_exchange made;
    memcpy(&made, fake.buffers[0].bytes, sizeof(made));
    return made.nr_exchanged;
}

static void give_input(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        mfn_t mfn = fake_give(domain);
        list_at(LIST)[i] = mfn.value;
        m2p_set(mfn, 700 + i);
        fake_entries(mfn)[0].raw = 5000 + i;
        fake_entries(mfn)[1].raw = 6000 + i;
        list_at(OUT_LIST)[i] = 900 + i;
    }
}

static void single_frames_are_traded_for_a_block(void **state)
{
    (void)state;
    give_input(64);
    uint64_t pages = domain->page_count;
    struct xen_memory_exchange made = exchange_of(64, 0, 1, 6);
    assert_int_equal(exchange(vcpu, &made), 0);
    assert_int_equal(exchanged(), 64);
    assert_int_equal(domain->page_count, pages);
    uint64_t first = list_at(OUT_LIST)[0];
    assert_int_equal(first % 64, 0);
    for (unsigned int i = 0; i < 64; i++) {
        assert_int_equal(machine.m2p[first + i], 900 + i);
        assert_int_equal(fake_frame(mfn_make(first + i))->owner, domain->id);
        assert_int_equal(fake_entries(mfn_make(first + i))[0].raw, 0);
        assert_int_equal(fake_entries(mfn_make(first + i))[1].raw, 0);
        assert_int_equal(frame_class(fake_frame(mfn_make(list_at(LIST)[i]))), FRAME_FREE);
    }
}

static void a_block_is_traded_for_single_frames(void **state)
{
    (void)state;
    list_at(LIST)[0] = 500;
    struct xen_memory_reservation block = reservation(LIST, 1, 6);
    assert_int_equal(change(vcpu, XENMEM_populate_physmap, &block), 1);
    uint64_t pages = domain->page_count;
    for (unsigned int i = 0; i < 64; i++) {
        list_at(OUT_LIST)[i] = 900 + i;
    }
    struct xen_memory_exchange made = exchange_of(1, 6, 64, 0);
    assert_int_equal(exchange(vcpu, &made), 0);
    assert_int_equal(exchanged(), 1);
    assert_int_equal(domain->page_count, pages);
    for (unsigned int i = 0; i < 64; i++) {
        assert_int_equal(machine.m2p[list_at(OUT_LIST)[i]], 900 + i);
    }
}

static void an_interrupted_exchange_goes_on_with_the_next_chunk(void **state)
{
    (void)state;
    give_input(32);
    struct xen_memory_exchange made = exchange_of(32, 0, 8, 2);
    fake_yield_always();
    assert_int_equal(exchange(vcpu, &made), 0);
    assert_int_equal(fake.executions, 8);
    assert_int_equal(exchanged(), 32);
}

/* New frames are wiped in turns, be they one extent or many. */
static void an_exchange_for_frames_of_others_is_interrupted(void **state)
{
    (void)state;
    give_input(64);
    make_free_frames_dirty();
    uint64_t pages = domain->page_count;
    struct xen_memory_exchange block = exchange_of(64, 0, 1, 6);
    fake_yield_always();
    assert_int_equal(exchange(vcpu, &block), 0);
    assert_int_equal(fake.executions, 64 / 32 + 1); /* 32 at a time, then all are traded */
    make_free_frames_dirty();
    list_at(LIST)[0] = list_at(OUT_LIST)[0];
    struct xen_memory_exchange singles = exchange_of(1, 6, 64, 0);
    assert_int_equal(exchange(vcpu, &singles), 0);
    assert_true(fake.executions >= 64 / 32 + 1);
    assert_int_equal(domain->page_count, pages);
    static const uint8_t nothing[PAGE_SIZE];
    for (unsigned int i = 0; i < 64; i++) {
        assert_memory_equal(port_map_frame(mfn_make(list_at(OUT_LIST)[i])), nothing, PAGE_SIZE);
    }
}

static void a_frame_in_use_undoes_its_chunk(void **state)
{
    (void)state;
    give_input(8);
    list_at(LIST)[6] = guest.pages[0].value;
    struct xen_memory_exchange made = exchange_of(8, 0, 2, 2);
    struct fake_snapshot *before;
    uint64_t second = list_at(LIST)[4];
    made.nr_exchanged = 4;
    before = fake_snapshot();
    assert_int_equal(exchange(vcpu, &made), -XEN_EINVAL);
    assert_int_equal(exchanged(), 4);
    assert_unchanged(before); /* contents and M2P too */
    assert_int_equal(fake_entries(mfn_make(second))[1].raw, 6004);
}

static void chunks_before_the_failing_one_stay_traded(void **state)
{
    (void)state;
    give_input(8);
    list_at(LIST)[6] = list_at(LIST)[5]; /* the same frame twice */
    struct xen_memory_exchange made = exchange_of(8, 0, 2, 2);
    assert_int_equal(exchange(vcpu, &made), -XEN_EINVAL);
    assert_int_equal(exchanged(), 4);
    assert_int_equal(frame_class(fake_frame(mfn_make(list_at(LIST)[0]))), FRAME_FREE);
    assert_int_equal(fake_frame(mfn_make(list_at(LIST)[5]))->owner, domain->id);
    assert_int_equal(machine.m2p[list_at(LIST)[4]], 704);
}

static void without_memory_nothing_is_traded(void **state)
{
    (void)state;
    give_input(64);
    while (machine.free_count > 63) {
        (void)fake_give(control);
    }
    struct fake_snapshot *before = fake_snapshot();
    struct xen_memory_exchange made = exchange_of(64, 0, 1, 6);
    assert_int_equal(exchange(vcpu, &made), -XEN_ENOMEM);
    made = exchange_of(1, 0, 1, 0);
    made.out.mem_flags = 14;
    assert_int_equal(exchange(vcpu, &made), -XEN_ENOMEM);
    assert_unchanged(before);
}

/* The exchange keeps its books in the free frames: the next owner must not read them. */
static void a_failed_exchange_leaves_nothing_in_free_frames(void **state)
{
    (void)state;
    give_input(8);
    list_at(LIST)[7] = guest.pages[0].value;
    struct xen_memory_exchange made = exchange_of(8, 0, 8, 0);
    made.in.extent_order = made.out.extent_order = 0;
    assert_int_equal(exchange(vcpu, &made), -XEN_EINVAL);
    made = exchange_of(8, 0, 1, 3);
    list_at(LIST)[0] = fake_give(domain).value;
    assert_int_equal(exchange(vcpu, &made), -XEN_EINVAL);
    for (uint64_t mfn = FAKE_RAM_FIRST; mfn < FRAMES; mfn++) {
        const struct frame *frame = fake_frame(mfn_make(mfn));
        if (frame_class(frame) == FRAME_FREE && frame->owner == DOMID_INVALID) {
            assert_int_equal(fake_entries(mfn_make(mfn))[0].raw, 0);
            assert_int_equal(fake_entries(mfn_make(mfn))[1].raw, 0);
        }
    }
}

static void arguments_of_an_exchange_are_checked(void **state)
{
    (void)state;
    give_input(8);
    struct fake_snapshot *before = fake_snapshot();
    struct xen_memory_exchange made = exchange_of(8, 0, 1, 10);
    assert_int_equal(exchange(vcpu, &made), -XEN_EPERM);
    made = exchange_of(8, 0, 7, 0);
    assert_int_equal(exchange(vcpu, &made), -XEN_EINVAL);
    made = exchange_of(UINT64_MAX, 1, UINT64_MAX, 1);
    assert_int_equal(exchange(vcpu, &made), -XEN_EINVAL);
    made = exchange_of(8, 0, 8, 0);
    made.out.domid = 0;
    assert_int_equal(exchange(vcpu, &made), -XEN_EINVAL);
    made.in.domid = 0;
    assert_int_equal(exchange(vcpu, &made), -XEN_EPERM);
    made.in.domid = made.out.domid = 77;
    assert_int_equal(exchange(vcpu, &made), -XEN_ESRCH);
    made = exchange_of(8, 0, 8, 0);
    made.out.mem_flags = XENMEMF_exact_node(5);
    assert_int_equal(exchange(vcpu, &made), -XEN_EINVAL);
    made = exchange_of(8, 0, 8, 0);
    made.nr_exchanged = 9;
    assert_int_equal(exchange(vcpu, &made), -XEN_EINVAL);
    made.nr_exchanged = 8;
    assert_int_equal(exchange(vcpu, &made), 0);
    assert_int_equal(do_memory_op(vcpu, XENMEM_exchange | (1U << 6), FAKE_ARGUMENTS), -XEN_EINVAL);
    assert_int_equal(do_memory_op(vcpu, XENMEM_exchange, FAKE_VA(300)), -XEN_EFAULT);
    assert_unchanged(before);
}

static void lists_must_be_the_guests_from_the_index_where_the_work_goes_on(void **state)
{
    (void)state;
    give_input(8);
    struct fake_snapshot *before = fake_snapshot();
    /* Each base is the guest's: the index leads into the hypervisor's range, or around. */
    const uint64_t count = UINT64_C(1) << 45;
    struct xen_memory_exchange made = exchange_of(count, 0, count, 0);
    made.nr_exchanged = (HYPERVISOR_VIRT_START - OUT_LIST) / sizeof(uint64_t);
    made.nr_exchanged &= count - 1;
    assert_int_equal(exchange(vcpu, &made), -XEN_EFAULT);
    /* From the lower half to the upper one: what lies between is not the guest's. */
    const uint64_t across = (HYPERVISOR_VIRT_END - LIST) / sizeof(uint64_t) + 512;
    made = exchange_of(across, 0, across, 0);
    assert_int_equal(exchange(vcpu, &made), -XEN_EFAULT);
    assert_int_equal(exchanged(), 0);
    const uint64_t bases[] = {HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_END - 64,
                              UINT64_C(0x00007ffffffffff8), UINT64_C(0xfffffffffffffff8)};
    for (unsigned int i = 0; i < ARRAY_SIZE(bases); i++) {
        made = exchange_of(8, 0, 8, 0);
        memcpy(&made.out.extent_start, &bases[i], sizeof(bases[i]));
        assert_int_equal(exchange(vcpu, &made), -XEN_EFAULT);
        made = exchange_of(8, 0, 8, 0);
        memcpy(&made.in.extent_start, &bases[i], sizeof(bases[i]));
        assert_int_equal(exchange(vcpu, &made), -XEN_EFAULT);
    }
    assert_unchanged(before);
}

static void a_dying_domain_exchanges_nothing(void **state)
{
    (void)state;
    give_input(1);
    domain->is_dying = true;
    struct fake_snapshot *before = fake_snapshot();
    struct xen_memory_exchange made = exchange_of(1, 0, 1, 0);
    assert_int_not_equal(exchange(vcpu, &made), 0);
    assert_unchanged(before);
}

/* ---- questions ----------------------------------------------------------------------------- */

static void questions_are_answered(void **state)
{
    (void)state;
    domid_t id = DOMID_SELF;
    memcpy(fake.buffers[0].bytes, &id, sizeof(id));
    domain->page_limit = 4242;
    assert_int_equal(do_memory_op(vcpu, XENMEM_current_reservation, FAKE_ARGUMENTS),
                     domain->page_count);
    assert_int_equal(do_memory_op(vcpu, XENMEM_maximum_reservation, FAKE_ARGUMENTS), 4242);
    assert_int_equal(do_memory_op(vcpu, XENMEM_maximum_ram_page, 0), FRAMES);
    assert_int_equal(do_memory_op(vcpu, XENMEM_current_reservation | 64, FAKE_ARGUMENTS),
                     -XEN_EINVAL);
    assert_int_equal(do_memory_op(vcpu, XENMEM_current_reservation, FAKE_VA(300)), -XEN_EFAULT);
    id = 0;
    memcpy(fake.buffers[0].bytes, &id, sizeof(id));
    assert_int_equal(do_memory_op(vcpu, XENMEM_current_reservation, FAKE_ARGUMENTS), -XEN_EPERM);
    id = 77;
    memcpy(fake.buffers[0].bytes, &id, sizeof(id));
    assert_int_equal(do_memory_op(vcpu, XENMEM_maximum_reservation, FAKE_ARGUMENTS), -XEN_ESRCH);
    assert_int_equal(do_memory_op(vcpu, 63, FAKE_ARGUMENTS), -XEN_ENOSYS);
    assert_int_equal(do_memory_op(vcpu, XENMEM_machphys_mapping, FAKE_ARGUMENTS), 0);
    struct xen_machphys_mapping mapping;
    memcpy(&mapping, fake.buffers[0].bytes, sizeof(mapping));
    assert_int_equal(mapping.v_start, HYPERVISOR_VIRT_START);
    assert_int_equal(mapping.max_mfn, (UINT64_C(1) << 35) - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(block_is_given_piece_by_piece),
        TEST(populating_gives_frames_with_their_pfns),
        TEST(increasing_leaves_the_m2p_alone_and_needs_no_list),
        TEST(the_quota_ends_the_loop),
        TEST(a_large_extent_is_wiped_in_turns),
        TEST(a_dying_domain_receives_nothing),
        TEST(set_up_failures_answer_the_start_extent),
        TEST(requests_of_memory_that_is_not_there_give_nothing),
        TEST(calls_for_domains_that_are_not_pv_are_refused),
        TEST(an_unreadable_list_gives_nothing),
        TEST(a_page_table_is_no_list_to_write_to),
        TEST(an_interrupted_populate_goes_on_where_it_stopped),
        TEST(decreasing_gives_unused_frames_back),
        TEST(a_frame_in_use_is_freed_when_its_last_use_ends),
        TEST(a_pinned_table_given_back_stays_until_the_unpin),
        TEST(strangers_frames_stop_a_decrease),
        TEST(a_controller_changes_another_domains_reservation),
        TEST(single_frames_are_traded_for_a_block),
        TEST(a_block_is_traded_for_single_frames),
        TEST(an_interrupted_exchange_goes_on_with_the_next_chunk),
        TEST(an_exchange_for_frames_of_others_is_interrupted),
        TEST(a_frame_in_use_undoes_its_chunk),
        TEST(chunks_before_the_failing_one_stay_traded),
        TEST(without_memory_nothing_is_traded),
        TEST(a_failed_exchange_leaves_nothing_in_free_frames),
        TEST(arguments_of_an_exchange_are_checked),
        TEST(lists_must_be_the_guests_from_the_index_where_the_work_goes_on),
        TEST(a_dying_domain_exchanges_nothing),
        TEST(questions_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
