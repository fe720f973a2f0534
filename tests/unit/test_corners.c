/* SPDX-License-Identifier: BSD-2-Clause */
/* Rare paths of the core's calls, each of which `make coverage` showed nobody had taken: arguments
 * that fault half-way, walks left in another domain's tables, counts at their end. */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include <xen/memory.h>

#include "core/descriptors.h"
#include "core/pt_store.h"
#include "core/pt_validate.h"

static struct domain *domain; /* the control domain */
static struct domain *other;
static struct vcpu *vcpu;
static struct fake_guest guest;
static struct fake_guest other_guest;

#define LIST            (FAKE_ARGUMENTS + PAGE_SIZE)
#define OUT_LIST        (FAKE_ARGUMENTS + 2 * PAGE_SIZE)
#define UNMAPPED        UINT64_C(0x0000700000000000)
#define READ_ONLY_AREA  UINT64_C(0x0000620000000000)
#define M2P_LIST_FRAMES (UINT64_C(1) << 18) /* the M2P fills 2 MiB */

static int setup(void **state)
{
    (void)state;
    fake_start(256);
    domain = fake_domain(0, 3);
    domain->is_control = true;
    domain->has_io = true;
    other = fake_domain(7, 1);
    vcpu = domain->vcpus[0];
    fake_guest_build(&guest, domain);
    fake_guest_build(&other_guest, other);
    fake_buffer(READ_ONLY_AREA, PAGE_SIZE, false);
    return 0;
}

static void put(uint64_t offset, const void *from, size_t size)
{
    memcpy(fake.buffers[0].bytes + offset, from, size);
}

/* ---- a walk left in another domain's tables ------------------------------------------------ */

/* vCPU 0 began to pin an L4 of the other domain and was interrupted. */
static mfn_t leave_walk(void)
{
    struct fake_tree tree;
    struct mmuext_op op;
    fake_tree_build(&tree, other, 4);
    memset(&op, 0, sizeof(op));
    op.cmd = MMUEXT_PIN_L4_TABLE;
    op.arg1.mfn = tree.table[4].value;
    put(0, &op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, other->id};
    fake_yield_at(1);
    assert_true(fake_call_once(call_mmuext_op, vcpu, arg).again);
    fake_yield_never();
    assert_int_equal(vcpu->walk.mode, PT_WALK_VALIDATE);
    assert_true(vcpu->walk.domain == other);
    return tree.table[4];
}

static void every_call_cancels_it_first_however_often_it_is_interrupted(void **state)
{
    (void)state;
    static const struct {
        fake_call_fn call;
        uint64_t arg[6];
    } calls[] = {
        {call_set_gdt, {FAKE_ARGUMENTS, 0}},
        {call_update_descriptor, {0, 0}},
        {call_memory_op, {XENMEM_maximum_ram_page, 0}},
        {call_update_va_mapping, {UNMAPPED, 0, 0}},
        {call_update_va_mapping_otherdomain, {UNMAPPED, 0, 0, DOMID_IO}},
        {call_mmu_update, {FAKE_ARGUMENTS, 0, 0, DOMID_SELF}},
        {call_mmuext_op, {FAKE_ARGUMENTS, 0, 0, DOMID_SELF}},
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
        mfn_t root = leave_walk();
        uint64_t arg[6];
        memcpy(arg, calls[i].arg, sizeof(arg));
        fake_yield_always();
        (void)fake_call(calls[i].call, vcpu, arg);
        fake_yield_never();
        assert_true(fake.executions > 1);
        assert_int_equal(vcpu->walk.mode, PT_WALK_NONE);
        assert_int_equal(fake_frame(root)->type_count, 0);
    }
}

static void a_load_of_cr3_cancels_it_first(void **state)
{
    (void)state;
    mfn_t root = leave_walk();
    unsigned int executions = 0;
    enum status status;
    fake_yield_always();
    do {
        status = vcpu_new_kernel_base(vcpu, guest.l4);
        assert_audit_clean();
        executions++;
    } while (status == STATUS_AGAIN && executions < 100);
    fake_yield_never();
    assert_int_equal(status, STATUS_OK);
    assert_true(executions > 1);
    assert_int_equal(fake_frame(root)->type_count, 0);
}

/* The other domain's vCPU is in the middle of the table that the caller wants: the caller cancels
 * its walk, and is interrupted at that too. What is left above that table is for its owner to
 * finish. */
static void the_walk_of_the_tables_owner_is_cancelled_through_interruptions(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct vcpu *owner = other->vcpus[0];
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L4_TABLE};
    fake_tree_build(&tree, other, 4);
    op.arg1.mfn = tree.table[4].value;
    put(0, &op, sizeof(op));
    uint64_t owners_arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    fake_yield_always();
    assert_true(fake_call_once(call_mmuext_op, owner, owners_arg).again);
    op.cmd = MMUEXT_PIN_L3_TABLE; /* what the walk has claimed already */
    op.arg1.mfn = tree.table[3].value;
    put(0, &op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, other->id};
    assert_int_equal(fake_call(call_mmuext_op, vcpu, arg), 0);
    fake_yield_never();
    assert_true(fake.executions > 1);
    assert_true(frame_is_pinned(fake_frame(tree.table[3])));
    op.cmd = MMUEXT_TLB_FLUSH_LOCAL;
    put(0, &op, sizeof(op));
    assert_int_equal(fake_call(call_mmuext_op, owner, owners_arg), 0);
    assert_int_equal(owner->walk.mode, PT_WALK_NONE);
    assert_true(frame_is_pinned(fake_frame(tree.table[3])));
    assert_int_equal(fake_frame(tree.table[4])->type_count, 0);
}

/* A fault needs a frame that a release of its own vCPU is in the middle of. */
static void an_ldt_fault_goes_on_with_a_release(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct mmuext_op op;
    fake_tree_build(&tree, domain, 4);
    pte_t *l1 = fake_entries(guest.l1);
    assert_int_equal(do_update(vcpu, guest.l1, 64, pte_make(tree.table[4], FAKE_RO)), 0);
    assert_true(pte_is_present(l1[64]));
    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
    memset(&op, 0, sizeof(op));
    op.cmd = MMUEXT_SET_LDT;
    op.arg1.linear_addr = FAKE_VA(64);
    op.arg2.nr_ents = 8;
    assert_int_equal(do_mmuext(vcpu, &op, 1, DOMID_SELF), 0);

    op.cmd = MMUEXT_UNPIN_TABLE;
    op.arg1.mfn = tree.table[4].value;
    put(0, &op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    fake_yield_always();
    assert_true(fake_call_once(call_mmuext_op, vcpu, arg).again);
    fake_yield_never();
    assert_int_equal(vcpu->walk.mode, PT_WALK_RELEASE);
    assert_true(frame_is_half(fake_frame(tree.table[4])));

    assert_true(vcpu_ldt_fault(vcpu, 0)); /* the access is tried again ... */
    assert_int_equal(vcpu->walk.mode, PT_WALK_NONE);
    assert_audit_clean();
    assert_true(vcpu_ldt_fault(vcpu, 0)); /* ... and is no table's any more */
    assert_int_equal(fake_frame(tree.table[4])->type, FRAME_DESCRIPTORS);
    assert_int_equal(fake_call(call_mmuext_op, vcpu, arg), 0);
}

/* ---- what a vCPU starts with --------------------------------------------------------------- */

static void a_first_base_is_taken_through_interruptions(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct vcpu *fresh = domain->vcpus[1];
    fake_tree_build(&tree, domain, 4);
    fake_yield_at(1);
    assert_int_equal(vcpu_take_bases(fresh, tree.table[4], MFN_INVALID), STATUS_PREEMPTED);
    fake_yield_never();
    assert_int_equal(vcpu_take_bases(fresh, tree.table[4], MFN_INVALID), STATUS_OK);
    assert_int_equal(fresh->kernel_base.value, tree.table[4].value);
    assert_int_equal(fake_entries(tree.table[4])[L4_M2P_SLOT].raw, machine.hypervisor_slots[0].raw);
    assert_int_equal(vcpu_take_bases(domain->vcpus[2], other_guest.l4, MFN_INVALID),
                     STATUS_TABLE_NOT_OWNED);
    assert_audit_clean();
}

/* Between two executions the caller may name other bases: the first, which nobody else uses, is to
 * be released while the walk is in the middle of the user base. */
static void first_bases_may_be_others_each_time(void **state)
{
    (void)state;
    struct fake_tree trees[3];
    struct vcpu *fresh = domain->vcpus[1];
    for (unsigned int i = 0; i < 3; i++) {
        fake_tree_build(&trees[i], domain, 4);
    }
    fake_yield_always();
    do { /* until the kernel base is taken, and the user base's tree begun */
        assert_int_equal(vcpu_take_bases(fresh, trees[0].table[4], trees[1].table[4]),
                         STATUS_PREEMPTED);
    } while (mfn_equal(fresh->kernel_base, MFN_INVALID));
    assert_int_equal(fresh->walk.mode, PT_WALK_VALIDATE);
    enum status status;
    do {
        status = vcpu_take_bases(fresh, trees[2].table[4], trees[1].table[4]);
        assert_audit_clean();
    } while (status == STATUS_PREEMPTED || status == STATUS_AGAIN);
    fake_yield_never();
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(fresh->kernel_base.value, trees[2].table[4].value);
    assert_int_equal(fresh->user_base.value, trees[1].table[4].value);
    assert_int_equal(fake_frame(trees[0].table[4])->type_count, 0);
    assert_audit_clean();
}

/* Until there is an answer; audited after each execution. */
static enum status take_bases(struct vcpu *fresh, mfn_t kernel_base, mfn_t user_base)
{
    for (unsigned int executions = 0; executions < 200; executions++) {
        enum status status = vcpu_take_bases(fresh, kernel_base, user_base);
        assert_audit_clean();
        if (status != STATUS_PREEMPTED && status != STATUS_AGAIN) {
            return status;
        }
    }
    fail_msg("no answer");
    return STATUS_AGAIN;
}

/* A tree with an entry, behind good ones at each level, that must be refused. */
static mfn_t build_bad_tree(void)
{
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 4);
    for (unsigned int i = 1; i < 4; i++) {
        fake_entries(tree.table[2])[i] = pte_make(fake_give(domain), FAKE_TABLE);
    }
    mfn_t last = pte_mfn(fake_entries(tree.table[2])[3]);
    fake_entries(last)[8] = pte_make(tree.table[0], FAKE_RO);
    fake_entries(last)[9] = pte_make(other_guest.pages[0], FAKE_RO);
    return tree.table[4];
}

static void refused_first_bases_are_not_kept(void **state)
{
    (void)state;
    struct fake_tree good;
    struct vcpu *fresh = domain->vcpus[1];
    fake_tree_build(&good, domain, 4);
    mfn_t bad = build_bad_tree();
    assert_int_equal(vcpu_take_bases(fresh, MFN_INVALID, good.table[4]), STATUS_TABLE_NOT_OWNED);
    assert_int_equal(vcpu_take_bases(fresh, bad, good.table[4]), STATUS_LEAF_NOT_OWNED);
    assert_int_equal(vcpu_take_bases(fresh, good.table[4], bad), STATUS_LEAF_NOT_OWNED);
    assert_true(mfn_equal(fresh->kernel_base, MFN_INVALID));
    assert_true(mfn_equal(fresh->user_base, MFN_INVALID));
    assert_int_equal(fresh->walk.mode, PT_WALK_NONE);
    assert_int_equal(fake_frame(good.table[4])->type_count, 0);
    assert_int_equal(fake_frame(bad)->type_count, 0);
    assert_audit_clean();
}

/* Nobody runs on the vCPU, so nobody would go on with what is half let go of: whoever wants those
 * tables would wait for ever. */
static void refused_first_bases_are_let_go_of_before_the_answer(void **state)
{
    (void)state;
    struct fake_tree good;
    struct vcpu *fresh = domain->vcpus[1];
    fake_tree_build(&good, domain, 4);
    mfn_t bad = build_bad_tree();
    fake_yield_always();
    assert_int_equal(take_bases(fresh, good.table[4], bad), STATUS_LEAF_NOT_OWNED);
    assert_int_equal(fresh->walk.mode, PT_WALK_NONE);
    assert_true(mfn_equal(fresh->kernel_base, MFN_INVALID));
    assert_int_equal(fake_frame(good.table[4])->type_count, 0);
    assert_int_equal(fake_frame(bad)->type_count, 0);
    assert_int_equal(do_pin(vcpu, good.table[4], 4), 0);
    assert_int_equal(vcpu_take_bases(fresh, guest.l4, MFN_INVALID), STATUS_OK);
    fake_yield_never();
    assert_int_equal(fresh->kernel_base.value, guest.l4.value);
    assert_audit_clean();
}

/* Between two executions the caller wants another user base, which it may not have, or none, with
 * the walk still in the middle of the one before. */
static void first_user_base_may_be_given_up_in_the_middle(void **state)
{
    (void)state;
    struct vcpu *fresh = domain->vcpus[1];
    const mfn_t others[] = {other_guest.l4, MFN_INVALID};
    for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
        struct fake_tree trees[2];
        fake_tree_build(&trees[0], domain, 4);
        fake_tree_build(&trees[1], domain, 4);
        enum status status;
        fake_yield_always();
        do {
            status = vcpu_take_bases(fresh, trees[0].table[4], trees[1].table[4]);
        } while (!mfn_equal(fresh->kernel_base, trees[0].table[4]));
        assert_int_equal(status, STATUS_PREEMPTED);
        assert_int_equal(fresh->walk.mode, PT_WALK_VALIDATE);
        status = take_bases(fresh, trees[0].table[4], others[i]);
        fake_yield_never();
        assert_int_equal(status, i == 0 ? STATUS_TABLE_NOT_OWNED : STATUS_OK);
        assert_int_equal(fresh->walk.mode, PT_WALK_NONE);
        assert_int_equal(fake_frame(trees[0].table[4])->type_count, i);
        assert_int_equal(fake_frame(trees[1].table[4])->type_count, 0);
        assert_true(mfn_equal(fresh->user_base, MFN_INVALID));
    }
}

/* Another vCPU is in the middle of the tables: that one is waited for. */
static void first_base_that_is_being_pinned_is_waited_for(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct vcpu *fresh = domain->vcpus[1];
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L4_TABLE};
    fake_tree_build(&tree, domain, 4);
    op.arg1.mfn = tree.table[4].value;
    put(0, &op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    fake_yield_at(1);
    assert_true(fake_call_once(call_mmuext_op, vcpu, arg).again);
    assert_int_equal(vcpu_take_bases(fresh, tree.table[4], MFN_INVALID), STATUS_AGAIN);
    assert_true(mfn_equal(fresh->kernel_base, MFN_INVALID));
    assert_audit_clean();
    assert_int_equal(fake_call(call_mmuext_op, vcpu, arg), 0);
    assert_int_equal(vcpu_take_bases(fresh, tree.table[4], MFN_INVALID), STATUS_OK);
    assert_audit_clean();
}

/* Nor is a base half let go of that the vCPU shall not start on after all. */
static void first_base_that_is_not_wanted_is_let_go_of_before_the_answer(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct vcpu *fresh = domain->vcpus[1];
    fake_tree_build(&tree, domain, 4);
    fake_entries(tree.table[2])[1] = pte_make(fake_give(domain), FAKE_TABLE);
    assert_int_equal(vcpu_take_bases(fresh, guest.l4, tree.table[4]), STATUS_OK);
    fake_yield_always();
    assert_int_equal(vcpu_take_bases(fresh, guest.l4, MFN_INVALID), STATUS_AGAIN);
    assert_int_equal(take_bases(fresh, guest.l4, MFN_INVALID), STATUS_OK);
    fake_yield_never();
    assert_int_equal(fresh->walk.mode, PT_WALK_NONE);
    assert_int_equal(fake_frame(tree.table[4])->type_count, 0);
}

/* As MMUEXT_NEW_USER_BASEPTR hides it. */
static void a_first_user_base_shows_no_m2p_if_that_is_strict(void **state)
{
    (void)state;
    struct fake_tree tree;
    domain->assists = UINT64_C(1) << VMASST_TYPE_m2p_strict;
    fake_tree_build(&tree, domain, 4);
    const pte_t *slot = &fake_entries(tree.table[4])[L4_M2P_SLOT];
    assert_int_equal(do_pin(vcpu, tree.table[4], 4), 0);
    assert_int_equal(slot->raw, machine.hypervisor_slots[0].raw);
    assert_int_equal(vcpu_take_bases(domain->vcpus[1], guest.l4, tree.table[4]), STATUS_OK);
    assert_int_equal(slot->raw, 0);
    assert_int_equal(fake_entries(guest.l4)[L4_M2P_SLOT].raw, machine.hypervisor_slots[0].raw);
    assert_audit_clean();
}

/* The hypervisor builds a domain in one go, whoever wants the CPU meanwhile. */
static void built_tables_are_pinned_or_refused_in_one_call(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 4);
    mfn_t bad = build_bad_tree();
    fake_yield_always();
    assert_int_equal(vcpu_pin_built(vcpu, tree.table[4]), STATUS_OK);
    assert_true(frame_is_pinned(fake_frame(tree.table[4])));
    assert_int_equal(vcpu_pin_built(vcpu, tree.table[4]), STATUS_ALREADY_PINNED);
    assert_int_equal(vcpu_pin_built(vcpu, other_guest.l4), STATUS_TABLE_NOT_OWNED);
    assert_int_equal(vcpu_pin_built(vcpu, bad), STATUS_LEAF_NOT_OWNED);
    fake_yield_never();
    assert_int_equal(fake_frame(bad)->type_count, 0);
    assert_int_equal(vcpu->walk.mode, PT_WALK_NONE);
    assert_audit_clean();
}

static void an_info_frame_is_plain_or_shared_memory_of_the_domain(void **state)
{
    (void)state;
    mfn_t shared = frame_alloc(0, 64);
    frame_make_shared(fake_frame(shared), domain);
    mfn_t freed = fake_give(domain);
    assert_int_equal(frame_give_back(fake_frame(freed)), STATUS_OK);
    assert_int_equal(fake_frame(freed)->owner, domain->id); /* it may still hold its data */
    assert_int_equal(vcpu_take_info_frame(vcpu, freed), STATUS_TABLE_NOT_OWNED);
    assert_int_equal(vcpu_take_info_frame(vcpu, shared), STATUS_OK);
    assert_int_equal(vcpu_take_info_frame(domain->vcpus[1], guest.pages[0]), STATUS_OK);
    assert_int_equal(vcpu_take_info_frame(domain->vcpus[2], guest.l1), STATUS_LEAF_WRONG_TYPE);
    assert_int_equal(vcpu_take_info_frame(domain->vcpus[2], other_guest.pages[0]),
                     STATUS_TABLE_NOT_OWNED);
    assert_int_equal(vcpu_take_info_frame(domain->vcpus[2], mfn_make(FAKE_HYPERVISOR)),
                     STATUS_TABLE_NOT_OWNED);
    assert_int_equal(vcpu_take_info_frame(domain->vcpus[2], MFN_INVALID), STATUS_TABLE_NOT_OWNED);
    assert_audit_clean();
}

static void a_console_ring_is_plain_memory_of_the_domain_until_it_is_dropped(void **state)
{
    (void)state;
    mfn_t shared = frame_alloc(0, 64);
    frame_make_shared(fake_frame(shared), domain);
    struct frame *frame = fake_frame(guest.pages[0]);
    uint32_t references = frame->ref_count;
    uint32_t uses = frame->type_count;
    assert_int_equal(domain_take_console_frame(domain, guest.l1), STATUS_LEAF_WRONG_TYPE);
    assert_int_equal(domain_take_console_frame(domain, other_guest.pages[0]),
                     STATUS_TABLE_NOT_OWNED);
    assert_int_equal(domain_take_console_frame(domain, shared), STATUS_TABLE_NOT_OWNED);
    assert_int_equal(domain_take_console_frame(domain, mfn_make(FAKE_HYPERVISOR)),
                     STATUS_TABLE_NOT_OWNED);
    assert_int_equal(domain_take_console_frame(domain, MFN_INVALID), STATUS_TABLE_NOT_OWNED);
    assert_audit_clean();

    assert_int_equal(domain_take_console_frame(domain, guest.pages[0]), STATUS_OK);
    assert_int_equal(frame->ref_count, references + 1);
    assert_int_equal(frame->type_count, uses + 1);
    assert_int_equal(domain_take_console_frame(domain, guest.pages[1]), STATUS_FRAME_IN_USE);
    assert_audit_clean();

    domain_drop_console_frame(domain);
    assert_int_equal(frame->ref_count, references);
    assert_int_equal(frame->type_count, uses);
    domain_drop_console_frame(domain);
    assert_audit_clean();
    assert_int_equal(domain_take_console_frame(domain, guest.pages[1]), STATUS_OK);
    assert_audit_clean();
}

/* ---- arguments that fault half-way --------------------------------------------------------- */

static struct xen_memory_exchange made;

static void prepare_exchange(uint64_t in_list, uint64_t out_list, uint64_t count)
{
    memset(&made, 0, sizeof(made));
    memcpy(&made.in.extent_start, &in_list, sizeof(in_list));
    memcpy(&made.out.extent_start, &out_list, sizeof(out_list));
    made.in.nr_extents = made.out.nr_extents = count;
    made.in.domid = made.out.domid = DOMID_SELF;
}

static int64_t exchange(void)
{
    put(0, &made, sizeof(made));
    return do_memory_op(vcpu, XENMEM_exchange, FAKE_ARGUMENTS);
}

static void an_exchange_with_an_unreadable_list_changes_nothing(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    prepare_exchange(UNMAPPED, OUT_LIST, 2);
    assert_int_equal(exchange(), -XEN_EFAULT);
    assert_unchanged(before);
}

static void an_exchange_whose_numbers_overflow_is_refused(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    prepare_exchange(LIST, OUT_LIST, UINT64_C(1) << 62); /* bytes: 2^65 */
    made.nr_exchanged = 0;
    assert_int_equal(exchange(), -XEN_EFAULT);
    made.nr_exchanged = UINT64_C(1) << 61;
    assert_int_equal(exchange(), -XEN_EFAULT);
    made.nr_exchanged = (UINT64_C(1) << 61) - 1; /* the base on top of it */
    assert_int_equal(exchange(), -XEN_EFAULT);
    prepare_exchange(LIST, OUT_LIST, 1);
    made.out.extent_order = 10;
    assert_int_equal(exchange(), -XEN_EPERM);
    made.out.extent_order = 0;
    made.in.extent_order = 10;
    assert_int_equal(exchange(), -XEN_EPERM);
    made.in.extent_order = 0;
    made.out.extent_order = 9;
    made.out.nr_extents = UINT64_C(1) << 60;
    assert_int_equal(exchange(), -XEN_EINVAL);
    assert_unchanged(before);
}

/* The frames are traded and the domain's own even where their numbers cannot be told. */
static void an_exchange_that_cannot_tell_the_new_numbers_says_so(void **state)
{
    (void)state;
    static const uint64_t lists[] = {UNMAPPED, READ_ONLY_AREA};
    for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
        uint64_t mfn = fake_give(domain).value;
        uint64_t pages = domain->page_count;
        prepare_exchange(LIST, lists[i], 1);
        put(PAGE_SIZE, &mfn, sizeof(mfn));
        assert_int_equal(exchange(), -XEN_EFAULT);
        assert_int_equal(domain->page_count, pages);
        assert_audit_clean();
    }
}

static void an_exchange_that_cannot_report_its_count_says_so(void **state)
{
    (void)state;
    uint64_t mfn = fake_give(domain).value;
    uint64_t pages = domain->page_count;
    prepare_exchange(LIST, OUT_LIST, 1);
    put(PAGE_SIZE, &mfn, sizeof(mfn));
    struct fake_buffer *area = fake_buffer(READ_ONLY_AREA, PAGE_SIZE, false);
    memcpy(area->bytes, &made, sizeof(made));
    assert_int_equal(do_memory_op(vcpu, XENMEM_exchange, READ_ONLY_AREA), -XEN_EFAULT);
    assert_int_equal(domain->page_count, pages);
    /* Refused for another reason, that reason is the answer. */
    uint64_t mapped = guest.pages[0].value;
    put(PAGE_SIZE, &mapped, sizeof(mapped));
    assert_int_equal(do_memory_op(vcpu, XENMEM_exchange, READ_ONLY_AREA), -XEN_EINVAL);
}

/* ... also where it would go on later, which it could not know from where. */
static void an_interrupted_exchange_that_cannot_report_its_count_says_so(void **state)
{
    (void)state;
    const uint64_t mfns[] = {fake_give(domain).value, fake_give(domain).value};
    uint64_t pages = domain->page_count;
    prepare_exchange(LIST, OUT_LIST, 2);
    put(PAGE_SIZE, mfns, sizeof(mfns));
    memcpy(fake_buffer(READ_ONLY_AREA, PAGE_SIZE, false)->bytes, &made, sizeof(made));
    fake_yield_always();
    assert_int_equal(do_memory_op(vcpu, XENMEM_exchange, READ_ONLY_AREA), -XEN_EFAULT);
    fake_yield_never();
    assert_int_equal(fake.executions, 1);
    assert_int_equal(domain->page_count, pages);
    assert_int_equal(fake_frame(mfn_make(mfns[1]))->owner, domain->id); /* not traded */
}

static void an_extent_whose_number_cannot_be_told_does_not_count(void **state)
{
    (void)state;
    struct xen_memory_reservation reservation;
    uint64_t list = READ_ONLY_AREA;
    memset(&reservation, 0, sizeof(reservation));
    memcpy(&reservation.extent_start, &list, sizeof(list));
    reservation.nr_extents = 1;
    reservation.domid = DOMID_SELF;
    put(0, &reservation, sizeof(reservation));
    assert_int_equal(do_memory_op(vcpu, XENMEM_increase_reservation, FAKE_ARGUMENTS), 0);
    assert_audit_clean();
}

static void operations_that_cannot_be_read_are_refused(void **state)
{
    (void)state;
    uint64_t arg[6] = {UNMAPPED, 1, 0, DOMID_SELF};
    assert_int_equal(fake_call(call_mmuext_op, vcpu, arg), -XEN_EFAULT);
    uint64_t second[6] = {UNMAPPED, 1, 0, DOMID_SELF};
    assert_int_equal(fake_call(call_mmu_update, vcpu, second), -XEN_EFAULT);
    /* A continuation of nothing, made by the guest. */
    uint64_t third[6] = {UNMAPPED, UINT64_C(1) << 31, 0, DOMID_SELF};
    assert_int_equal(fake_call(call_mmu_update, vcpu, third), 0);
}

static void an_instruction_that_ends_where_nothing_is_mapped_is_emulated(void **state)
{
    (void)state;
    static const uint8_t mov[] = {0x48, 0x89, 0x07}; /* mov %rax,(%rdi) */
    struct cpu_user_regs regs;
    uint64_t address = FAKE_VA(FAKE_TABLES_AT + 3);
    domain->assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
    memset(&regs, 0, sizeof(regs));
    regs.rdi = address;
    regs.rip = READ_ONLY_AREA + PAGE_SIZE - sizeof(mov);
    struct fake_buffer *area = fake_buffer(READ_ONLY_AREA, PAGE_SIZE, false);
    memcpy(area->bytes + PAGE_SIZE - sizeof(mov), mov, sizeof(mov));
    fake.vcpu = vcpu;
    bool done = pt_emulate_store(vcpu, &regs, address);
    regs.rip = UNMAPPED; /* neither 16 bytes nor what is left of the page */
    bool unmapped = pt_emulate_store(vcpu, &regs, address);
    regs.rip = UNMAPPED + PAGE_SIZE - 3;
    bool unmapped_end = pt_emulate_store(vcpu, &regs, address);
    fake.vcpu = NULL;
    assert_true(done);
    assert_false(unmapped || unmapped_end);
    assert_int_equal(fake_entries(guest.l1)[0].raw, 0);
    assert_audit_clean();
}

static void no_page_table_is_what_is_mapped_from_outside_of_ram(void **state)
{
    (void)state;
    struct cpu_user_regs regs;
    memset(&regs, 0, sizeof(regs));
    domain->assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
    pte_t above = pte_make(mfn_make(machine.frame_count + 5), FAKE_RO);
    assert_int_equal(do_update(vcpu, guest.l1, 64, above), 0);
    mfn_t shared = frame_alloc(0, 64);
    frame_make_shared(fake_frame(shared), domain);
    assert_int_equal(do_update(vcpu, guest.l1, 65, pte_make(shared, FAKE_RO)), 0);
    assert_false(pt_emulate_store(vcpu, &regs, FAKE_VA(64)));
    assert_false(pt_emulate_store(vcpu, &regs, FAKE_VA(65)));
}

/* ---- questions ----------------------------------------------------------------------------- */

static void the_frames_of_the_m2p_are_listed(void **state)
{
    (void)state;
    fake_start(M2P_LIST_FRAMES);
    domain = fake_domain(0, 1);
    vcpu = domain->vcpus[0];
    struct xen_machphys_mfn_list list;
    uint64_t to = LIST;
    uint64_t first;
    memset(&list, 0, sizeof(list));
    list.max_extents = 5;
    memcpy(&list.extent_start, &to, sizeof(to));
    put(0, &list, sizeof(list));
    assert_int_equal(do_memory_op(vcpu, XENMEM_machphys_mfn_list, FAKE_ARGUMENTS), 0);
    memcpy(&list, fake.buffers[0].bytes, sizeof(list));
    memcpy(&first, fake.buffers[0].bytes + PAGE_SIZE, sizeof(first));
    assert_int_equal(list.nr_extents, 1);
    assert_int_equal(first, machine.m2p_first.value);

    to = UNMAPPED;
    memcpy(&list.extent_start, &to, sizeof(to));
    put(0, &list, sizeof(list));
    assert_int_equal(do_memory_op(vcpu, XENMEM_machphys_mfn_list, FAKE_ARGUMENTS), -XEN_EFAULT);
    assert_int_equal(do_memory_op(vcpu, XENMEM_machphys_mfn_list, UNMAPPED), -XEN_EFAULT);
    to = LIST;
    memcpy(&list.extent_start, &to, sizeof(to));
    struct fake_buffer *area = fake_buffer(READ_ONLY_AREA, PAGE_SIZE, false);
    memcpy(area->bytes, &list, sizeof(list));
    assert_int_equal(do_memory_op(vcpu, XENMEM_machphys_mfn_list, READ_ONLY_AREA), -XEN_EFAULT);
    assert_int_equal(do_memory_op(vcpu, XENMEM_machphys_mapping, UNMAPPED), -XEN_EFAULT);
}

static void questions_have_no_continuation(void **state)
{
    (void)state;
    uint64_t continued = UINT64_C(1) << 6;
    assert_int_equal(do_memory_op(vcpu, XENMEM_maximum_ram_page | continued, 0), -XEN_EINVAL);
    assert_int_equal(do_memory_op(vcpu, XENMEM_machphys_mapping | continued, FAKE_ARGUMENTS),
                     -XEN_ENOSYS);
    assert_int_equal(do_memory_op(vcpu, XENMEM_machphys_mfn_list | continued, FAKE_ARGUMENTS),
                     -XEN_ENOSYS);
}

static void a_guest_without_devices_is_told_the_whole_m2p_window(void **state)
{
    (void)state;
    struct xen_machphys_mapping mapping;
    struct vcpu *plain = other->vcpus[0];
    assert_int_equal(do_memory_op(plain, XENMEM_machphys_mapping, FAKE_ARGUMENTS), 0);
    memcpy(&mapping, fake.buffers[0].bytes, sizeof(mapping));
    assert_int_equal(mapping.max_mfn, (mapping.v_end - mapping.v_start) / 8 - 1);
    assert_int_equal(do_memory_op(vcpu, XENMEM_machphys_mapping, FAKE_ARGUMENTS), 0);
    memcpy(&mapping, fake.buffers[0].bytes, sizeof(mapping));
    assert_int_equal(mapping.max_mfn, machine.frame_count - 1);
}

/* ---- flushes ------------------------------------------------------------------------------- */

static void vcpus_that_do_not_exist_are_not_flushed(void **state)
{
    (void)state;
    struct vcpu *gone = domain->vcpus[1];
    domain->vcpus[1] = NULL;
    assert_int_equal(domain_cpus(domain), 5);
    uint64_t bitmap = 7;
    put(0, &bitmap, sizeof(bitmap));
    pte_t entry = pte_make(guest.pages[0], FAKE_RW);
    assert_int_equal(do_va(vcpu, FAKE_VA(0), entry, UVMF_TLB_FLUSH | FAKE_ARGUMENTS), 0);
    assert_int_equal(fake.last_flush_cpus, 5);
    unsigned int before = fake.full_flushes;
    bitmap = 2;
    put(0, &bitmap, sizeof(bitmap));
    assert_int_equal(do_va(vcpu, FAKE_VA(0), entry, UVMF_TLB_FLUSH | FAKE_ARGUMENTS), 0);
    assert_int_equal(fake.full_flushes, before);
    assert_audit_clean();
    domain->vcpus[1] = gone;
}

/* ---- counts at their end ------------------------------------------------------------------- */

static void a_table_with_all_its_references_is_refused_everywhere(void **state)
{
    (void)state;
    mfn_t mfn = fake_give(domain);
    struct frame *frame = fake_frame(mfn);
    struct mmu_context context;
    context_open_self(&context, vcpu);
    frame->ref_count = UINT32_MAX - 1;
    for (unsigned int level = 1; level <= 4; level++) {
        assert_int_equal(pt_take(&context, frame, level), STATUS_COUNT_OVERFLOW);
    }
    assert_int_equal(vcpu_set_gdt(&context, &mfn, 8), STATUS_COUNT_OVERFLOW);
    assert_int_equal(vcpu_set_gdt(&context, &mfn, GDT_ENTRIES_MAX + 1), STATUS_TOO_MANY_DESCRIPTORS);
    struct frame *l1 = fake_frame(guest.l1);
    uint32_t references = l1->ref_count;
    l1->ref_count = UINT32_MAX - 1;
    assert_int_equal(pt_take(&context, l1, 1), STATUS_COUNT_OVERFLOW);
    l1->ref_count = references;
    frame->ref_count = 1;
    context_close(&context);
    assert_int_equal(frame->type_count, 0);
    assert_audit_clean();
}

static void a_child_with_all_its_references_is_refused(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 2);
    struct frame *child = fake_frame(tree.table[1]);
    struct mmu_context context;
    context_open_self(&context, vcpu);
    child->ref_count = UINT32_MAX - 1;
    assert_int_equal(pt_take(&context, fake_frame(tree.table[2]), 2), STATUS_COUNT_OVERFLOW);
    assert_true(pt_finish_release(&context));
    child->ref_count = 1;
    context_close(&context);
    assert_int_equal(child->type_count, 0);
    assert_audit_clean();
}

/* ---- the audit ----------------------------------------------------------------------------- */

/* Each change of one record is found. */
static void marks_that_do_not_fit_are_found(void **state)
{
    (void)state;
    struct frame *table = fake_frame(guest.l1);
    struct frame *page = fake_frame(guest.pages[0]);
    struct frame *unused = fake_frame(fake_give(domain));
    struct frame *hypervisor = fake_frame(mfn_make(FAKE_HYPERVISOR));
    mfn_t free_mfn = frame_alloc(0, 64);
    struct frame *free_frame = fake_frame(free_mfn);
    frame_alloc_undo(free_mfn, 0);
    free_frame->ref_count++;
    assert_true(fake_audit(false) > 0);
    free_frame->ref_count--;
    struct {
        struct frame *frame;
        uint8_t flags; /* flipped */
        uint8_t type;  /* flipped */
        uint32_t type_count;
    } wrong[] = {
        {unused, FRAME_VALIDATED, 0, 0},
        {unused, FRAME_HALF, 0, 0},
        {unused, FRAME_PINNED, 0, 0},
        {page, FRAME_HALF, 0, 0},
        {page, FRAME_PINNED, 0, 0},
        {page, FRAME_PINNED | FRAME_VALIDATED, 0, 0},
        {unused, 0, 0, 1},
        {hypervisor, 0, FRAME_L1, 0},
        {table, FRAME_HALF, 0, 0},
        {table, FRAME_HALF | FRAME_VALIDATED, 0, 1},
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct frame before = *wrong[i].frame;
        wrong[i].frame->flags ^= wrong[i].flags;
        wrong[i].frame->type ^= wrong[i].type;
        wrong[i].frame->type_count += wrong[i].type_count;
        assert_true(fake_audit(false) > 0);
        *wrong[i].frame = before;
        assert_audit_clean();
    }
}

static void contents_that_do_not_fit_are_found(void **state)
{
    (void)state;
    mfn_t gdt = fake_give(domain);
    put(0, &gdt, sizeof(gdt));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 512};
    assert_int_equal(fake_call(call_set_gdt, vcpu, arg), 0);
    struct {
        pte_t *slot;
        uint64_t raw;
    } wrong[] = {
        {&fake_entries(guest.l4)[L4_M2P_SLOT], 1},
        {&fake_entries(guest.l4)[L4_HYPERVISOR_LAST], 0},
        {&fake_entries(gdt)[3], UINT64_C(0x00af9a000000ffff)}, /* ring 0 */
        {&fake_entries(gdt)[3], UINT64_C(0x00008c0000000000)}, /* a call gate */
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
        pte_t before = *wrong[i].slot;
        wrong[i].slot->raw = wrong[i].raw;
        assert_int_equal(fake_audit(false), 1);
        *wrong[i].slot = before;
        assert_audit_clean();
    }
}

static void what_is_still_to_be_dropped_is_counted(void **state)
{
    (void)state;
    mfn_t mfn = fake_give(other);
    assert_int_equal(frame_get(fake_frame(mfn)), STATUS_OK);
    assert_true(fake_audit(false) > 0);
    struct mmu_context context = {.vcpu = vcpu};
    pt_drop_leaf_later(&context, PTE_HOLD_REFERENCE, fake_frame(mfn));
    assert_int_equal(fake_audit(false), 1); /* that it waits, and nothing else */
    context_drop_foreign(vcpu);
    assert_audit_clean();
}

/* ---- the texts ----------------------------------------------------------------------------- */

static void every_status_has_a_text_and_every_refusal_a_number(void **state)
{
    (void)state;
    for (unsigned int i = STATUS_OK; i <= STATUS_NO_MEMORY_MAP; i++) {
        enum status status = (enum status)i;
        assert_true(strlen(status_text(status)) > 1);
        assert_non_null(status_advice(status));
        if (status != STATUS_PREEMPTED && status != STATUS_AGAIN) {
            int number = status_to_errno(status);
            assert_true(status == STATUS_OK ? number == 0 : number < 0 && number > -200);
        }
        for (unsigned int j = STATUS_OK; j < i; j++) {
            assert_string_not_equal(status_text(status), status_text((enum status)j));
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_call_cancels_it_first_however_often_it_is_interrupted),
        TEST(a_load_of_cr3_cancels_it_first),
        TEST(the_walk_of_the_tables_owner_is_cancelled_through_interruptions),
        TEST(an_ldt_fault_goes_on_with_a_release),
        TEST(a_first_base_is_taken_through_interruptions),
        TEST(first_bases_may_be_others_each_time),
        TEST(refused_first_bases_are_not_kept),
        TEST(refused_first_bases_are_let_go_of_before_the_answer),
        TEST(first_user_base_may_be_given_up_in_the_middle),
        TEST(first_base_that_is_being_pinned_is_waited_for),
        TEST(first_base_that_is_not_wanted_is_let_go_of_before_the_answer),
        TEST(a_first_user_base_shows_no_m2p_if_that_is_strict),
        TEST(built_tables_are_pinned_or_refused_in_one_call),
        TEST(an_info_frame_is_plain_or_shared_memory_of_the_domain),
        TEST(a_console_ring_is_plain_memory_of_the_domain_until_it_is_dropped),
        TEST(an_exchange_with_an_unreadable_list_changes_nothing),
        TEST(an_exchange_whose_numbers_overflow_is_refused),
        TEST(an_exchange_that_cannot_tell_the_new_numbers_says_so),
        TEST(an_exchange_that_cannot_report_its_count_says_so),
        TEST(an_interrupted_exchange_that_cannot_report_its_count_says_so),
        TEST(an_extent_whose_number_cannot_be_told_does_not_count),
        TEST(operations_that_cannot_be_read_are_refused),
        TEST(an_instruction_that_ends_where_nothing_is_mapped_is_emulated),
        TEST(no_page_table_is_what_is_mapped_from_outside_of_ram),
        TEST(the_frames_of_the_m2p_are_listed),
        TEST(questions_have_no_continuation),
        TEST(a_guest_without_devices_is_told_the_whole_m2p_window),
        TEST(vcpus_that_do_not_exist_are_not_flushed),
        TEST(a_table_with_all_its_references_is_refused_everywhere),
        TEST(a_child_with_all_its_references_is_refused),
        TEST(marks_that_do_not_fit_are_found),
        TEST(contents_that_do_not_fit_are_found),
        TEST(what_is_still_to_be_dropped_is_counted),
        TEST(every_status_has_a_text_and_every_refusal_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
