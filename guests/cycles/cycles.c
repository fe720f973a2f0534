/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains made and killed, thousands of them, while another one works: a first domain that makes
 * the control calls itself. What a dying domain held must come back to the frame, our own grants
 * must be free again, and no event between us and the survivor may be lost.
 *
 * cycles=N on the command line: how many [2000].
 */
#include "guests/cycles/programs.h"
#include "guests/lib/console.h"
#include "guests/lib/event.h"
#include "guests/lib/grant.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"

#define CYCLES_USUAL  2000U
#define SLOT_SURVIVOR 10U
#define SLOT_VICTIM   20U
#define LIFE_LIMIT_NS UINT64_C(3000000)
#define PATIENCE      100000U

static uint64_t random_state = 1;

static uint64_t random_below(uint64_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % limit;
}

static unsigned int cycles_asked(void)
{
    const char *text = argument_find("cycles=");
    unsigned int count = 0;
    for (; text != NULL && *text >= '0' && *text <= '9'; text++) {
        count = count * 10 + (unsigned int)(*text - '0');
    }
    return count != 0 ? count : CYCLES_USUAL;
}

/* ---- event channels to children ------------------------------------------------------------ */

/* A channel to the domain: our port and its. */
struct channel {
    evtchn_port_t here;
    evtchn_port_t there;
};

static struct channel channel_open(domid_t domain)
{
    struct evtchn_alloc_unbound alloc = {.dom = domain, .remote_dom = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    struct evtchn_bind_interdomain bind = {.remote_dom = domain, .remote_port = alloc.port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
    return (struct channel){.here = bind.local_port, .there = alloc.port};
}

static void channel_close(struct channel channel)
{
    struct evtchn_close close = {.port = channel.here};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
}

static bool take_event(struct channel channel)
{
    uint64_t bit = UINT64_C(1) << channel.here;
    return (__atomic_fetch_and(&shared_info()->evtchn_pending[0], ~bit, __ATOMIC_SEQ_CST) & bit) !=
           0;
}

/* ---- the survivor -------------------------------------------------------------------------- */

/* It gets an event and answers with one, and only then gets another: none can hide in another. */
struct survivor {
    struct child child;
    struct channel channel;
    uint64_t sent;
    uint64_t received;
};

static void survivor_send(struct survivor *survivor)
{
    struct evtchn_send send = {.port = survivor->channel.here};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
    survivor->sent++;
}

static void survivor_start(struct survivor *survivor)
{
    struct xen_domctl_getdomaininfo info;
    program_load(&survivor->child, SLOT_SURVIVOR, program_survivor);
    EXPECT_RESULT(domain_info(survivor->child.id, &info), 0);
    survivor->channel = channel_open(survivor->child.id);
    take_event(survivor->channel); /* binding raises one, here and there */
    const uint64_t arguments[5] = {
        [ARGUMENT_PORT] = survivor->channel.there, [ARGUMENT_SHARED] = info.shared_info_frame};
    program_start(&survivor->child, arguments);
    survivor->sent = 0;
    survivor->received = 0;
    survivor_send(survivor);
}

static bool survivor_answered(struct survivor *survivor)
{
    if (!take_event(survivor->channel)) {
        return false;
    }
    survivor->received++;
    return true;
}

/* The answer to the last event, and nothing else. */
static void survivor_settle(struct survivor *survivor)
{
    for (unsigned int turn = 0; turn < PATIENCE && survivor->received < survivor->sent; turn++) {
        if (!survivor_answered(survivor)) {
            let_others_run();
        }
    }
    EXPECT_EQUAL(survivor->received, survivor->sent);
    EXPECT_EQUAL(survivor->child.mailbox->done, survivor->sent);
    let_time_pass();
    EXPECT(!survivor_answered(survivor));
}

/* ---- a victim ------------------------------------------------------------------------------ */

static void wait_at_random(void)
{
    uint64_t turns = random_below(3);
    if (turns == 0) {
        struct sched_poll poll = {.timeout = (uint64_t)system_time() + random_below(LIFE_LIMIT_NS)};
        hypercall_sched_op(SCHEDOP_poll, &poll);
    }
    while (turns-- > 0) {
        let_others_run();
    }
}

/* One life; how many rounds of calls the victim had. */
static uint64_t live_and_die(const void *granted)
{
    struct child victim;
    program_load(&victim, SLOT_VICTIM, program_victim);
    volatile grant_entry_v1_t *entry = grant_entry(GRANT_FIRST);
    entry->domid = victim.id;
    entry->frame = (uint32_t)mfn_of(granted).value;
    entry->flags = GTF_permit_access;
    struct channel channel = channel_open(victim.id);
    const uint64_t arguments[5] = {[ARGUMENT_SEED] = random_below(UINT32_MAX),
                                   [ARGUMENT_PORT] = channel.there,
                                   [ARGUMENT_GRANT] = GRANT_FIRST};
    program_start(&victim, arguments);
    wait_at_random();
    uint64_t rounds = victim.mailbox->done;
    EXPECT_RESULT(foreign_map(victim.slot, victim.id, victim.frames[PAGE_MAILBOX], 0), 0);
    EXPECT_RESULT(destroy(victim.id), 0);
    EXPECT_EQUAL(entry->flags, GTF_permit_access); /* nobody reads or writes it any more */
    entry->flags = 0;
    channel_close(channel);
    return rounds;
}

TEST(thousands_of_domains_killed_at_random_leave_nothing_behind)
{
    test_needs_first_domain();
    destroy_all();
    EXPECT(grant_table_open());
    const void *granted = page_alloc();
    live_and_die(granted); /* some memory is for all that come after */
    struct survivor survivor;
    uint64_t free_before = free_frames();
    survivor_start(&survivor);
    uint64_t free_with_survivor = free_frames();
    uint64_t rounds = 0;
    unsigned int count = cycles_asked();
    for (unsigned int i = 0; i < count; i++) {
        rounds += live_and_die(granted);
        if (survivor_answered(&survivor)) {
            survivor_send(&survivor);
        }
    }
    survivor_settle(&survivor);
    EXPECT_EQUAL(free_frames(), free_with_survivor);
    print("%u domains, %lu rounds of calls, %lu events to the survivor and %lu back\n", count,
          rounds, survivor.sent, survivor.received);
    EXPECT(rounds > count && survivor.received > count / 4);
    EXPECT_RESULT(foreign_map(SLOT_SURVIVOR, survivor.child.id, mfn_make(0), 0), 0);
    channel_close(survivor.channel);
    EXPECT_RESULT(destroy(survivor.child.id), 0);
    EXPECT_EQUAL(free_frames(), free_before);
}

TEST(domain_that_sleeps_costs_nothing)
{
    struct child child = child_start();
    struct sched_poll poll = {.nr_ports = 0};
    child_ask(&child, __HYPERVISOR_sched_op, SCHEDOP_poll,
              child_record(&child, &poll, sizeof(poll)), 0, 0);
    struct xen_domctl_getdomaininfo before, after;
    do {
        let_time_pass();
        EXPECT_RESULT(domain_info(child.id, &before), 0);
    } while ((before.flags & XEN_DOMINF_blocked) == 0);
    for (unsigned int i = 0; i < 100; i++) {
        let_time_pass();
    }
    EXPECT_RESULT(domain_info(child.id, &after), 0);
    EXPECT_EQUAL(after.cpu_time, before.cpu_time);
}
