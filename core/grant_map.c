/* SPDX-License-Identifier: BSD-2-Clause */
/* map_grant_ref: pin the entry, take what the uses hold on the frame, then hand out a handle. A
 * host mapping is an ordinary L1 entry that names another domain's frame, and its hold is the
 * entry's. */
#include "core/grant_op.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "core/pte_update.h"

#define AVAILABLE_SHIFT 9 /* of the three bits of an entry that are the guest's */
#define AVAILABLE_MASK  7U

static unsigned int uses_of(uint32_t flags)
{
    bool write = (flags & GNTMAP_readonly) == 0;
    unsigned int uses = 0;
    if ((flags & GNTMAP_host_map) != 0) {
        uses |= write ? GRANT_HOST_WRITE : GRANT_HOST_READ;
    }
    if ((flags & GNTMAP_device_map) != 0) {
        uses |= write ? GRANT_DEVICE_WRITE : GRANT_DEVICE_READ;
    }
    return uses;
}

/* The entry as the guest could have written it itself; the update adjusts it like any other. */
static pte_t entry_of(uint32_t flags, mfn_t mfn)
{
    uint64_t available = (flags >> _GNTMAP_guest_avail0) & AVAILABLE_MASK;
    uint64_t bits = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_NO_EXECUTE;
    bits |= available << AVAILABLE_SHIFT;
    bits |= (flags & GNTMAP_readonly) == 0 ? PTE_WRITABLE : 0;
    bits |= (flags & GNTMAP_application_map) != 0 ? PTE_USER : 0;
    return pte_make(mfn, bits);
}

static enum status find_by_machine_address(const struct mmu_context *context, uint64_t address,
                                           pte_t **slot)
{
    if (address % sizeof(pte_t) != 0) { /* it would be parts of two entries (XSA-227) */
        return STATUS_GRANT_BAD_SLOT;
    }
    mfn_t mfn = mfn_make(address >> PAGE_SHIFT);
    const struct frame *frame = frame_find(mfn);
    if (frame == NULL || frame_class(frame) != FRAME_GUEST ||
        frame->owner != context->pt_owner->id || !frame_is_table(frame, 1)) {
        return STATUS_GRANT_BAD_SLOT;
    }
    *slot = (pte_t *)port_map_frame(mfn) + (address & PAGE_MASK) / sizeof(pte_t);
    return STATUS_OK;
}

enum status grant_find_slot(const struct mmu_context *context, uint64_t address,
                            bool is_pte_address, pte_t **slot)
{
    if (is_pte_address) {
        return find_by_machine_address(context, address, slot);
    }
    *slot = address_is_guest(address) ? pt_find_leaf(context->vcpu->kernel_base, address) : NULL;
    return *slot != NULL ? STATUS_OK : STATUS_GRANT_BAD_SLOT;
}

static enum status map_host(struct mmu_context *context, const struct gnttab_map_grant_ref *map,
                            mfn_t mfn)
{
    pte_t *slot;
    enum status status =
        grant_find_slot(context, map->host_addr, (map->flags & GNTMAP_contains_pte) != 0, &slot);
    if (status != STATUS_OK) {
        return status;
    }
    return pte_update_leaf(context, slot, entry_of(map->flags, mfn), PTE_STORE, NULL);
}

/* Everything that the uses hold on the frame, or nothing. */
static enum status take_holds(struct mmu_context *context, const struct gnttab_map_grant_ref *map,
                              unsigned int uses, mfn_t mfn, const struct frame **about)
{
    *about = frame_find(mfn);
    struct frame *frame = context_find_frame(context, mfn);
    if (frame == NULL) {
        return STATUS_GRANT_BAD_PAGE;
    }
    unsigned int device = uses & GRANT_DEVICE;
    enum status status = device != 0 ? pt_take_leaf(grant_hold(device), frame) : STATUS_OK;
    if (status == STATUS_OK && (uses & GRANT_HOST) != 0) {
        status = map_host(context, map, mfn);
        if (status != STATUS_OK && device != 0) {
            pt_put_leaf(grant_hold(device), frame);
        }
    }
    return status;
}

static enum status map_entry(struct mmu_context *context, struct gnttab_map_grant_ref *map,
                             const struct frame **about)
{
    struct grant_table *own = context->pt_owner->grants;
    struct domain *granter = context->pg_owner;
    if (granter->is_dying || context->pt_owner->is_dying) {
        return STATUS_NO_DOMAIN;
    }
    enum status status = grant_handle_reserve(own);
    if (status != STATUS_OK) {
        return status;
    }
    unsigned int uses = uses_of(map->flags);
    struct grant_active *active;
    status = grant_pin(granter->grants, map->ref, context->pt_owner->id, uses, &active);
    if (status != STATUS_OK) {
        return status;
    }
    status = take_holds(context, map, uses, active->mfn, about);
    if (status != STATUS_OK) {
        grant_unpin(granter->grants, map->ref, uses);
        return status;
    }
    *grant_handle_take(own, &map->handle) = (struct grant_handle){
        .ref = map->ref,
        .granter = granter->id,
        .uses = (uint8_t)uses,
        .is_pte_address = (map->flags & GNTMAP_contains_pte) != 0,
    };
    grant_table_add_use(granter->grants);
    map->dev_bus_addr = active->mfn.value << PAGE_SHIFT;
    return STATUS_OK;
}

enum status grant_map(struct grant_call *call, union grant_element *element)
{
    struct gnttab_map_grant_ref *map = &element->map;
    call->about.number = map->ref;
    call->about.address = map->host_addr;
    if ((map->flags & (GNTMAP_host_map | GNTMAP_device_map)) == 0) {
        return STATUS_GRANT_NO_USE;
    }
    struct domain *granter = domain_find(map->dom);
    if (granter == NULL || granter->grants == NULL) {
        return STATUS_NO_DOMAIN;
    }
    struct mmu_context context;
    context_open(&context, call->vcpu, call->vcpu->domain, granter);
    enum status status = map_entry(&context, map, &call->about.frame);
    context_close(&context);
    return status;
}
