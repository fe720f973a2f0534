/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domains kernel is a first domain that makes others, by the public calls alone: it shows that
 * control calls keep the ABI and its refusals, that whoever has no right gets nothing, and that
 * nothing of a domain is left when it is gone, wherever it was stopped.
 *
 * In this file: a domain is made, runs, stops, goes on, and ends.
 */
#include "guests/domains/child.h"

#include "guests/lib/event.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define VERSION_4_17 ((4 << 16) | 17)

TEST(domain_is_built_by_the_public_calls_runs_and_is_destroyed)
{
    struct child child = child_start();
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0),
                  VERSION_4_17);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT_EQUAL(info.domain, child.id);
    EXPECT_EQUAL(info.tot_pages, CHILD_FRAMES);
    EXPECT_EQUAL(info.max_pages, CHILD_FRAMES);
    EXPECT_EQUAL(info.nr_online_vcpus, 1);
    EXPECT_EQUAL(info.max_vcpu_id, 0);
    EXPECT_EQUAL(info.flags & (XEN_DOMINF_dying | XEN_DOMINF_hvm_guest | XEN_DOMINF_shutdown |
                               XEN_DOMINF_paused | XEN_DOMINF_blocked),
                 0);
    EXPECT(info.cpu_time > 0);
    EXPECT(info.handle[0] == 0x50 && info.handle[2] == 0x4e);
    EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
    EXPECT_RESULT(destroy(child.id), 0);
}

TEST(domain_begins_paused_without_frames_and_vcpus)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    child_build(&child, STEP_CREATE);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT_EQUAL(info.flags & (XEN_DOMINF_paused | XEN_DOMINF_running), XEN_DOMINF_paused);
    EXPECT_EQUAL(info.tot_pages, 0);
    EXPECT_EQUAL(info.nr_online_vcpus, 0);
    EXPECT_EQUAL(info.max_vcpu_id, XEN_INVALID_MAX_VCPU_ID);
    EXPECT_RESULT(destroy(child.id), 0);
}

TEST(number_can_be_chosen_and_is_not_given_twice)
{
    test_needs_first_domain();
    destroy_all();
    struct xen_domctl op = create_record();
    EXPECT_RESULT(domctl(XEN_DOMCTL_createdomain, 77, &op), 0);
    EXPECT_EQUAL(op.domain, 77);
    op = create_record();
    EXPECT_RESULT(domctl(XEN_DOMCTL_createdomain, 77, &op), -XEN_EEXIST);
    op = create_record();
    EXPECT_RESULT(domctl(XEN_DOMCTL_createdomain, 0, &op), 0);
    domid_t chosen = op.domain;
    EXPECT(chosen != 0 && chosen != 77 && chosen < DOMID_FIRST_RESERVED);
    op = create_record();
    EXPECT_RESULT(domctl(XEN_DOMCTL_createdomain, DOMID_INVALID, &op), 0);
    EXPECT(op.domain != 0 && op.domain != 77 && op.domain != chosen);
    EXPECT_EQUAL(domain_count(), 4);
    destroy_all();
    EXPECT_EQUAL(domain_count(), 1);
}

static int64_t create_with(void (*change)(struct xen_domctl_createdomain *create))
{
    struct xen_domctl op = create_record();
    change(&op.u.createdomain);
    return domctl(XEN_DOMCTL_createdomain, 0, &op);
}

static void unknown_flag(struct xen_domctl_createdomain *create)
{
    create->flags = UINT32_C(1) << 31;
}
static void with_hap(struct xen_domctl_createdomain *create)
{
    create->flags = XEN_DOMCTL_CDF_hap;
}
static void with_iommu_options(struct xen_domctl_createdomain *create)
{
    create->iommu_opts = XEN_DOMCTL_IOMMU_no_sharept;
}
static void with_iommu(struct xen_domctl_createdomain *create)
{
    create->flags = XEN_DOMCTL_CDF_iommu;
}
static void without_vcpus(struct xen_domctl_createdomain *create)
{
    create->max_vcpus = 0;
}
static void with_too_many_vcpus(struct xen_domctl_createdomain *create)
{
    create->max_vcpus = UINT32_MAX;
}
static void without_grant_version(struct xen_domctl_createdomain *create)
{
    create->grant_opts = 0;
}
static void with_grant_version_3(struct xen_domctl_createdomain *create)
{
    create->grant_opts = 3;
}
static void with_devices(struct xen_domctl_createdomain *create)
{
    create->arch.emulation_flags = XEN_X86_EMU_LAPIC;
}
static void with_unknown_misc(struct xen_domctl_createdomain *create)
{
    create->arch.misc_flags = 2;
}

TEST(domain_of_a_kind_or_size_that_cannot_be_is_refused)
{
    test_needs_first_domain();
    destroy_all();
    static void (*const changes[])(struct xen_domctl_createdomain *) = {
        unknown_flag,          with_hap,
        with_iommu_options,    with_iommu,
        without_vcpus,         with_too_many_vcpus,
        without_grant_version, with_grant_version_3,
        with_unknown_misc,
    };
    uint64_t free_before = free_frames();
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        EXPECT_RESULT(create_with(changes[i]), -XEN_EINVAL);
    }
    EXPECT_RESULT(create_with(with_devices), -XEN_EOPNOTSUPP);
    EXPECT_EQUAL(domain_count(), 1);
    EXPECT_EQUAL(free_frames(), free_before);
}

TEST(number_of_vcpus_must_be_that_of_the_creation)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    struct xen_domctl create = create_record();
    create.u.createdomain.max_vcpus = 3;
    child_build_from(&child, &create, 0, STEP_CREATE);
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    static const uint32_t wrong[] = {0, 2, 4, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        op.u.max_vcpus.max = wrong[i];
        EXPECT_RESULT(domctl(XEN_DOMCTL_max_vcpus, child.id, &op), -XEN_EINVAL);
    }
    op.u.max_vcpus.max = 3;
    EXPECT_RESULT(domctl(XEN_DOMCTL_max_vcpus, child.id, &op), 0);
    EXPECT_RESULT(domctl(XEN_DOMCTL_max_vcpus, child.id, &op), 0);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT_EQUAL(info.max_vcpu_id, 2);
    EXPECT_EQUAL(info.nr_online_vcpus, 0);
    EXPECT_RESULT(destroy(child.id), 0);
}

TEST(domain_gets_no_more_memory_than_its_limit)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    child_build(&child, STEP_MEMORY);
    mfn_t more[2];
    EXPECT_EQUAL(populate(child.id, CHILD_FRAMES, more, 2), 0);
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.max_mem.max_memkb = (CHILD_FRAMES + 1) * 4;
    EXPECT_RESULT(domctl(XEN_DOMCTL_max_mem, child.id, &op), 0);
    EXPECT_EQUAL(populate(child.id, CHILD_FRAMES, more, 2), 1);
    op.u.max_mem.max_memkb = 4;
    EXPECT_RESULT(domctl(XEN_DOMCTL_max_mem, child.id, &op), 0);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT_EQUAL(info.tot_pages, CHILD_FRAMES + 1);
    EXPECT_EQUAL(info.max_pages, 1);
    EXPECT_RESULT(destroy(child.id), 0);
}

/* ---- pause --------------------------------------------------------------------------------- */

TEST(pauses_are_counted_and_bounded)
{
    struct child child = child_start();
    for (unsigned int i = 0; i < 255; i++) {
        EXPECT_RESULT(domctl_plain(XEN_DOMCTL_pausedomain, child.id), 0);
    }
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_pausedomain, child.id), -XEN_EOVERFLOW);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT((info.flags & XEN_DOMINF_paused) != 0);
    for (unsigned int i = 0; i < 255; i++) {
        child_ask(&child, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0);
        let_others_run();
        EXPECT(child.mailbox->done != child.mailbox->request);
        child.mailbox->request = child.mailbox->done;
        EXPECT_RESULT(domctl_plain(XEN_DOMCTL_unpausedomain, child.id), 0);
    }
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_unpausedomain, child.id), -XEN_EINVAL);
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0),
                  VERSION_4_17);
}

TEST(domain_can_neither_pause_nor_destroy_itself_nor_set_its_own_vcpus)
{
    test_needs_first_domain();
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_pausedomain, 0), -XEN_EINVAL);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_unpausedomain, 0), -XEN_EINVAL);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_resumedomain, 0), -XEN_EINVAL);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, 0), -XEN_EINVAL);
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.max_vcpus.max = 1;
    EXPECT_RESULT(domctl(XEN_DOMCTL_max_vcpus, 0, &op), -XEN_EINVAL);
    static struct vcpu_guest_context context;
    memset(&op, 0, sizeof(op));
    set_xen_guest_handle_raw(op.u.vcpucontext.ctxt, &context);
    EXPECT_RESULT(domctl(XEN_DOMCTL_setvcpucontext, 0, &op), -XEN_EINVAL);
    EXPECT_RESULT(domctl(XEN_DOMCTL_getvcpucontext, 0, &op), -XEN_EINVAL);
}

/* ---- the end ------------------------------------------------------------------------------- */

TEST(shutdown_code_is_kept_and_the_first_domain_is_told)
{
    static const unsigned int codes[] = {SHUTDOWN_poweroff, SHUTDOWN_reboot, SHUTDOWN_crash};
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        struct child child = child_start();
        struct evtchn_bind_virq bind = {.virq = VIRQ_DOM_EXC};
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
        shared_info()->evtchn_pending[0] = 0;
        struct sched_shutdown shutdown = {.reason = codes[i]};
        child_ask(&child, __HYPERVISOR_sched_op, SCHEDOP_shutdown,
                  child_record(&child, &shutdown, sizeof(shutdown)), 0, 0);
        EXPECT_EQUAL(child_shutdown_code(&child), codes[i]);
        EXPECT(event_port_pending(bind.port));
        shared_info()->evtchn_pending[0] = 0;
        EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
        EXPECT_RESULT(destroy(child.id), 0);
        EXPECT(event_port_pending(bind.port));
        struct evtchn_close close = {.port = bind.port};
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
    }
}

TEST(domain_that_was_shut_down_can_be_resumed)
{
    struct child child = child_start();
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_poweroff};
    child_ask(&child, __HYPERVISOR_sched_op, SCHEDOP_shutdown,
              child_record(&child, &shutdown, sizeof(shutdown)), 0, 0);
    EXPECT_EQUAL(child_shutdown_code(&child), SHUTDOWN_poweroff);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_resumedomain, child.id), 0);
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0),
                  VERSION_4_17);
}

TEST(exception_without_a_handler_is_the_end_of_the_child_alone)
{
    struct child child = child_start();
    child_ask(&child, CHILD_CRASH, 0, 0, 0, 0);
    EXPECT_EQUAL(child_shutdown_code(&child), SHUTDOWN_crash);
    struct xen_domctl_getdomaininfo info;
    EXPECT_RESULT(domain_info(child.id, &info), 0);
    EXPECT_EQUAL(info.tot_pages, CHILD_FRAMES);
}

TEST(child_that_never_gives_up_the_cpu_does_not_keep_others_from_it)
{
    struct child child = child_start();
    child_ask(&child, CHILD_SPIN, 0, 0, 0, 0);
    child_wait(&child);
    int64_t before = child.mailbox->result;
    for (unsigned int turn = 0; turn < 1000 && child.mailbox->result == before; turn++) {
        let_others_run();
    }
    EXPECT(child.mailbox->result > before);
}

/* Every step leaves something else to be undone. */
TEST(q_domain_can_be_destroyed_after_each_step_of_its_making)
{
    test_needs_first_domain();
    destroy_all();
    for (unsigned int round = 0; round < 2; round++) {
        for (enum build_step last = STEP_CREATE; last < STEP_COUNT; last++) {
            uint64_t free_before = free_frames();
            struct child child;
            child_build(&child, last);
            foreign_map(0, child.id, mfn_make(0), 0);
            EXPECT_RESULT(destroy(child.id), 0);
            if (round > 0) { /* the first time some memory is for all that come after */
                EXPECT_EQUAL(free_frames(), free_before);
            }
        }
    }
}

TEST(p_hundred_domains_one_after_the_other_leave_nothing)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    uint64_t free_before = free_frames();
    for (unsigned int i = 0; i < 100; i++) {
        child_build(&child, STEP_START);
        for (unsigned int turn = 0; turn < i % 5; turn++) {
            let_others_run();
        }
        EXPECT_RESULT(foreign_map(0, child.id, child.frames[0], 0), 0);
        EXPECT_RESULT(destroy(child.id), 0);
    }
    EXPECT_EQUAL(free_frames(), free_before);
}

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (random_state >> 33) % limit;
}

/* Something that a domain may be in the middle of when it is killed. */
static void ask_anything(const struct child *child)
{
    static const struct {
        uint64_t call, a, b;
    } requests[] = {
        {CHILD_SPIN, 0, 0},
        {CHILD_CRASH, 0, 0},
        {CHILD_LOAD, 0x7000, 0}, /* which is not mapped */
        {__HYPERVISOR_sched_op, SCHEDOP_block, 0},
        {__HYPERVISOR_sched_op, SCHEDOP_shutdown, CHILD_VA + CHILD_MAILBOX + CHILD_RECORDS},
        {__HYPERVISOR_set_timer_op, 1, 0},
        {__HYPERVISOR_vcpu_op, VCPUOP_down, 0},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi,
         CHILD_VA + CHILD_MAILBOX + CHILD_RECORDS},
    };
    size_t i = (size_t)random_below(ARRAY_SIZE(requests));
    child_ask(child, requests[i].call, requests[i].a, requests[i].b, 0, 0);
}

/* While another one takes all the time it can get. */
TEST(q_domains_killed_at_random_points_under_load_leave_nothing)
{
    struct child spinner = child_start();
    child_ask(&spinner, CHILD_SPIN, 0, 0, 0, 0);
    struct xen_domctl create = create_record();
    struct child child;
    child_build_from(&child, &create, 1, STEP_CREATE); /* the second one there ever is at a time */
    EXPECT_RESULT(destroy(child.id), 0);
    uint64_t free_before = free_frames();
    random_state = 2026;
    for (unsigned int round = 0; round < 60; round++) {
        enum build_step last = (enum build_step)random_below(STEP_COUNT);
        create = create_record();
        child_build_from(&child, &create, 1, last);
        if (last == STEP_START) {
            ask_anything(&child);
            for (uint64_t turns = random_below(4); turns > 0; turns--) {
                let_others_run();
            }
        }
        foreign_map(1, child.id, mfn_make(0), 0);
        EXPECT_RESULT(destroy(child.id), 0);
    }
    EXPECT_EQUAL(free_frames(), free_before);
    EXPECT_EQUAL(domain_count(), 2);
}
