/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only other CPUs would notice, and other things that edits of the core (tests/mutants/list)
 * showed nobody was looking at: the order of steps, what is locked meanwhile, and the processor's
 * own stores to an entry that is being updated.
 */
#include "tests/fake/fake_machine.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/memory.h>

#include "core/descriptors.h"
#include "core/pt_store.h"
#include "core/pt_validate.h"
#include "core/pte_update.h"

static struct domain *domain;
static struct domain *other;
static struct vcpu *vcpu;
static struct vcpu *second_vcpu;
static struct fake_guest guest;
static struct fake_tree spare; /* a second address space, pinned by its L4 */

static int setup(void **state)
{
    (void)state;
    fake_start(160);
    domain = fake_domain(0, 2);
    domain->is_control = true;
    other = fake_domain(7, 1);
    vcpu = domain->vcpus[0];
    second_vcpu = domain->vcpus[1];
    fake_guest_build(&guest, domain);
    fake_tree_build(&spare, domain, 4);
    assert_int_equal(do_pin(vcpu, spare.table[4], 4), 0);
    return 0;
}

static bool is_locked(struct domain *of)
{
    return of->mmu_lock.next != of->mmu_lock.serving;
}

/* ---- the order of steps -------------------------------------------------------------------- */

static const char *watched_call;
static unsigned int watched;
static mfn_t watched_frame;

static void watch_for(const char *what, mfn_t frame, void (*watch)(const char *what))
{
    watched = 0;
    watched_call = what;
    watched_frame = frame;
    fake.watch = watch;
}

static bool is_watched(const char *what)
{
    bool same = strcmp(what, watched_call) == 0;
    watched += same ? 1 : 0;
    return same;
}

static void must_be_claimed_and_not_checked(const char *what)
{
    if (is_watched(what)) {
        const struct frame *frame = fake_frame(watched_frame);
        assert_int_equal(frame->type, FRAME_L1);
        assert_int_equal(frame->type_count, 1);
        assert_false(frame_is_validated(frame));
    }
}

static void a_frame_is_claimed_before_the_flush_and_checked_after_it(void **state)
{
    (void)state;
    assert_true(fake_guest_write(0, vcpu, FAKE_VA(0), 0));
    assert_int_equal(do_va(vcpu, FAKE_VA(0), (pte_t){0}, UVMF_NONE), 0);
    watch_for("flush_tlb", guest.pages[0], must_be_claimed_and_not_checked);
    assert_int_equal(do_pin(vcpu, guest.pages[0], 1), 0);
    assert_int_equal(watched, 1);
}

static void must_be_locked(const char *what)
{
    if (is_watched(what)) {
        assert_true(is_locked(domain));
    }
}

static void the_flush_that_is_owed_is_made_under_the_lock(void **state)
{
    (void)state;
    watch_for("flush_tlb", MFN_INVALID, must_be_locked);
    assert_int_equal(do_update(vcpu, guest.l2, 0, (pte_t){0}), 0);
    assert_true(watched > 0);
}

static void must_still_be_in_use(const char *what)
{
    if (is_watched(what)) {
        assert_true(frame_is_validated(fake_frame(watched_frame)));
    }
}

static void a_base_is_in_use_until_the_processor_has_left_it(void **state)
{
    (void)state;
    assert_int_equal(do_unpin(vcpu, guest.l4), 0);
    watch_for("base_changed", guest.l4, must_still_be_in_use);
    assert_int_equal(do_base(vcpu, spare.table[4]), 0);
    assert_int_equal(watched, 1);
    assert_int_equal(fake_frame(guest.l4)->type_count, 0);
}

static int64_t set_gdt(mfn_t frame, unsigned int entries)
{
    memcpy(fake.buffers[0].bytes, &frame, sizeof(frame));
    uint64_t arg[6] = {FAKE_ARGUMENTS, entries};
    return fake_call(call_set_gdt, vcpu, arg);
}

static void gdt_frames_are_in_use_until_the_processor_has_left_them(void **state)
{
    (void)state;
    mfn_t first = fake_give(domain);
    mfn_t next = fake_give(domain);
    assert_int_equal(set_gdt(first, 8), 0);
    watch_for("show_descriptors", first, must_still_be_in_use);
    assert_int_equal(set_gdt(next, 8), 0);
    assert_int_equal(watched, 1);
    assert_int_equal(fake_frame(first)->type_count, 0);
}

/* An exchange of one frame of `domain` for one free frame; answers nr_exchanged in *done. */
static int64_t exchange(uint64_t in_count, uint64_t out_count, unsigned int out_order,
                        const uint64_t in[], uint64_t *done)
{
    struct xen_memory_exchange made;
    uint64_t lists[2] = {FAKE_ARGUMENTS + PAGE_SIZE, FAKE_ARGUMENTS + 2 * PAGE_SIZE};
    memset(&made, 0, sizeof(made));
    memcpy(&made.in.extent_start, &lists[0], sizeof(lists[0]));
    memcpy(&made.out.extent_start, &lists[1], sizeof(lists[1]));
    made.in.nr_extents = in_count;
    made.out.nr_extents = out_count;
    made.out.extent_order = out_order;
    made.in.domid = made.out.domid = DOMID_SELF;
    made.nr_exchanged = *done;
    memset(fake.buffers[0].bytes, 0, 3 * PAGE_SIZE);
    memcpy(fake.buffers[0].bytes, &made, sizeof(made));
    memcpy(fake.buffers[0].bytes + PAGE_SIZE, in, in_count * sizeof(in[0]));
    int64_t result = do_memory_op(vcpu, XENMEM_exchange, FAKE_ARGUMENTS);
    memcpy(&made, fake.buffers[0].bytes, sizeof(made));
    *done = made.nr_exchanged;
    return result;
}

static void must_be_as_the_guest_left_it(const char *what)
{
    if (is_watched(what)) {
        assert_int_equal(fake_entries(watched_frame)[0].raw, 0xa11ce);
    }
}

static void an_exchange_writes_to_new_frames_only_after_the_flush(void **state)
{
    (void)state;
    uint64_t in[1] = {fake_give(domain).value};
    uint64_t done = 0;
    while (machine.free_count > 0) {
        (void)fake_give(domain);
    }
    assert_true(fake_guest_write(0, vcpu, FAKE_VA(0), 0xa11ce));
    assert_int_equal(do_va(vcpu, FAKE_VA(0), (pte_t){0}, UVMF_NONE), 0);
    assert_int_equal(frame_give_back(fake_frame(guest.pages[0])), STATUS_OK);
    watch_for("flush_tlb", guest.pages[0], must_be_as_the_guest_left_it);
    assert_int_equal(exchange(1, 1, 0, in, &done), 0);
    assert_int_equal(done, 1);
    assert_true(watched > 0);
}

/* ---- locks --------------------------------------------------------------------------------- */

/* Something that must wait for a lock, on a thread of its own. */
struct waiter {
    pthread_t thread;
    void (*work)(void);
    atomic_bool done;
};

static void *waiter_main(void *argument)
{
    struct waiter *waiter = argument;
    waiter->work();
    atomic_store(&waiter->done, true);
    return NULL;
}

/* Start the work, and return when it waits for the lock, which is held: true. False: it is done
 * already. */
static bool waits_for(struct waiter *waiter, struct ticket_lock *lock, void (*work)(void))
{
    uint32_t before = lock->next;
    waiter->work = work;
    atomic_store(&waiter->done, false);
    assert_int_equal(pthread_create(&waiter->thread, NULL, waiter_main, waiter), 0);
    while (!atomic_load(&waiter->done) && lock->next == before) {
        sched_yield();
    }
    return lock->next != before && !atomic_load(&waiter->done);
}

static void lock_both_the_other_first(void)
{
    domain_mmu_unlock(domain_mmu_lock_two(other, domain));
}

static void two_locks_are_taken_in_the_order_of_the_ids(void **state)
{
    (void)state;
    struct waiter waiter;
    struct mmu_locked locked = domain_mmu_lock(domain);
    assert_true(waits_for(&waiter, &domain->mmu_lock, lock_both_the_other_first));
    assert_false(is_locked(other));
    domain_mmu_unlock(locked);
    pthread_join(waiter.thread, NULL);
}

static void two_domains_are_both_locked(void **state)
{
    (void)state;
    struct mmu_context context;
    context_open(&context, vcpu, domain, other);
    assert_true(is_locked(domain) && is_locked(other));
    assert_true(context_breathe(&context));
    assert_true(is_locked(domain) && is_locked(other));
    context_close(&context);
    assert_false(is_locked(domain) || is_locked(other));
}

static void drop_what_is_deferred(void)
{
    context_drop_foreign(vcpu);
}

static void a_deferred_drop_waits_for_the_owner(void **state)
{
    (void)state;
    struct waiter waiter;
    mfn_t mfn = fake_give(other);
    struct mmu_locked locked = domain_mmu_lock(other);
    assert_int_equal(frame_get(fake_frame(mfn)), STATUS_OK);
    struct mmu_context context = {.vcpu = vcpu};
    pt_drop_leaf_later(&context, PTE_HOLD_REFERENCE, fake_frame(mfn));
    bool waits = waits_for(&waiter, &other->mmu_lock, drop_what_is_deferred);
    uint32_t count = fake_frame(mfn)->ref_count;
    domain_mmu_unlock(locked);
    pthread_join(waiter.thread, NULL);
    assert_true(waits);
    assert_int_equal(count, 2);
    assert_int_equal(fake_frame(mfn)->ref_count, 1);
}

static void a_foreign_leaf_is_dropped_after_the_lock_is_let_go(void **state)
{
    (void)state;
    mfn_t mfn = fake_give(other);
    pte_t *slot = &fake_entries(guest.l1)[100];
    struct mmu_update request = {
        .ptr = (guest.l1.value << PAGE_SHIFT) + 100 * sizeof(pte_t) + MMU_NORMAL_PT_UPDATE,
        .val = pte_make(mfn, FAKE_RO).raw,
    };
    assert_int_equal(do_mmu_update(vcpu, &request, 1, other->id), 0);
    assert_int_equal(fake_frame(mfn)->ref_count, 2);

    struct mmu_context context;
    context_open_self(&context, vcpu);
    assert_int_equal(pte_update_leaf(&context, slot, (pte_t){0}, PTE_STORE, NULL), STATUS_OK);
    assert_int_equal(fake_frame(mfn)->ref_count, 2);
    assert_int_equal(vcpu->foreign_drop_count, 1);
    context_close(&context);
    assert_int_equal(fake_frame(mfn)->ref_count, 1);
    assert_audit_clean();
}

static atomic_bool waiter_had_the_lock;

static void have_the_lock(void)
{
    struct mmu_locked locked = domain_mmu_lock(domain);
    atomic_store(&waiter_had_the_lock, true);
    domain_mmu_unlock(locked);
}

static void a_batch_lets_who_waits_have_the_lock(void **state)
{
    (void)state;
    struct waiter waiter;
    struct mmu_context context;
    atomic_store(&waiter_had_the_lock, false);
    context_open_self(&context, vcpu);
    assert_true(waits_for(&waiter, &domain->mmu_lock, have_the_lock));
    bool stop = context_should_stop(&context);
    bool had = atomic_load(&waiter_had_the_lock);
    context_close(&context);
    pthread_join(waiter.thread, NULL);
    assert_false(stop);
    assert_true(had);
}

/* ---- the processor's own stores ------------------------------------------------------------ */

/*
 * The table's page is made read-only: the core's store to it faults, and just then, when everything
 * that was to be read has been read, another CPU's walk sets the dirty bit. The store is then
 * executed again.
 */
static pte_t *race_slot;
static volatile unsigned int races;
static struct sigaction race_before;

static void protect_page(int rights)
{
    void *page = (void *)((uintptr_t)race_slot & ~(uintptr_t)PAGE_MASK);
    if (mprotect(page, PAGE_SIZE, rights) != 0) {
        abort();
    }
}

static void on_store(int number)
{
    (void)number;
    protect_page(PROT_READ | PROT_WRITE);
    race_slot->raw |= PTE_DIRTY;
    races++;
}

static void race_begin(pte_t *slot)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_store;
    race_slot = slot;
    races = 0;
    assert_int_equal(sigaction(SIGSEGV, &action, &race_before), 0);
    protect_page(PROT_READ);
}

static void race_end(void)
{
    protect_page(PROT_READ | PROT_WRITE);
    assert_int_equal(sigaction(SIGSEGV, &race_before, NULL), 0);
    assert_int_equal(races, 1);
}

static void dirty_is_preserved_whenever_the_processor_sets_it(void **state)
{
    (void)state;
    pte_t *slot = &fake_entries(guest.l1)[0];
    pte_t entry = pte_make(guest.pages[1], FAKE_RW);
    struct mmu_context context;
    context_open_self(&context, vcpu);
    race_begin(slot);
    enum status status = pte_update_leaf(&context, slot, entry, PTE_STORE_PRESERVE_AD, NULL);
    race_end();
    context_close(&context);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(slot->raw, entry.raw | PTE_DIRTY);
    assert_audit_clean();
}

static void an_entry_of_a_table_preserves_what_the_processor_sets(void **state)
{
    (void)state;
    pte_t *slot = &fake_entries(guest.l2)[0];
    slot->raw |= PTE_ACCESSED;
    pte_t cold = pte_make(guest.l1, FAKE_TABLE & ~PTE_ACCESSED);
    struct mmu_update request = {
        .ptr = (guest.l2.value << PAGE_SHIFT) + MMU_PT_UPDATE_PRESERVE_AD,
        .val = cold.raw,
    };
    assert_int_equal(do_mmu_update(vcpu, &request, 1, DOMID_SELF), 0);
    assert_true(pte_has(*slot, PTE_ACCESSED));
    assert_int_equal(do_update(vcpu, guest.l2, 0, cold), 0);
    assert_int_equal(slot->raw, cold.raw);
}

static void an_exchange_that_raced_changes_nothing(void **state)
{
    (void)state;
    pte_t *slot = &fake_entries(guest.l1)[0];
    pte_t old = *slot;
    pte_t seen = old;
    struct mmu_context context;
    context_open_self(&context, vcpu);
    race_begin(slot);
    enum status status = pte_update_leaf(&context, slot, pte_make(guest.pages[1], FAKE_RW),
                                         PTE_STORE_EXCHANGE, &seen);
    race_end();
    context_close(&context);
    assert_int_equal(status, STATUS_AGAIN);
    assert_int_equal(slot->raw, old.raw | PTE_DIRTY);
    assert_int_equal(seen.raw, slot->raw);
    assert_int_equal(fake_frame(guest.pages[1])->type_count, 1);
    assert_audit_clean();

    slot->raw = old.raw; /* the same with an entry that takes nothing */
    seen = old;
    context_open_self(&context, vcpu);
    race_begin(slot);
    status = pte_update_leaf(&context, slot, (pte_t){0}, PTE_STORE_EXCHANGE, &seen);
    race_end();
    context_close(&context);
    assert_int_equal(status, STATUS_AGAIN);
    assert_int_equal(slot->raw, old.raw | PTE_DIRTY);
    assert_audit_clean();
}

static void an_emulated_store_that_raced_is_tried_again(void **state)
{
    (void)state;
    static const uint8_t mov[] = {0x48, 0x89, 0x07}; /* mov %rax,(%rdi) */
    pte_t *slot = &fake_entries(guest.l1)[0];
    pte_t old = *slot;
    pte_t entry = pte_make(guest.pages[1], FAKE_RW);
    uint64_t address = FAKE_VA(FAKE_TABLES_AT + 3);
    struct cpu_user_regs regs;
    memset(&regs, 0, sizeof(regs));
    memset(fake.buffers[0].bytes, 0x90, 64);
    memcpy(fake.buffers[0].bytes, mov, sizeof(mov));
    regs.rip = FAKE_ARGUMENTS;
    regs.rdi = address;
    regs.rax = entry.raw;
    domain->assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
    fake.vcpu = vcpu;
    race_begin(slot);
    bool handled = pt_emulate_store(vcpu, &regs, address);
    race_end();
    assert_true(handled);
    assert_int_equal(regs.rip, FAKE_ARGUMENTS);
    assert_int_equal(slot->raw, old.raw | PTE_DIRTY);
    assert_true(pt_emulate_store(vcpu, &regs, address));
    fake.vcpu = NULL;
    assert_int_equal(regs.rip, FAKE_ARGUMENTS + sizeof(mov));
    assert_int_equal(slot->raw, entry.raw);
    assert_audit_clean();
}

/* ---- frames -------------------------------------------------------------------------------- */

static void a_frame_outside_the_reservation_cannot_be_exchanged(void **state)
{
    (void)state;
    assert_int_equal(do_va(vcpu, FAKE_VA(0), pte_make(guest.pages[0], FAKE_RO), UVMF_NONE), 0);
    assert_int_equal(frame_give_back(fake_frame(guest.pages[0])), STATUS_OK);
    assert_int_equal(fake_frame(guest.pages[0])->ref_count, 1);
    assert_int_equal(frame_steal(fake_frame(guest.pages[0])), STATUS_FRAME_IN_USE);
    assert_audit_clean();
}

static void what_the_hypervisor_wrote_to_a_free_frame_is_wiped(void **state)
{
    (void)state;
    mfn_t mfn = frame_alloc(0, 64); /* counts as domain 0's own data */
    fake_entries(mfn)[7].raw = 1;
    frame_mark_dirty(fake_frame(mfn));
    frame_assign(fake_frame(mfn), domain);
    assert_int_equal(fake_entries(mfn)[7].raw, 0);
}

static void a_shared_page_starts_empty(void **state)
{
    (void)state;
    mfn_t mfn = frame_alloc(0, 64);
    fake_entries(mfn)[7].raw = 1;
    frame_make_shared(fake_frame(mfn), domain);
    assert_int_equal(fake_entries(mfn)[7].raw, 0);
}

static void a_refused_further_use_of_a_table_keeps_nothing(void **state)
{
    (void)state;
    struct frame *frame = fake_frame(spare.table[4]);
    uint32_t references = frame->ref_count;
    uint32_t types = frame->type_count;
    struct mmu_context context;
    context_open_self(&context, vcpu);
    frame->type_count = UINT32_MAX;
    assert_int_equal(pt_take(&context, frame, 4), STATUS_COUNT_OVERFLOW);
    assert_int_equal(frame->type_count, UINT32_MAX);
    assert_int_equal(frame->ref_count, references);
    frame->type_count = types;
    context_close(&context);
}

static void an_extent_is_at_most_one_unit_of_work(void **state)
{
    (void)state;
    fake_start(4096);
    domain = fake_domain(0, 1);
    domain->is_control = true;
    for (unsigned int order = 9; order <= 10; order++) {
        struct xen_memory_reservation reservation;
        memset(&reservation, 0, sizeof(reservation));
        reservation.nr_extents = 1;
        reservation.extent_order = order;
        reservation.domid = DOMID_SELF;
        memcpy(fake.buffers[0].bytes, &reservation, sizeof(reservation));
        assert_int_equal(
            do_memory_op(domain->vcpus[0], XENMEM_increase_reservation, FAKE_ARGUMENTS),
            order == 9 ? 1 : 0);
    }
    assert_int_equal(domain->page_count, 512);
}

static void an_exchange_goes_on_from_a_whole_chunk(void **state)
{
    (void)state;
    uint64_t in[4];
    uint64_t done = 1; /* in the middle of the first chunk of two */
    for (unsigned int i = 0; i < 4; i++) {
        in[i] = fake_give(domain).value;
    }
    uint64_t pages = domain->page_count;
    assert_int_equal(exchange(4, 2, 1, in, &done), 0);
    assert_int_equal(done, 4);
    assert_int_equal(domain->page_count, pages);
}

static void an_exchange_gives_as_much_as_it_takes(void **state)
{
    (void)state;
    uint64_t in[2] = {fake_give(domain).value, fake_give(domain).value};
    uint64_t done = 0;
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(exchange(1, 2, 0, in, &done), -XEN_EINVAL);
    assert_int_equal(exchange(2, 1, 0, in, &done), -XEN_EINVAL);
    assert_unchanged(before);
}

static void the_cursor_of_an_exchange_cannot_leave_the_guests_memory(void **state)
{
    (void)state;
    struct xen_memory_exchange made;
    memset(&made, 0, sizeof(made));
    uint64_t list = FAKE_ARGUMENTS + PAGE_SIZE;
    memcpy(&made.in.extent_start, &list, sizeof(list));
    memcpy(&made.out.extent_start, &list, sizeof(list));
    made.in.domid = made.out.domid = DOMID_SELF;
    /* The first element left is the hypervisor's. */
    made.nr_exchanged = (HYPERVISOR_VIRT_START - list) / sizeof(uint64_t);
    made.in.nr_extents = made.out.nr_extents = made.nr_exchanged + 1;
    memcpy(fake.buffers[0].bytes, &made, sizeof(made));
    uint64_t arg[6] = {XENMEM_exchange, FAKE_ARGUMENTS};
    assert_int_equal(fake_call(call_memory_op, vcpu, arg), -XEN_EFAULT);
}

/* ---- walks --------------------------------------------------------------------------------- */

/* Begin to pin `table` of `level`, and have it interrupted at its first opportunity. */
static void begin_pin(struct vcpu *caller, mfn_t table, unsigned int level, uint64_t arg[])
{
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = MMUEXT_PIN_L1_TABLE + level - 1;
    op.arg1.mfn = table.value;
    memcpy(fake.buffers[0].bytes, &op, sizeof(op));
    arg[0] = FAKE_ARGUMENTS;
    arg[1] = 1;
    arg[2] = 0;
    arg[3] = DOMID_SELF;
    fake_yield_at(1);
    struct call_result result = fake_call_once(call_mmuext_op, caller, arg);
    fake_yield_never();
    assert_true(result.again);
    assert_int_equal(caller->walk.mode, PT_WALK_VALIDATE);
}

/* vCPU 0's walk is in the middle of a tree that nobody else needs. */
static mfn_t make_walk_busy(void)
{
    struct fake_tree tree;
    uint64_t arg[6];
    fake_tree_build(&tree, domain, 4);
    begin_pin(vcpu, tree.table[4], 4, arg);
    return tree.table[4];
}

static void must_have_been_cancelled(mfn_t root)
{
    assert_int_equal(vcpu->walk.mode, PT_WALK_NONE);
    assert_int_equal(fake_frame(root)->type_count, 0);
}

static void replacing_a_table_takes_the_walk_from_a_validation(void **state)
{
    (void)state;
    mfn_t root = make_walk_busy();
    assert_int_equal(do_update(vcpu, guest.l3, 0, (pte_t){0}), 0);
    must_have_been_cancelled(root);
    assert_int_equal(fake_frame(guest.l2)->type_count, 0);
}

static void unpinning_takes_the_walk_from_a_validation(void **state)
{
    (void)state;
    mfn_t root = make_walk_busy();
    assert_int_equal(do_unpin(vcpu, spare.table[4]), 0);
    must_have_been_cancelled(root);
    assert_int_equal(fake_frame(spare.table[1])->type_count, 0);
}

static void a_new_base_takes_the_walk_from_a_validation(void **state)
{
    (void)state;
    assert_int_equal(do_unpin(vcpu, guest.l4), 0);
    mfn_t root = make_walk_busy();
    assert_int_equal(do_base(vcpu, spare.table[4]), 0);
    must_have_been_cancelled(root);
    assert_int_equal(fake_frame(guest.l4)->type_count, 0);
    assert_int_equal(fake.base_changes, 2);
}

static void giving_up_the_user_base_takes_the_walk_from_a_validation(void **state)
{
    (void)state;
    assert_int_equal(do_user_base(vcpu, spare.table[4]), 0);
    assert_int_equal(do_unpin(vcpu, spare.table[4]), 0);
    mfn_t root = make_walk_busy();
    assert_int_equal(do_user_base(vcpu, mfn_make(0)), 0);
    must_have_been_cancelled(root);
    assert_int_equal(fake_frame(spare.table[4])->type_count, 0);
}

static void a_new_base_is_loaded(void **state)
{
    (void)state;
    unsigned int before = fake.base_changes;
    assert_int_equal(do_base(vcpu, spare.table[4]), 0);
    assert_int_equal(fake.base_changes, before + 1);
    assert_int_equal(do_base(vcpu, spare.table[4]), 0); /* the same: a flush is asked for */
    assert_int_equal(fake.base_changes, before + 2);
}

/* The tables of `tree` from `level` down are one level higher for this one. */
static void an_unfinished_l3_pinned_as_l4_is_an_l4(void **state)
{
    (void)state;
    struct fake_tree tree;
    uint64_t arg[6];
    fake_tree_build(&tree, domain, 3);
    begin_pin(vcpu, tree.table[3], 3, arg);
    assert_int_equal(do_pin(vcpu, tree.table[3], 4), 0);
    assert_int_equal(fake_frame(tree.table[3])->type, FRAME_L4);
    assert_int_equal(fake_frame(tree.table[0])->type, FRAME_L1);
}

static void a_walk_that_waits_for_another_keeps_what_it_has(void **state)
{
    (void)state;
    struct fake_tree half;
    struct fake_tree tree;
    uint64_t half_arg[6];
    uint64_t arg[6];
    fake_tree_build(&half, domain, 2);
    fake_tree_build(&tree, domain, 3);
    fake_entries(tree.table[3])[1] = pte_make(half.table[2], FAKE_TABLE);
    begin_pin(vcpu, half.table[2], 2, half_arg);
    begin_pin(second_vcpu, tree.table[3], 3, arg);
    struct call_result result = fake_call_once(call_mmuext_op, second_vcpu, arg);
    assert_true(result.again);
    assert_int_equal(second_vcpu->walk.mode, PT_WALK_VALIDATE);
    assert_int_equal(fake_frame(tree.table[3])->progress, 1);
    assert_int_equal(fake_frame(tree.table[2])->type_count, 1);

    struct mmuext_op op;
    memcpy(&op, fake.buffers[0].bytes, sizeof(op));
    op.arg1.mfn = half.table[2].value;
    op.cmd = MMUEXT_PIN_L2_TABLE;
    memcpy(fake.buffers[0].bytes, &op, sizeof(op));
    assert_int_equal(fake_call(call_mmuext_op, vcpu, half_arg), 0);
    assert_int_equal(do_pin(second_vcpu, tree.table[3], 3), 0);
    assert_int_equal(fake_frame(half.table[2])->type_count, 2);
}

/* ---- descriptors --------------------------------------------------------------------------- */

static void the_page_behind_the_ldt_is_not_shown(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        pte_t pte = pte_make(fake_give(domain), FAKE_RO);
        assert_int_equal(do_va(vcpu, FAKE_VA(64 + i), pte, UVMF_NONE), 0);
    }
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = MMUEXT_SET_LDT;
    op.arg1.linear_addr = FAKE_VA(64);
    op.arg2.nr_ents = 512;
    assert_int_equal(do_mmuext(vcpu, &op, 1, DOMID_SELF), 0);
    assert_true(vcpu_ldt_fault(vcpu, 4088));
    assert_false(vcpu_ldt_fault(vcpu, 4096));
    assert_audit_clean();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_frame_is_claimed_before_the_flush_and_checked_after_it),
        TEST(the_flush_that_is_owed_is_made_under_the_lock),
        TEST(a_base_is_in_use_until_the_processor_has_left_it),
        TEST(gdt_frames_are_in_use_until_the_processor_has_left_them),
        TEST(an_exchange_writes_to_new_frames_only_after_the_flush),
        TEST(two_locks_are_taken_in_the_order_of_the_ids),
        TEST(two_domains_are_both_locked),
        TEST(a_deferred_drop_waits_for_the_owner),
        TEST(a_foreign_leaf_is_dropped_after_the_lock_is_let_go),
        TEST(a_batch_lets_who_waits_have_the_lock),
        TEST(dirty_is_preserved_whenever_the_processor_sets_it),
        TEST(an_entry_of_a_table_preserves_what_the_processor_sets),
        TEST(an_exchange_that_raced_changes_nothing),
        TEST(an_emulated_store_that_raced_is_tried_again),
        TEST(a_frame_outside_the_reservation_cannot_be_exchanged),
        TEST(what_the_hypervisor_wrote_to_a_free_frame_is_wiped),
        TEST(a_shared_page_starts_empty),
        TEST(a_refused_further_use_of_a_table_keeps_nothing),
        TEST(an_extent_is_at_most_one_unit_of_work),
        TEST(an_exchange_goes_on_from_a_whole_chunk),
        TEST(an_exchange_gives_as_much_as_it_takes),
        TEST(the_cursor_of_an_exchange_cannot_leave_the_guests_memory),
        TEST(replacing_a_table_takes_the_walk_from_a_validation),
        TEST(unpinning_takes_the_walk_from_a_validation),
        TEST(a_new_base_takes_the_walk_from_a_validation),
        TEST(giving_up_the_user_base_takes_the_walk_from_a_validation),
        TEST(a_new_base_is_loaded),
        TEST(an_unfinished_l3_pinned_as_l4_is_an_l4),
        TEST(a_walk_that_waits_for_another_keeps_what_it_has),
        TEST(the_page_behind_the_ldt_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
