/* SPDX-License-Identifier: BSD-2-Clause */
/* The audit of the frame table: each record against what was counted, and against itself. */
#include "core/audit_window.h"

/* No CPU may remember a frame in a part that its present one excludes. A table's stamp of its own
 * last use as such a table may be newer than the flush: a new use of the same kind needs none. */
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

/* Of a domain that has been taken down there are frames that others map, and its grant table while
 * they do. */
static void check_owner(const struct audit_window *window, mfn_t mfn, const struct frame *frame)
{
    const struct domain *owner = domain_find(frame->owner);
    if (owner == NULL) {
        audit_differ(window, mfn, "belongs to a domain that does not exist", 0, frame->owner);
    } else if (owner->is_torn_down && frame_class(frame) == FRAME_GUEST &&
               (frame->flags & (FRAME_ALLOCATED | FRAME_PINNED)) != 0) {
        audit_differ(window, mfn, "is held by a domain that has been taken down", 0, frame->flags);
    }
}

static bool is_marked_free(mfn_t mfn)
{
    return ((machine.free_bitmap[mfn.value / 64] >> (mfn.value % 64)) & 1) != 0;
}

void audit_compare_frame(const struct audit_window *window, mfn_t mfn)
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
    if (found->granted > 0) {
        audit_differ(window, mfn, "is mapped more often than it is granted", 0,
                     (uint64_t)(int64_t)found->granted);
    }
    if (is_marked_free(mfn) != (class == FRAME_FREE)) {
        audit_differ(window, mfn, "is free in one place only", is_marked_free(mfn), class);
    }
    if (class == FRAME_GUEST) {
        check_flags(window, mfn, frame);
    } else {
        check_no_guests(window, mfn, frame);
    }
    if (class == FRAME_GUEST || class == FRAME_SHARED) {
        check_owner(window, mfn, frame);
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

void audit_compare_totals(const struct audit_window *window)
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
