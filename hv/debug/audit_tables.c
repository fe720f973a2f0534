/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/port.h"
#include "hv/cpu/tables.h"
#include "hv/debug/audit_own.h"
#include "hv/mem/own_mappings.h"
#include "hv/mem/paging.h"
#include "hv/sched/sched.h"
#include "hv/sched/vcpu.h"
#include "lib/string.h"

#define WINDOW_TOTAL (1U + VCPU_TOTAL_LIMIT)

/* ---- descriptor windows -------------------------------------------------------------------- */

/* Of each window whose it is, if anybody's, and a bit for each page that is mapped. */
static struct {
    const struct hv_vcpu *vcpus[WINDOW_TOTAL];
    uint32_t shown[WINDOW_TOTAL];
    audit_own_fn report;
} windows;

static void find_windows(void)
{
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *domain = machine.domains[i];
        for (unsigned int id = 0; domain != NULL && id < VCPU_LIMIT; id++) {
            if (domain->vcpus[id] != NULL) {
                windows.vcpus[vcpu_window(domain->vcpus[id])] = hv_vcpu_of(domain->vcpus[id]);
            }
        }
    }
}

/* The frame of its own tables that the vCPU has for this page. */
static mfn_t guest_frame(const struct hv_vcpu *vcpu, unsigned int page)
{
    if (vcpu != NULL && page < GDT_PAGES) {
        return vcpu->core.gdt_frames[page];
    }
    if (vcpu != NULL && page >= WINDOW_GDT_PAGES) {
        return vcpu->core.ldt_frames[page - WINDOW_GDT_PAGES];
    }
    return MFN_INVALID;
}

/* What is to be mapped there; not present: nothing. */
static pte_t expected_entry(const struct hv_vcpu *vcpu, unsigned int page)
{
    mfn_t frame = guest_frame(vcpu, page);
    if (!mfn_equal(frame, MFN_INVALID)) {
        return pte_make(frame, WINDOW_FLAGS);
    }
    return page < WINDOW_GDT_PAGES ? pte_make(window_zero_page(), WINDOW_ZERO_FLAGS) : (pte_t){0};
}

/* The descriptors of the CPU that the vCPU was on last. */
static bool is_reserved_page(pte_t entry)
{
    for (unsigned int cpu = 0; cpu < CPU_LIMIT; cpu++) {
        mfn_t frame = window_reserved_page(cpu);
        if (!mfn_equal(frame, MFN_INVALID) && entry.raw == pte_make(frame, WINDOW_FLAGS).raw) {
            return true;
        }
    }
    return false;
}

static void check_window_page(const struct own_mapping *mapping, void *argument)
{
    (void)argument;
    uint64_t number = (mapping->address - WINDOW_BASE) >> PAGE_SHIFT;
    uint64_t index = number / WINDOW_PAGES;
    unsigned int page = (unsigned int)(number % WINDOW_PAGES);
    if (pte_index(4, mapping->address) != pte_index(4, WINDOW_BASE)) {
        return;
    }
    if (index >= WINDOW_TOTAL || mapping->level != 1) {
        windows.report(NULL, "a page is mapped beyond the descriptor windows", 0, mapping->address);
        return;
    }
    const struct hv_vcpu *vcpu = windows.vcpus[index];
    pte_t expected = expected_entry(vcpu, page);
    windows.shown[index] |= UINT32_C(1) << page;
    if (mapping->entry.raw != expected.raw &&
        !(page == WINDOW_RESERVED_PAGE && is_reserved_page(mapping->entry))) {
        windows.report(vcpu, "a page of its descriptor window is another", expected.raw,
                       mapping->entry.raw);
    }
}

static void check_nothing_is_missing(const struct hv_vcpu *vcpu, uint32_t shown)
{
    for (unsigned int page = 0; page < WINDOW_PAGES; page++) {
        pte_t expected = expected_entry(vcpu, page);
        if (pte_is_present(expected) && ((shown >> page) & 1) == 0) {
            windows.report(vcpu, "a page of its descriptor window is missing", expected.raw, page);
        }
    }
}

static void check_windows(audit_own_fn report)
{
    memset(&windows, 0, sizeof(windows));
    windows.report = report;
    find_windows();
    own_visit(paging_root(), check_window_page, NULL);
    for (unsigned int i = 1; i < WINDOW_TOTAL; i++) {
        if (windows.vcpus[i] != NULL) {
            check_nothing_is_missing(windows.vcpus[i], windows.shown[i]);
        }
    }
}

/* ---- all the others ------------------------------------------------------------------------ */

/* The core's half of the audit compares each guest's L4 with these entries. */
static void check_slots(audit_own_fn report)
{
    const pte_t *own = port_map_frame(paging_root());
    for (unsigned int i = L4_HYPERVISOR_FIRST; i <= L4_HYPERVISOR_LAST; i++) {
        pte_t shown = machine.hypervisor_slots[i - L4_HYPERVISOR_FIRST];
        if (((own[i].raw ^ shown.raw) & ~PTE_ACCESSED) != 0) {
            report(NULL, "an L4 entry for guests is not the hypervisor's own", own[i].raw,
                   shown.raw);
        }
    }
}

void audit_own_tables(audit_own_fn report)
{
    unsigned int wrong = own_count_wrong(paging_root());
    if (wrong != 0) {
        report(NULL, "pages are writable and executable, or open to guests", 0, wrong);
    }
    uint64_t digest = own_digest(paging_root());
    if (digest != paging_sealed_digest()) {
        report(NULL, "the hypervisor's own mappings have changed", paging_sealed_digest(), digest);
    }
    check_slots(report);
    check_windows(report);
}
