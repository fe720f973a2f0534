/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/audit_window.h"

#include "core/descriptors.h"
#include "core/port.h"
#include "core/pte_decide.h"
#include "core/tlb.h"
#include "lib/string.h"

void audit_differ(const struct audit_window *window, mfn_t mfn, const char *rule, uint64_t counted,
                  uint64_t recorded)
{
    window->result->differences++;
    window->report(mfn, rule, counted, recorded);
}

/* What is counted of the frame in this round; NULL: it is another round's. */
static struct audit_count *find_count(const struct audit_window *window, mfn_t mfn)
{
    bool here = mfn.value >= window->first && mfn.value - window->first < window->count;
    return here ? &window->counts[mfn.value - window->first] : NULL;
}

void audit_count(const struct audit_window *window, mfn_t mfn, bool typed)
{
    struct audit_count *found = find_count(window, mfn);
    if (found != NULL) {
        found->references++;
        found->types += typed ? 1 : 0;
        window->result->references++;
    }
}

void audit_count_granted(const struct audit_window *window, mfn_t mfn, int32_t change)
{
    struct audit_count *found = find_count(window, mfn);
    if (found != NULL) {
        found->granted += change;
    }
}

/* An entry names a table of its own level: +1 for the table it is in, -1 for the one it names. */
static void link(const struct audit_window *window, mfn_t mfn, int32_t change)
{
    struct audit_count *found = find_count(window, mfn);
    if (found != NULL) {
        found->same_level += change;
    }
}

static void count_use(const struct audit_window *window, mfn_t mfn)
{
    if (!mfn_equal(mfn, MFN_INVALID)) {
        audit_count(window, mfn, true);
    }
}

/* ---- page tables --------------------------------------------------------------------------- */

/* The frame that an entry of `table` names as a table is one, and checked; but for the one that a
 * walk has begun to release before the table above it. */
static void check_child(const struct audit_window *window, const struct frame *table,
                        const struct frame *child, unsigned int level)
{
    bool is_being_released = frame_is_half(table) && frame_is_half(child);
    if (child->type != FRAME_L1 + level - 2) {
        audit_differ(window, frame_mfn(child), "is used as a table of another level", level - 1,
                     child->type);
    } else if (!frame_is_validated(child) && !is_being_released) {
        audit_differ(window, frame_mfn(child), "is used as a table and not validated", level - 1,
                     child->flags);
    }
}

/* Whose frame an L1 entry in a table of `owner` names; of other entries, the table's owner. */
static const struct domain *page_owner_of(const struct domain *owner, unsigned int level,
                                          const struct frame *frame)
{
    if (level != 1 || frame == NULL || frame->owner == owner->id) {
        return owner;
    }
    const struct domain *found =
        frame->owner == DOMID_XEN ? &domain_xen : domain_find(frame->owner);
    return found == NULL ? owner : found;
}

/* An entry must be one that would be accepted, as it stands, today; and a writable or table entry
 * must name a frame of that type. Checked once, in the round that has the table itself. */
static void check_entry(const struct audit_window *window, mfn_t table, const struct domain *owner,
                        unsigned int level, pte_t pte, enum pte_hold hold)
{
    const struct frame *frame = frame_find(pte_mfn(pte));
    const struct domain *page_owner = page_owner_of(owner, level, frame);
    struct pte_owners owners = {.table = owner, .page = page_owner, .io = owner};
    struct pte_decision decision = pte_decide(&owners, level, frame_find(table), (pte_t){0}, pte);
    if (decision.status != STATUS_OK || decision.store.raw != pte.raw) {
        audit_differ(window, table, "has an entry that would be refused or changed",
                     decision.store.raw, pte.raw);
        return;
    }
    if (decision.take == PTE_HOLD_WRITABLE && decision.new_frame->type != FRAME_WRITABLE) {
        audit_differ(window, pte_mfn(pte), "is mapped writable while it is of another type",
                     table.value, decision.new_frame->type);
    }
    if (hold == PTE_HOLD_TABLE) {
        check_child(window, frame_find(table), frame, level);
    }
    if (decision.new_frame != NULL && audit_needs_grant(owner, page_owner) &&
        !audit_is_granted(owner, page_owner, pte_mfn(pte), pte_is_writable(pte))) {
        audit_differ(window, pte_mfn(pte), "is mapped by a domain that it is not granted to",
                     page_owner->id, owner->id);
    }
}

static void check_hypervisor_slots(const struct audit_window *window, mfn_t mfn, const pte_t *table)
{
    for (unsigned int i = L4_HYPERVISOR_FIRST; i <= L4_HYPERVISOR_LAST; i++) {
        pte_t expected = machine.hypervisor_slots[i - L4_HYPERVISOR_FIRST];
        bool may_be_empty = i == L4_M2P_SLOT;
        /* The processor sets A in the hypervisor's entries. */
        uint64_t found = table[i].raw & ~PTE_ACCESSED;
        if (found != (expected.raw & ~PTE_ACCESSED) && !(may_be_empty && found == 0)) {
            audit_differ(window, mfn, "is an L4 with a wrong hypervisor slot", expected.raw,
                         table[i].raw);
        }
    }
}

static void count_table(const struct audit_window *window, const struct frame *frame, bool check)
{
    mfn_t mfn = frame_mfn(frame);
    unsigned int level = (unsigned int)frame->type - FRAME_L1 + 1;
    unsigned int limit = frame_is_half(frame) ? frame->progress : PTE_COUNT;
    const struct domain *owner = domain_find(frame->owner);
    const pte_t *table = port_map_frame(mfn);
    for (unsigned int i = 0; i < limit; i++) {
        pte_t pte = pte_read(&table[i]);
        if (!pte_is_present(pte) || pte_slot_is_hypervisor(level, i)) {
            continue;
        }
        struct frame *target;
        enum pte_hold hold = pte_hold(level, frame, pte, &target);
        if (hold != PTE_HOLD_NOTHING) {
            audit_count(window, pte_mfn(pte), hold != PTE_HOLD_REFERENCE);
        }
        if (owner != NULL && hold != PTE_HOLD_NOTHING &&
            audit_needs_grant(owner, page_owner_of(owner, level, target))) {
            audit_count_granted(window, pte_mfn(pte), 1);
        }
        if (hold == PTE_HOLD_SAME_LEVEL) {
            link(window, mfn, 1);
            link(window, pte_mfn(pte), -1);
        }
        if (check && owner != NULL) {
            check_entry(window, mfn, owner, level, pte, hold);
        }
    }
    if (check && level == 4 && frame_is_validated(frame)) {
        check_hypervisor_slots(window, mfn, table);
    }
}

static void check_descriptors(const struct audit_window *window, mfn_t mfn)
{
    const uint64_t *table = port_map_frame(mfn);
    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(uint64_t); i++) {
        uint64_t descriptor = table[i];
        if (!descriptor_check(&descriptor) || descriptor != table[i]) {
            audit_differ(window, mfn, "has a descriptor that would be refused", descriptor,
                         table[i]);
        }
    }
}

/* ---- everything else that refers to frames ------------------------------------------------- */

static void count_frame(const struct audit_window *window, const struct frame *frame)
{
    mfn_t mfn = frame_mfn(frame);
    bool here = find_count(window, mfn) != NULL;
    if ((frame->flags & FRAME_ALLOCATED) != 0) {
        audit_count(window, mfn, frame_class(frame) == FRAME_SHARED);
    }
    if (frame_class(frame) == FRAME_SHARED_READ_ONLY) {
        audit_count(window, mfn, false);
    }
    if (frame_is_pinned(frame)) {
        audit_count(window, mfn, true);
    }
    if (frame->type_count > 0 && frame_type_is_table(frame_type(frame)) &&
        (frame_is_validated(frame) || frame_is_half(frame))) {
        count_table(window, frame, here);
    }
    if (here && frame->type_count > 0 && frame->type == FRAME_DESCRIPTORS) {
        check_descriptors(window, mfn);
    }
}

static void count_vcpu(const struct audit_window *window, const struct vcpu *vcpu)
{
    count_use(window, vcpu->kernel_base);
    count_use(window, vcpu->user_base);
    count_use(window, vcpu->info_frame);
    for (unsigned int i = 0; i < GDT_PAGES; i++) {
        count_use(window, vcpu->gdt_frames[i]);
    }
    for (unsigned int i = 0; i < LDT_PAGES; i++) {
        count_use(window, vcpu->ldt_frames[i]);
    }
    unsigned int held = vcpu->walk.mode == PT_WALK_VALIDATE ? vcpu->walk.depth : vcpu->walk.claimed;
    for (unsigned int i = 0; i < held && i < vcpu->walk.depth; i++) {
        count_use(window, vcpu->walk.stack[i]);
    }
    for (unsigned int i = 0; i < vcpu->foreign_drop_count; i++) {
        audit_count(window, vcpu->foreign_drops[i].mfn, vcpu->foreign_drops[i].writable);
    }
}

static void count_all(const struct audit_window *window)
{
    for (uint64_t i = 0; i < machine.frame_count; i++) {
        if (machine.frames[i].ref_count > 0) {
            count_frame(window, &machine.frames[i]);
        }
    }
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *domain = machine.domains[i];
        if (domain != NULL) {
            count_use(window, domain->console_frame);
        }
        for (unsigned int j = 0; domain != NULL && j < domain->vcpu_count; j++) {
            if (domain->vcpus[j] != NULL) {
                count_vcpu(window, domain->vcpus[j]);
            }
        }
        if (domain != NULL) {
            audit_count_grants(window, domain);
        }
    }
}

struct audit_result audit_run(struct audit_count scratch[], uint64_t scratch_count,
                              audit_report_fn report)
{
    struct audit_result result = {.frames = machine.frame_count};
    struct audit_window window = {.counts = scratch, .report = report, .result = &result};
    for (; window.first < machine.frame_count; window.first += window.count) {
        window.count = min_u64(scratch_count, machine.frame_count - window.first);
        memset(scratch, 0, window.count * sizeof(scratch[0]));
        count_all(&window);
        for (uint64_t i = 0; i < window.count; i++) {
            audit_compare_frame(&window, mfn_make(window.first + i));
        }
    }
    audit_compare_totals(&window);
    audit_check_uses(&window);
    audit_compare_grants(&window, scratch_count);
    return result;
}
