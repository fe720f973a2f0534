/* SPDX-License-Identifier: BSD-2-Clause */
/* mmuext_op: its commands one by one, and who may use them for whom. Pins and bases as such are in
 * test_validate.c and test_preempt.c. */
#include "tests/fake/fake_machine.h"

#include <string.h>

#include "core/descriptors.h"

static struct domain *domain;
static struct domain *control;
static struct vcpu *vcpu;
static struct vcpu *control_vcpu;
static struct fake_guest guest;
static struct fake_guest controller;
#define BITMAP (FAKE_ARGUMENTS + PAGE_SIZE)

static int setup(void **state)
{
    (void)state;
    fake_start(128);
    control = fake_domain(0, 1);
    control->is_control = true;
    control->has_io = true;
    control->vcpus[0]->cpus = UINT64_C(1) << 3;
    domain = fake_domain(1, 3);
    vcpu = domain->vcpus[0];
    control_vcpu = control->vcpus[0];
    fake_guest_build(&controller, control);
    fake_guest_build(&guest, domain);
    return 0;
}

static struct mmuext_op operation(unsigned int command, uint64_t first, uint64_t second)
{
    struct mmuext_op op;
    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.arg1.linear_addr = first;
    op.arg2.src_mfn = second;
    return op;
}

static int64_t perform(struct vcpu *caller, unsigned int command, uint64_t first, uint64_t second,
                       uint32_t fd)
{
    struct mmuext_op op = operation(command, first, second);
    return do_mmuext(caller, &op, 1, fd);
}

static void put_bitmap(uint64_t bits)
{
    memcpy(fake.buffers[0].bytes + PAGE_SIZE, &bits, sizeof(bits));
}

/* ---- flushes ------------------------------------------------------------------------------- */

static void a_local_flush_is_of_this_cpu(void **state)
{
    (void)state;
    fake.cpu = 2;
    assert_int_equal(perform(vcpu, MMUEXT_TLB_FLUSH_LOCAL, 0, 0, DOMID_SELF), 0);
    assert_int_equal(fake.last_flush_cpus, 4);
    assert_int_equal(perform(vcpu, MMUEXT_INVLPG_LOCAL, FAKE_VA(3) + 5, 0, DOMID_SELF), 0);
    assert_int_equal(fake.last_flush_cpus, 4);
    assert_int_equal(fake.page_flushes, 1);
    assert_int_equal(fake.last_flush_address >> PAGE_SHIFT, 3);
}

static void a_flush_for_all_is_of_the_domains_cpus(void **state)
{
    (void)state;
    assert_int_equal(perform(vcpu, MMUEXT_TLB_FLUSH_ALL, 0, 0, DOMID_SELF), 0);
    assert_int_equal(fake.last_flush_cpus, 7);
    assert_int_equal(perform(vcpu, MMUEXT_INVLPG_ALL, FAKE_VA(3), 0, DOMID_SELF), 0);
    assert_int_equal(fake.last_flush_cpus, 7);
    assert_int_equal(fake.page_flushes, 1);
}

static void a_flush_for_some_is_of_the_cpus_of_existing_vcpus(void **state)
{
    (void)state;
    put_bitmap(UINT64_C(0xfffffffffffffff6));
    assert_int_equal(perform(vcpu, MMUEXT_TLB_FLUSH_MULTI, 0, BITMAP, DOMID_SELF), 0);
    assert_int_equal(fake.last_flush_cpus, 6);
    put_bitmap(UINT64_C(0x8000000000000001));
    assert_int_equal(perform(vcpu, MMUEXT_INVLPG_MULTI, FAKE_VA(9), BITMAP, DOMID_SELF), 0);
    assert_int_equal(fake.last_flush_cpus, 1);
}

static void a_bitmap_that_cannot_be_read_is_refused_without_a_flush(void **state)
{
    (void)state;
    unsigned int flushes = fake.full_flushes;
    assert_int_equal(perform(vcpu, MMUEXT_TLB_FLUSH_MULTI, 0, FAKE_VA(400), DOMID_SELF),
                     -XEN_EINVAL);
    assert_int_equal(
        perform(vcpu, MMUEXT_INVLPG_MULTI, FAKE_VA(3), HYPERVISOR_VIRT_START, DOMID_SELF),
        -XEN_EINVAL);
    assert_int_equal(fake.full_flushes, flushes);
    assert_int_equal(fake.page_flushes, 0);
}

static void an_empty_bitmap_flushes_nothing(void **state)
{
    (void)state;
    unsigned int flushes = fake.full_flushes;
    put_bitmap(~UINT64_C(7));
    assert_int_equal(perform(vcpu, MMUEXT_TLB_FLUSH_MULTI, 0, BITMAP, DOMID_SELF), 0);
    assert_int_equal(perform(vcpu, MMUEXT_INVLPG_MULTI, FAKE_VA(3), BITMAP, DOMID_SELF), 0);
    assert_int_equal(fake.full_flushes, flushes);
    assert_int_equal(fake.page_flushes, 0);
}

static void addresses_that_are_not_the_guests_are_not_flushed(void **state)
{
    (void)state;
    static const uint64_t addresses[] = {UINT64_C(0x0000800000000000), HYPERVISOR_VIRT_START,
                                         HYPERVISOR_VIRT_END - 1, UINT64_C(0xfffe000000000000)};
    for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
        assert_int_equal(perform(vcpu, MMUEXT_INVLPG_LOCAL, addresses[i], 0, DOMID_SELF), 0);
        assert_int_equal(perform(vcpu, MMUEXT_INVLPG_ALL, addresses[i], 0, DOMID_SELF), 0);
    }
    assert_int_equal(fake.page_flushes, 0);
}

static void caches_are_flushed_for_domains_with_io_only(void **state)
{
    (void)state;
    assert_int_equal(perform(vcpu, MMUEXT_FLUSH_CACHE, 0, 0, DOMID_SELF), -XEN_EACCES);
    assert_int_equal(perform(vcpu, MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0, DOMID_SELF), -XEN_EINVAL);
    assert_int_equal(fake.cache_flushes, 0);
    fake.cpu = 3;
    assert_int_equal(perform(control_vcpu, MMUEXT_FLUSH_CACHE, 0, 0, DOMID_SELF), 0);
    assert_int_equal(fake.last_flush_cpus, 8);
    assert_int_equal(perform(control_vcpu, MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0, DOMID_SELF), 0);
    assert_int_equal(fake.last_flush_cpus, machine.cpus_online);
}

/* ---- pages --------------------------------------------------------------------------------- */

static void a_page_is_cleared_or_copied_where_it_may_be_written(void **state)
{
    (void)state;
    mfn_t fresh = fake_give(domain);
    fake_entries(guest.pages[0])[5].raw = 1234;
    assert_int_equal(perform(vcpu, MMUEXT_COPY_PAGE, fresh.value, guest.pages[0].value, DOMID_SELF),
                     0);
    assert_int_equal(fake_entries(fresh)[5].raw, 1234);
    assert_int_equal(perform(vcpu, MMUEXT_CLEAR_PAGE, guest.pages[0].value, 0, DOMID_SELF), 0);
    assert_int_equal(fake_entries(guest.pages[0])[5].raw, 0);
    assert_int_equal(perform(vcpu, MMUEXT_COPY_PAGE, fresh.value, fresh.value, DOMID_SELF), 0);
    assert_int_equal(fake_entries(fresh)[5].raw, 1234);
    /* A table may be read. */
    assert_int_equal(perform(vcpu, MMUEXT_COPY_PAGE, fresh.value, guest.l1.value, DOMID_SELF), 0);
    assert_int_equal(fake_entries(fresh)[5].raw, fake_entries(guest.l1)[5].raw);
    assert_int_equal(fake_frame(fresh)->type_count, 0);
}

static void tables_and_strangers_frames_are_not_written(void **state)
{
    (void)state;
    const uint64_t targets[] = {guest.l1.value,
                                guest.l4.value,
                                controller.pages[0].value,
                                0,
                                FAKE_HYPERVISOR,
                                FAKE_SHARED_READ,
                                127,
                                128,
                                UINT64_MAX};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(targets); i++) {
        assert_int_equal(perform(vcpu, MMUEXT_CLEAR_PAGE, targets[i], 0, DOMID_SELF), -XEN_EINVAL);
        assert_int_equal(
            perform(vcpu, MMUEXT_COPY_PAGE, targets[i], guest.pages[0].value, DOMID_SELF),
            -XEN_EINVAL);
    }
    for (unsigned int i = 2; i < ARRAY_SIZE(targets); i++) {
        assert_int_equal(
            perform(vcpu, MMUEXT_COPY_PAGE, guest.pages[1].value, targets[i], DOMID_SELF),
            -XEN_EINVAL);
    }
    assert_unchanged(before);
}

/* ---- commands ------------------------------------------------------------------------------ */

static void commands_that_are_not_there_are_told_from_those_refused_for_good(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(perform(vcpu, MMUEXT_MARK_SUPER, 0, 0, DOMID_SELF), -XEN_EOPNOTSUPP);
    assert_int_equal(perform(vcpu, MMUEXT_UNMARK_SUPER, 0, 0, DOMID_SELF), -XEN_EOPNOTSUPP);
    assert_int_equal(perform(vcpu, 14, 0, 0, DOMID_SELF), -XEN_ENOSYS);
    assert_int_equal(perform(vcpu, 21, 0, 0, DOMID_SELF), -XEN_ENOSYS);
    assert_int_equal(perform(vcpu, UINT32_MAX, 0, 0, DOMID_SELF), -XEN_ENOSYS);
    assert_unchanged(before);
}

static void a_batch_stops_at_the_first_refusal(void **state)
{
    (void)state;
    const struct mmuext_op ops[] = {operation(MMUEXT_CLEAR_PAGE, guest.pages[0].value, 0),
                                    operation(MMUEXT_CLEAR_PAGE, guest.l1.value, 0),
                                    operation(MMUEXT_CLEAR_PAGE, guest.pages[1].value, 0)};
    fake_entries(guest.pages[1])[0].raw = 7;
    assert_int_equal(do_mmuext(vcpu, ops, 3, DOMID_SELF), -XEN_EINVAL);
    assert_int_equal(fake_done(), 1);
    assert_int_equal(fake_entries(guest.pages[1])[0].raw, 7);
}

/* ---- for other domains --------------------------------------------------------------------- */

static void a_controller_pins_and_unpins_for_another_domain(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 4);
    fake_yield_always();
    assert_int_equal(perform(control_vcpu, MMUEXT_PIN_L4_TABLE, tree.table[4].value, 0, domain->id),
                     0);
    assert_true(frame_is_table(fake_frame(tree.table[1]), 1));
    assert_int_equal(perform(control_vcpu, MMUEXT_UNPIN_TABLE, tree.table[4].value, 0, domain->id),
                     0);
    assert_int_equal(fake_frame(tree.table[1])->type_count, 0);
}

/* A pin for the domain `owner`, in the arguments of a call. */
static void put_pin(uint64_t arg[6], mfn_t l4, uint16_t owner)
{
    struct mmuext_op op = operation(MMUEXT_PIN_L4_TABLE, l4.value, 0);
    memcpy(fake.buffers[0].bytes, &op, sizeof(op));
    memcpy(arg, (uint64_t[6]){FAKE_ARGUMENTS, 1, 0, owner}, 6 * sizeof(arg[0]));
}

/* The same, by this vCPU, that stops after its first unit of work. */
static void begin_pin(uint64_t arg[6], struct vcpu *who, mfn_t l4, uint16_t owner)
{
    put_pin(arg, l4, owner);
    fake_yield_at(1);
    assert_true(fake_call_once(call_mmuext_op, who, arg).again);
}

static void a_pin_for_another_domain_is_cancelled_by_work_for_oneself(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 4);
    uint64_t arg[6];
    begin_pin(arg, control_vcpu, tree.table[4], domain->id);
    assert_int_equal(control_vcpu->walk.mode, PT_WALK_VALIDATE);

    assert_int_equal(do_update(control_vcpu, controller.l1, 0, (pte_t){0}), 0);

    assert_int_equal(control_vcpu->walk.mode, PT_WALK_NONE);
    assert_int_equal(fake_frame(tree.table[4])->type_count, 0);
}

/* Nothing of the owner's is in the way, so there is nothing to cancel: the call goes back to the
 * guest, where the other vCPU gets the CPU. */
static void a_controller_waits_for_its_own_other_vcpu(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 4);
    struct vcpu second;
    vcpu_init(&second, control, 1);
    uint64_t begun[6];
    begin_pin(begun, &second, tree.table[4], domain->id);
    fake_yield_never();

    uint64_t waiting[6];
    put_pin(waiting, tree.table[4], domain->id);
    unsigned int waits = fake.waits;
    assert_true(fake_call_once(call_mmuext_op, control_vcpu, waiting).again);
    assert_int_equal(fake.waits, waits + 1);
    assert_int_equal(second.walk.mode, PT_WALK_VALIDATE);

    assert_int_equal(fake_call(call_mmuext_op, &second, begun), 0);
    assert_int_equal(fake_call(call_mmuext_op, control_vcpu, waiting), -XEN_EINVAL);
    assert_true(frame_is_pinned(fake_frame(tree.table[4])));
    assert_audit_clean();
    control->vcpus[1] = NULL;
    control->vcpu_count = 1;
}

/* A fault does not begin with pt_begin_call(): it must not take one walk for another. */
static void an_ldt_fault_in_the_middle_of_foreign_work_leaves_it_alone(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 4);
    struct fake_tree own;
    fake_tree_build(&own, control, 4);
    struct vcpu second;
    vcpu_init(&second, control, 1);
    uint64_t arg[6];
    begin_pin(arg, &second, own.table[4], DOMID_SELF);
    assert_int_equal(do_va(control_vcpu, FAKE_VA(5), pte_make(own.table[4], FAKE_RO), 0), 0);
    assert_int_equal(perform(control_vcpu, MMUEXT_SET_LDT, FAKE_VA(5), 512, DOMID_SELF), 0);
    begin_pin(arg, control_vcpu, tree.table[4], domain->id);
    assert_true(frame_is_half(fake_frame(own.table[4])));

    assert_false(vcpu_ldt_fault(control_vcpu, 0));

    assert_audit_clean();
    assert_int_equal(control_vcpu->walk.mode, PT_WALK_VALIDATE);
    assert_int_equal(fake_call(call_mmuext_op, control_vcpu, arg), 0);
    control->vcpus[1] = NULL;
    control->vcpu_count = 1;
}

static void a_dying_domain_gets_no_pin(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_build(&tree, domain, 2);
    domain->is_dying = true;
    assert_int_equal(perform(control_vcpu, MMUEXT_PIN_L2_TABLE, tree.table[2].value, 0, domain->id),
                     0);
    assert_false(frame_is_pinned(fake_frame(tree.table[2])));
    assert_int_equal(fake_frame(tree.table[2])->type_count, 0);
}

static void acting_for_others_needs_the_right_and_a_domain(void **state)
{
    (void)state;
    mfn_t page = controller.pages[0];
    struct fake_snapshot *before = fake_snapshot();
    memset(fake.buffers[1].bytes, 0x77, 4);
    assert_int_equal(perform(vcpu, MMUEXT_CLEAR_PAGE, page.value, 0, control->id), -XEN_EPERM);
    assert_int_equal(perform(vcpu, MMUEXT_CLEAR_PAGE, page.value, 0, domain->id), -XEN_ESRCH);
    assert_int_equal(perform(vcpu, MMUEXT_CLEAR_PAGE, page.value, 0, 99), -XEN_ESRCH);
    assert_int_equal(perform(vcpu, MMUEXT_CLEAR_PAGE, 0, 0, DOMID_IO), -XEN_EPERM);
    assert_int_equal(perform(control_vcpu, MMUEXT_CLEAR_PAGE, 0, 0, DOMID_IO), -XEN_EINVAL);
    assert_int_equal(perform(control_vcpu, MMUEXT_PIN_L1_TABLE, FAKE_SHARED_READ, 0, DOMID_XEN),
                     -XEN_EINVAL);
    assert_unchanged(before);
}

static void what_concerns_the_caller_cannot_be_done_for_others(void **state)
{
    (void)state;
    static const unsigned int commands[] = {
        MMUEXT_NEW_BASEPTR,      MMUEXT_TLB_FLUSH_LOCAL,   MMUEXT_INVLPG_LOCAL,
        MMUEXT_TLB_FLUSH_MULTI,  MMUEXT_INVLPG_MULTI,      MMUEXT_TLB_FLUSH_ALL,
        MMUEXT_INVLPG_ALL,       MMUEXT_FLUSH_CACHE,       MMUEXT_SET_LDT,
        MMUEXT_NEW_USER_BASEPTR, MMUEXT_FLUSH_CACHE_GLOBAL};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
        assert_int_equal(perform(control_vcpu, commands[i], guest.l4.value, 0, domain->id),
                         -XEN_EPERM);
    }
    assert_unchanged(before);
}

/* ---- vm_assist ----------------------------------------------------------------------------- */

static void assists_are_switched_for_the_domain(void **state)
{
    (void)state;
    uint64_t enable[6] = {VMASST_CMD_enable, VMASST_TYPE_m2p_strict};
    assert_int_equal(fake_call(call_vm_assist, vcpu, enable), 0);
    assert_true(domain_has_assist(domain, VMASST_TYPE_m2p_strict));
    uint64_t disable[6] = {VMASST_CMD_disable, VMASST_TYPE_m2p_strict};
    assert_int_equal(fake_call(call_vm_assist, vcpu, disable), 0);
    assert_int_equal(domain->assists, 0);
    uint64_t bad_type[6] = {VMASST_CMD_enable, 6};
    assert_int_equal(fake_call(call_vm_assist, vcpu, bad_type), -XEN_EINVAL);
    uint64_t huge_type[6] = {7, 64};
    assert_int_equal(fake_call(call_vm_assist, vcpu, huge_type), -XEN_EINVAL);
    uint64_t bad_command[6] = {2, VMASST_TYPE_writable_pagetables};
    assert_int_equal(fake_call(call_vm_assist, vcpu, bad_command), -XEN_ENOSYS);
    assert_int_equal(domain->assists, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_local_flush_is_of_this_cpu),
        TEST(a_flush_for_all_is_of_the_domains_cpus),
        TEST(a_flush_for_some_is_of_the_cpus_of_existing_vcpus),
        TEST(a_bitmap_that_cannot_be_read_is_refused_without_a_flush),
        TEST(an_empty_bitmap_flushes_nothing),
        TEST(addresses_that_are_not_the_guests_are_not_flushed),
        TEST(caches_are_flushed_for_domains_with_io_only),
        TEST(a_page_is_cleared_or_copied_where_it_may_be_written),
        TEST(tables_and_strangers_frames_are_not_written),
        TEST(commands_that_are_not_there_are_told_from_those_refused_for_good),
        TEST(a_batch_stops_at_the_first_refusal),
        TEST(a_controller_pins_and_unpins_for_another_domain),
        TEST(a_pin_for_another_domain_is_cancelled_by_work_for_oneself),
        TEST(a_controller_waits_for_its_own_other_vcpu),
        TEST(an_ldt_fault_in_the_middle_of_foreign_work_leaves_it_alone),
        TEST(a_dying_domain_gets_no_pin),
        TEST(acting_for_others_needs_the_right_and_a_domain),
        TEST(what_concerns_the_caller_cannot_be_done_for_others),
        TEST(assists_are_switched_for_the_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
