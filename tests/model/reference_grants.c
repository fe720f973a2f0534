/* SPDX-License-Identifier: BSD-2-Clause */
/* Grant tables, version 1: section 3.8 of the memory ABI, on the model. */
#include <stddef.h>
#include <string.h>

#include "tests/model/reference.h"

#define HOST_READ    1U
#define HOST_WRITE   2U
#define DEVICE_READ  4U
#define DEVICE_WRITE 8U
#define HOST         (HOST_READ | HOST_WRITE)
#define DEVICE       (DEVICE_READ | DEVICE_WRITE)
#define WRITES       (HOST_WRITE | DEVICE_WRITE)

#define ENTRIES   512U
#define PIN_LIMIT 128U

static struct reference_domain *domain_of(struct reference *model, struct reference_caller caller)
{
    return &model->records.domains[caller.domain];
}

/* A domain that grants: NULL for numbers of no domain and domains without a table. */
static struct reference_domain *find_granter(struct reference *model, uint16_t id)
{
    struct reference_domain *domain = reference_find_domain(model, id);
    return domain != NULL && domain->grant_frame != REFERENCE_NONE ? domain : NULL;
}

/* flags in bits 0 to 15, the domain in 16 to 31, the frame in 32 to 63. */
static uint64_t *entry_word(struct reference *model, const struct reference_domain *granter,
                            unsigned int ref)
{
    return &model->words[granter->grant_frame][ref];
}

/* ---- uses ---------------------------------------------------------------------------------- */

/* How many uses of these kinds an entry has, and one of them. */
static unsigned int count_uses(const struct reference *model, uint16_t granter, unsigned int ref,
                               unsigned int kinds, const struct reference_use **some)
{
    unsigned int count = 0;
    for (unsigned int i = 0; i < model->domain_count; i++) {
        for (unsigned int j = 0; j < REFERENCE_HANDLES; j++) {
            const struct reference_use *use = &model->records.domains[i].uses[j];
            if (use->granter == granter && use->ref == ref && (use->kinds & kinds) != 0) {
                *some = use;
                count++;
            }
        }
    }
    return count;
}

static uint16_t mapper_of(const struct reference *model, const struct reference_use *use)
{
    for (unsigned int i = 0; i < model->domain_count; i++) {
        const struct reference_domain *domain = &model->records.domains[i];
        if (use >= domain->uses && use < domain->uses + REFERENCE_HANDLES) {
            return domain->id;
        }
    }
    return DOMID_INVALID;
}

/* May the caller use the entry so? Then it is marked; *mfn: what it names. */
static int begin_use(struct reference *model, uint16_t caller,
                     const struct reference_domain *granter, unsigned int ref, unsigned int kinds,
                     uint64_t *mfn)
{
    if (ref >= ENTRIES) {
        return GNTST_bad_gntref;
    }
    const struct reference_use *some = NULL;
    bool first = count_uses(model, granter->id, ref, HOST | DEVICE, &some) == 0;
    if (!first && mapper_of(model, some) != caller) {
        return GNTST_general_error;
    }
    uint64_t *word = entry_word(model, granter, ref);
    *mfn = first ? *word >> 32 : some->mfn;
    for (unsigned int kind = 1; kind <= DEVICE_WRITE; kind <<= 1) {
        if ((kinds & kind) != 0 && count_uses(model, granter->id, ref, kind, &some) >= PIN_LIMIT) {
            return GNTST_general_error;
        }
    }
    bool writes = (kinds & WRITES) != 0;
    if (first || (writes && count_uses(model, granter->id, ref, WRITES, &some) == 0)) {
        if (first && ((*word & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
                      ((*word >> 16) & 0xffff) != caller)) {
            return GNTST_general_error;
        }
        if (writes && (*word & GTF_readonly) != 0) {
            return GNTST_general_error;
        }
        *word |= GTF_reading | (writes ? GTF_writing : 0);
    }
    return GNTST_okay;
}

/* The marks that no use stands for any more, after the end of one of these kinds. */
static void end_marks(struct reference *model, const struct reference_domain *granter,
                      unsigned int ref, unsigned int kinds)
{
    const struct reference_use *some;
    if ((kinds & WRITES) != 0 && count_uses(model, granter->id, ref, WRITES, &some) == 0) {
        *entry_word(model, granter, ref) &= ~(uint64_t)GTF_writing;
    }
    if (count_uses(model, granter->id, ref, HOST | DEVICE, &some) == 0) {
        *entry_word(model, granter, ref) &= ~(uint64_t)GTF_reading;
    }
}

/* What a use holds on the frame. */
static int take(struct reference *model, uint64_t mfn, bool writes)
{
    if (writes) {
        return reference_take(model, mfn, REFERENCE_WRITABLE);
    }
    model->records.frames[mfn].references++;
    return 0;
}

static void drop(struct reference *model, uint64_t mfn, bool writes)
{
    if (writes) {
        reference_drop(model, mfn);
    } else {
        reference_put(model, mfn);
    }
}

/* ---- 3.8.2 map_grant_ref ------------------------------------------------------------------- */

static bool find_slot(struct reference *model, struct reference_caller caller, uint64_t address,
                      bool by_machine_address, uint64_t *table, unsigned int *index)
{
    const struct reference_domain *domain = domain_of(model, caller);
    if (!by_machine_address) {
        return reference_address_ok(address) &&
               reference_walk(model, domain->vcpus[caller.vcpu].kernel_base, address, table, index);
    }
    *table = address >> 12;
    *index = (unsigned int)(address & 4095) / 8;
    return address % 8 == 0 && reference_owns(model, *table, domain->id) &&
           model->records.frames[*table].types > 0 &&
           model->records.frames[*table].type == REFERENCE_L1;
}

static uint64_t entry_of(uint32_t flags, uint64_t mfn)
{
    uint64_t entry = mfn << 12 | 0x61 | UINT64_C(1) << 63; /* P, A, D, NX */
    entry |= (flags & GNTMAP_readonly) == 0 ? 2 : 0;
    entry |= (flags & GNTMAP_application_map) != 0 ? 4 : 0;
    return entry | (uint64_t)((flags >> _GNTMAP_guest_avail0) & 7) << 9;
}

/* The frame and its entry. */
static int map_frame(struct reference *model, struct reference_caller caller,
                     const struct gnttab_map_grant_ref *op, uint64_t mfn)
{
    uint16_t self = domain_of(model, caller)->id;
    struct reference_owners owners = {self, op->dom, self};
    uint64_t table;
    unsigned int index;
    if (!reference_owns(model, mfn, op->dom)) {
        return GNTST_bad_page;
    }
    bool writes = (op->flags & GNTMAP_readonly) == 0;
    if ((op->flags & GNTMAP_device_map) != 0 && take(model, mfn, writes) != 0) {
        return GNTST_general_error;
    }
    if ((op->flags & GNTMAP_host_map) == 0) {
        return GNTST_okay;
    }
    return find_slot(model, caller, op->host_addr, (op->flags & GNTMAP_contains_pte) != 0, &table,
                     &index) &&
                   reference_set_entry(model, &owners, table, index, entry_of(op->flags, mfn),
                                       false) == 0
               ? GNTST_okay
               : GNTST_general_error;
}

int reference_grant_map(struct reference *model, struct reference_caller caller,
                        const struct gnttab_map_grant_ref *op, uint32_t handle)
{
    bool writes = (op->flags & GNTMAP_readonly) == 0;
    unsigned int kinds = 0;
    kinds |= (op->flags & GNTMAP_host_map) == 0 ? 0 : writes ? HOST_WRITE : HOST_READ;
    kinds |= (op->flags & GNTMAP_device_map) == 0 ? 0 : writes ? DEVICE_WRITE : DEVICE_READ;
    if (kinds == 0) {
        return GNTST_bad_gntref;
    }
    const struct reference_domain *granter = find_granter(model, op->dom);
    if (granter == NULL) {
        return GNTST_bad_domain;
    }
    struct reference_records before = model->records;
    uint64_t mfn;
    int status = begin_use(model, domain_of(model, caller)->id, granter, op->ref, kinds, &mfn);
    if (status != GNTST_okay) {
        return status;
    }
    status = map_frame(model, caller, op, mfn);
    if (status != GNTST_okay) {
        model->records = before;
        end_marks(model, granter, op->ref, kinds);
        return status;
    }
    struct reference_use *use = &domain_of(model, caller)->uses[handle % REFERENCE_HANDLES];
    if (handle >= REFERENCE_HANDLES || use->kinds != 0) {
        return REFERENCE_IMPOSSIBLE;
    }
    *use = (struct reference_use){kinds, op->dom, op->ref, mfn,
                                  (op->flags & GNTMAP_contains_pte) != 0};
    return GNTST_okay;
}

/* ---- 3.8.3 unmap_grant_ref ----------------------------------------------------------------- */

/* Is the mapping still where it was made, with the same right? Then it goes. */
static bool remove_entry(struct reference *model, struct reference_caller caller,
                         const struct reference_use *use, uint64_t address)
{
    uint64_t table;
    unsigned int index;
    if (!find_slot(model, caller, address, use->by_machine_address, &table, &index)) {
        return false;
    }
    uint64_t *entry = &model->words[table][index];
    bool writes = (use->kinds & HOST_WRITE) != 0;
    if ((*entry & 1) == 0 || ((*entry & 2) != 0) != writes ||
        ((*entry >> 12) & ((UINT64_C(1) << 40) - 1)) != use->mfn) {
        return false;
    }
    *entry = 0;
    return true;
}

int reference_grant_unmap(struct reference *model, struct reference_caller caller,
                          const struct gnttab_unmap_grant_ref *op)
{
    struct reference_domain *self = domain_of(model, caller);
    if (op->handle >= REFERENCE_HANDLES || self->uses[op->handle].kinds == 0) {
        return GNTST_bad_handle;
    }
    struct reference_use *use = &self->uses[op->handle];
    unsigned int gone = op->dev_bus_addr != 0 ? use->kinds & DEVICE : 0;
    if (gone != 0 && op->dev_bus_addr != use->mfn << 12) {
        return GNTST_bad_dev_addr;
    }
    if (op->host_addr != 0 && (use->kinds & HOST) != 0) {
        if (!remove_entry(model, caller, use, op->host_addr)) {
            return GNTST_general_error;
        }
        gone |= use->kinds & HOST;
    }
    use->kinds &= ~gone;
    for (unsigned int kind = 1; kind <= DEVICE_WRITE; kind <<= 1) {
        if ((gone & kind) != 0) {
            drop(model, use->mfn, (kind & WRITES) != 0);
        }
    }
    if (gone != 0) {
        end_marks(model, find_granter(model, use->granter), use->ref, gone);
    }
    return GNTST_okay;
}

/* ---- 3.8.5 transfer ------------------------------------------------------------------------ */

static uint64_t owned_frames(const struct reference *model, uint16_t id)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < model->frame_count; i++) {
        count += reference_owns(model, i, id) ? 1 : 0;
    }
    return count;
}

int reference_grant_transfer(struct reference *model, struct reference_caller caller,
                             const struct gnttab_transfer *op)
{
    uint16_t self = domain_of(model, caller)->id;
    if (!reference_owns(model, op->mfn, self) || !model->records.frames[op->mfn].allocated ||
        model->records.frames[op->mfn].references != 1) {
        return GNTST_bad_page;
    }
    struct reference_frame *frame = &model->records.frames[op->mfn];
    frame->allocated = false;
    reference_put(model, op->mfn); /* whatever comes: it is the caller's no more */
    const struct reference_domain *recipient = find_granter(model, op->domid);
    if (recipient == NULL) {
        return GNTST_bad_domain;
    }
    if (owned_frames(model, recipient->id) >= recipient->page_limit || op->ref >= ENTRIES) {
        return GNTST_general_error;
    }
    uint64_t *word = entry_word(model, recipient, op->ref);
    if ((uint32_t)*word != (GTF_accept_transfer | (uint32_t)self << 16)) {
        return GNTST_general_error;
    }
    *frame = (struct reference_frame){.class = REFERENCE_PLAIN,
                                      .owner = recipient->id,
                                      .allocated = true,
                                      .references = 1,
                                      .m2p = *word >> 32};
    *word = (uint32_t)*word | GTF_transfer_committed | GTF_transfer_completed | op->mfn << 32;
    return GNTST_okay;
}

/* ---- 3.8.6 copy ---------------------------------------------------------------------------- */

struct side {
    const struct gnttab_copy_ptr *pointer;
    const struct reference_domain *owner;
    bool is_grant;
    bool writes;
    uint64_t mfn;
};

static int find_side(struct reference *model, struct reference_caller caller, struct side *side)
{
    uint16_t self = domain_of(model, caller)->id;
    uint16_t id = side->pointer->domid;
    side->owner = find_granter(model, id == DOMID_SELF ? self : id);
    if (side->owner == NULL) {
        return GNTST_bad_domain;
    }
    return side->is_grant || id == DOMID_SELF ? GNTST_okay : GNTST_permission_denied;
}

static void let_go(struct reference *model, const struct side *side)
{
    drop(model, side->mfn, side->writes);
    if (side->is_grant) {
        end_marks(model, side->owner, side->pointer->u.ref, side->writes ? HOST_WRITE : HOST_READ);
    }
}

static int hold(struct reference *model, struct reference_caller caller, struct side *side)
{
    unsigned int kind = side->writes ? HOST_WRITE : HOST_READ;
    side->mfn = side->pointer->u.gmfn;
    if (side->is_grant) {
        int status = begin_use(model, domain_of(model, caller)->id, side->owner,
                               side->pointer->u.ref, kind, &side->mfn);
        if (status != GNTST_okay) {
            return status;
        }
    }
    int status = GNTST_okay;
    if (!reference_owns(model, side->mfn, side->owner->id)) {
        status = GNTST_bad_page;
    } else if (take(model, side->mfn, side->writes) != 0) {
        status = GNTST_general_error;
    }
    if (status != GNTST_okay && side->is_grant) {
        end_marks(model, side->owner, side->pointer->u.ref, kind);
    }
    return status;
}

int reference_grant_copy(struct reference *model, struct reference_caller caller,
                         const struct gnttab_copy *op)
{
    struct side from = {.pointer = &op->source, .is_grant = (op->flags & GNTCOPY_source_gref) != 0};
    struct side to = {
        .pointer = &op->dest, .is_grant = (op->flags & GNTCOPY_dest_gref) != 0, .writes = true};
    int status = find_side(model, caller, &from);
    if (status == GNTST_okay) {
        status = find_side(model, caller, &to);
    }
    if (status == GNTST_okay) {
        status = hold(model, caller, &from);
    }
    if (status != GNTST_okay) {
        return status;
    }
    status = hold(model, caller, &to);
    if (status == GNTST_okay) {
        if (op->source.offset + op->len > 4096 || op->dest.offset + op->len > 4096) {
            status = GNTST_bad_copy_arg;
        } else {
            memmove((uint8_t *)model->words[to.mfn] + op->dest.offset,
                    (uint8_t *)model->words[from.mfn] + op->source.offset, op->len);
        }
        let_go(model, &to);
    }
    let_go(model, &from);
    return status;
}
