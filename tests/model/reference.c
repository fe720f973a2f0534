/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/model/reference.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n)       (UINT64_C(1) << (n))
#define P            BIT(0)
#define RW           BIT(1)
#define US           BIT(2)
#define PWT          BIT(3)
#define PCD          BIT(4)
#define ACCESSED     BIT(5)
#define DIRTY        BIT(6)
#define PAT          BIT(7) /* page size in the upper levels */
#define GLOBAL       BIT(8)
#define GUEST_KERNEL BIT(52)
#define CACHE        (PWT | PCD | PAT)
#define ADDRESS      UINT64_C(0x000ffffffffff000)
#define ALL_ONES     (ADDRESS >> 12)

#define HYPERVISOR_SLOT_FIRST 256U
#define HYPERVISOR_SLOT_LAST  271U

static void must(bool condition)
{
    if (!condition) {
        abort(); /* the model contradicts itself */
    }
}

static struct reference_frame *frame_at(struct reference *model, uint64_t mfn)
{
    must(mfn < model->frame_count);
    return &model->records.frames[mfn];
}

static bool is_table(enum reference_type type)
{
    return type >= REFERENCE_L1 && type <= REFERENCE_L4;
}

static bool is_reserved_slot(enum reference_type type, unsigned int index)
{
    return type == REFERENCE_L4 && index >= HYPERVISOR_SLOT_FIRST && index <= HYPERVISOR_SLOT_LAST;
}

struct reference_domain *reference_find_domain(struct reference *model, uint16_t id)
{
    for (unsigned int i = 0; i < model->domain_count; i++) {
        if (model->records.domains[i].id == id) {
            return &model->records.domains[i];
        }
    }
    return NULL;
}

/* Choice: tables, pins, bases, descriptors and stores by machine address are for plain RAM only;
 * the ABI would take hypervisor memory shared with the domain for some of them. */
bool reference_owns(const struct reference *model, uint64_t mfn, uint16_t owner)
{
    return mfn < model->frame_count && model->records.frames[mfn].class == REFERENCE_PLAIN &&
           model->records.frames[mfn].owner == owner;
}

static bool has_io(struct reference *model, uint16_t id)
{
    const struct reference_domain *domain = reference_find_domain(model, id);
    return domain != NULL && domain->has_io;
}

/* ---- references and types (2.2 to 2.4) ----------------------------------------------------- */

void reference_put(struct reference *model, uint64_t mfn)
{
    struct reference_frame *frame = frame_at(model, mfn);
    must(frame->references > 0);
    frame->references--;
    if (frame->references == 0) {
        must(frame->types == 0 && !frame->allocated && !frame->pinned);
        frame->class = REFERENCE_FREE;
        frame->m2p = UINT64_MAX;
    }
}

/* `entry` is in `table`, which is of this type. */
static void drop_entry(struct reference *model, uint64_t table, enum reference_type type,
                       uint64_t entry)
{
    uint64_t mfn = (entry & ADDRESS) >> 12;
    if ((entry & P) == 0) {
        return;
    }
    if (type != REFERENCE_L1) {
        if (mfn == table) {
            return;
        }
        if (frame_at(model, mfn)->type == type) {
            frame_at(model, table)->links--;
            frame_at(model, mfn)->links++;
        }
        reference_drop(model, mfn);
        return;
    }
    if (mfn >= model->frame_count || frame_at(model, mfn)->class == REFERENCE_IO) {
        return;
    }
    if ((entry & RW) != 0) {
        reference_drop(model, mfn);
    } else {
        reference_put(model, mfn);
    }
}

void reference_drop(struct reference *model, uint64_t mfn)
{
    struct reference_frame *frame = frame_at(model, mfn);
    must(frame->types > 0);
    if (frame->types == 1 && is_table(frame->type)) {
        for (unsigned int i = 0; i < 512; i++) {
            if (!is_reserved_slot(frame->type, i)) {
                drop_entry(model, mfn, frame->type, model->words[mfn][i]);
            }
        }
    }
    frame->types--;
    if (frame->types == 0) {
        frame->validated = false;
    }
    reference_put(model, mfn);
}

static int take_entry(struct reference *model, const struct reference_owners *owners,
                      uint64_t table, enum reference_type type, uint64_t *entry);

static int validate_table(struct reference *model, uint64_t mfn, enum reference_type type)
{
    uint16_t owner = frame_at(model, mfn)->owner;
    struct reference_owners owners = {owner, owner, owner};
    for (unsigned int i = 0; i < 512; i++) {
        uint64_t entry = model->words[mfn][i];
        if ((entry & P) == 0 || is_reserved_slot(type, i)) {
            continue;
        }
        int error = take_entry(model, &owners, mfn, type, &entry);
        if (error != 0) {
            return error;
        }
        model->words[mfn][i] = entry;
    }
    if (type == REFERENCE_L4) {
        memcpy(&model->words[mfn][HYPERVISOR_SLOT_FIRST], model->hypervisor_slots,
               sizeof(model->hypervisor_slots));
        if ((reference_find_domain(model, owner)->assists & BIT(VMASST_TYPE_m2p_strict)) == 0) {
            model->words[mfn][HYPERVISOR_SLOT_FIRST] = 0;
        }
    }
    return 0;
}

/* 2.12. Choice: call gates are refused with the other system descriptors. */
bool reference_descriptor(uint64_t *descriptor)
{
    bool present = (*descriptor & BIT(47)) != 0;
    bool code_or_data = (*descriptor & BIT(44)) != 0;
    unsigned int system_type = (unsigned int)(*descriptor >> 40) & 15;
    if (present && code_or_data) {
        *descriptor |= BIT(45) | BIT(46);
    }
    return !present || code_or_data || system_type == 0;
}

static int validate_descriptors(struct reference *model, uint64_t mfn)
{
    for (unsigned int i = 0; i < 512; i++) {
        if (!reference_descriptor(&model->words[mfn][i])) {
            return -XEN_EINVAL;
        }
    }
    return 0;
}

static int take_type(struct reference *model, uint64_t mfn, enum reference_type type)
{
    struct reference_frame *frame = frame_at(model, mfn);
    if (frame->types > 0) {
        if (frame->type != type) {
            return -XEN_EINVAL;
        }
        must(frame->validated);
        frame->types++;
        return 0;
    }
    frame->type = type;
    frame->types = 1;
    int error = 0;
    if (is_table(type)) {
        error = validate_table(model, mfn, type);
    } else if (type == REFERENCE_DESCRIPTORS) {
        error = validate_descriptors(model, mfn);
    }
    frame->validated = error == 0;
    return error;
}

int reference_take(struct reference *model, uint64_t mfn, enum reference_type type)
{
    struct reference_records before = model->records;
    frame_at(model, mfn)->references++;
    int error = take_type(model, mfn, type);
    if (error != 0) {
        model->records = before;
    }
    return error;
}

/* ---- entries (1.5, 2.6, 2.7) --------------------------------------------------------------- */

static uint64_t adjust(enum reference_type type, uint64_t entry)
{
    if (type == REFERENCE_L4) {
        return entry | US | ACCESSED;
    }
    if (type != REFERENCE_L1) {
        return entry | US;
    }
    if ((entry & US) == 0) {
        return entry | US | GUEST_KERNEL;
    }
    return (entry & GUEST_KERNEL) == 0 ? entry | GLOBAL : entry;
}

/* Frames that are no RAM: rights, and no references. */
static int judge_io(struct reference *model, const struct reference_owners *owners, uint64_t *entry)
{
    uint64_t mfn = (*entry & ADDRESS) >> 12;
    if (mfn == ALL_ONES) {
        return -XEN_EINVAL;
    }
    uint16_t page = owners->page == DOMID_IO ? owners->caller : owners->page;
    if (mfn >= model->mfn_limit || !has_io(model, page) || !has_io(model, owners->table)) {
        return -XEN_EPERM;
    }
    for (unsigned int i = 0; i < model->io_range_count; i++) {
        const struct reference_io_range *range = &model->io_ranges[i];
        if (mfn >= range->first && mfn <= range->last) {
            if (range->denied) {
                return -XEN_EPERM;
            }
            *entry &= ~RW;
            break;
        }
    }
    uint64_t cache = *entry & CACHE;
    if (cache == 0 || cache == PWT || cache == (PAT | PWT)) {
        *entry = (*entry & ~CACHE) | PCD | PWT;
    }
    return 0;
}

static bool flags_allowed(struct reference *model, uint16_t table_owner, enum reference_type type,
                          uint64_t entry)
{
    if (type != REFERENCE_L1) {
        return (entry & (CACHE | GLOBAL)) == 0;
    }
    return (entry & CACHE) == 0 || has_io(model, table_owner);
}

static int take_leaf(struct reference *model, const struct reference_owners *owners,
                     uint64_t *entry)
{
    uint64_t mfn = (*entry & ADDRESS) >> 12;
    if (mfn >= model->frame_count || frame_at(model, mfn)->class == REFERENCE_IO) {
        return judge_io(model, owners, entry);
    }
    struct reference_frame *frame = frame_at(model, mfn);
    /* Choice: a page owner's right over the frame's real owner (a device model's) gives nothing. */
    if (frame->class == REFERENCE_FREE || frame->class == REFERENCE_PRIVATE ||
        frame->owner != owners->page) {
        return -XEN_EBUSY;
    }
    /* Choice: RAM is write-back for everybody. */
    if ((*entry & CACHE) != 0) {
        return frame->class == REFERENCE_PLAIN ? -XEN_EINVAL : -XEN_EACCES;
    }
    if ((*entry & RW) == 0) {
        frame->references++;
        return 0;
    }
    if (frame->class == REFERENCE_SPECIAL_READONLY) {
        return -XEN_EBUSY;
    }
    return reference_take(model, mfn, REFERENCE_WRITABLE) == 0 ? 0 : -XEN_EBUSY;
}

/* 2.8: no chains, so that a walk over them cannot go deep. */
static int take_same_level(struct reference *model, uint64_t table, enum reference_type type,
                           uint64_t mfn)
{
    if (mfn == table) {
        return 0;
    }
    struct reference_frame *from = frame_at(model, table);
    struct reference_frame *to = frame_at(model, mfn);
    if (to->types == 0 || to->type != type || !to->validated || from->links < 0 || to->links > 0) {
        return -XEN_EINVAL;
    }
    from->links++;
    to->links--;
    to->references++;
    to->types++;
    return 0;
}

static int take_entry(struct reference *model, const struct reference_owners *owners,
                      uint64_t table, enum reference_type type, uint64_t *entry)
{
    if (!flags_allowed(model, owners->table, type, *entry)) {
        return -XEN_EINVAL;
    }
    *entry = adjust(type, *entry);
    if (type == REFERENCE_L1) {
        return take_leaf(model, owners, entry);
    }
    uint64_t mfn = (*entry & ADDRESS) >> 12;
    if (!reference_owns(model, mfn, owners->table)) {
        return -XEN_EINVAL;
    }
    int error = reference_take(model, mfn, (enum reference_type)(type - 1));
    if (error == -XEN_EINVAL && model->linear_tables && (*entry & RW) == 0) {
        error = take_same_level(model, table, type, mfn);
    }
    return error;
}

/* 2.9, step 2: same frame, same rights, same caching: nothing is taken or asked. Choice: I/O memory
 * is judged each time. */
static bool is_same_use(struct reference *model, uint64_t old, uint64_t entry)
{
    uint64_t mfn = (entry & ADDRESS) >> 12;
    bool is_ram = mfn < model->frame_count && frame_at(model, mfn)->class != REFERENCE_IO;
    return is_ram && (old & P) != 0 && ((old ^ entry) & (ADDRESS | P | RW | CACHE)) == 0;
}

int reference_set_entry(struct reference *model, const struct reference_owners *owners,
                        uint64_t table, unsigned int index, uint64_t entry, bool keep_ad)
{
    enum reference_type type = frame_at(model, table)->type;
    uint64_t old = model->words[table][index];
    if (is_reserved_slot(type, index)) {
        return -XEN_EINVAL;
    }
    bool same_use = false;
    if ((entry & P) != 0) {
        if (!flags_allowed(model, owners->table, type, entry)) {
            return -XEN_EINVAL;
        }
        same_use = is_same_use(model, old, entry);
        int error = 0;
        if (same_use) {
            entry = adjust(type, entry);
        } else {
            error = take_entry(model, owners, table, type, &entry);
        }
        if (error != 0) {
            return error;
        }
    }
    model->words[table][index] = entry | (keep_ad ? old & (ACCESSED | DIRTY) : 0);
    if (!same_use) {
        drop_entry(model, table, type, old);
    }
    return 0;
}

/* ---- addresses ----------------------------------------------------------------------------- */

bool reference_address_ok(uint64_t address)
{
    return address < BIT(47) || address >= UINT64_C(0xffff880000000000);
}

bool reference_walk(const struct reference *model, uint64_t base, uint64_t address, uint64_t *table,
                    unsigned int *index)
{
    uint64_t mfn = base;
    for (unsigned int level = 4; level > 1; level--) {
        uint64_t entry = model->words[mfn][(address >> (12 + 9 * (level - 1))) & 511];
        if ((entry & P) == 0) {
            return false;
        }
        mfn = (entry & ADDRESS) >> 12;
        must(mfn < model->frame_count);
        if (model->records.frames[mfn].type != (enum reference_type)(level - 1)) {
            return false; /* an entry that names a table of its own level: no L1 is at the end */
        }
    }
    *table = mfn;
    *index = (unsigned int)(address >> 12) & 511;
    return true;
}
