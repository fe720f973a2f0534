/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families D and Q: a pin for a child that is interrupted, and what we do in the middle of it: our
 * own unfinished validation is in the tables that we take apart.
 */
#include "guests/domains/child_grants.h"

#include "guests/lib/event.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define FOREST_TABLES 60U

static struct child doomed;
static mfn_t forest[FOREST_TABLES + 1];
#define FOREST_L2 forest[FOREST_TABLES]

static unsigned int interruptions;
static unsigned int attacks; /* that have succeeded */

/* Full L1 tables under an L2, all the child's: pinning it takes some milliseconds. */
static void plant_forest(void)
{
    set_limit(doomed.id, CHILD_FRAMES + FOREST_TABLES + 1);
    EXPECT_EQUAL(populate(doomed.id, CHILD_FRAMES, forest, FOREST_TABLES + 1), FOREST_TABLES + 1);
    for (unsigned int i = 0; i < FOREST_TABLES; i++) {
        EXPECT_RESULT(foreign_map(3, doomed.id, forest[i], PTE_READ_WRITE), 0);
        uint64_t *table = slot_address(3);
        for (unsigned int j = 0; j < TABLE_ENTRIES; j++) {
            table[j] = pte_make(doomed.frames[PAGE_PLAIN], PTE_READ_WRITE);
        }
    }
    EXPECT_RESULT(foreign_map(3, doomed.id, FOREST_L2, PTE_READ_WRITE), 0);
    uint64_t *l2 = slot_address(3);
    memset(l2, 0, PAGE_SIZE);
    for (unsigned int i = 0; i < FOREST_TABLES; i++) {
        l2[i] = pte_make(forest[i], PTE_TABLE);
    }
    EXPECT_RESULT(foreign_map(3, doomed.id, FOREST_L2, 0), 0);
}

/* Pin and unpin the forest, with the hook called for each upcall of a timer, until an attack from
 * there has succeeded. */
static void pin_under_attack(trap_hook_fn attack)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
    event_port_unmask_bit(bind.port);
    struct vcpu_set_periodic_timer timer = {.period_ns = 1000000};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer), 0);
    interruptions = 0;
    attacks = 0;
    trap_hook = attack;
    event_enable();
    for (unsigned int i = 0; i < 1000 && attacks == 0; i++) {
        mmuext_for(doomed.id, MMUEXT_PIN_L2_TABLE, FOREST_L2);
        mmuext_for(doomed.id, MMUEXT_UNPIN_TABLE, FOREST_L2);
    }
    event_disable();
    trap_hook = NULL;
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
    struct evtchn_close close = {.port = bind.port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
    EXPECT_EQUAL(attacks, 1);
}

static bool destroy_in_upcall(struct trap_frame *frame)
{
    if (frame->vector == TRAP_EVENT && ++interruptions == 2) {
        attacks += domctl_plain(XEN_DOMCTL_destroydomain, doomed.id) == 0 ? 1 : 0;
    }
    return false;
}

TEST(q_domain_is_destroyed_while_a_pin_for_it_is_interrupted)
{
    for (unsigned int round = 0; round < 4; round++) {
        doomed = child_start();
        plant_forest();
        EXPECT_RESULT(foreign_map(0, doomed.id, doomed.frames[0], 0), 0);
        pin_under_attack(destroy_in_upcall);
        hypercall_mmuext_op(NULL, 0, NULL, DOMID_SELF);
        wait_until_gone(doomed.id);
    }
}

/* Give frames of the forest back, empty an entry of its top, pin a part by itself, write to another
 * as data: each is possible before, in the middle or afterwards, or refused. */
static bool take_apart_in_upcall(struct trap_frame *frame)
{
    if (frame->vector != TRAP_EVENT || ++interruptions != 2) {
        return false;
    }
    xen_pfn_t extents[2] = {forest[0].value, forest[FOREST_TABLES - 1].value};
    struct xen_memory_reservation back = {.nr_extents = 2, .domid = doomed.id};
    set_xen_guest_handle(back.extent_start, extents);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_decrease_reservation, &back), 2);
    mmu_update_t unlink = {.ptr = (FOREST_L2.value << PAGE_SHIFT) + sizeof(uint64_t)};
    hypercall_mmu_update(&unlink, 1, NULL, ((uint64_t)doomed.id + 1) << 16 | DOMID_SELF);
    mmuext_for(doomed.id, MMUEXT_PIN_L1_TABLE, forest[1]);
    foreign_map(4, doomed.id, forest[2], PTE_READ_WRITE);
    mmuext_for(doomed.id, MMUEXT_PIN_L1_TABLE, forest[3]);
    attacks++;
    return false;
}

TEST(xsa_299_half_validated_tree_of_a_child_is_taken_apart)
{
    for (unsigned int round = 0; round < 4; round++) {
        doomed = child_start();
        plant_forest();
        pin_under_attack(take_apart_in_upcall);
        foreign_map(4, doomed.id, forest[2], 0);
        mmuext_for(doomed.id, MMUEXT_UNPIN_TABLE, forest[1]);
        mmuext_for(doomed.id, MMUEXT_UNPIN_TABLE, forest[3]);
        mmuext_for(doomed.id, MMUEXT_UNPIN_TABLE, FOREST_L2);
        EXPECT_RESULT(foreign_map(4, doomed.id, forest[2], PTE_READ_WRITE), 0);
        EXPECT_RESULT(foreign_map(4, doomed.id, FOREST_L2, PTE_READ_WRITE), 0);
        memset(slot_address(4), 0, PAGE_SIZE); /* nothing is a table any more */
        EXPECT_RESULT(foreign_map(4, doomed.id, forest[1], PTE_READ_WRITE), 0);
        EXPECT_RESULT(foreign_map(4, doomed.id, forest[3], PTE_READ_WRITE), 0);
        EXPECT_RESULT(foreign_map(4, doomed.id, forest[0], 0), 0);
        EXPECT_EQUAL(frames_of(doomed.id), CHILD_FRAMES + FOREST_TABLES - 1);
        EXPECT_RESULT(foreign_map(0, doomed.id, doomed.frames[0], 0), 0);
        EXPECT_RESULT(destroy(doomed.id), 0);
    }
}
