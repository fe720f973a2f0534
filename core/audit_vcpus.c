/* SPDX-License-Identifier: BSD-2-Clause */
/* The audit of what vCPUs and domains use directly: each such frame is the domain's, and what it is
 * used as. That each use is counted once, the counts of all references show. And no call is under
 * way: no lock is held, and nothing waits to be dropped. */
#include "core/audit_window.h"

static void check_use(const struct audit_window *window, const struct domain *domain, mfn_t mfn,
                      enum frame_type type, const char *rule)
{
    const struct frame *frame = frame_find(mfn);
    if (mfn_equal(mfn, MFN_INVALID)) {
        return;
    }
    bool must_be_checked = type != FRAME_WRITABLE;
    if (frame == NULL || frame->owner != domain->id || frame->type != type ||
        frame->type_count == 0 || (must_be_checked && !frame_is_validated(frame))) {
        audit_differ(window, mfn, rule, type, frame == NULL ? FRAME_NONE : frame->type);
    }
    if (domain->is_torn_down) {
        audit_differ(window, mfn, "is used by a domain that has been taken down", 0, domain->id);
    }
}

static void check_window(const struct audit_window *window, const struct domain *domain,
                         const mfn_t frames[], unsigned int count, uint64_t entries)
{
    for (unsigned int i = 0; i < count; i++) {
        check_use(window, domain, frames[i], FRAME_DESCRIPTORS,
                  "is a vCPU's descriptor table and is none");
        if (i >= pages_of(entries * sizeof(uint64_t)) && !mfn_equal(frames[i], MFN_INVALID)) {
            audit_differ(window, frames[i], "is beyond the end of a vCPU's descriptor table",
                         entries, i);
        }
    }
}

static void check_vcpu(const struct audit_window *window, const struct vcpu *vcpu)
{
    const struct domain *domain = vcpu->domain;
    check_use(window, domain, vcpu->kernel_base, FRAME_L4, "is a vCPU's base and no L4");
    check_use(window, domain, vcpu->user_base, FRAME_L4, "is a vCPU's base and no L4");
    check_use(window, domain, vcpu->info_frame, FRAME_WRITABLE, "is a vcpu_info and not writable");
    check_window(window, domain, vcpu->gdt_frames, GDT_PAGES, vcpu->gdt_entries);
    check_window(window, domain, vcpu->ldt_frames, LDT_PAGES, vcpu->ldt_entries);
    if (vcpu->foreign_drop_count != 0) {
        audit_differ(window, vcpu->foreign_drops[0].mfn,
                     "waits to be dropped, and no call is under way", 0, vcpu->foreign_drop_count);
    }
}

static void check_lock(const struct audit_window *window, const struct ticket_lock *lock,
                       const char *rule, uint64_t domain)
{
    if (ticket_lock_is_taken(lock)) {
        audit_differ(window, MFN_INVALID, rule, 0, domain);
    }
}

void audit_check_uses(const struct audit_window *window)
{
    check_lock(window, &machine.alloc_lock, "the allocator is locked", 0);
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *domain = machine.domains[i];
        if (domain != NULL) {
            check_use(window, domain, domain->console_frame, FRAME_WRITABLE,
                      "is a console ring and not writable");
            check_lock(window, &domain->mmu_lock, "a domain's MMU is locked", domain->id);
        }
        for (unsigned int j = 0; domain != NULL && j < domain->vcpu_count; j++) {
            if (domain->vcpus[j] != NULL) {
                check_vcpu(window, domain->vcpus[j]);
            }
        }
    }
}
