/* SPDX-License-Identifier: BSD-2-Clause */
/* Events from one vCPU to another, waiting for them, and the timers of others. */
#include "guests/vcpus/other.h"

TEST(interrupt_sent_to_another_vcpu_reaches_it_and_nobody_else)
{
    struct other *other = other_start();
    struct other *third = other_start();
    evtchn_port_t port = ipi_for(other->id);
    event_enable();
    EXPECT_RESULT(port_send(port), 0);
    WAIT_FOR(other->upcalls == 1);
    EXPECT_EQUAL(third->upcalls, 0);
    EXPECT_EQUAL(event_upcalls(), 0);
}

static void job_send(struct other *other)
{
    struct evtchn_send send = {.port = (evtchn_port_t)other->argument};
    other->result = hypercall_event_channel_op(EVTCHNOP_send, &send);
}

TEST(interrupt_comes_back)
{
    struct other *other = other_start();
    other->argument = ipi_for(0);
    event_enable();
    other_do(other, job_send);
    EXPECT_RESULT(other->result, 0);
    EXPECT_EQUAL(event_upcalls(), 1);
    EXPECT_EQUAL(other->upcalls, 0);
}

TEST(event_for_a_vcpu_that_is_down_waits_for_it)
{
    struct other *other = other_start();
    evtchn_port_t port = ipi_for(other->id);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_down, other->id, NULL), 0);
    EXPECT_RESULT(port_send(port), 0);
    hypercall_sched_op(SCHEDOP_yield, NULL);
    EXPECT_EQUAL(other->upcalls, 0);
    EXPECT_EQUAL(other->info->evtchn_upcall_pending, 1);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_up, other->id, NULL), 0);
    WAIT_FOR(other->upcalls == 1);
}

static void job_block(struct other *other)
{
    other->turns = 1;
    other->result = hypercall_sched_op(SCHEDOP_block, NULL);
    other->turns = 2;
}

TEST(blocked_vcpu_is_woken_by_an_interrupt_and_not_before)
{
    struct other *other = other_start();
    evtchn_port_t port = ipi_for(other->id);
    other_begin(other, job_block);
    for (unsigned int i = 0; i < 100; i++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    EXPECT_EQUAL(other->turns, 1);
    EXPECT_RESULT(port_send(port), 0);
    other_wait(other);
    EXPECT_RESULT(other->result, 0);
    EXPECT_EQUAL(other->upcalls, 1);
}

static void job_poll(struct other *other)
{
    static evtchn_port_t port;
    port = (evtchn_port_t)other->argument;
    struct sched_poll poll = {.nr_ports = 1};
    set_xen_guest_handle(poll.ports, &port);
    other->turns = 1;
    other->result = hypercall_sched_op(SCHEDOP_poll, &poll);
    other->turns = 2;
}

/* The port is masked, and bound to another vCPU than the one that polls. */
TEST(poll_on_another_vcpu_ends_when_the_port_becomes_pending)
{
    struct other *other = other_start();
    evtchn_port_t port = ipi_for(0);
    event_port_mask(port);
    other->argument = port;
    other_begin(other, job_poll);
    for (unsigned int i = 0; i < 100; i++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    EXPECT_EQUAL(other->turns, 1);
    EXPECT_RESULT(port_send(port), 0);
    other_wait(other);
    EXPECT_RESULT(other->result, 0);
    EXPECT_EQUAL(other->upcalls, 0);
}

TEST(unbound_port_moves_to_another_vcpu_with_its_events)
{
    struct other *other = other_start();
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF, .remote_port = alloc.port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
    struct evtchn_bind_vcpu move = {.port = alloc.port, .vcpu = other->id};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), 0);
    event_port_unmask_bit(alloc.port);
    event_enable();
    EXPECT_RESULT(port_send(bind.local_port), 0);
    WAIT_FOR(other->upcalls == 1);
    EXPECT_EQUAL(event_upcalls(), 0);
}

/* ---- timers -------------------------------------------------------------------------------- */

static evtchn_port_t timer_for(uint32_t vcpu)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = vcpu};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
    event_port_unmask_bit(bind.port);
    return bind.port;
}

/* Events stay masked until it blocks, or the timer might expire before that. */
static void job_set_timer(struct other *other)
{
    other->turns = 1;
    other->info->evtchn_upcall_mask = 1;
    other->result = hypercall_set_timer_op((uint64_t)system_time() + 2 * MILLISECOND);
    hypercall_sched_op(SCHEDOP_block, NULL);
}

TEST(each_vcpu_has_a_timer_of_its_own)
{
    struct other *other = other_start();
    timer_for(other->id);
    timer_for(0);
    event_enable();
    other_begin(other, job_set_timer);
    other_wait(other);
    EXPECT_RESULT(other->result, 0);
    EXPECT_EQUAL(other->upcalls, 1);
    EXPECT_EQUAL(event_upcalls(), 0);
}

TEST(oneshot_timer_of_another_cannot_be_set)
{
    struct other *other = other_start();
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = 1};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, other->id, &timer), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, other->id, NULL), -XEN_EINVAL);
}

TEST(periodic_timer_of_another_ticks_there_until_it_is_stopped)
{
    struct other *other = other_start();
    timer_for(other->id);
    struct vcpu_set_periodic_timer timer = {.period_ns = 2 * MILLISECOND};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_periodic_timer, other->id, &timer), 0);
    other_begin(other, job_count);
    WAIT_FOR(other->upcalls > 0);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, other->id, NULL), 0);
    uint64_t turns = other->turns;
    WAIT_FOR(other->turns > turns + 1); /* it has had what was on its way */
    uint64_t upcalls = other->upcalls;
    int64_t end = system_time() + 10 * MILLISECOND;
    while (system_time() < end) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    EXPECT_EQUAL(other->upcalls, upcalls);
    other->stop = true;
}
