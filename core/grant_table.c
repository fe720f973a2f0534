/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a grant table: made with its domain, grown on request, ended with the last use. */
#include "core/grant_table.h"

#include "core/port.h"

grant_entry_v1_t *grant_entry(const struct grant_table *table, uint32_t ref)
{
    uint64_t index = index_nospec(ref, grant_entry_count(table));
    grant_entry_v1_t *entries =
        port_map_frame(table->frames[index / GRANT_ENTRIES_PER_FRAME].entries);
    return &entries[index % GRANT_ENTRIES_PER_FRAME];
}

struct grant_active *grant_active(const struct grant_table *table, uint32_t ref)
{
    uint64_t index = index_nospec(ref, grant_entry_count(table));
    uint64_t within = index % GRANT_ENTRIES_PER_FRAME;
    struct grant_active *active = port_map_frame(
        table->frames[index / GRANT_ENTRIES_PER_FRAME].active[within / GRANT_ACTIVE_PER_FRAME]);
    return &active[within % GRANT_ACTIVE_PER_FRAME];
}

/* Frames for active entries first: a frame that is shown to the guest is never taken back. */
static enum status take_active_frames(mfn_t frames[])
{
    for (unsigned int i = 0; i < GRANT_FRAMES_OF_ACTIVE; i++) {
        frames[i] = frame_take_hypervisor(0);
        if (mfn_equal(frames[i], MFN_INVALID)) {
            while (i > 0) {
                frame_free_hypervisor(frames[--i], 0);
            }
            return STATUS_NO_MEMORY;
        }
    }
    return STATUS_OK;
}

static void free_active_frames(const mfn_t frames[])
{
    for (unsigned int i = 0; i < GRANT_FRAMES_OF_ACTIVE; i++) {
        frame_free_hypervisor(frames[i], 0);
    }
}

static enum status add_frame(struct domain *domain)
{
    struct grant_table *table = domain->grants;
    mfn_t *active = table->frames[table->frame_count].active;
    enum status status = take_active_frames(active);
    if (status != STATUS_OK) {
        return status;
    }
    mfn_t entries = frame_alloc(0, 64);
    if (mfn_equal(entries, MFN_INVALID)) {
        free_active_frames(active);
        return STATUS_NO_MEMORY;
    }
    frame_make_shared(frame_find(entries), domain);
    table->frames[table->frame_count].entries = entries;
    table->frame_count++;
    return STATUS_OK;
}

/* Grow to `count` frames, by one at most. The domain's lock is held. */
static enum status grow_by_one(struct domain *domain, uint64_t count)
{
    const struct grant_table *table = domain->grants;
    if (count > table->frame_limit || domain->is_dying) {
        return STATUS_GRANT_TABLE_LIMIT;
    }
    return table->frame_count < count ? add_frame(domain) : STATUS_OK;
}

enum status grant_table_reach(struct domain *domain, uint64_t count)
{
    enum status status;
    bool is_there;
    do {
        struct mmu_locked locked = domain_mmu_lock(domain);
        status = grow_by_one(domain, count);
        is_there = domain->grants->frame_count >= count;
        domain_mmu_unlock(locked);
    } while (status == STATUS_OK && !is_there);
    return status;
}

enum status grant_table_create(struct domain *domain, unsigned int frame_limit,
                               unsigned int maptrack_frame_limit)
{
    if (frame_limit == 0 || frame_limit > GRANT_FRAMES_MAX || maptrack_frame_limit == 0 ||
        maptrack_frame_limit > MAPTRACK_FRAMES_MAX) {
        return STATUS_GRANT_TABLE_SIZE;
    }
    mfn_t record = frame_take_hypervisor(0);
    if (mfn_equal(record, MFN_INVALID)) {
        return STATUS_NO_MEMORY;
    }
    struct mmu_locked locked = domain_mmu_lock(domain);
    struct grant_table *table = port_map_frame(record);
    table->record = record;
    table->frame_limit = frame_limit;
    table->handle_frame_limit = maptrack_frame_limit;
    table->free_handle = GRANT_HANDLE_NONE;
    domain->grants = table;
    enum status status = grow_by_one(domain, 1);
    if (status != STATUS_OK) {
        domain->grants = NULL;
        frame_free_hypervisor(record, 0);
    }
    domain_mmu_unlock(locked);
    return status;
}

unsigned int grant_frame_limit(const struct domain *domain)
{
    return domain->grants->frame_limit;
}

enum status grant_frame_find(const struct domain *domain, unsigned int index, mfn_t *mfn)
{
    if (index >= domain->grants->frame_count) {
        return STATUS_GRANT_TABLE_LIMIT;
    }
    *mfn = domain->grants->frames[index_nospec(index, domain->grants->frame_count)].entries;
    return STATUS_OK;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* The domain may be empty with the last of them: nothing of it is touched afterwards. */
static void end_frames(struct grant_table *table)
{
    unsigned int count = table->frame_count;
    table->frame_count = 0;
    for (unsigned int i = 0; i < count; i++) {
        free_active_frames(table->frames[i].active);
    }
    for (unsigned int i = 0; i < count; i++) {
        frame_end_shared(frame_find(table->frames[i].entries));
    }
}

void grant_table_add_use(struct grant_table *table)
{
    table->use_count++;
}

void grant_table_end_use(struct grant_table *table)
{
    CHECK(table->use_count > 0);
    table->use_count--;
    if (table->is_ended && table->use_count == 0) {
        end_frames(table);
    }
}

void grant_release_table(struct domain *dying)
{
    struct grant_table *table = dying->grants;
    struct mmu_locked locked = domain_mmu_lock(dying);
    if (table != NULL && !table->is_ended) {
        table->is_ended = true;
        if (table->use_count == 0) {
            end_frames(table);
        }
    }
    domain_mmu_unlock(locked);
}

void grant_table_free(struct domain *domain)
{
    struct grant_table *table = domain->grants;
    if (table == NULL) {
        return;
    }
    CHECK(table->frame_count == 0 && table->use_count == 0);
    for (unsigned int i = 0; i < table->handle_frame_count; i++) {
        const mfn_t *directory =
            port_map_frame(table->handle_directories[i / (PAGE_SIZE / sizeof(mfn_t))]);
        frame_free_hypervisor(directory[i % (PAGE_SIZE / sizeof(mfn_t))], 0);
    }
    for (unsigned int i = 0; i < GRANT_HANDLE_DIRECTORIES; i++) {
        if (table->handle_directories[i].value != 0) {
            frame_free_hypervisor(table->handle_directories[i], 0);
        }
    }
    domain->grants = NULL;
    frame_free_hypervisor(table->record, 0);
}
