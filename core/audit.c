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

void audit_count(const struct audit_window *window, mfn_t mfn, bool typed)
{
    if (mfn.value >= window->first && mfn.value - window->first < window->count) {
        struct audit_count *found = &window->counts[mfn.value - window->first];
        found->references++;
        found->types += typed ? 1 : 0;
        window->result->references++;
    }
}

/* An entry names a table of its own level: +1 for the table it is in, -1 for the one it names. */
static void link(const struct audit_window *window, mfn_t mfn, int32_t change)
{
    if (mfn.value >= window->first && mfn.value - window->first < window->count) {
        window->counts[mfn.value - window->first].same_level += change;
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

/* A control domain maps what it likes, and puts its own frames and the hypervisor's into the tables
 * of others; what else another one maps it has a grant for. The handles of a dying one go before
 * its tables. */
static bool may_map(const struct domain *mapper, const struct domain *owner,
                    const struct frame *frame, pte_t pte)
{
    return frame == NULL || domain_may_target(mapper, owner) || owner->is_control ||
           owner == &domain_xen || mapper->is_dying ||
           audit_is_granted(mapper, owner, frame_mfn(frame), pte_is_writable(pte));
}

/* An entry must be one that would be accepted, as it stands, today; and a writable or table entry
 * must name a frame of that type. Checked once, in the round that has the table itself. */
static void check_entry(const struct audit_window *window, mfn_t table, const struct domain *owner,
                        unsigned int level, pte_t pte, enum pte_hold hold)
{
    const struct frame *frame = frame_find(pte_mfn(pte));
    const struct domain *page_owner = owner;
    if (level == 1 && frame != NULL && frame->owner != owner->id) {
        page_owner = frame->owner == DOMID_XEN ? &domain_xen : domain_find(frame->owner);
        page_owner = page_owner == NULL ? owner : page_owner;
    }
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
    if (page_owner != owner && !may_map(owner, page_owner, decision.new_frame, pte)) {
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
    bool here = mfn.value >= window->first && mfn.value - window->first < window->count;
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

/* ---- comparing ----------------------------------------------------------------------------- */

/* No CPU may remember a frame in a part that its present one excludes. */
static void check_stamps(const struct audit_window *window, mfn_t mfn, const struct frame *frame)
{
    uint32_t stamp = frame->type == FRAME_WRITABLE ? frame->table_stamp : frame->writable_stamp;
    for (uint64_t left = machine.cpus_online; left != 0; left &= left - 1) {
        uint32_t flushed = machine.cpu_flushed[__builtin_ctzll(left)];
        if (frame->type_count > 0 && flushed <= stamp && stamp != UINT32_MAX) {
            audit_differ(window, mfn, "was not flushed since its last other use", flushed, stamp);
        }
    }
}

/* Is some vCPU's walk in the middle of the frame? */
static bool is_walked(mfn_t mfn)
{
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *domain = machine.domains[i];
        for (unsigned int j = 0; domain != NULL && j < domain->vcpu_count; j++) {
            const struct vcpu *vcpu = domain->vcpus[j];
            for (unsigned int k = 0; vcpu != NULL && k < vcpu->walk.depth; k++) {
                if (mfn_equal(vcpu->walk.stack[k], mfn)) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void check_flags(const struct audit_window *window, mfn_t mfn, const struct frame *frame)
{
    bool table = frame_type_is_table(frame_type(frame));
    bool checked = table || frame->type == FRAME_DESCRIPTORS;
    bool validated = frame_is_validated(frame);
    bool half = frame_is_half(frame);
    if (frame->type_count == 0 && (validated || half || frame_is_pinned(frame))) {
        audit_differ(window, mfn, "has no use but is validated, half or pinned", 0, frame->flags);
    }
    if (frame->type_count > 0 && checked && validated == half) {
        audit_differ(window, mfn, "must be either validated or half", 1, frame->flags);
    }
    if (half && (frame->type_count != 1 || !table)) {
        audit_differ(window, mfn, "is half done and has other uses", 1, frame->type_count);
    }
    if (half && !is_walked(mfn)) {
        audit_differ(window, mfn, "is half done and nobody works on it", 0, frame->progress);
    }
    if (frame_is_pinned(frame) && (!validated || !table)) {
        audit_differ(window, mfn, "is pinned and not a validated table", 1, frame->flags);
    }
    if (frame->type_count > 0 && frame->type == FRAME_NONE) {
        audit_differ(window, mfn, "has uses but no type", 0, frame->type_count);
    }
    check_stamps(window, mfn, frame);
}

/* What the hypervisor shares is never anything else, and what it does not share is nothing. */
static void check_no_guests(const struct audit_window *window, mfn_t mfn, const struct frame *frame)
{
    enum frame_class class = frame_class(frame);
    if ((class == FRAME_FREE || class == FRAME_HYPERVISOR) &&
        (frame->ref_count != 0 || frame->type != FRAME_NONE || frame->flags != class)) {
        audit_differ(window, mfn, "is nobody's and has a type, flags or references", class,
                     frame->flags);
    }
    enum frame_type type = class == FRAME_SHARED ? FRAME_WRITABLE : FRAME_NONE;
    if (frame->type != type || frame_is_half(frame) || frame_is_pinned(frame) ||
        frame_is_validated(frame)) {
        audit_differ(window, mfn, "is not a guest's and has a type of guests' frames", type,
                     frame->type);
    }
    if (machine.m2p[mfn.value] != M2P_INVALID) {
        audit_differ(window, mfn, "is no guest's RAM and has an M2P entry", M2P_INVALID,
                     machine.m2p[mfn.value]);
    }
}

static bool is_marked_free(mfn_t mfn)
{
    return ((machine.free_bitmap[mfn.value / 64] >> (mfn.value % 64)) & 1) != 0;
}

static void compare_frame(const struct audit_window *window, mfn_t mfn)
{
    const struct frame *frame = &machine.frames[mfn.value];
    const struct audit_count *found = &window->counts[mfn.value - window->first];
    enum frame_class class = frame_class(frame);
    if (class == FRAME_IO) {
        return;
    }
    if (found->references != frame->ref_count) {
        audit_differ(window, mfn, "has a wrong reference count", found->references,
                     frame->ref_count);
    }
    if (found->types != frame->type_count) {
        audit_differ(window, mfn, "has a wrong type count", found->types, frame->type_count);
    }
    if (found->same_level != frame->same_level) {
        audit_differ(window, mfn, "has a wrong count of entries of its own level",
                     (uint64_t)(int64_t)found->same_level, (uint64_t)(int64_t)frame->same_level);
    }
    if (is_marked_free(mfn) != (class == FRAME_FREE)) {
        audit_differ(window, mfn, "is free in one place only", is_marked_free(mfn), class);
    }
    if (class == FRAME_GUEST) {
        check_flags(window, mfn, frame);
    } else {
        check_no_guests(window, mfn, frame);
    }
    if ((class == FRAME_GUEST || class == FRAME_SHARED) && domain_find(frame->owner) == NULL) {
        audit_differ(window, mfn, "belongs to a domain that does not exist", 0, frame->owner);
    }
}

static uint64_t count_owned(const struct domain *domain, enum frame_class class)
{
    uint64_t owned = 0;
    for (uint64_t i = 0; i < machine.frame_count; i++) {
        const struct frame *frame = &machine.frames[i];
        owned += frame_class(frame) == class && frame->owner == domain->id ? 1 : 0;
    }
    return owned;
}

static void compare_domain(const struct audit_window *window, const struct domain *domain)
{
    uint64_t guest = count_owned(domain, FRAME_GUEST);
    if (guest != domain->page_count) {
        audit_differ(window, MFN_INVALID, "frames of a domain", guest, domain->page_count);
    }
    uint64_t shared = count_owned(domain, FRAME_SHARED);
    if (shared != domain->shared_count) {
        audit_differ(window, MFN_INVALID, "shared frames of a domain", shared,
                     domain->shared_count);
    }
}

/* Every domain's count of frames, and the number of free ones, against the frame table. */
static void compare_totals(const struct audit_window *window)
{
    uint64_t free_frames = 0;
    for (uint64_t i = 0; i < machine.frame_count; i++) {
        free_frames += frame_class(&machine.frames[i]) == FRAME_FREE ? 1 : 0;
    }
    if (free_frames != machine.free_count) {
        audit_differ(window, MFN_INVALID, "free frames", free_frames, machine.free_count);
    }
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *domain = machine.domains[i];
        if (domain != NULL) {
            compare_domain(window, domain);
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
            compare_frame(&window, mfn_make(window.first + i));
        }
    }
    compare_totals(&window);
    audit_check_uses(&window);
    audit_compare_grants(&window, scratch_count);
    return result;
}
