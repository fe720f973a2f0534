/* SPDX-License-Identifier: BSD-2-Clause */
/* Handles: what a domain has mapped of others' grants. Frames of them are added as they are needed,
 * up to the domain's limit, and stay until its end. */
#include "core/grant_table.h"
#include "core/port.h"

#define MFNS_PER_FRAME (PAGE_SIZE / sizeof(mfn_t))

static mfn_t *directory_slot(const struct grant_table *table, unsigned int frame)
{
    mfn_t *directory = port_map_frame(table->handle_directories[frame / MFNS_PER_FRAME]);
    return &directory[frame % MFNS_PER_FRAME];
}

struct grant_handle *grant_handle_at(const struct grant_table *table, uint32_t number)
{
    uint64_t index = index_nospec(number, grant_handle_count(table));
    struct grant_handle *handles =
        port_map_frame(*directory_slot(table, (unsigned int)(index / GRANT_HANDLES_PER_FRAME)));
    return &handles[index % GRANT_HANDLES_PER_FRAME];
}

struct grant_handle *grant_handle_find(const struct grant_table *table, uint32_t number)
{
    if (number >= grant_handle_count(table)) {
        return NULL;
    }
    struct grant_handle *handle = grant_handle_at(table, number);
    return handle->uses != 0 ? handle : NULL;
}

static enum status add_directory(struct grant_table *table)
{
    mfn_t *slot = &table->handle_directories[table->handle_frame_count / MFNS_PER_FRAME];
    if (slot->value == 0) { /* frame 0 is never the hypervisor's to take */
        mfn_t directory = frame_take_hypervisor(0);
        if (mfn_equal(directory, MFN_INVALID)) {
            return STATUS_GRANT_NO_HANDLE;
        }
        *slot = directory;
    }
    return STATUS_OK;
}

static enum status add_frame(struct grant_table *table)
{
    if (table->handle_frame_count == table->handle_frame_limit ||
        add_directory(table) != STATUS_OK) {
        return STATUS_GRANT_NO_HANDLE;
    }
    mfn_t frame = frame_take_hypervisor(0);
    if (mfn_equal(frame, MFN_INVALID)) {
        return STATUS_GRANT_NO_HANDLE;
    }
    uint32_t first = grant_handle_count(table);
    *directory_slot(table, table->handle_frame_count) = frame;
    table->handle_frame_count++;
    for (uint32_t number = grant_handle_count(table); number > first; number--) {
        grant_handle_free(table, number - 1);
    }
    return STATUS_OK;
}

enum status grant_handle_reserve(struct grant_table *table)
{
    return table->free_handle != GRANT_HANDLE_NONE ? STATUS_OK : add_frame(table);
}

struct grant_handle *grant_handle_take(struct grant_table *table, uint32_t *number)
{
    CHECK(table->free_handle != GRANT_HANDLE_NONE);
    *number = table->free_handle;
    struct grant_handle *handle = grant_handle_at(table, *number);
    table->free_handle = handle->ref;
    return handle;
}

void grant_handle_free(struct grant_table *table, uint32_t number)
{
    struct grant_handle *handle = grant_handle_at(table, number);
    CHECK(handle->uses == 0);
    *handle = (struct grant_handle){.ref = table->free_handle, .granter = DOMID_INVALID};
    table->free_handle = number;
}
