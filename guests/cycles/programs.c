/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/cycles/programs.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#include <xen/grant_table.h>

/* Copied as a whole: nothing is called, and no table of the compiler's is used. */
#define PROGRAM                                                                                    \
    __attribute__((flatten, section(".text.programs"), aligned(4096),                              \
                   optimize("no-jump-tables", "no-tree-loop-distribute-patterns")))

#define BATCH_COUNT (PAGE_SIZE / sizeof(mmu_update_t))

/* What a program knows. */
struct program {
    volatile struct mailbox *mailbox;
    const uint64_t *frames; /* MFNs */
    uint64_t random;
    uint64_t changed_mfn; /* of PAGE_CHANGED; 0: given back */
    grant_handle_t handle;
    bool is_mapped; /* the grant, at PAGE_WINDOW */
};

static inline uint64_t random_below(struct program *program, uint64_t limit)
{
    program->random =
        program->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (program->random >> 33) % limit;
}

static inline int64_t set_mapping(unsigned int page, uint64_t mfn, uint64_t flags)
{
    return hypercall_update_va_mapping(
        child_address(page), flags != 0 ? pte_make(mfn_make(mfn), flags) : 0, UVMF_INVLPG);
}

/* ---- calls of a victim --------------------------------------------------------------------- */

static inline void use_as_table(const struct program *program)
{
    uint64_t mfn = program->frames[PAGE_TABLE];
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn};
    uint64_t *table = (uint64_t *)child_address(PAGE_TABLE);
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
        table[i] = pte_make(mfn_make(program->frames[PAGE_CODE]), PTE_READ_ONLY);
    }
    set_mapping(PAGE_TABLE, mfn, PTE_READ_ONLY);
    hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
    op.cmd = MMUEXT_UNPIN_TABLE;
    hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
    set_mapping(PAGE_TABLE, mfn, PTE_READ_WRITE);
}

/* The entry of PAGE_CHANGED, again and again in one call. */
static inline void change_mappings(const struct program *program)
{
    mmu_update_t *updates = (mmu_update_t *)child_address(PAGE_BATCH);
    uint64_t entry = (program->frames[PAGE_L1] << PAGE_SHIFT) + PAGE_CHANGED * sizeof(uint64_t);
    if (program->changed_mfn == 0) {
        return;
    }
    for (unsigned int i = 0; i < BATCH_COUNT; i++) {
        updates[i].ptr = entry | MMU_NORMAL_PT_UPDATE;
        updates[i].val =
            pte_make(mfn_make(program->changed_mfn), i % 2 == 0 ? PTE_READ_ONLY : PTE_READ_WRITE);
    }
    hypercall_mmu_update(updates, BATCH_COUNT, NULL, DOMID_SELF);
}

static inline void change_frames(struct program *program)
{
    uint64_t mfn = program->changed_mfn != 0 ? program->changed_mfn : PAGE_CHANGED;
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle_raw(reservation.extent_start, &mfn);
    if (program->changed_mfn != 0) {
        set_mapping(PAGE_CHANGED, 0, 0);
        if (hypercall_memory_op(XENMEM_decrease_reservation, &reservation) == 1) {
            program->changed_mfn = 0;
        }
    } else if (hypercall_memory_op(XENMEM_populate_physmap, &reservation) == 1) {
        program->changed_mfn = mfn;
        set_mapping(PAGE_CHANGED, mfn, PTE_READ_WRITE);
    }
}

static inline void use_grant(struct program *program)
{
    if (program->is_mapped) {
        struct gnttab_unmap_grant_ref unmap = {.host_addr = child_address(PAGE_WINDOW),
                                               .handle = program->handle};
        hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, pointer_value(&unmap), 1,
                  0, 0);
        program->is_mapped = false;
        return;
    }
    struct gnttab_map_grant_ref map = {
        .host_addr = child_address(PAGE_WINDOW),
        .flags = GNTMAP_host_map,
        .ref = (grant_ref_t)program->mailbox->argument[ARGUMENT_GRANT],
        .dom = 0,
    };
    set_mapping(PAGE_WINDOW, 0, 0);
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, pointer_value(&map), 1, 0, 0);
    program->is_mapped = map.status == GNTST_okay;
    program->handle = map.handle;
}

static inline void use_port(struct program *program)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = 0};
    int64_t result = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
    if (result == 0 && random_below(program, 2) == 0) {
        struct evtchn_close close = {.port = alloc.port};
        hypercall_event_channel_op(EVTCHNOP_close, &close);
    }
    struct evtchn_send send = {.port = (evtchn_port_t)program->mailbox->argument[ARGUMENT_PORT]};
    hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static inline void sleep_a_little(void)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = 1}; /* long ago */
    hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
    struct sched_poll poll = {.timeout = 1};
    hypercall_sched_op(SCHEDOP_poll, &poll);
}

static inline void end_itself(struct program *program)
{
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_reboot};
    if (random_below(program, 2) == 0) {
        __asm__ volatile("ud2");
    }
    hypercall_sched_op(SCHEDOP_shutdown, &shutdown);
}

static inline struct program program_begin(volatile struct mailbox *mailbox)
{
    struct program program;
    program.mailbox = mailbox;
    program.frames = (const uint64_t *)mailbox->argument[ARGUMENT_FRAMES];
    program.random = mailbox->argument[ARGUMENT_SEED];
    program.changed_mfn = program.frames[PAGE_CHANGED];
    program.handle = 0;
    program.is_mapped = false;
    return program;
}

PROGRAM void program_victim(volatile struct mailbox *mailbox)
{
    struct program program = program_begin(mailbox);
    for (;;) {
        mailbox->done++;
        uint64_t what = random_below(&program, 64);
        if (what < 12) {
            use_as_table(&program);
        } else if (what < 24) {
            change_mappings(&program);
        } else if (what < 36) {
            change_frames(&program);
        } else if (what < 48) {
            use_grant(&program);
        } else if (what < 58) {
            use_port(&program);
        } else if (what < 63) {
            sleep_a_little();
        } else if (random_below(&program, 8) == 0) {
            end_itself(&program);
        }
    }
}

/* ---- a survivor ---------------------------------------------------------------------------- */

PROGRAM void program_survivor(volatile struct mailbox *mailbox)
{
    struct program program = program_begin(mailbox);
    struct evtchn_send send = {.port = (evtchn_port_t)mailbox->argument[ARGUMENT_PORT]};
    set_mapping(PAGE_WINDOW, mailbox->argument[ARGUMENT_SHARED], PTE_READ_WRITE);
    shared_info_t *shared = (shared_info_t *)child_address(PAGE_WINDOW);
    uint64_t bit = UINT64_C(1) << send.port;
    for (;;) {
        if ((__atomic_fetch_and(&shared->evtchn_pending[0], ~bit, __ATOMIC_SEQ_CST) & bit) != 0) {
            mailbox->done++;
            hypercall_event_channel_op(EVTCHNOP_send, &send);
        }
        change_mappings(&program);
    }
}

PROGRAM void program_sleeper(uint64_t end)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = end};
    hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
    for (struct sched_poll poll = {.timeout = end};; poll.timeout = 0) {
        hypercall_sched_op(SCHEDOP_poll, &poll);
    }
}

/* ---- starting them ------------------------------------------------------------------------- */

void program_load(struct child *child, size_t slot, void (*program)(volatile struct mailbox *))
{
    struct xen_domctl create = create_record();
    child_build_from(child, &create, slot, STEP_PIN);
    void *code = slot_address(slot + 1);
    EXPECT_RESULT(foreign_map(slot + 1, child->id, child->frames[PAGE_CODE], PTE_READ_WRITE), 0);
    memcpy(code, (const void *)(uintptr_t)program, PAGE_SIZE);
    EXPECT_RESULT(foreign_map(slot + 1, child->id, child->frames[PAGE_CODE], 0), 0);
    struct vcpu_guest_context *context = child_context(child);
    context->user_regs.rdi = CHILD_VA + CHILD_MAILBOX;
    context->user_regs.rsp = child_address(PAGE_STACK) + PAGE_SIZE - sizeof(uint64_t);
    EXPECT_RESULT(child_set_context(child, context), 0);
}

void program_start(struct child *child, const uint64_t arguments[5])
{
    for (unsigned int i = 0; i < 5; i++) {
        child->mailbox->argument[i] = arguments[i];
    }
    child->mailbox->argument[ARGUMENT_FRAMES] =
        child_record(child, child->frames, sizeof(child->frames));
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_unpausedomain, child->id), 0);
}
