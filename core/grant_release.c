/* SPDX-License-Identifier: BSD-2-Clause */
/* What a dying domain used of others' grants. */
#include "core/grant_op.h"
#include "core/port.h"

#define HANDLES_PER_LOOK 64U /* between two questions whether to stop */

/* A host mapping's references are its L1 entry's, and go with that. */
static void release_handle(struct domain *dying, uint32_t number)
{
    struct grant_handle *handle = grant_handle_at(dying->grants, number);
    struct domain *granter = domain_find(handle->granter);
    CHECK(granter != NULL);
    struct mmu_locked locked = domain_mmu_lock_two(dying, granter);
    unsigned int uses = handle->uses;
    handle->uses = 0;
    grant_end_uses(granter, handle->ref, uses, uses & GRANT_DEVICE);
    grant_handle_free(dying->grants, number);
    grant_table_end_use(granter->grants);
    domain_mmu_unlock(locked);
}

bool grant_release_mappings(struct domain *dying)
{
    struct grant_table *table = dying->grants;
    if (table == NULL) {
        return true;
    }
    while (table->release_cursor < grant_handle_count(table)) {
        if (grant_handle_find(table, table->release_cursor) != NULL) {
            release_handle(dying, table->release_cursor);
        }
        table->release_cursor++;
        if (table->release_cursor % HANDLES_PER_LOOK == 0 && port_should_yield()) {
            return false;
        }
    }
    return true;
}
