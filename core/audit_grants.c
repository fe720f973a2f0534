/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit of grant tables: each use that a handle names is one pin, and each pin is such a use.
 * Marks in the entries are not looked at: the guest can write them, and they decide nothing.
 */
#include "core/audit_window.h"
#include "core/grant_table.h"
#include "lib/string.h"

typedef void (*handle_fn)(const struct audit_window *window, const struct domain *mapper,
                          const struct grant_handle *handle, void *argument);

static void for_each_handle(const struct audit_window *window, const struct domain *mapper,
                            handle_fn visit, void *argument)
{
    uint32_t count = grant_handle_count(mapper->grants);
    for (uint32_t first = 0; first < count; first += GRANT_HANDLES_PER_FRAME) {
        const struct grant_handle *handles = grant_handle_at(mapper->grants, first);
        for (uint32_t i = 0; i < GRANT_HANDLES_PER_FRAME; i++) {
            if (handles[i].uses != 0) {
                visit(window, mapper, &handles[i], argument);
            }
        }
    }
}

/* Of all domains. */
static void for_every_handle(const struct audit_window *window, handle_fn visit, void *argument)
{
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *mapper = machine.domains[i];
        if (mapper != NULL && mapper->grants != NULL) {
            for_each_handle(window, mapper, visit, argument);
        }
    }
}

/* The entry that a handle names; NULL: there is none. */
static const struct grant_active *find_active(const struct grant_handle *handle)
{
    const struct domain *granter = domain_find(handle->granter);
    if (granter == NULL || granter->grants == NULL ||
        handle->ref >= grant_entry_count(granter->grants)) {
        return NULL;
    }
    return grant_active(granter->grants, handle->ref);
}

bool audit_needs_grant(const struct domain *mapper, const struct domain *owner)
{
    return !domain_may_target(mapper, owner) && !owner->is_control && owner != &domain_xen &&
           !mapper->is_dying;
}

bool audit_is_granted(const struct domain *mapper, const struct domain *granter, mfn_t mfn,
                      bool writable)
{
    const struct grant_table *table = mapper->grants;
    for (uint32_t i = 0; table != NULL && i < grant_handle_count(table); i++) {
        const struct grant_handle *handle = grant_handle_at(table, i);
        unsigned int use = writable ? GRANT_HOST_WRITE : GRANT_HOST_READ;
        const struct grant_active *active = (handle->uses & use) != 0 ? find_active(handle) : NULL;
        if (active != NULL && handle->granter == granter->id && mfn_equal(active->mfn, mfn)) {
            return true;
        }
    }
    return false;
}

/* ---- references ---------------------------------------------------------------------------- */

static void count_handle(const struct audit_window *window, const struct domain *mapper,
                         const struct grant_handle *handle, void *argument)
{
    (void)argument;
    const struct grant_active *active = find_active(handle);
    if (active == NULL) {
        return; /* which check_handle() tells */
    }
    if ((handle->uses & GRANT_DEVICE) != 0) {
        audit_count(window, active->mfn, (handle->uses & GRANT_WRITE) != 0);
    }
    if ((handle->uses & GRANT_HOST) != 0 &&
        audit_needs_grant(mapper, domain_find(handle->granter))) {
        audit_count_granted(window, active->mfn, -1);
    }
}

void audit_count_grants(const struct audit_window *window, const struct domain *domain)
{
    if (domain->grants != NULL) {
        for_each_handle(window, domain, count_handle, NULL);
    }
}

/* ---- pins ---------------------------------------------------------------------------------- */

/* Handles are counted for the entries [first, first + count) of one table: in one audit_count each,
 * host uses in the lower halves of its words and device uses in the upper ones. */
struct entries {
    uint16_t granter;
    uint32_t first;
    uint32_t count;
};
#define DEVICE_USE (UINT32_C(1) << 16)

static void count_uses(const struct audit_window *window, const struct domain *mapper,
                       const struct grant_handle *handle, void *argument)
{
    (void)mapper;
    const struct entries *entries = argument;
    if (handle->granter == entries->granter && handle->ref - entries->first < entries->count) {
        struct audit_count *found = &window->counts[handle->ref - entries->first];
        found->references += (handle->uses & GRANT_HOST_READ) != 0 ? 1 : 0;
        found->references += (handle->uses & GRANT_DEVICE_READ) != 0 ? DEVICE_USE : 0;
        found->types += (handle->uses & GRANT_HOST_WRITE) != 0 ? 1 : 0;
        found->types += (handle->uses & GRANT_DEVICE_WRITE) != 0 ? DEVICE_USE : 0;
    }
}

static void compare_pins(const struct audit_window *window, const struct grant_active *active,
                         const struct audit_count *found)
{
    uint32_t reads = active->pins[0] + active->pins[2] * DEVICE_USE;
    uint32_t writes = active->pins[1] + active->pins[3] * DEVICE_USE;
    if (found->references != reads || found->types != writes) {
        audit_differ(window, active->mfn,
                     "is granted and has pins without handles, or handles "
                     "without pins",
                     found->references + found->types, reads + writes);
    }
}

/* Where `is_named` is false, no handle names any of the table: then there are no pins. */
static void compare_entries(const struct audit_window *window, const struct domain *granter,
                            struct entries *entries, bool is_named)
{
    memset(window->counts, 0, entries->count * sizeof(window->counts[0]));
    if (is_named) {
        for_every_handle(window, count_uses, entries);
    }
    const struct grant_active *active = NULL;
    for (uint32_t i = 0; i < entries->count; i++) {
        uint32_t ref = entries->first + i;
        bool begins_frame = i == 0 || ref % GRANT_ACTIVE_PER_FRAME == 0;
        active = begins_frame ? grant_active(granter->grants, ref) : active + 1;
        compare_pins(window, active, &window->counts[i]);
    }
}

/* ---- handles ------------------------------------------------------------------------------- */

static void check_handle(const struct audit_window *window, const struct domain *mapper,
                         const struct grant_handle *handle, void *argument)
{
    uint32_t *used = argument;
    (*used)++;
    const struct grant_active *active = find_active(handle);
    if (active == NULL) {
        audit_differ(window, MFN_INVALID, "a handle names no entry", handle->granter, handle->ref);
        return;
    }
    if (active->mapper != mapper->id) {
        audit_differ(window, active->mfn, "is mapped by another domain than it is granted to",
                     active->mapper, mapper->id);
    }
}

/* Those on the list, which the handles of one frame mostly follow one another in. */
static uint32_t count_free_handles(const struct grant_table *table)
{
    uint32_t end = grant_handle_count(table);
    uint32_t listed = 0;
    uint32_t base = GRANT_HANDLE_NONE; /* of the frame that `handles` is */
    const struct grant_handle *handles = NULL;
    for (uint32_t i = table->free_handle; i < end && listed <= end;) {
        if (i - i % GRANT_HANDLES_PER_FRAME != base) {
            base = i - i % (uint32_t)GRANT_HANDLES_PER_FRAME;
            handles = grant_handle_at(table, base);
        }
        const struct grant_handle *handle = &handles[i - base];
        if (handle->uses != 0) {
            break; /* as one that is missing, it makes the sum wrong */
        }
        listed++;
        i = handle->ref;
    }
    return listed;
}

/* Each handle is used or on the list of free ones, once. */
static void check_handles(const struct audit_window *window, const struct domain *mapper)
{
    const struct grant_table *table = mapper->grants;
    uint32_t used = 0;
    for_each_handle(window, mapper, check_handle, &used);
    uint32_t listed = count_free_handles(table);
    if (used + listed != grant_handle_count(table)) {
        audit_differ(window, MFN_INVALID, "handles of a domain", used + listed,
                     grant_handle_count(table));
    }
}

struct names {
    uint16_t granter;
    uint32_t count;
};

static void count_name(const struct audit_window *window, const struct domain *mapper,
                       const struct grant_handle *handle, void *argument)
{
    (void)window;
    (void)mapper;
    struct names *names = argument;
    names->count += handle->granter == names->granter ? 1 : 0;
}

void audit_compare_grants(const struct audit_window *window, uint64_t room)
{
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *domain = machine.domains[i];
        if (domain == NULL || domain->grants == NULL) {
            continue;
        }
        check_handles(window, domain);
        struct names names = {.granter = domain->id};
        for_every_handle(window, count_name, &names);
        if (names.count != domain->grants->use_count) {
            audit_differ(window, MFN_INVALID, "handles that name a domain's grants", names.count,
                         domain->grants->use_count);
        }
        struct entries entries = {.granter = domain->id};
        uint32_t end = grant_entry_count(domain->grants);
        for (; entries.first < end; entries.first += entries.count) {
            entries.count = (uint32_t)min_u64(room, end - entries.first);
            compare_entries(window, domain, &entries, names.count > 0);
        }
    }
}
