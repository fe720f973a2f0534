/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/mini/limits.h"

#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"

#include <xen/grant_table.h>

#define FIRST_DOMAIN       0U
#define GRANT_FRAMES_ASKED 64U
#define GRANTS_PER_FRAME   (PAGE_SIZE / sizeof(grant_entry_v1_t))

static uint64_t mfn_at(uint64_t pfn)
{
    return ((const uint64_t *)start_info->mfn_list)[pfn];
}

static uint64_t address_of(uint64_t pfn)
{
    return VIRT_BASE + pfn * PAGE_SIZE;
}

/* Behind the boot stack there is nothing yet. */
static uint64_t first_free_pfn(void)
{
    return (boot_state.rsp - VIRT_BASE + PAGE_SIZE - 1) / PAGE_SIZE;
}

/* ---- frames -------------------------------------------------------------------------------- */

static bool make_full_table(uint64_t pfn, uint64_t entry)
{
    uint64_t *table = (uint64_t *)address_of(pfn);
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        table[i] = entry;
    }
    mfn_t mfn = mfn_make(mfn_at(pfn));
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn.value};
    return hypercall_update_va_mapping(address_of(pfn), pte_make(mfn, PTE_READ_ONLY),
                                       UVMF_INVLPG) == 0 &&
           hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF) == 0;
}

uint64_t use_all_frames(void)
{
    uint64_t made = 0;
    uint64_t entry = pte_make(mfn_make(mfn_at(0)), PTE_READ_ONLY);
    for (uint64_t pfn = first_free_pfn(); pfn < start_info->nr_pages; pfn++) {
        made += make_full_table(pfn, entry) ? 1 : 0;
    }
    return made;
}

/* ---- grants -------------------------------------------------------------------------------- */

/* How many frames the table can have. */
static uint32_t grant_frame_limit(void)
{
    struct gnttab_query_size query = {.dom = DOMID_SELF};
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, pointer_value(&query), 1, 0, 0);
    return query.status == GNTST_okay && query.max_nr_frames < GRANT_FRAMES_ASKED
               ? query.max_nr_frames
               : GRANT_FRAMES_ASKED;
}

static void grant_one_frame(volatile grant_entry_v1_t *entry, uint64_t mfn)
{
    entry->domid = FIRST_DOMAIN;
    entry->frame = (uint32_t)mfn;
    __atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
}

uint64_t use_all_grants(void)
{
    static xen_pfn_t frames[GRANT_FRAMES_ASKED];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = grant_frame_limit()};
    set_xen_guest_handle_raw(setup.frame_list, frames);
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, pointer_value(&setup), 1, 0, 0);
    if (setup.status != GNTST_okay) {
        return 0;
    }
    uint64_t place = address_of(first_free_pfn());
    uint64_t made = 0;
    for (uint32_t frame = 0; frame < setup.nr_frames; frame++) {
        if (hypercall_update_va_mapping(place, pte_make(mfn_make(frames[frame]), PTE_READ_WRITE),
                                        UVMF_INVLPG) != 0) {
            return made;
        }
        for (size_t i = frame == 0 ? GNTTAB_NR_RESERVED_ENTRIES : 0; i < GRANTS_PER_FRAME; i++) {
            grant_one_frame((grant_entry_v1_t *)place + i, mfn_at(0));
            made++;
        }
    }
    hypercall_update_va_mapping(place, pte_make(mfn_make(mfn_at(first_free_pfn())), PTE_READ_WRITE),
                                UVMF_INVLPG);
    return made;
}

/* ---- ports --------------------------------------------------------------------------------- */

uint64_t use_all_ports(void)
{
    uint64_t made = 0;
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = FIRST_DOMAIN};
    while (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc) == 0) {
        made++;
    }
    return made;
}
