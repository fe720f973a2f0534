/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain that has all it can have: its frames are full page tables, its grants are all mapped by
 * us, it maps as many of ours, all its ports are connected to ours, and it has all its vCPUs, whose
 * timers expire at the same time. Destroying it must take no longer at a stretch than other calls
 * do (tests/system/stretch.sh measures that), and must leave nothing.
 */
#include "guests/cycles/programs.h"
#include "guests/lib/event.h"
#include "guests/lib/grant.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#define TABLES       1024U
#define VCPUS        XEN_LEGACY_MAX_VCPUS
#define GRANT_FRAMES 64U
#define GRANTS       (GRANT_FRAMES * GRANTS_PER_FRAME - GNTTAB_NR_RESERVED_ENTRIES)
#define OUR_GRANTS   (GRANTS_PER_FRAME - GNTTAB_NR_RESERVED_ENTRIES)
#define MAPS_OF_ITS  16384U
#define BATCH        (PAGE_SIZE / 2 / sizeof(struct gnttab_map_grant_ref))
#define SLOT         30U
#define PORTS        (EVTCHN_2L_NR_CHANNELS - 1)

static mfn_t tables[TABLES];
static grant_handle_t our_handles[GRANTS];
static evtchn_port_t our_ports[PORTS];

/* ---- frames -------------------------------------------------------------------------------- */

static void make_full_table(domid_t domain, mfn_t table, unsigned int level, const mfn_t entries[],
                            uint64_t flags, unsigned int step)
{
    EXPECT_RESULT(foreign_map(SLOT, domain, table, PTE_READ_WRITE), 0);
    uint64_t *mapped = slot_address(SLOT);
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
        mapped[i] = pte_make(entries[i * step], flags);
    }
    EXPECT_RESULT(foreign_map(SLOT, domain, table, 0), 0);
    unsigned int command = level == 1 ? MMUEXT_PIN_L1_TABLE : MMUEXT_PIN_L2_TABLE;
    EXPECT_RESULT(mmuext_for(domain, command, table), 0);
}

/* An L2 table over 512 L1 tables, and as many besides, all full and all pinned. */
static void fill_frames(const struct child *child)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op));
    op.u.max_mem.max_memkb = (CHILD_FRAMES + TABLES) * 4;
    EXPECT_RESULT(domctl(XEN_DOMCTL_max_mem, child->id, &op), 0);
    EXPECT_EQUAL(populate(child->id, CHILD_FRAMES, tables, TABLES), TABLES);
    const mfn_t *plain = &child->frames[CHILD_FRAMES - 1];
    for (unsigned int i = 0; i < TABLES - 1; i++) {
        make_full_table(child->id, tables[i], 1, plain, PTE_READ_ONLY, 0);
    }
    make_full_table(child->id, tables[TABLES - 1], 2, tables, PTE_TABLE, 1);
}

/* ---- grants -------------------------------------------------------------------------------- */

static void fill_grant_table(const struct child *child)
{
    static xen_pfn_t frames[GRANT_FRAMES];
    struct gnttab_setup_table setup = {.dom = child->id, .nr_frames = GRANT_FRAMES};
    set_xen_guest_handle_raw(setup.frame_list, frames);
    EXPECT_RESULT(grant_call(GNTTABOP_setup_table, &setup, 1), 0);
    EXPECT_EQUAL(setup.status, GNTST_okay);
    for (unsigned int frame = 0; frame < GRANT_FRAMES; frame++) {
        EXPECT_RESULT(foreign_map(SLOT, child->id, mfn_make(frames[frame]), PTE_READ_WRITE), 0);
        grant_entry_v1_t *entries = slot_address(SLOT);
        for (unsigned int i = 0; i < GRANTS_PER_FRAME; i++) {
            entries[i] = (grant_entry_v1_t){
                .flags = GTF_permit_access,
                .frame = (uint32_t)child->frames[CHILD_FRAMES - 1].value,
            };
        }
    }
    EXPECT_RESULT(foreign_map(SLOT, child->id, mfn_make(0), 0), 0);
}

static void map_its_grants(const struct child *child)
{
    static struct gnttab_map_grant_ref maps[BATCH];
    for (unsigned int done = 0; done < GRANTS; done += BATCH) {
        unsigned int count = (unsigned int)min_u64(BATCH, GRANTS - done);
        for (unsigned int i = 0; i < count; i++) {
            maps[i] = (struct gnttab_map_grant_ref){
                .dom = child->id, .ref = GRANT_FIRST + done + i, .flags = GNTMAP_device_map};
        }
        EXPECT_RESULT(grant_call(GNTTABOP_map_grant_ref, maps, count), 0);
        for (unsigned int i = 0; i < count; i++) {
            EXPECT_EQUAL(maps[i].status, GNTST_okay);
            our_handles[done + i] = maps[i].handle;
        }
    }
}

static void unmap_its_grants(const struct child *child)
{
    static struct gnttab_unmap_grant_ref unmaps[BATCH];
    for (unsigned int done = 0; done < GRANTS; done += BATCH) {
        unsigned int count = (unsigned int)min_u64(BATCH, GRANTS - done);
        for (unsigned int i = 0; i < count; i++) {
            unmaps[i] = (struct gnttab_unmap_grant_ref){
                .handle = our_handles[done + i],
                .dev_bus_addr = child->frames[CHILD_FRAMES - 1].value << PAGE_SHIFT,
            };
        }
        EXPECT_RESULT(grant_call(GNTTABOP_unmap_grant_ref, unmaps, count), 0);
        for (unsigned int i = 0; i < count; i++) {
            EXPECT_EQUAL(unmaps[i].status, GNTST_okay);
        }
    }
}

static void grant_ours(domid_t domain, const void *granted, uint16_t flags)
{
    for (unsigned int i = 0; i < OUR_GRANTS; i++) {
        volatile grant_entry_v1_t *entry = grant_entry(GRANT_FIRST + i);
        EXPECT_EQUAL(entry->flags & (GTF_reading | GTF_writing), 0);
        entry->domid = domain;
        entry->frame = (uint32_t)mfn_of(granted).value;
        entry->flags = flags;
    }
}

/* Each grant of ours many times. */
static void let_it_map_ours(const struct child *child)
{
    static struct gnttab_map_grant_ref maps[BATCH];
    for (unsigned int done = 0; done < MAPS_OF_ITS; done += BATCH) {
        for (unsigned int i = 0; i < BATCH; i++) {
            maps[i] = (struct gnttab_map_grant_ref){
                .dom = 0, .ref = GRANT_FIRST + (done + i) % OUR_GRANTS, .flags = GNTMAP_device_map};
        }
        uint64_t record = child_record(child, maps, sizeof(maps));
        EXPECT_RESULT(child_call(child, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, record,
                                 BATCH, 0),
                      0);
        const struct gnttab_map_grant_ref *answer = child_record_place(child);
        EXPECT_EQUAL(answer[BATCH - 1].status, GNTST_okay);
    }
}

/* ---- ports --------------------------------------------------------------------------------- */

static unsigned int connect_all_ports(domid_t domain)
{
    unsigned int count = 0;
    struct evtchn_alloc_unbound alloc = {.dom = domain, .remote_dom = 0};
    while (count < PORTS && hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc) == 0) {
        struct evtchn_bind_interdomain bind = {.remote_dom = domain, .remote_port = alloc.port};
        if (hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind) != 0) {
            break; /* we have some ports of our own */
        }
        our_ports[count++] = bind.local_port;
    }
    return count;
}

static void close_ports(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        struct evtchn_close close = {.port = our_ports[i]};
        EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
    }
}

/* ---- vCPUs --------------------------------------------------------------------------------- */

static void start_sleepers(const struct child *child)
{
    struct vcpu_guest_context *context = child_context(child);
    foreign_map(SLOT, child->id, child->frames[PAGE_PLAIN], PTE_READ_WRITE);
    memcpy(slot_address(SLOT), (const void *)(uintptr_t)program_sleeper, PAGE_SIZE);
    foreign_map(SLOT, child->id, child->frames[PAGE_PLAIN], 0);
    context->user_regs.rip = child_address(PAGE_PLAIN);
    context->user_regs.rdi = (uint64_t)(system_time() + 20 * MILLISECOND);
    for (unsigned int id = 1; id < VCPUS; id++) {
        struct xen_domctl op;
        memset(&op, 0, sizeof(op));
        op.u.vcpucontext.vcpu = id;
        context->user_regs.rsp = child_address(PAGE_PLAIN + 1) + id * 128;
        set_xen_guest_handle_raw(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)(uint64_t)context);
        EXPECT_RESULT(domctl(XEN_DOMCTL_setvcpucontext, child->id, &op), 0);
    }
}

static void wait_for_sleepers(void)
{
    for (unsigned int i = 0; i < 30; i++) {
        let_time_pass();
    }
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void reach_all_limits(struct child *child, const void *granted)
{
    struct xen_domctl create = create_record();
    create.u.createdomain.max_vcpus = VCPUS;
    create.u.createdomain.max_grant_frames = GRANT_FRAMES;
    create.u.createdomain.max_maptrack_frames = 1024;
    child_build_from(child, &create, 0, STEP_CONTEXT);
    start_sleepers(child);
    fill_frames(child);
    fill_grant_table(child);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_unpausedomain, child->id), 0);
    grant_ours(child->id, granted, GTF_permit_access);
    let_it_map_ours(child);
    wait_for_sleepers();
    EXPECT_RESULT(foreign_map(0, child->id, mfn_make(0), 0), 0);
}

TEST(domain_at_all_limits_leaves_nothing)
{
    test_needs_first_domain();
    destroy_all();
    EXPECT(grant_table_open());
    const void *granted = page_alloc();
    uint64_t free_after_first = 0;
    for (unsigned int round = 0; round < 3; round++) {
        bool we_let_go_last = round != 1;
        struct child child;
        reach_all_limits(&child, granted);
        map_its_grants(&child);
        unsigned int ports = connect_all_ports(child.id);
        EXPECT(ports > PORTS - 64);
        if (!we_let_go_last) {
            unmap_its_grants(&child);
        }
        EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, child.id), 0);
        EXPECT(is_gone(child.id) != we_let_go_last);
        if (we_let_go_last) {
            unmap_its_grants(&child);
        }
        wait_until_gone(child.id);
        grant_ours(0, granted, 0);
        close_ports(ports);
        if (round == 0) { /* our own table of handles has grown */
            free_after_first = free_frames();
        }
        EXPECT_EQUAL(free_frames(), free_after_first);
    }
}
