/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins, and the marks `reading` and `writing` that tell the granting guest of them. The guest
 * withdraws a grant by a compare-and-exchange of flags to 0 that fails while a mark is set: so
 * marks are set by one on flags and domain id together, and cleared by an atomic AND.
 */
#include "core/grant_table.h"

#define TRIES 5U /* against a guest that keeps changing the entry */

/* Does the entry, as it is in this moment, permit the use? Then mark it. To whom it grants is asked
 * for the first use only: from then on that is recorded. */
static enum status mark_entry(grant_entry_v1_t *entry, uint16_t mapper, bool first, bool write)
{
    uint32_t seen = __atomic_load_n(grant_entry_word(entry), __ATOMIC_ACQUIRE);
    for (unsigned int i = 0; i < TRIES; i++) {
        if (first && ((seen & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
                      seen >> 16 != mapper)) {
            return STATUS_GRANT_NOT_GIVEN;
        }
        if (write && (seen & GTF_readonly) != 0) {
            return STATUS_GRANT_READ_ONLY;
        }
        uint32_t marked = seen | GTF_reading | (write ? GTF_writing : 0);
        if (__atomic_compare_exchange_n(grant_entry_word(entry), &seen, marked, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            return STATUS_OK;
        }
    }
    return STATUS_GRANT_CHANGING;
}

static bool has_pins(const struct grant_active *active, unsigned int uses)
{
    for (unsigned int i = 0; i < GRANT_USE_KINDS; i++) {
        if (((uses >> i) & 1) != 0 && active->pins[i] > 0) {
            return true;
        }
    }
    return false;
}

static bool has_room(const struct grant_active *active, unsigned int uses)
{
    for (unsigned int i = 0; i < GRANT_USE_KINDS; i++) {
        if (((uses >> i) & 1) != 0 && active->pins[i] >= GRANT_PIN_LIMIT) {
            return false;
        }
    }
    return true;
}

enum status grant_pin(struct grant_table *table, uint32_t ref, uint16_t mapper, unsigned int uses,
                      struct grant_active **pinned)
{
    if (ref >= grant_entry_count(table)) {
        return STATUS_GRANT_BAD_REFERENCE;
    }
    struct grant_active *active = grant_active(table, ref);
    bool first = !grant_is_pinned(active);
    if (!first && active->mapper != mapper) {
        return STATUS_GRANT_OTHER_MAPPER;
    }
    if (!has_room(active, uses)) {
        return STATUS_COUNT_OVERFLOW;
    }
    bool write = (uses & GRANT_WRITE) != 0;
    if (first || (write && !has_pins(active, GRANT_WRITE))) {
        grant_entry_v1_t *entry = grant_entry(table, ref);
        enum status status = mark_entry(entry, mapper, first, write);
        if (status != STATUS_OK) {
            return status;
        }
        if (first) {
            active->mfn = mfn_make(__atomic_load_n(&entry->frame, __ATOMIC_RELAXED));
            active->mapper = mapper;
        }
    }
    for (unsigned int i = 0; i < GRANT_USE_KINDS; i++) {
        active->pins[i] = (uint8_t)(active->pins[i] + ((uses >> i) & 1));
    }
    *pinned = active;
    return STATUS_OK;
}

void grant_unpin(struct grant_table *table, uint32_t ref, unsigned int uses)
{
    struct grant_active *active = grant_active(table, ref);
    for (unsigned int i = 0; i < GRANT_USE_KINDS; i++) {
        unsigned int ended = (uses >> i) & 1;
        CHECK(active->pins[i] >= ended);
        active->pins[i] = (uint8_t)(active->pins[i] - ended);
    }
    uint16_t marks = 0;
    if ((uses & GRANT_WRITE) != 0 && !has_pins(active, GRANT_WRITE)) {
        marks |= GTF_writing;
    }
    if (!grant_is_pinned(active)) {
        marks |= GTF_reading;
        *active = (struct grant_active){0};
    }
    if (marks != 0) {
        __atomic_fetch_and(&grant_entry(table, ref)->flags, (uint16_t)~marks, __ATOMIC_SEQ_CST);
    }
}
